"""Numbers as Prometheus reads them: the text exposition format 0.0.4, counters and histograms that cost little to keep.

A series is a tuple of label values, so counting one more is a look-up in a dict. What is beyond ``MOST`` series of a
family is counted together, with ``__other__`` for every label: names that come from outside must not fill the memory.

Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from bongsu.cell import OTHER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST = 2000
Values = tuple[str, ...]
V = TypeVar("V")


@dataclass(frozen=True)
class Family:
    """What is said of all series of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "untyped"]
    help: str
    labels: tuple[str, ...] = ()


def sample(name: str, labels: Iterable[tuple[str, str]], value: float | int | str) -> str:
    r"""One line.

    >>> sample("up", [("job", 'a "b"\n')], 1)
    'up{job="a \\"b\\"\\n"} 1'
    """
    inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


Lines = dict[str, list[str]]
"""The header of a family (its HELP and TYPE) -> its samples."""


def header(family: Family) -> str:
    return f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}"


def page(*found: Mapping[str, Sequence[str]]) -> str:
    """An exposition of what several have to say: the samples of a family stand together."""
    merged: Lines = {}
    for one in found:
        for head, lines in one.items():
            merged.setdefault(head, []).extend(lines)
    return "".join(f"{head}\n" + "".join(f"{line}\n" for line in lines) for head, lines in merged.items() if lines)


class Kept(Generic[V]):
    """The series of one family."""

    __slots__ = ("family", "fresh", "series")

    def __init__(self, family: Family, fresh: Callable[[], V]) -> None:
        self.family, self.fresh = family, fresh
        self.series: dict[Values, V] = {}

    def at(self, key: Values) -> V:
        found = self.series.get(key)
        if found is None:
            if len(self.series) >= MOST:
                key = (OTHER,) * len(key)
            found = self.series.setdefault(key, self.fresh())
        return found

    def _pairs(self, key: Values, fixed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [*fixed, *zip(self.family.labels, key, strict=True)]


class Counter(Kept[list[int]]):
    """Whole numbers that only grow, shown as multiples of ``unit``."""

    __slots__ = ("show",)

    def __init__(self, family: Family, show: Callable[[int], str] = str) -> None:
        super().__init__(family, lambda: [0])
        self.show = show

    def add(self, key: Values, n: int = 1) -> None:
        self.at(key)[0] += n

    def lines(self, fixed: Sequence[tuple[str, str]] = ()) -> Lines:
        return {header(self.family): [sample(self.family.name, self._pairs(key, fixed), self.show(n))
                                      for key, (n,) in self.series.items()]}


class Histogram(Kept[list[float]]):
    """Counts up to each of ``edges`` (inclusive), all, and the sum: a classic histogram."""

    __slots__ = ("edges",)

    def __init__(self, family: Family, edges: Sequence[float]) -> None:
        size = len(edges) + 2
        super().__init__(family, lambda: [0] * size)
        self.edges = tuple(edges)

    def add(self, key: Values, value: float) -> None:
        one = self.at(key)
        one[bisect_left(self.edges, value)] += 1
        one[-1] += value

    def lines(self, fixed: Sequence[tuple[str, str]] = ()) -> Lines:
        out = []
        name, edges = self.family.name, [*(f"{edge:.12g}" for edge in self.edges), "+Inf"]
        for key, counts in self.series.items():
            pairs, total = self._pairs(key, fixed), 0
            for edge, n in zip(edges, counts, strict=False):
                total += int(n)
                out.append(sample(f"{name}_bucket", [*pairs, ("le", edge)], total))
            out.append(sample(f"{name}_sum", pairs, f"{counts[-1]:.9g}"))
            out.append(sample(f"{name}_count", pairs, total))
        return {header(self.family): out}


def shown(family: Family, series: Mapping[Values, float | int | str], fixed: Sequence[tuple[str, str]] = ()) -> Lines:
    """A family whose values are read now."""
    return {header(family): [sample(family.name, [*fixed, *zip(family.labels, key, strict=True)], value)
                             for key, value in series.items()]}
