"""Durable steps: claimed with a lease and a fence, ended with exactly one recorded outcome a way (do, undo).

Whoever claims a step raises its fence; whoever reports an outcome must hold the fence the step has now. So two workers
never both win, and what a worker says after its lease went to another changes nothing (and is audited).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import Select, and_, bindparam, exists, func, select

from bongsu.incident import Incident
from bongsu.notice import Tell
from bongsu.ports import Action, Change, Done
from bongsu.response import LONGEST_RETRY, URGENCY, Step, claim, refuse, retry, succeed, undo
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.incidents import IncidentStore, incident_of
from bongsu.stores.runs import keep_outcome, step_of, write_step
from bongsu.stores.saved import Spec, dump, load
from bongsu.stores.trail import automation

Way = Literal["do", "undo"]
Result = Literal["done", "retry", "refused", "unknown"]
WAITING, RUNNING = ("waiting", "undo_waiting"), ("running", "undo_running")
LONGEST_WHY = 500
LAST = max(URGENCY.values())
_ONE = select(schema.step).where(schema.step.c.key == bindparam("key"))


@dataclass(frozen=True)
class Claimed:
    """A step that is ours until its lease runs out, with all that is needed to carry it out."""

    step: Step
    way: Way
    settings: Mapping[str, Any]
    traffic: bool
    on_unknown: Literal["retry", "never"]
    words: str
    incident: Incident
    policy: str
    tell: Tell | None = None
    urgency: int = 2


@dataclass(frozen=True)
class Ended:
    """What came of a claimed step. ``unknown``: the effect may have happened and must not be repeated."""

    claimed: Claimed
    result: Result
    done: Done = field(default_factory=Done)
    why: str = ""
    after: int | None = None


@dataclass(frozen=True)
class Shown:
    """A step as the cockpit shows it. ``held``: the kill switch keeps it waiting."""

    step: Step
    words: str
    traffic: bool
    held: bool
    undo_wanted: bool
    owner: str
    why: str


class StepStore(IncidentStore):
    """Table family: step, outcome, change."""

    def claim(self, now: int, owner: str = "") -> Claimed | None:
        """Take the step that has been due for longest, if any."""
        return next(iter(self.claim_due(now, 1, owner)), None)

    def claim_due(self, now: int, limit: int, owner: str = "", ordinary: int | None = None,
                  mine: Collection[str] = ()) -> list[Claimed]:
        """Take up to ``limit`` due steps in one transaction, the most urgent first.

        At most ``ordinary`` of them are not urgent: so many may be waited for, and the rest is kept for what is.
        ``mine`` are the keys of steps that whoever asks has in hand: these are not dead, whatever the clock says of
        their leases (it may have been set forward, or stood still while the machine slept).
        """
        taken: list[Claimed] = []
        room = limit if ordinary is None else ordinary
        with self.writing() as transaction:
            on = automation(transaction.connection)
            found = [row for due in (_dead, _due)
                     for row in transaction.execute(due(on), {"now": now, "most": limit, "mine": [*mine]}).all()]
            for row in sorted(found, key=_urgency)[:limit]:
                room -= row.urgency > 0
                if row.urgency > 0 and room < 0:
                    continue
                claimed = _claimed(row)
                # of the action, `claim` asks only whether it may be repeated, which was written down with the step
                before, after = claimed.step, claim(claimed.step, cast(Action, claimed), now)
                if not write_step(transaction, before, after, owner=owner):
                    continue
                if after.state == "unknown":
                    _lost(transaction, claimed, after, row.undo_wanted, now)
                else:
                    taken.append(replace(claimed, step=after))
        return taken

    def finish(self, claimed: Claimed, done: Done, now: int) -> bool:
        """The effect happened: outcome, live changes and audit record in one transaction; False where ours no more."""
        return self.settle([Ended(claimed, "done", done)], now)[0]

    def retry(self, claimed: Claimed, why: str, now: int, after: int | None = None) -> bool:
        """The effect did not happen; try again later, or give up after a day."""
        return self.settle([Ended(claimed, "retry", why=why, after=after)], now)[0]

    def refuse(self, claimed: Claimed, why: str, now: int) -> bool:
        """The effect will never happen; a person must look."""
        return self.settle([Ended(claimed, "refused", why=why)], now)[0]

    def settle(self, ended: Sequence[Ended], now: int) -> list[bool]:
        """Record what came of several steps with one fsync; False for each that was ours no more."""
        with self.writing() as transaction:
            on = automation(transaction.connection)
            return [_settle(transaction, _checked(one), on, now) for one in ended]

    def free_leases(self, now: int) -> int:
        """Whoever held a step before this process began is dead: nobody waits for their leases. How many there were.

        Also brings back what a clock that was ahead had put off into a future that is no longer near.
        """
        step = schema.step
        with self.writing() as transaction:
            held = transaction.execute(step.update().where(schema.RUNS).values(lease_until=now)).rowcount
            late = schema.WAITS & (step.c.next_at > now + LONGEST_RETRY)
            transaction.execute(step.update().where(late).values(next_at=now))
        return int(held)

    def next_due(self, least: int = LAST, mine: Collection[str] = ()) -> int | None:
        """When the next step may be claimed (also in the past), of those of at least such urgency; None where none.

        ``mine`` as in ``claim_due``.
        """
        step = schema.step
        ways = ((schema.WAITS, step.c.next_at), (and_(schema.RUNS, step.c.key.not_in(mine)), step.c.lease_until))
        with self.reading() as connection:
            free = and_(_open(automation(connection)), step.c.urgency <= least)
            found = [connection.scalar(select(func.min(at)).where(which, free)) for which, at in ways]
        return min((at for at in found if at is not None), default=None)

    def changes(self) -> dict[str, Any]:
        """Live policy now: of the changes in force, the latest of each key."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.change.c.key, schema.change.c.value).order_by(schema.change.c.seq))
            return {key: load(value) for key, value in rows}

    def steps(self, incident: str) -> list[Shown]:
        """The steps of an incident, in the order they were written down."""
        with self.reading() as connection:
            query = select(schema.step).where(schema.step.c.incident == incident).order_by(schema.step.c.ordinal)
            off = not automation(connection)
            return [_shown(row, off) for row in connection.execute(query)]

    def held(self) -> list[Shown]:
        """Steps that wait because automation is off."""
        with self.reading() as connection:
            if automation(connection):
                return []
            step = schema.step
            query = select(step).where(schema.WAITS, step.c.traffic).order_by(step.c.ordinal)
            return [_shown(row, True) for row in connection.execute(query)]


