"""Events counted: (signal, labels, base window, part) -> integer, and nothing else.

Integers add exactly and in any order, so late events, replays, shards and clusters agree to the last one.
A window of any length is a sum of base windows. Each part keeps running totals over its sparse base windows, so a
window costs two binary searches however long it is, and a new event at the end costs one addition.

All instants are microseconds; ``base`` is the width of a base window.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

Labels = tuple[str, ...]
Vector = Mapping[str, int]
"""Part -> sum over a window."""


class Cell(NamedTuple):
    """One addend. ``signal`` is the signal's key (name and definition), ``labels`` its label values in order."""

    signal: str
    labels: Labels
    start: int
    part: str
    n: int


OTHER = "__other__"
FOREVER = 2**62
MOST_LABELS = 1000
"""Combinations of label values that one signal counts apart."""
MOST_GROUPS = 100
"""Values that one signal counts apart in its parts (``NAME=VALUE``)."""


class Seats:
    """Which label values signals count apart: those that have cells, and then the first to come, while there is room.

    Labels come from callers; without a cap one that sends a new value with every call would fill the memory. What has
    no seat is counted together, all labels ``__other__``; totals over all labels stay exact. So it is with the values
    that parts are split by. A seat is kept as long as its cells are; ``full`` are the signals whose did not suffice.
    """

    def __init__(self, known: Cells, most: int = MOST_LABELS, most_groups: int = MOST_GROUPS) -> None:
        self._known, self._most, self._most_groups = known, most, most_groups
        self._labels: dict[str, dict[Labels, None]] = {}
        self._groups: dict[str, dict[str, None]] = {}
        self.full: set[str] = set()

    def labels(self, signal: str) -> Iterable[Labels]:
        """The combinations of label values that have a seat."""
        return self._seated(signal)

    def groups(self, signal: str) -> Iterable[str]:
        """The values of parts that have one."""
        return self._grouped(signal)

    def free(self, signal: str) -> int:
        """How many more combinations may sit."""
        return max(0, self._most - len(self._seated(signal)))

    def free_groups(self, signal: str) -> int:
        return max(0, self._most_groups - len(self._grouped(signal)))

    def note(self, cells: Iterable[Cell]) -> None:
        """Who was counted apart has a seat from then on."""
        for signal, labels, _, part, _ in cells:
            if labels and set(labels) != {OTHER}:
                self._seated(signal)[labels] = None
            _, split, group = part.partition("=")
            if split and group != OTHER:
                self._grouped(signal)[group] = None

    def take(self, signal: str, came: Sequence[Labels]) -> None:
        """Seat those who came, in their order; those for whom there is no room are beyond."""
        room = self.free(signal)
        self._seated(signal).update(dict.fromkeys(came[:room]))
        if len(came) > room:
            self.full.add(signal)

    def take_groups(self, signal: str, came: Sequence[str]) -> None:
        room = self.free_groups(signal)
        self._grouped(signal).update(dict.fromkeys(came[:room]))
        if len(came) > room:
            self.full.add(signal)

    def _seated(self, signal: str) -> dict[Labels, None]:
        if signal not in self._labels:
            self._labels[signal] = {one: None for one in self._known.labels(signal) if set(one) != {OTHER}}
        return self._labels[signal]

    def _grouped(self, signal: str) -> dict[str, None]:
        if signal not in self._groups:
            self._groups[signal] = dict.fromkeys(sorted(self._known.groups(signal) - {OTHER}))
        return self._groups[signal]


def merged(cells: Iterable[Cell]) -> list[Cell]:
    """Cells of the same place as one, those that add up to nothing left out.

    >>> a = Cell("s", (), 0, "n", 2)
    >>> merged([a, Cell("s", (), 60, "n", 1), a, Cell("s", (), 60, "n", -1)])
    [Cell(signal='s', labels=(), start=0, part='n', n=4)]
    """
    found: dict[tuple[str | Labels | int, ...], Cell] = {}
    for cell in cells:
        place = cell[:4]
        known = found.get(place)
        found[place] = cell if known is None else cell._replace(n=known.n + cell.n)
    return [cell for cell in found.values() if cell.n]


class _Track:
    """One part over time: sorted starts, counts, and running totals that are valid before ``fresh``."""

    __slots__ = ("counts", "fresh", "starts", "totals")

    def __init__(self) -> None:
        self.starts, self.counts, self.totals = array("q"), array("q"), array("q", [0])
        self.fresh = 0

    def add(self, start: int, n: int) -> None:
        starts = self.starts
        i = len(starts) if not starts or start > starts[-1] else bisect_left(starts, start)
        if i == len(starts) or starts[i] != start:
            starts.insert(i, start)
            self.counts.insert(i, n)
        else:
            self.counts[i] += n
        self.fresh = min(self.fresh, i)

    def total(self, begin: int, end: int) -> int:
        starts = self.starts
        if self.fresh < len(starts):
            del self.totals[self.fresh + 1 :]
            tail = accumulate(self.counts[self.fresh :], initial=self.totals[self.fresh])
            next(tail)
            self.totals.extend(tail)
            self.fresh = len(starts)
        if not starts:
            return 0
        last = len(starts) if starts[-1] < end else bisect_left(starts, end)
        return self.totals[last] - (self.totals[bisect_left(starts, begin)] if starts[0] < begin else 0)

    def drop_before(self, start: int) -> None:
        i = bisect_left(self.starts, start)
        self.starts, self.counts = self.starts[i:], self.counts[i:]
        self.totals, self.fresh = array("q", [0]), 0


