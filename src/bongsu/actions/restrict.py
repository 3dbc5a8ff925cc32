"""Restrict whom an alert is about: a user or a key, on a rung of the ladder, for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Literal

from bongsu.ports import Change, Done, Notice, Refused, Send
from bongsu.quantity import HOUR, Duration

_FORMS = {"user": re.compile(r"USER_(?:E[0-9]{1,6}_)?[A-Z2-7]{16}"), "key": re.compile(r"[0-9a-f]{8}")}


@dataclass(frozen=True)
class Restrict:
    """``{restrict: slow, of: user, for: 1h}``: whom the alert is about is warned, slowed down, sent to the light model,
    held for a review, suspended, or asked to sign in again. It ends after ``for``, or when the playbook takes it back.

    The alert must be ``by: [user]`` or ``by: [key]``. ``appeal`` tells them whom to ask.
    """

    kind: ClassVar[str] = "restrict"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = True
    rung: Literal["warn", "slow", "light", "review", "suspended", "reauthenticate"]
    of: Literal["user", "key"] = "user"
    lasting: Duration = field(default=Duration(HOUR), metadata={"key": "for"})
    reason: str = ""
    appeal: str = ""

    async def do(self, notice: Notice, send: Send) -> Done:
        subject = self._subject(notice)
        until = notice.at + self.lasting
        value = {"rung": self.rung, "until": until, "reason": self.reason, "appeal": self.appeal,
                 "by": notice.facts.get("alert", ""), "since": notice.at}
        id_ = sha256(notice.delivery.encode()).hexdigest()[:8]
        detail = {"subject": subject, "rung": self.rung, "until": until}
        return Done(detail, (Change(f"restrict/{subject}/{id_}", value),))

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done({"subject": self._subject(notice), "rung": "lifted"})

    def words(self) -> str:
        return f"the {self.of} is restricted ({self.rung})"

    def _subject(self, notice: Notice) -> str:
        """Who it is: the label that has the form of a user's token or a key's id; a lone label is it anyway."""
        named = [label for label in notice.labels if label]
        found = [label for label in named if _FORMS[self.of].fullmatch(label)] or (named if len(named) == 1 else [])
        if len(found) != 1 or "/" in found[0]:
            raise Refused(f"restrict: expected an alert by {self.of}, came labels that name none; nobody is restricted")
        return f"{self.of}/{found[0]}"
