"""The desk of notices: silences, acknowledgements, and what each channel of an incident hears next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bongsu.incident import Incident
from bongsu.mute import Matcher, Silence, SilenceFault, read_matcher, silence
from bongsu.notice import Told
from bongsu.privacy import epochs
from bongsu.privacy.personal import veiled
from bongsu.room.control import Control

_USER = re.compile(epochs.USER)
_ONE = r"USER_(?:E[0-9]{1,6}_)?(?:[A-Z2-7]{16}|\.\*)"
_USERS = re.compile(rf"(?:\.[*+]|{_ONE}(?:\|{_ONE})*)?")
"""Patterns that hold no name: of anybody, and of whole tokens or all tokens of an epoch."""
_ESCAPED = re.compile(r"\\(.)|\[(.)\]", re.DOTALL)


class NoticeDesk:
    """What people ask about notices. Every change is one audited transaction of the store, heeded at the next tick."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store

    def silence(self, match: tuple[str, ...], lasting: str, starts: int | None, by: str, reason: str,
                actor: str) -> Mapping[str, Any]:
        """Keep back what matches for a while. ``SilenceFault`` where it cannot be."""
        now = self.control.clock()
        known = tuple(str(self._known(read_matcher(text))) for text in match)
        made = silence(known, lasting, by or actor, reason, now, starts)
        self.store.add_silence(made, now, self.control.policy.hash, actor)
        self.control.revision += 1
        return shown(made)

    def _known(self, one: Matcher) -> Matcher:
        """Alerts know people by their tokens only, so a silence does: a name would match nobody, and be kept."""
        if one.name == "user" and one.op in ("=", "!=") and one.value and not _USER.fullmatch(one.value):
            return replace(one, value=self.control.tokens.token("USER", one.value))
        if one.name == "user" and one.op in ("=~", "!~") and not _USERS.fullmatch(one.value):
            raise SilenceFault("personal", f"expected a pattern of tokens after user{one.op}, such as USER_E2_.* or "
                                           ".+ for anybody, for alerts hold no names; of one person, write user=NAME, "
                                           "which is kept as the token that alerts have")
        plain = _ESCAPED.sub(r"\1\2", one.value) if one.op.endswith("~") else one.value
        if veiled(one.value) != one.value or veiled(plain) != plain:
            raise SilenceFault("personal", "expected no personal data, for alerts hold none; of a person, write "
                                           "user=NAME, which is kept as the token that alerts have")
        return one

    def silences(self) -> list[Mapping[str, Any]]:
        """Those that are not over, the next to end first."""
        return [shown(one) for one in self.store.asked().silences]

    def unsilence(self, id_: str, actor: str, reason: str) -> bool:
        """Take one back before its time; False where there is none."""
        gone = self.store.remove_silence(id_, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revision += gone
        return gone

    def mutes(self) -> list[Mapping[str, Any]]:
        """The policy's mute windows, those in force first."""
        now = self.control.clock()
        found = [{"name": one.name, "covers": (*one.channels, *one.tiers, *one.alerts), "active": one.when.holds(now),
                  "until": one.when.ends(now) if one.when.holds(now) else None}
                 for one in self.control.plan.notices.mutes]
        return sorted(found, key=lambda one: not one["active"])

    def told(self) -> list[Mapping[str, Any]]:
        """What each channel has been told of and is still so; what is kept back comes first, then the next to come."""
        with self.control.lock:
            book = [one for one in self.control.engine.book.values() if one.alarms]
        found = [{"channel": one.channel, "alerts": [" ".join(filter(None, (name, ",".join(labels))))
                                                     for name, labels in one.alarms],
                  "muted_by": one.muted_by, "next_at": one.next_at} for one in book]
        return sorted(found, key=lambda one: (not one["muted_by"], one["next_at"] or 2**63, one["channel"]))

    def acknowledge(self, incident: str, by: str, reason: str, actor: str) -> bool:
        """Somebody takes charge: no more repeats and no escalation. False where it is closed, or somebody has."""
        took = self.store.acknowledge(incident, by or actor, reason, self.control.clock(), self.control.policy.hash,
                                      actor)
        self.control.revision += took
        return took

    def of(self, incident: Incident) -> tuple[tuple[str, ...], int | None]:
        """By what an incident's notices are kept back, and when its channels hear of it next."""
        if incident.phase == "closed":
            return (), None
        told = [one for one in self.control.engine.book.values() if (incident.alert, incident.labels) in one.alarms]
        return tuple(dict.fromkeys(name for one in told for name in one.muted_by)), _next(told)


def _next(told: list[Told]) -> int | None:
    return min((one.next_at for one in told if one.next_at is not None), default=None)


def shown(one: Silence) -> Mapping[str, Any]:
    return {**asdict(one), "matchers": [str(matcher) for matcher in one.matchers]}
