"""A worker's hand in the budgets: reserve what a call can cost at most, settle what it cost, never over the limit.

What a subject has left is its limit, less what events say it spent (control keeps that in the shared table), less what
the leases of all living workers hold beyond it. It is read and reserved in one go, under the lock that all workers of
the host share, so two of them can never spend the same unit; and nobody has to be asked over a wire.

What a lease has drawn keeps the places of those who drew it. Where the table is more than half full, a worker takes a
new lease now and then and lets the old one go once nothing is under way on it: control ends that as it ends a dead
one's, and the places of those whose spending is over are free for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bongsu.access.budget import Budget, mark
from bongsu.access.lease import TABLE, Lease, Leases
from bongsu.access.shared import CAPACITY, Full, Shared
from bongsu.quantity import MINUTE

LASTS = 10 * MINUTE
"""How old a lease is at least when it is changed for a new one."""


class Draw(NamedTuple):
    """One budget that a call spends, and whose."""

    budget: Budget
    subject: str


class Reserved(NamedTuple):
    """A reservation: settle it once. ``spent`` has what each draw's subject has spent or reserved with it."""

    places: tuple[int, ...]
    amount: int
    spent: tuple[int, ...]


class Spent(NamedTuple):
    """A budget that has not enough left; ``left`` may be below zero where its limit was lowered."""

    draw: Draw
    left: int


class NotReady(Exception):
    """Control has not yet said what was spent before."""


def draws(budgets: Sequence[Budget], facts: Mapping[str, Any]) -> list[Draw]:
    """The budgets that a call with these facts spends."""
    return [Draw(budget, subject) for budget in budgets if (subject := budget.subject(facts))]


class Purse:
    """One worker's. A policy with other budgets has other counters, and so another lease."""

    def __init__(self, folder: Path, worker: str, capacity: int = CAPACITY) -> None:
        self._folder, self._worker = folder, worker
        self._table = Shared(folder / TABLE, 1, capacity)
        self._leases = Leases(folder, self._table)
        self._lease: Lease | None = None
        self._since = 0
        self._open: dict[Lease, int] = {}
        self._about = b""
        self._budgets: tuple[Budget, ...] = ()

    def close(self) -> None:
        """Let go of everything; what was reserved and not settled is control's to find out."""
        for lease in self._open:
            lease.close()
        self._lease, self._open = None, {}
        self._leases.close()
        self._table.close()

    def lease(self, budgets: tuple[Budget, ...], now: int = 0) -> Lease:
        """The lease by which these budgets are drawn; ``now`` in microseconds."""
        if budgets is not self._budgets or self._lease is None:
            about = mark(budgets)
            if about != self._about or self._lease is None:
                self._take(about, now)
            self._budgets = budgets
        if now - self._since > LASTS and self._table.crowded:
            self._take(self._about, now)
        assert self._lease is not None
        return self._lease

    def _take(self, about: bytes, now: int) -> None:
        before = self._lease
        with self._table.locked():
            self._lease = Lease.take(self._folder, self._worker)
            self._table.changed()
        self._about, self._since, self._open[self._lease] = about, now, 0
        if before is not None:
            self._let_go(before)  # calls under way still settle by it

    def _let_go(self, lease: Lease) -> None:
        """A lease that is not the current one is over when nothing is under way on it."""
        if lease is not self._lease and not self._open.get(lease, 1):
            del self._open[lease]
            lease.close()

    def reserve(self, wanted: Sequence[Draw], amount: int, lease: Lease,
                beyond: bool = False) -> Reserved | Spent:
        """All of it or nothing. With ``beyond``, budgets that go on with the light model are drawn over their limit."""
        with self._table.locked():
            if self._table.mark != self._about:
                raise NotReady
            places = self._places(wanted)
            spent = [self._spent(place) for place in places]
            for draw, gone in zip(wanted, spent, strict=True):
                left = draw.budget.limit - gone
                if amount > left and not (beyond and draw.budget.then == "light"):
                    return Spent(draw, left)
            for place in set(places):  # two budgets may look at one counter: it is drawn once
                lease.reserve(place, amount)
            self._open[lease] += 1
        return Reserved(tuple(set(places)), amount, tuple(gone + amount for gone in spent))

    def settle(self, reserved: Reserved, cost: int, lease: Lease) -> None:
        for place in reserved.places:
            lease.settle(place, reserved.amount, cost)
        self._open[lease] -= 1
        self._let_go(lease)

    def _places(self, wanted: Sequence[Draw]) -> tuple[int, ...]:
        """Where the counters are. One that is new takes the place of one that says nothing, if it must."""
        found: list[int] = []
        for draw in wanted:
            name = draw.budget.counter(draw.subject)
            if self._table.shut and self._table.find(name) is None:
                raise Full(f"{self._table.path.name}: what some spent has no room in it, so nobody new is let in")
            found.append(self._table.place(name, lambda place: place not in found and self._leases.idle(place)))
        return tuple(found)

    def _spent(self, place: int) -> int:
        (known,) = self._table.row(place)
        return known + sum(lease.drawn(place) for lease in self._leases.all().values())
