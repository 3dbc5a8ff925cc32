"""The ladder: what may be done about a user or a key that keeps breaking rules, from a warning to a closed door.

A restriction has a rung, an end, a reason and a note how to appeal. Of several in force the highest rung counts. They
are live changes (``restrict/SUBJECT/ID``), so a playbook sets and takes them back like any other, and gateways heed
them by their own clock: a dead control process neither keeps anybody out for longer nor lets anybody in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bongsu.access.apikey import ApiKey

Rung = Literal["warn", "slow", "light", "review", "suspended", "reauthenticate"]
RUNGS: tuple[Rung, ...] = ("warn", "slow", "light", "review", "suspended", "reauthenticate")
"""Mildest first: told only; answered late; answered by the light model; refused until a person has looked; refused;
refused until the key is rotated or a person clears it."""
PREFIX = "restrict/"
APPEAL = "appeal"
"""What the note of whom to ask is sealed as, where it names somebody."""
_SUBJECT = re.compile(r"(?:key/[0-9a-f]{8}|user/[^/\x00-\x1f]{1,200})")


class RestrictionFault(ValueError):
    """What cannot be restricted, and why: ``code`` for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Restriction:
    """``subject`` is ``user/TOKEN`` or ``key/ID``; instants are microseconds since 1970, ``until`` 0 has no end."""

    id: str
    subject: str
    rung: Rung
    until: int
    reason: str
    appeal: str
    by: str
    since: int

    @property
    def key(self) -> str:
        """Its place among the live changes."""
        return f"{PREFIX}{self.subject}/{self.id}"

    def value(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name not in ("id", "subject")}

    def holds(self, now: int) -> bool:
        return not self.until or now < self.until


def named(subject: str) -> str:
    """The subject, if it is one; raises ``RestrictionFault``."""
    if not _SUBJECT.fullmatch(subject):
        raise RestrictionFault("bad_subject", "expected user/NAME or key/ID (8 digits and letters a to f)")
    return subject


def restrictions(changes: Mapping[str, Any]) -> Iterator[Restriction]:
    """Those among live changes. What is not whole restricts nobody, so it is passed over."""
    for key, value in changes.items():
        subject, slash, id_ = key.removeprefix(PREFIX).rpartition("/")
        if not key.startswith(PREFIX) or not slash or not isinstance(value, Mapping):
            continue
        if value.get("rung") in RUNGS and type(value.get("until")) is int:
            yield Restriction(id_, subject, value["rung"], value["until"], str(value.get("reason", "")),
                              str(value.get("appeal", "")), str(value.get("by", "")), int(value.get("since", 0)))


def by_subject(changes: Mapping[str, Any]) -> dict[str, tuple[Restriction, ...]]:
    out: dict[str, tuple[Restriction, ...]] = {}
    for one in restrictions(changes):
        out[one.subject] = (*out.get(one.subject, ()), one)
    return out


def highest(known: Mapping[str, tuple[Restriction, ...]], key: ApiKey | None, user: str,
            now: int) -> Restriction | None:
    """The one that counts for a call. Keys of a red team are outside the ladder: it is their work to break rules."""
    if not known or (key is not None and key.origin == "redteam"):
        return None
    subjects = [f"user/{user}"] if user else []
    if key is not None:
        subjects.append(f"key/{key.id}")
    found = [one for subject in subjects for one in known.get(subject, ()) if one.holds(now)]
    return max(found, key=lambda one: (RUNGS.index(one.rung), one.until or 2**63), default=None)