# ---- what may be claimed ----


def _open(on: bool) -> Any:
    """Of the steps that wait or run, those that nothing but time keeps back: not the kill switch, not an earlier step
    of the same lane."""
    step, other = schema.step, schema.step.alias()
    earlier = exists().where(other.c.lane == step.c.lane, other.c.ordinal < step.c.ordinal, schema.OPEN)
    return ~earlier if on else and_(~earlier, ~step.c.traffic)


@cache
def _due(on: bool) -> Select[Any]:
    """Steps that wait and may be claimed at ``:now``, ``:most`` at once, the most urgent first, then the longest due.

    Built once: building takes longer than asking. Where thousands wait, an index gives them in this order.
    """
    return _claimable(and_(schema.WAITS, schema.step.c.next_at <= bindparam("now")), on)


@cache
def _dead(on: bool) -> Select[Any]:
    """Steps whose worker's lease ran out, but those in ``:mine``."""
    step = schema.step
    mine = step.c.key.in_(bindparam("mine", expanding=True))
    return _claimable(and_(schema.RUNS, step.c.lease_until <= bindparam("now"), ~mine), on)


def _claimable(due: Any, on: bool) -> Select[Any]:
    step, run, incident = schema.step, schema.run, schema.incident
    about = [column.label(f"incident_{column.name}") for column in incident.columns]
    return (select(step, run.c.steps, run.c.version, *about).join(run, run.c.id == step.c.run)
            .join(incident, incident.c.id == step.c.incident)
            .where(due, _open(on)).order_by(step.c.urgency, step.c.next_at, step.c.ordinal).limit(bindparam("most")))


def _urgency(row: Any) -> int:
    return int(row.urgency)


