"""Whole lists of events counted with the labels among them, as if each had been known when its event was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bongsu.alert import Signal
from bongsu.cell import Cell
from bongsu.event import Event
from bongsu.label import joined
from bongsu.runners.duckdb import Counter
from bongsu.stores.arrow import table


class LabelledCounter:
    """Signals by the name of the label they mean. Belongs to the thread that made it."""

    def __init__(self, signals: Iterable[Signal], base: int) -> None:
        by_name: dict[str, list[Signal]] = {}
        for signal in dict.fromkeys(signals):
            by_name.setdefault(signal.label, []).append(signal)
        self._counters = {name: Counter(mine, base) for name, mine in by_name.items()}

    def count(self, events: Sequence[Event]) -> list[Cell]:
        """The cells these events add; a label counts for its event only where both are among them."""
        return [cell for name, counter in self._counters.items() for cell in counter.count(table(joined(events, name)))]

    def close(self) -> None:
        for counter in self._counters.values():
            counter.close()
