"""Guards that hold a reply against its context: what the context is, and what they say of the reply.

They look when the reply is whole: a claim has no meaning by halves. So a stream whose grounding guard may block waits,
whole, until the model has said its last; where it only flags, nothing waits and the verdict is of the event alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bongsu.allow import Allowing
from bongsu.guard import STOPS, Guard, Outcome
from bongsu.ports import Finding
from bongsu.web.apart import aside, usual
from bongsu.web.screen import MOST, Track, decide, fail_all
from bongsu.web.slots import Slot, content_slots

ASIDE = 2000
"""Characters of reply and context from which on a thread of its own looks, so that other calls need not wait."""
_SAID_BY = {"system": "system", "instructions": "system", "prompt": "user", "input": "user"}
"""Fields of a request that are no messages, and in whose name they speak."""
NOT_SAID = frozenset(("refusal", "reasoning", "reasoning_content", "thinking", "name", "transcript", "custom",
                      "beside"))
"""Texts of a reply that claim nothing to the caller."""


@dataclass(frozen=True)
class Grounded:
    """What became of a reply: ``score`` is the least support of any guard, None where there was nothing to judge."""

    outcome: Outcome
    score: float | None


def grounds(guard: Guard) -> bool:
    """Whether it looks at a reply beside its context, not at one text alone."""
    return hasattr(guard.check, "support")


def judges(guard: Guard) -> bool:
    """Whether somebody else is asked what they make of a reply: another model, or fact checkers."""
    return hasattr(guard.check, "question") or looks_up(guard)


def looks_up(guard: Guard) -> bool:
    """Whether the claims of a reply are looked up in a service."""
    return hasattr(guard.check, "rated")


def waits(guards: Sequence[Guard]) -> bool:
    """Whether a stream must wait for what these guards say."""
    return any(g.act in STOPS and not g.shadow for g in guards)


def claimed(slots: Sequence[Slot]) -> list[str]:
    """The texts of a reply in which something is told to the caller."""
    return [slot.text for slot in slots if not slot.json and not slot.fixed and not slot.beside
            and slot.key not in NOT_SAID]


def context_of(fields: Mapping[str, Any], roles: Sequence[str]) -> list[str]:
    """What a request gives the model to rest on: the words of messages in these roles, never the model's own.

    >>> context_of({"messages": [{"role": "tool", "content": "a"}, {"role": "assistant", "content": "b"}]}, ["tool"])
    ['a']
    """
    out: list[str] = []
    for name in ("system", "instructions", "prompt", "input", "messages"):
        value = fields.get(name)
        if isinstance(value, str) and _SAID_BY.get(name) in roles:
            out.append(value)
        elif isinstance(value, list) and name == "system" and "system" in roles:
            out += [slot.text for slot in content_slots({"content": value}, "content")]
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict) and (one.get("role") or _role(one)) in roles:
                    out += [s.text for key in ("content", "output") for s in content_slots(one, key) if not s.json]
                elif isinstance(one, str) and "user" in roles:
                    out.append(one)
    return out


def _role(item: Mapping[str, Any]) -> str:
    """An item without a role is the result of a tool, or somebody's we do not know."""
    return "tool" if "output" in item else ""


class _GroundTrack(Track):
    """One grounding guard over a reply; ``score`` is the least support it gave a text."""

    __slots__ = ("context", "score", "size")

    def __init__(self, guard: Guard, context: Sequence[str], allowing: Allowing | None) -> None:
        super().__init__(guard, "output", allowing)
        self.context, self.size = context, sum(map(len, context))
        self.score: float | None = None

    def see(self, text: str) -> Sequence[Finding]:
        support = self.guard.check.support(text, self.context)  # type: ignore[attr-defined]
        if support.score is not None:
            self.score = support.score if self.score is None else min(self.score, support.score)
        return tuple(support.findings)

    def times(self, text: str) -> int:
        return 1 + (len(text) + self.size) // usual(self.guard.check)


def judged(guards: Sequence[Guard], texts: Sequence[str], fields: Mapping[str, Any],
           allowing: Allowing | None = None) -> Grounded:
    """Hold every text against the context that each guard's roles give."""
    tracks = []
    for guard in guards:
        track = _GroundTrack(guard, context_of(fields, guard.check.roles), allowing)  # type: ignore[attr-defined]
        if sum(map(len, texts)) + track.size > MOST:
            fail_all([track])
        for text in texts:
            found, passed = track.sift(text, track.look(text))
            track.found += found
            track.passed += passed
        tracks.append(track)
    scores = [t.score for t in tracks if t.score is not None and not t.failed]
    return Grounded(decide(tracks), min(scores, default=None))


async def judge_aside(guards: Sequence[Guard], texts: Sequence[str], fields: Mapping[str, Any],
                      allowing: Allowing | None, chars: int) -> Grounded:
    """The same; from ``ASIDE`` characters on in a thread."""
    return await aside(lambda: judged(guards, texts, fields, allowing), chars + sum(map(len, texts)), guards, ASIDE)
