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
from collections.abc import Iterable, Iterator, Mapping
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
        if self.fresh < len(self.starts):
            del self.totals[self.fresh + 1 :]
            tail = accumulate(self.counts[self.fresh :], initial=self.totals[self.fresh])
            next(tail)
            self.totals.extend(tail)
            self.fresh = len(self.starts)
        return self.totals[bisect_left(self.starts, end)] - self.totals[bisect_left(self.starts, begin)]

    def drop_before(self, start: int) -> None:
        i = bisect_left(self.starts, start)
        self.starts, self.counts = self.starts[i:], self.counts[i:]
        self.totals, self.fresh = array("q", [0]), 0


class Cells:
    """The sum of all cells added so far."""

    def __init__(self, base: int, cells: Iterable[Cell] = ()) -> None:
        self.base = base
        self._tracks: dict[str, dict[Labels, dict[str, _Track]]] = {}
        self.add(cells)

    def add(self, cells: Iterable[Cell]) -> None:
        for signal, labels, start, part, n in cells:
            parts = self._tracks.setdefault(signal, {}).setdefault(labels, {})
            track = parts.get(part)
            if track is None:
                track = parts[part] = _Track()
            track.add(start, n)

    def window(self, now: int, length: int) -> tuple[int, int]:
        """The half-open span [begin, end) of base windows that ends with the one now open.

        At a boundary the window is exactly ``length``; inside a base window it is at most one base shorter, since the
        open one counts and the one that is partly out does not.
        """
        end = -(-now // self.base) * self.base
        return end - length, end

    def labels(self, signal: str) -> list[Labels]:
        """Every combination of label values seen, in order."""
        return sorted(self._tracks.get(signal, ()))

    def vector(self, signal: str, begin: int, end: int, labels: Iterable[Labels] | None = None) -> dict[str, int]:
        """Sums of each part over [begin, end), of some label combinations or of all of them."""
        series = self._tracks.get(signal, {})
        chosen = series.values() if labels is None else (series.get(combination, {}) for combination in labels)
        out: dict[str, int] = {}
        for parts in chosen:
            for part, track in parts.items():
                n = track.total(begin, end)
                if n:
                    out[part] = out.get(part, 0) + n
        return out

    def first(self, signal: str) -> int | None:
        """Start of the oldest base window of a signal."""
        starts = [t.starts[0] for parts in self._tracks.get(signal, {}).values() for t in parts.values() if t.starts]
        return min(starts, default=None)

    def drop_before(self, start: int) -> None:
        """Forget base windows that begin before ``start`` (retention)."""
        for series in self._tracks.values():
            for parts in series.values():
                for track in parts.values():
                    track.drop_before(start)

    def __iter__(self) -> Iterator[Cell]:
        for signal, series in sorted(self._tracks.items()):
            for labels, parts in sorted(series.items()):
                for part, track in sorted(parts.items()):
                    for start, n in zip(track.starts, track.counts, strict=True):
                        if n:
                            yield Cell(signal, labels, start, part, n)

    def digest(self) -> str:
        """SHA-256 over all non-zero cells in order: equal if and only if the sums are equal."""
        h = hashlib.sha256()
        for cell in self:
            h.update(repr(tuple(cell)).encode())
        return h.hexdigest()
