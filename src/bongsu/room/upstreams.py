"""How upstreams stand, as the workers of this host see them together: for the board, status, and what is worth saying.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bongsu.access.seats import shared_health
from bongsu.policy.model import Upstream
from bongsu.room.board import UpstreamRow


class Upstreams:
    """Looks on, and asks nobody. ``timer`` is the one that workers have: nanoseconds, the same for all processes."""

    def __init__(self, folder: Path, upstreams: Mapping[str, Upstream],
                 timer: Callable[[], int] = time.perf_counter_ns) -> None:
        self._health, self._timer = shared_health(folder, looking=True), timer
        self._circuits = {name: self._health.circuit(name, one.breaker) for name, one in upstreams.items()}

    def close(self) -> None:
        self._health.close()

    def rows(self) -> tuple[UpstreamRow, ...]:
        now = self._timer()
        return tuple(UpstreamRow(name, circuit.standing, *circuit.counts(now), round(circuit.wait(now) / 1e9, 3))
                     for name, circuit in self._circuits.items())

    def remarks(self) -> tuple[str, ...]:
        """Which are left alone."""
        return tuple(f"upstream {row.name} failed too often of late and is {_what(row.again_in_s)}"
                     for row in self.rows() if row.circuit != "closed")


def _what(again_in_s: float) -> str:
    return f"left alone; it is tried again in {again_in_s:.0f} s" if again_in_s else "being tried again"
