"""Health of upstreams: circuits that open and close, and budgets of retries, the same for all workers of a host.

Pure but for the words of its ``Record``: ``now`` is nanoseconds of a timer that only goes up and that every process of
the host reads alike (``time.perf_counter_ns``), and nothing is random. A circuit belongs to its upstream, not to a
route's choice among several, so a lone upstream is left alone too.

What a call that ends well costs is a few words that its worker alone writes. A call that fails, and every turn, is
settled under the lock; a turn is one word, written last, so a process may die anywhere in between. One that is frozen
while it tries an upstream has it for itself no longer than its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol

Standing = Literal["closed", "open", "half_open"]
STANDINGS: tuple[Standing, ...] = ("closed", "open", "half_open")
_CLOSED, _OPEN, _HALF_OPEN = range(3)
SLOTS = 10
"""Parts of the time that is looked back over; the oldest is forgotten whole."""
MOST_DOUBLINGS = 4
LEASE = 120 * 10**9
"""Nanoseconds that a try has the upstream for itself, where its own time-outs do not say."""
RESERVE = 10
"""Retries that a route may save up, and begins with."""
HEAD, TALLY = 3, 2 + 3 * SLOTS
"""Words of a record: those of all workers, and those of each."""
_STATE, _UNTIL, _DOUBLINGS = range(HEAD)
_ABOUT, _PROBING, _FIRST = range(3)
_RETRY = 10**9
"""A retry, in the unit in which a budget is kept."""


class Breaker(Protocol):
    """When a circuit opens, and how long it rests (microseconds)."""

    @property
    def share(self) -> Fraction: ...
    @property
    def min_calls(self) -> int: ...
    @property
    def over(self) -> int: ...
    @property
    def rest(self) -> int: ...
    @property
    def probes(self) -> int: ...
    @property
    def enabled(self) -> bool: ...


class Retries(Protocol):
    """What share of a route's calls may be asked again, how often each, and after how long (microseconds)."""

    @property
    def most(self) -> int: ...
    @property
    def backoff(self) -> int: ...
    @property
    def budget(self) -> Fraction: ...


