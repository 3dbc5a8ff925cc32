"""The counters that exported rules ask for: what control counted of each signal since it started, for Prometheus.

Names and shapes are those of ``names``. Only what is counted while this process lives is added: Prometheus knows how to
go on after a counter begins anew, but not what to make of one that falls as old cells are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bongsu.alert import Signal
from bongsu.cell import Cell, Labels
from bongsu.exports.exposition import Family, Lines, header, sample
from bongsu.exports.names import SERVICE, buckets, edges, metric, slug
from bongsu.exports.promql import PARTS, countable


class Exposed:
    """Sums by signal, labels and part. A signal of another kind, or whose sums fall, is left out: a counter cannot."""

    def __init__(self, service: str, signals: Sequence[Signal]) -> None:
        self._service = service
        self._signals = {s.key: s for s in signals if countable(s.sli)}
        self._sums: dict[str, dict[Labels, dict[str, int]]] = {key: {} for key in self._signals}
        for key, signal in self._signals.items():
            if not signal.labels:
                self._sums[key][()] = {}

    def add(self, cells: Iterable[Cell]) -> None:
        for signal, labels, _, part, n in cells:
            if signal not in self._sums or not part.startswith(PARTS[self._signals[signal].sli.kind]):
                continue
            if n < 0:
                del self._sums[signal], self._signals[signal]
                continue
            sums = self._sums[signal].setdefault(labels, {})
            sums[part] = sums.get(part, 0) + n

    def lines(self) -> Lines:
        out: Lines = {}
        for key, signal in self._signals.items():
            series = list(self._sums[key].items())
            out |= self._quantile(signal, series) if signal.sli.kind == "quantile" else self._parts(signal, series)
        return out

    def _labels(self, signal: Signal, labels: Labels) -> list[tuple[str, str]]:
        return [(SERVICE, self._service), *((slug(n), v) for n, v in zip(signal.labels, labels, strict=True))]

    def _parts(self, signal: Signal, series: Sequence[tuple[Labels, dict[str, int]]]) -> Lines:
        out: Lines = {}
        for part in filter(signal.sli.parts().__contains__, PARTS[signal.sli.kind]):
            name = metric(signal.name, part)
            family = Family(name, "counter", f"Part '{part}' of signal '{_plain(signal.name)}'.")
            out[header(family)] = [sample(name, self._labels(signal, labels), sums.get(part, 0))
                                   for labels, sums in series]
        return out

    def _quantile(self, signal: Signal, series: Sequence[tuple[Labels, dict[str, int]]]) -> Lines:
        """Each filled bucket with both of its edges, cumulative."""
        name = buckets(signal.name)
        out = []
        for labels, sums in series:
            fixed, total = self._labels(signal, labels), 0
            steps: dict[str, int] = {}
            for number, n in sorted((int(part[1:]), n) for part, n in sums.items()):
                below, own = edges(number)
                steps.setdefault(below, total)
                total += n
                steps[own] = total
            out += [sample(name, [*fixed, ("le", edge)], n) for edge, n in steps.items()]
            out.append(sample(name, [*fixed, ("le", "+Inf")], total))
        head = header(Family(name, "untyped", f"Buckets of signal '{_plain(signal.name)}'."))
        return {head: out}


def _plain(name: str) -> str:
    return name.replace("\\", "/").replace("\n", " ")

