"""The desk of restrictions: set by a person, listed, taken back. Each act is on the record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from bongsu.access.apikey import KeyRefused, lasting
from bongsu.access.restriction import APPEAL, RUNGS, Restriction, RestrictionFault, named
from bongsu.privacy.personal import veiled
from bongsu.privacy.told import kept, told
from bongsu.quantity import DAY
from bongsu.room.control import Control
from bongsu.room.keydesk import KeyDesk

MOST = 365 * DAY
LONGEST_APPEAL = 200


class RestrictionDesk:
    """What people ask about restrictions. Raises ``RestrictionFault`` where it cannot be."""

    def __init__(self, control: Control, keys: KeyDesk) -> None:
        self.control, self.store, self.keys = control, control.store, keys

    def restrict(self, subject: str, rung: str, lasts: str, reason: str, appeal: str, actor: str) -> dict[str, Any]:
        """Put a user or a key on a rung; without ``lasts`` until a person takes it back."""
        now = self.control.clock()
        if rung not in RUNGS:
            raise RestrictionFault("bad_rung", f"expected one of {', '.join(RUNGS)}, came '{rung[:40]}'")
        if len(appeal) > LONGEST_APPEAL or not appeal.isprintable():
            raise RestrictionFault("bad_appeal", f"'appeal' says whom to ask, {LONGEST_APPEAL} characters at most")
        try:
            until = now + lasting(lasts, "for", MOST) if lasts else 0
        except KeyRefused as error:
            raise RestrictionFault(error.code, str(error)) from None
        one = Restriction(secrets.token_hex(4), self.subject(subject), rung, until, veiled(reason),
                          kept(self._key(), APPEAL, appeal), actor, now)
        if one.subject.startswith("key/") and self.store.api_key(one.subject[4:]) is None:
            raise RestrictionFault("unknown_key", "no key has this id; `bongsu key list` shows them")
        self.store.restrict(one, now, self.control.policy.hash)
        self.control.revised()
        return self._shown(one)

    def restrictions(self) -> Sequence[Mapping[str, Any]]:
        """Those in force."""
        now = self.control.clock()
        return [self._shown(one) for one in self.store.restrictions() if one.holds(now)]

    def unrestrict(self, subject: str, reason: str, actor: str) -> int:
        """Take back all that a subject is under; how many that were. Whatever is listed can be: a playbook may have
        restricted somebody by a token that nothing leads on from."""
        given = subject.replace(":", "/", 1)
        whom = given if any(one.subject == given for one in self.store.restrictions()) else self.subject(subject)
        gone = self.store.unrestrict(whom, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revised()
        return gone

    def subject(self, given: str) -> str:
        """``user/NAME`` with the name as its token, or ``key/ID``; a colon does as well as the stroke."""
        kind, _, who = given.replace(":", "/", 1).partition("/")
        try:
            return named(f"user/{self.keys.user_token(who)}" if kind == "user" and who else f"{kind}/{who}")
        except KeyRefused as error:
            raise RestrictionFault(error.code, str(error)) from None

    def _key(self) -> bytes:
        return self.control.tokens.key_of(APPEAL)

    def _shown(self, one: Restriction) -> dict[str, Any]:
        return {"id": one.id, "subject": one.subject, **one.value(), "appeal": told(self._key(), APPEAL, one.appeal)}
