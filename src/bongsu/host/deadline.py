"""How long a connection waits: a timer that is put off more often than it rings, and the pace of a body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import NamedTuple


class Deadline:
    """Calls ``late`` once it is due. An earlier timer stays while what is due is put off, and looks again when it
    rings: setting one anew for every piece of a stream costs more than the rest of passing it on."""

    __slots__ = ("_due", "_late", "_loop", "_rings", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop, self._late = loop, late
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._rings = inf

    def put_off(self, due: float) -> None:
        """``due`` is a time of the loop's; never, if it is infinite."""
        self._due = due
        if due >= self._rings:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._rings, self._timer = due, self._loop.call_at(due, self._ring)

    def close(self) -> None:
        """It rings no more, and knows nobody: a connection goes when it is lost, and waits for no collector."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due, self._rings, self._late = None, inf, inf, _nothing

    def _ring(self) -> None:
        self._timer, self._rings = None, inf
        if self._loop.time() < self._due:
            self.put_off(self._due)
        else:
            self._late()


def _nothing() -> None:
    """Who was to be called is gone."""


class Pace(NamedTuple):
    """How fast a body has to come: some of it every ``within`` seconds, and all of it in as many and one more for each
    ``rate`` bytes. So who sends a byte now and then is not waited for longer than who sends nothing.

    >>> Pace(60, 4096).due(began=0, now=9, size=1)
    60.000244140625
    >>> Pace(60, 4096).due(began=0, now=100, size=10 << 20)
    160
    """

    within: float
    rate: int

    def due(self, began: float, now: float, size: int) -> float:
        """When more has to be here of a body that began at ``began`` and of which ``size`` bytes are here."""
        return min(now + self.within, began + self.within + size / self.rate)