class Words(Protocol):
    """Whole numbers (int64) that can be written one by one: a list, or a view of shared memory."""

    def __getitem__(self, at: int, /) -> int: ...

    def __setitem__(self, at: int, value: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Record:
    """Where something is kept. ``head`` is written under the lock; ``mine`` by its worker alone, at any time; ``every``
    gives that of each worker, ``living`` of those that are not dead."""

    head: Words
    mine: Words
    every: Callable[[], Iterable[Words]]
    living: Callable[[], Iterable[Words]]
    locked: Callable[[], AbstractContextManager[Any]] = nullcontext

    @classmethod
    def alone(cls) -> Record:
        """That of a process which shares it with nobody."""
        mine = [0] * TALLY
        return cls([0] * HEAD, mine, lambda: [mine], lambda: [mine])


class Pass:
    """Leave to ask an upstream, to be given back with what came of it; only the first word counts."""

    __slots__ = ("_circuit", "_state", "given")

    def __init__(self, circuit: Circuit, state: int) -> None:
        self._circuit, self._state, self.given = circuit, state, False

    def back(self, well: bool | None, now: int) -> None:
        """``well`` is None where the upstream's health cannot be told: its client left, or it asked to wait."""
        if not self.given:
            self.given = True
            self._circuit.ended(self._state, well, now)


class Circuit:
    """One upstream. ``closed``: calls go there; ``open``: none does; ``half_open``: a few try it.

    Its state is a turn and a standing. What a worker has counted is about one state; under another it is nothing.
    """

    __slots__ = ("_head", "_kept", "lease", "rule")

    def __init__(self, rule: Breaker, kept: Record | None = None, lease: int = LEASE) -> None:
        self.rule, self._kept, self.lease = rule, kept or Record.alone(), lease
        self._head = self._kept.head

    @property
    def standing(self) -> Standing:
        return STANDINGS[self._head[_STATE] % 4]

    def ask(self, now: int) -> Pass | None:
        """Leave to ask, or None where the upstream is to be left alone."""
        state = self._head[_STATE]
        if state % 4 == _CLOSED:
            return Pass(self, state)
        if self.wait(now):
            return None
        with self._kept.locked():
            return self._try(now)

    def _try(self, now: int) -> Pass | None:
        if self._head[_STATE] % 4 == _OPEN and not self.wait(now):
            self._turns(_HALF_OPEN)
        state = self._head[_STATE]
        if state % 4 == _OPEN or (state % 4 == _HALF_OPEN and self._tried_by_others(now)):
            return None
        if state % 4 == _HALF_OPEN:
            self._mine()[_PROBING] += 1
            self._head[_UNTIL] = now + self.lease
        return Pass(self, state)

    def _tried_by_others(self, now: int) -> bool:
        """Whether as many calls as may try it now. Who has not come back when the lease of the newest of them is over
        (a worker that is frozen) holds nobody up; what it says, should it come back after all, still counts."""
        return self._probes() >= self.rule.probes and 0 < self._head[_UNTIL] - now <= self.lease

    def _probes(self) -> int:
        """How many calls try it now; those of a worker that died do not count."""
        state = self._head[_STATE]
        if not any(row[_PROBING] for row in self._kept.every() if row[_ABOUT] == state):
            return 0
        return sum(row[_PROBING] for row in self._kept.living() if row[_ABOUT] == state)

    def ended(self, state: int, well: bool | None, now: int) -> None:
        """What was begun in another state counts no more. Whether to open is looked at where a call fails."""
        if state != self._head[_STATE] or not self.rule.enabled:
            return
        if state % 4 == _HALF_OPEN:
            with self._kept.locked():
                if state == self._head[_STATE]:
                    self._tried(well, now)
        elif well is not None:
            self._count(well, now)
            if not well:
                with self._kept.locked():
                    if state == self._head[_STATE] and self._fails(now):
                        self._open(now)

    def broke(self, now: int) -> None:
        """A reply that had begun well broke off."""
        state = self._head[_STATE]
        self.ended(state if state % 4 == _CLOSED else -1, False, now)

    def counts(self, now: int) -> tuple[int, int]:
        """Calls that ended lately, and how many of them failed."""
        newest, state, calls, failed = self._slot(now), self._head[_STATE], 0, 0
        for row in self._kept.every():
            if row[_ABOUT] == state:
                for at in range(_FIRST, TALLY, 3):
                    if newest - SLOTS < row[at] <= newest + 1:  # another's clock may have been read a moment later
                        calls, failed = calls + row[at + 1], failed + row[at + 2]
        return calls, failed

    def wait(self, now: int) -> int:
        """Nanoseconds until it is worth asking; 0 where it may be now. What no rule can lead to is of before the host
        was started, when its timer stood elsewhere."""
        if self._head[_STATE] % 4 != _OPEN:
            return 0
        left = self._head[_UNTIL] - now
        return max(0, left) if left <= 2 * self._rest(MOST_DOUBLINGS) else 0

    def _slot(self, now: int) -> int:
        return now * SLOTS // (self.rule.over * 1000)

    def _fails(self, now: int) -> bool:
        (calls, failed), share = self.counts(now), self.rule.share
        return calls >= self.rule.min_calls and failed * share.denominator >= calls * share.numerator

    def _mine(self) -> Words:
        """This worker's words, about the state that it is in."""
        mine, state = self._kept.mine, self._head[_STATE]
        if mine[_ABOUT] != state:
            for at in range(1, TALLY):
                mine[at] = 0
            mine[_ABOUT] = state
        return mine

    def _count(self, well: bool, now: int) -> None:
        mine, slot = self._mine(), self._slot(now)
        at = _FIRST + slot % SLOTS * 3
        if mine[at] != slot:
            mine[at + 1] = mine[at + 2] = 0
            mine[at] = slot
        mine[at + 1] += 1
        if not well:
            mine[at + 2] += 1

    # ---- turns: under the lock ----

    def _tried(self, well: bool | None, now: int) -> None:
        mine = self._mine()
        mine[_PROBING] = max(0, mine[_PROBING] - 1)
        if well:
            self._head[_DOUBLINGS] = 0
            self._turns(_CLOSED)
        elif well is False:
            self._head[_DOUBLINGS] = min(self._head[_DOUBLINGS] + 1, MOST_DOUBLINGS)
            self._open(now)

    def _rest(self, doublings: int) -> int:
        return min(self.rule.rest * 1000 << doublings, 1 << 60)

    def _open(self, now: int) -> None:
        self._head[_UNTIL] = now + self._rest(self._head[_DOUBLINGS])
        self._turns(_OPEN)

    def _turns(self, standing: int) -> None:
        self._head[_STATE] = (self._head[_STATE] // 4 + 1) * 4 + standing


class RetryBudget:
    """Retries of one route: every call pays ``budget`` of a retry in, every retry takes one out. What is kept is how
    much is missing of the reserve: where nothing is, a call has nothing to pay."""

    __slots__ = ("_head", "_kept", "_share", "rule")

    def __init__(self, rule: Retries, kept: Record | None = None) -> None:
        self.rule, self._kept = rule, kept or Record.alone()
        self._head, self._share = self._kept.head, int(rule.budget * _RETRY)

    def call(self) -> None:
        if self._head[0]:
            with self._kept.locked():
                self._head[0] = max(0, self._head[0] - self._share)

    def take(self) -> bool:
        """Whether one more retry may be made now; it is taken if so."""
        with self._kept.locked():
            missing = self._head[0] + _RETRY
            if missing > RESERVE * _RETRY:
                return False
            self._head[0] = missing
            return True


class Health:
    """All circuits and budgets as one process sees them; they outlive every change of the policy but that of their
    rule. ``record`` says where one is kept, by its name."""

    def __init__(self, record: Callable[[str], Record] = lambda _: Record.alone(),
                 close: Callable[[], None] = lambda: None) -> None:
        self._record, self.close = record, close
        self.circuits: dict[str, Circuit] = {}
        self.budgets: dict[str, RetryBudget] = {}

    def circuit(self, upstream: str, rule: Breaker, lease: int = LEASE) -> Circuit:
        found = self.circuits.get(upstream)
        if found is None or found.rule != rule:
            found = self.circuits[upstream] = Circuit(rule, self._record(f"circuit/{upstream}/{rule!r}"))
        found.lease = lease
        return found

    def budget(self, route: str, rule: Retries | None) -> RetryBudget | None:
        if rule is None:
            return None
        found = self.budgets.get(route)
        if found is None or found.rule != rule:
            found = self.budgets[route] = RetryBudget(rule, self._record(f"retries/{route}/{rule!r}"))
        return found

    def shown(self, now: int) -> Mapping[str, Mapping[str, object]]:
        """What readiness says of each upstream."""
        out = {}
        for name, circuit in sorted(self.circuits.items()):
            calls, failed = circuit.counts(now)
            out[name] = {"circuit": circuit.standing, "calls": calls, "failed": failed,
                         "again_in_s": round(circuit.wait(now) / 1e9, 3)}
        return out
