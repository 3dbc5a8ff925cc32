"""Cases of the review queue in the database. Each change is one transaction with its record and all that it leads to.

What a verdict leads to inside bongsu (an entry of the allow-list, an attack that is remembered, a restriction that is
lifted) is in that transaction; what the event log must hear of it waits in ``review_told`` until it is there. So a kill
at any moment loses nothing, and nothing is done that is not on the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, select

from bongsu.allow import Entry
from bongsu.attack import Attack
from bongsu.event import Event
from bongsu.review import Case
from bongsu.stores import schema
from bongsu.stores.allowed import put_allowed
from bongsu.stores.attacks import AttackStore, put_attack
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.restricted import lift
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import read_note, write_note

REVIEWER = "reviewer/"
"""Notes that hold the hash of a reviewer's token, and which user they are."""
BATCH = 500
LONGEST = 20_000
"""Characters of a prompt or a reply that are shown to whoever reviews."""


@dataclass(frozen=True)
class Altered:
    """A case as somebody changed it, and what comes of that. ``lifts`` is the id of a restriction that is over."""

    case: Case
    actor: str
    action: str
    reason: str
    told: Sequence[Event] = ()
    allow: Sequence[Entry] = ()
    attack: Attack | None = None
    lifts: str = ""


class ReviewStore(AttackStore):
    """Table family: review, review_told."""

    reviews_changed = 0
    """Grows with every change of a case, so that who has seen them need not read them again."""

    def ask_review(self, cases: Iterable[tuple[Case, Sequence[Event]]], now: int, policy: str = "") -> int:
        """Open cases that are not known yet; how many that were. A case that comes twice is opened once."""
        asked = {case.id: (case, told) for case, told in cases}
        if not asked:
            return 0
        with self.writing() as transaction:
            known = _known(transaction.connection, tuple(asked))
            fresh = [pair for id_, pair in asked.items() if id_ not in known]
            for case, told in fresh:
                transaction.execute(schema.review.insert(), {"id": case.id, "ended": case.ended, "body": dump(case)})
                _tell(transaction, told)
                if case.source != "sampled":  # of a sample every hundredth call would be on the record for ever
                    transaction.audit(case.by or "bongsu", "review.ask", f"review/{case.id}", case.why, _detail(case),
                                      now, policy)
        self.reviews_changed += bool(fresh)
        return len(fresh)

    def show_review(self, texts: Mapping[str, tuple[str | None, str | None]]) -> None:
        """Masked prompt and reply of calls, which come after the calls themselves; those without a case are not
        kept."""
        table = schema.review
        with self.writing() as transaction:
            for id_, (prompt, reply) in texts.items():
                transaction.execute(table.update().where(table.c.id == id_, table.c.prompt.is_(None))
                                    .values(prompt=(prompt or "")[:LONGEST], reply=reply and reply[:LONGEST]))
        self.reviews_changed += 1

    def alter_review(self, id_: str, change: Callable[[Case], Altered | None], now: int,
                     policy: str = "") -> Case | None:
        """Change one case by what it is now; None where there is none. ``change`` may raise, or change nothing."""
        with self.writing() as transaction:
            case = _find(transaction.connection, id_)
            altered = None if case is None else change(case)
            if altered is None:
                return case
            _write(transaction, altered.case)
            _tell(transaction, altered.told)
            transaction.audit(altered.actor, altered.action, f"review/{id_}", altered.reason, _detail(altered.case),
                              now, policy)
            _carry_out(transaction, altered, now, policy)
        self.reviews_changed += 1
        self.attacks_changed += altered.attack is not None
        return altered.case

    def review(self, id_: str) -> Case | None:
        with self.reading() as connection:
            return _find(connection, id_)

    def blank_reviews(self) -> set[str]:
        """Undecided cases whose texts have not come."""
        table = schema.review
        with self.reading() as connection:
            return set(connection.execute(select(table.c.id).where(table.c.ended == 0,
                                                                   table.c.prompt.is_(None))).scalars())

    def reviews(self, ended: bool = False, most: int = 1000) -> list[Case]:
        """Those that nobody has decided; with ``ended`` the last that are over instead, newest first. Without texts."""
        table = schema.review
        query = select(table.c.body).where(table.c.ended != 0 if ended else table.c.ended == 0)
        query = query.order_by(table.c.ended.desc()).limit(most) if ended else query.order_by(table.c.id)
        with self.reading() as connection:
            return [load(body, Case) for body in connection.execute(query).scalars()]

    def forget_reviews(self, before: int) -> int:
        """Retention: cases that ended before a moment go, with their texts; how many that were."""
        table = schema.review
        with self.writing() as transaction:
            gone = transaction.execute(table.delete().where(table.c.ended != 0, table.c.ended < before)).rowcount
        self.reviews_changed += gone > 0
        return int(gone)

    # ---- what the event log is to be told ----

    def untold(self) -> list[Event]:
        table = schema.review_told
        with self.reading() as connection:
            query = select(table.c.body).order_by(table.c.id).limit(BATCH)
            return [load(body, Event) for body in connection.execute(query).scalars()]

    def tell(self, events: Sequence[Event]) -> None:
        """Write down what the event log is to be told."""
        with self.writing() as transaction:
            _tell(transaction, events)
        self.reviews_changed += 1

    def told(self, events: Iterable[Event]) -> None:
        """These are in the event log now."""
        table = schema.review_told
        with self.writing() as transaction:
            transaction.execute(table.delete().where(table.c.id.in_([event.id for event in events])))

    # ---- who reviews ----

    def reviewers(self) -> dict[str, str]:
        """Name -> hash of the token."""
        table = schema.note
        with self.reading() as connection:
            rows = connection.execute(select(table.c.key, table.c.value).where(table.c.key.startswith(REVIEWER)))
            return {key.removeprefix(REVIEWER): load(value)["digest"] for key, value in rows}

    def reviewer_user(self, name: str) -> str:
        """The token of the user that a reviewer is, where that is known."""
        found = self.note(REVIEWER + name)
        return str(found["user"]) if isinstance(found, dict) else ""

    def add_reviewer(self, name: str, digest: str, user: str, actor: str, reason: str, now: int) -> None:
        """Let somebody review; the token they had is worth nothing from now on."""
        with self.writing() as transaction:
            write_note(transaction, REVIEWER + name, {"digest": digest, "user": user})
            transaction.audit(actor, "reviewer.add", REVIEWER + name, reason, {"user": user} if user else {}, now)

    def drop_reviewer(self, name: str, actor: str, reason: str, now: int) -> bool:
        """Their token is worth nothing from now on; False where there is no such reviewer."""
        with self.writing() as transaction:
            if read_note(transaction.connection, REVIEWER + name) is None:
                return False
            transaction.execute(schema.note.delete().where(schema.note.c.key == REVIEWER + name))
            transaction.audit(actor, "reviewer.remove", REVIEWER + name, reason, {}, now)
        return True