class _About:
    """The incident's columns of a joined row, under their own names."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, f"incident_{name}")


def _claimed(row: Any) -> Claimed:
    spec = load(row.steps, list[Spec])[row.n]
    way: Way = "undo" if row.state.startswith("undo_") else "do"
    return Claimed(step_of(row), way, spec.settings, row.traffic, row.on_unknown, row.words, incident_of(_About(row)),
                   row.version, spec.tell, row.urgency)


# ---- outcomes ----


def _lost(transaction: Transaction, claimed: Claimed, after: Step, wanted: bool, now: int) -> None:
    why = "its worker died while it was carried out, and it must not be repeated"
    keep_outcome(transaction, after, claimed.way, "unknown", {}, why, now)
    _audit(transaction, Ended(claimed, "unknown", why=why), "step.unknown", after, now)
    if wanted and claimed.way == "do" and (back := undo(after, now)) is not None:
        write_step(transaction, after, back)


def _checked(ended: Ended) -> Ended:
    """Only what JSON can hold is recorded; an action that returns anything else did its work, so it is not repeated."""
    why = ended.why[:LONGEST_WHY].encode(errors="replace").decode()
    try:
        detail = load(dump(ended.done.detail))
        changes = tuple(Change(change.key, load(dump(change.value))) for change in ended.done.changes)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        return Ended(ended.claimed, "unknown", why=f"its result cannot be recorded ({type(error).__name__}): "
                                                   "expected detail and changes that JSON can hold")
    return replace(ended, done=Done(detail, changes), why=why)


def _settle(transaction: Transaction, ended: Ended, on: bool, now: int) -> bool:
    step = ended.claimed.step
    row = transaction.execute(_ONE, {"key": step.key}).first()
    if row is None or row.fence != step.fence or row.state != step.state:
        _audit(transaction, replace(ended, why="stale outcome ignored"), "step.stale", step, now)
        return False
    if ended.result == "done" and row.traffic and not on and ended.done.changes and row.on_unknown == "retry":
        after = replace(step, state="waiting" if ended.claimed.way == "do" else "undo_waiting", next_at=now)
        ended = replace(ended, why="automation was switched off while it was carried out")
        write_step(transaction, step, after, why=ended.why)
        _audit(transaction, ended, "step.held", after, now)
        return True
    _record(transaction, ended, row.undo_wanted, now)
    return True


def _record(transaction: Transaction, ended: Ended, undo_wanted: bool, now: int) -> None:
    step, way = ended.claimed.step, ended.claimed.way
    after = _next(ended, now)
    action = "step.retry" if after.state in WAITING else f"step.{after.state}"
    if after.state not in WAITING:
        result = "done" if after.state == "undone" else after.state
        keep_outcome(transaction, step, way, result, ended.done.detail, ended.why, now)
    _audit(transaction, ended, action, after, now)
    if after.state == "done":
        for change in ended.done.changes:
            transaction.execute(schema.change.insert(),
                                {"key": change.key, "value": dump(change.value), "owner": step.key})
    elif after.state == "undone":
        transaction.execute(schema.change.delete().where(schema.change.c.owner == step.key))
    if undo_wanted and way == "do" and after.state not in WAITING:
        after = undo(after, now) or after
    write_step(transaction, step, after, why=ended.why)


def _next(ended: Ended, now: int) -> Step:
    step = ended.claimed.step
    if ended.result == "done":
        return succeed(step)
    if ended.result == "retry":
        return retry(step, now, ended.after)
    return refuse(step) if ended.result == "refused" else replace(step, state="unknown")


def _audit(transaction: Transaction, ended: Ended, action: str, step: Step, now: int) -> None:
    claimed = ended.claimed
    detail: dict[str, Any] = {"kind": step.kind, "way": claimed.way, "attempt": step.attempts, "fence": step.fence,
                              "incident": claimed.incident.id}
    if ended.result == "done":
        detail["done"] = ended.done.detail
        detail["changes"] = {change.key: change.value for change in ended.done.changes}
    transaction.audit("worker", action, step.key, ended.why or claimed.words, detail, now, claimed.policy)


def _shown(row: Any, off: bool) -> Shown:
    return Shown(step_of(row), row.words, row.traffic, off and row.traffic and row.state in WAITING, row.undo_wanted,
                 row.owner, row.why)
