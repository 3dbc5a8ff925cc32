"""Health of upstreams as one gateway process sees it: circuits that open and close, and budgets of retries.

Pure but for its own memory: ``now`` is nanoseconds of a timer that only goes up, and nothing is random. A circuit
belongs to its upstream, not to a route's choice among several, so a lone upstream is left alone too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from bongsu.policy.patience import Breaker, Retries

Standing = Literal["closed", "open", "half_open"]
SLOTS = 10
"""Parts of the time that is looked back over; the oldest is forgotten whole."""
MOST_DOUBLINGS = 4
RESERVE = 10
"""Retries that a route may save up, and begins with."""


class Pass:
    """Leave to ask an upstream, to be given back with what came of it; only the first word counts."""

    __slots__ = ("_circuit", "_turn", "given")

    def __init__(self, circuit: Circuit, turn: int) -> None:
        self._circuit, self._turn, self.given = circuit, turn, False

    def back(self, well: bool | None, now: int) -> None:
        """``well`` is None where the upstream's health cannot be told: its client left, or it asked to wait."""
        if not self.given:
            self.given = True
            self._circuit.ended(self._turn, well, now)


class Circuit:
    """One upstream. ``closed``: calls go there; ``open``: none does; ``half_open``: a few try it."""

    __slots__ = ("_doublings", "_probing", "_seen", "_turn", "_until", "rule", "standing")

    def __init__(self, rule: Breaker) -> None:
        self.rule, self.standing = rule, "closed"
        self._seen: deque[list[int]] = deque()  # [slot, ended, failed], oldest first
        self._turn = self._until = self._probing = self._doublings = 0

    def ask(self, now: int) -> Pass | None:
        """Leave to ask, or None where the upstream is to be left alone. What was known before a turn counts no more."""
        if self.standing == "open" and now >= self._until:
            self._turns("half_open")
        if self.standing == "open" or (self.standing == "half_open" and self._probing >= self.rule.probes):
            return None
        self._probing += self.standing == "half_open"
        return Pass(self, self._turn)

    def ended(self, turn: int, well: bool | None, now: int) -> None:
        if turn != self._turn or not self.rule.enabled:
            return
        if self.standing == "half_open":
            self._probing -= 1
            if well:
                self._doublings = 0
                self._turns("closed")
            elif well is False:
                self._doublings = min(self._doublings + 1, MOST_DOUBLINGS)
                self._open(now)
        elif well is not None:
            self._count(well, now)
            (calls, failed), share = self.counts(now), self.rule.share
            if calls >= self.rule.min_calls and failed * share.denominator >= calls * share.numerator:
                self._open(now)

    def broke(self, now: int) -> None:
        """A reply that had begun well broke off."""
        self.ended(self._turn if self.standing == "closed" else -1, False, now)

    def counts(self, now: int) -> tuple[int, int]:
        """Calls that ended lately, and how many of them failed."""
        oldest = now * SLOTS // (self.rule.over * 1000) - SLOTS
        while self._seen and self._seen[0][0] <= oldest:
            self._seen.popleft()
        return sum(s[1] for s in self._seen), sum(s[2] for s in self._seen)

    def wait(self, now: int) -> int:
        """Nanoseconds until it is worth asking; 0 where it may be now."""
        return max(0, self._until - now) if self.standing == "open" else 0

    def _count(self, well: bool, now: int) -> None:
        slot = now * SLOTS // (self.rule.over * 1000)
        if not self._seen or self._seen[-1][0] != slot:
            self._seen.append([slot, 0, 0])
        self._seen[-1][1] += 1
        self._seen[-1][2] += not well

    def _open(self, now: int) -> None:
        self._until = now + (self.rule.rest * 1000 << self._doublings)
        self._turns("open")

    def _turns(self, standing: Standing) -> None:
        self.standing = standing
        self._turn += 1
        self._probing = 0
        if standing == "closed":
            self._seen.clear()


class RetryBudget:
    """Retries of one route: every call pays ``budget`` of a retry in, every retry takes one out."""

    __slots__ = ("_saved", "rule")

    def __init__(self, rule: Retries) -> None:
        self.rule, self._saved = rule, Fraction(RESERVE)

    def call(self) -> None:
        self._saved = min(self._saved + self.rule.budget, Fraction(RESERVE))

    def take(self) -> bool:
        """Whether one more retry may be made now; it is taken if so."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


@dataclass(frozen=True, slots=True)
class Health:
    """All circuits and budgets of a gateway process; they outlive every change of the policy but that of their rule."""

    circuits: dict[str, Circuit]
    budgets: dict[str, RetryBudget]

    @classmethod
    def fresh(cls) -> Health:
        return cls({}, {})

    def circuit(self, upstream: str, rule: Breaker) -> Circuit:
        found = self.circuits.get(upstream)
        if found is None or found.rule != rule:
            found = self.circuits[upstream] = Circuit(rule)
        return found

    def budget(self, route: str, rule: Retries | None) -> RetryBudget | None:
        if rule is None:
            return None
        found = self.budgets.get(route)
        if found is None or found.rule != rule:
            found = self.budgets[route] = RetryBudget(rule)
        return found

    def shown(self, now: int) -> Mapping[str, object]:
        """What readiness says of each upstream."""
        out = {}
        for name, circuit in sorted(self.circuits.items()):
            calls, failed = circuit.counts(now)
            out[name] = {"circuit": circuit.standing, "calls": calls, "failed": failed,
                         "again_in_s": round(circuit.wait(now) / 1e9, 3)}
        return out
