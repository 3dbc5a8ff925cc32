"""The desk of reviews: what waits, who looks at it, what they say and what comes of it. Each act is on the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bongsu.allow import ACTS, AllowFault, Entry, lasting_of
from bongsu.attack import Attack, AttackFault, remembered
from bongsu.checks.pii import Pii
from bongsu.event import Event
from bongsu.guard import Guard
from bongsu.host import keys
from bongsu.privacy.epochs import FORM
from bongsu.privacy.personal import veiled
from bongsu.quantity import DAY
from bongsu.review import Case, Person, ReviewFault, claimed, decided
from bongsu.room.control import Control
from bongsu.room.reviewing import heard, queue
from bongsu.stores.reviews import Altered

ADMIN = "admin"
"""Who has the admin's token is one person, whichever way they came."""
REMEMBERED = 180 * DAY
_NAME = re.compile(r"[\w.+-]{1,64}")
_TOKEN = re.compile(rf"\b{FORM}\b")
_PII = Guard("personal data", Pii(), act="tokenise")


class ReviewDesk:
    """What people ask of the queue. Raises ``ReviewFault``. Any thread may ask."""

    def __init__(self, control: Control) -> None:
        self.control, self.store, self.terms = control, control.store, control.policy.review

    # ---- who may ----

    def reviewers(self) -> Mapping[str, str]:
        """Name -> hash of the token."""
        return self.store.reviewers()

    def appoint(self, name: str, user: str, reason: str, actor: str) -> dict[str, Any]:
        """A reviewer and their token, shown this once; the one they had is worth nothing from now on. ``user`` is what
        their own calls name as their user."""
        if not _NAME.fullmatch(name) or name == ADMIN or veiled(name) != name:
            raise ReviewFault("bad_name", "'name' is at most 64 letters, digits and .+-_ without personal data, for "
                              f"it goes on the record, and not '{ADMIN}'")
        token = keys.mint("reviewer")
        self.store.add_reviewer(name, keys.digest(token), self._user(user) if user else "", actor, reason,
                                self.control.clock())
        return {"name": name, "token": token}

    def dismiss(self, name: str, reason: str, actor: str) -> bool:
        return self.store.drop_reviewer(name, actor, reason, self.control.clock())

    # ---- what waits ----

    def cases(self, ended: bool = False) -> list[dict[str, Any]]:
        """Those that wait, the most urgent first; or the last that are over."""
        now = self.control.clock()
        found = self.store.reviews(ended=True, most=200) if ended else queue(self.store.reviews(), now)
        return [self._shown(case, now) for case in found]

    def case(self, id_: str) -> dict[str, Any] | None:
        found = self.store.review(id_)
        return None if found is None else self._shown(found, self.control.clock())

    def claim(self, id_: str, name: str) -> dict[str, Any] | None:
        """Look at a case, so that nobody else does; None where there is none."""
        who, now = self._person(name), self.control.clock()
        return self._alter(id_, lambda case: Altered(claimed(case, who, now, self.terms), who.name, "review.claim",
                                                     "looks at it"), now)

    def decide(self, id_: str, name: str, word: str, reason: str, allow_for: str = "",
               remember: bool = False) -> dict[str, Any] | None:
        """Say what it is. With ``allow_for`` the guard lets what it found there pass for so long; with ``remember``
        the prompt is remembered as an attack."""
        who, now, reason = self._person(name), self.control.clock(), veiled(reason)

        def change(case: Case) -> Altered:
            new = decided(case, who, word, reason, now, self.terms)
            over = bool(new.word)
            return Altered(new, who.name, f"review.{new.word or word}", reason, self._told(new, who, now),
                           self._allowed(new, word, allow_for, who, reason, now),
                           self._attack(new, word, remember, who, now),
                           new.id if over and new.lets and new.source == "restricted" else "")

        return self._alter(id_, change, now)

    # ---- what comes of it ----

    def _told(self, case: Case, who: Person, now: int) -> list[Event]:
        """Nothing while somebody else must still say it; else how soon it was, and the label of the call."""
        if not case.word:
            return []
        told = [heard(case, "late" if case.overdue or now >= case.due else "in_time", now)]
        if case.call:
            told.append(Event(id=f"{case.id}-review-label", time=now, kind="label", name="review", call=case.call,
                              service=self.control.policy.service.name, label=case.word, annotator=who.name))
        return told

    def _allowed(self, case: Case, word: str, lasting: str, who: Person, reason: str, now: int) -> list[Entry]:
        if not lasting:
            return []
        if word != "false_alarm":
            raise ReviewFault("not_false", "only what is a false alarm can be allowed; say false_alarm, or no 'allow'")
        acts = {guard.name: guard.act for guard in self.control.policy.guards}
        if not case.marks or acts.get(case.guard) not in ACTS:
            raise ReviewFault("nothing_to_allow", "what the guard found cannot be allowed (too long, a whole reply, or "
                              "the guard is gone); change the guard in the policy instead")
        try:
            until = now + lasting_of(lasting)
        except AllowFault as fault:
            raise ReviewFault(fault.code, str(fault).replace("'for'", "'allow'")) from None
        if case.word != "false_alarm":
            return []  # another person must say so, too
        return [Entry(mark, case.guard, until, who.name, reason) for mark in case.marks]

    def _attack(self, case: Case, word: str, remember: bool, who: Person, now: int) -> Attack | None:
        if not remember:
            return None
        if word != "confirmed" or case.side != "input" or not case.prompt:
            raise ReviewFault("nothing_to_remember", "only a confirmed finding in a prompt that was kept can be "
                              "remembered as an attack; `bongsu attack add` takes any text")
        tokens = self.control.tokens
        try:
            return remembered(case.prompt, self._masking(), tokens, self.store.attacks(), note=f"review {case.id}",
                              sensitive=False, lasts=REMEMBERED, by=who.name, now=now)
        except AttackFault as fault:
            raise ReviewFault(fault.code, str(fault)) from None

    # ---- small things ----

    def _alter(self, id_: str, change: Any, now: int) -> dict[str, Any] | None:
        case = self.store.alter_review(id_, change, now, self.control.policy.hash)
        self.control.revised()
        return None if case is None else self._shown(case, now)

    def _person(self, name: str) -> Person:
        user = "" if name == ADMIN else self.store.reviewer_user(name) or self._user(name)
        return Person(name, f"user/{user}" if user else "")

    def _user(self, name: str) -> str:
        """What stands for a person everywhere."""
        return self.control.tokens.token("USER", name)

    def _masking(self) -> Sequence[Guard]:
        return [_PII, *(g for g in self.control.policy.guards if g.act == "tokenise")]

    def _shown(self, case: Case, now: int) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(case)
        texts = f"{case.prompt or ''} {case.reply or ''} {case.appeal}"
        needed = 2 if case.priority in self.terms.two_people else 1
        return {**_EMPTY, **found, "state": case.state(now), "words": list(case.words()) if not case.word else [],
                "people": needed, "tokens": sorted(set(_TOKEN.findall(texts))), "can_allow": bool(case.marks),
                "can_remember": case.side == "input" and bool(case.prompt)}


_EMPTY = {f.name: f.default for f in msgspec.structs.fields(Case) if f.default is not msgspec.NODEFAULT}