class _Series:
    """The parts of one label combination, kept in the order of their newest base window.

    A histogram has hundreds of parts, but few that were touched lately: a window that ends now reads only those.
    """

    __slots__ = ("newest", "ordered", "parts")

    def __init__(self) -> None:
        self.parts: dict[str, _Track] = {}
        self.newest, self.ordered = -(2**63), True

    def add(self, part: str, start: int, n: int) -> None:
        track = self.parts.get(part)
        if track is None:
            track = self.parts[part] = _Track()
        elif start >= self.newest and start > track.starts[-1]:
            self.parts[part] = self.parts.pop(part)
        track.add(start, n)
        self.ordered = self.ordered and start >= self.newest
        self.newest = max(self.newest, start)

    def sum(self, begin: int, end: int, out: dict[str, int]) -> None:
        if not self.ordered:
            self.parts = dict(sorted(self.parts.items(), key=lambda item: item[1].starts[-1]))
            self.ordered = True
        for part, track in reversed(self.parts.items()):
            if track.starts[-1] < begin:
                return
            n = track.total(begin, end)
            if n:
                out[part] = out.get(part, 0) + n

    def drop_before(self, start: int) -> None:
        for track in self.parts.values():
            track.drop_before(start)
        self.parts = {part: track for part, track in self.parts.items() if track.starts}


class Cells:
    """The sum of all cells added so far. Events from ``since`` up to ``upto`` have been counted, as far as is known."""

    def __init__(self, base: int, cells: Iterable[Cell] = ()) -> None:
        self.base = base
        self._series: dict[str, dict[Labels, _Series]] = {}
        self._slices: dict[str, dict[int, dict[int, dict[str, int]]]] = {}
        self.since, self.upto = -FOREVER, FOREVER
        self.add(cells)

    def add(self, cells: Iterable[Cell]) -> None:
        for signal, labels, start, part, n in cells:
            by_labels = self._series.setdefault(signal, {})
            series = by_labels.get(labels)
            if series is None:
                series = by_labels[labels] = _Series()
            series.add(part, start, n)
            for length, known in self._slices.get(signal, {}).items():
                known.pop(start // length * length, None)

    def window(self, now: int, length: int) -> tuple[int, int]:
        """The half-open span [begin, end) of base windows that ends with the one now open.

        At a boundary the window is exactly ``length``; inside a base window it is at most one base shorter, since the
        open one counts and the one that is partly out does not.
        """
        end = -(-now // self.base) * self.base
        return end - length, end

    def covered(self, begin: int, end: int) -> int:
        """How much of [begin, end) has been counted.

        >>> cells = Cells(60)
        >>> cells.since, cells.upto = 100, 200
        >>> cells.covered(60, 180), cells.covered(60, 240), cells.covered(240, 300)
        (80, 100, 0)
        """
        return max(0, min(end, self.upto) - max(begin, self.since))

    def earliest(self) -> int:
        """When the first base window that has anything begins; ``FOREVER`` where none has."""
        return min((track.starts[0] for by_labels in self._series.values() for series in by_labels.values()
                    for track in series.parts.values()), default=FOREVER)

    def labels(self, signal: str) -> list[Labels]:
        """Every combination of label values seen, in order."""
        return sorted(self._series.get(signal, ()))

    def groups(self, signal: str) -> set[str]:
        """Every value that the parts of a signal are split by."""
        series = self._series.get(signal, {}).values()
        return {part.partition("=")[2] for one in series for part in one.parts if "=" in part}

    def vector(self, signal: str, begin: int, end: int, labels: Iterable[Labels] | None = None) -> dict[str, int]:
        """Sums of each part over [begin, end), of some label combinations or of all of them."""
        by_labels = self._series.get(signal, {})
        out: dict[str, int] = {}
        for combination in by_labels if labels is None else labels:
            if combination in by_labels:
                by_labels[combination].sum(begin, end, out)
        return out

    def slice(self, signal: str, begin: int, length: int) -> dict[str, int]:
        """Sums over the slice [begin, begin + length), of all labels. Remembered until an event of it comes late."""
        known = self._slices.setdefault(signal, {}).setdefault(length, {})
        if begin not in known:
            known[begin] = self.vector(signal, begin, begin + length)
        return known[begin]

    def drop_before(self, start: int) -> None:
        """Forget base windows that begin before ``start`` (retention), and label values that have no others."""
        for signal, by_labels in self._series.items():
            for series in by_labels.values():
                series.drop_before(start)
            self._series[signal] = {labels: series for labels, series in by_labels.items() if series.parts}
        self._slices.clear()

    def keep(self, signals: Collection[str]) -> None:
        """Forget every signal but these."""
        for signal in self._series.keys() - set(signals):
            del self._series[signal]
            self._slices.pop(signal, None)

    def __iter__(self) -> Iterator[Cell]:
        for signal, by_labels in sorted(self._series.items()):
            for labels, series in sorted(by_labels.items()):
                for part, track in sorted(series.parts.items()):
                    for start, n in zip(track.starts, track.counts, strict=True):
                        if n:
                            yield Cell(signal, labels, start, part, n)

    def digest(self) -> str:
        """SHA-256 over all non-zero cells in order: equal if and only if the sums are equal."""
        h = hashlib.sha256()
        for cell in self:
            h.update(repr(tuple(cell)).encode())
        return h.hexdigest()