def _carry_out(transaction: Transaction, altered: Altered, now: int, policy: str) -> None:
    for entry in altered.allow:
        put_allowed(transaction, entry, now, policy)
    if altered.attack is not None:
        put_attack(transaction, altered.attack, altered.reason, now, policy)
    if altered.lifts:
        lift(transaction, altered.lifts, altered.actor, altered.reason, now, policy)


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    table, known = schema.review, set[str]()
    for at in range(0, len(ids), BATCH):
        known.update(connection.execute(select(table.c.id).where(table.c.id.in_(ids[at : at + BATCH]))).scalars())
    return known


def _find(connection: Connection, id_: str) -> Case | None:
    row = connection.execute(select(schema.review).where(schema.review.c.id == id_)).first()
    return None if row is None else replace(load(row.body, Case), prompt=row.prompt, reply=row.reply)


def _write(transaction: Transaction, case: Case) -> None:
    """What is known of a case; its texts stay as they are."""
    table = schema.review
    transaction.execute(table.update().where(table.c.id == case.id).values(
        ended=case.ended, body=dump(replace(case, prompt=None, reply=None))))


def _tell(transaction: Transaction, events: Sequence[Event]) -> None:
    upsert(transaction.connection, schema.review_told, [{"id": one.id, "body": dump(one)} for one in events], keep=True)


def _detail(case: Case) -> dict[str, Any]:
    """What is recorded of a case: never a text."""
    found = {"source": case.source, "priority": case.priority, "call": case.call, "subject": case.subject,
             "guard": case.guard, "kinds": list(case.kinds), "due": case.due, "word": case.word,
             "said": [[one.by, one.word] for one in case.said]}
    return {name: value for name, value in found.items() if value}
