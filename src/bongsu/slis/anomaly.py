"""How unusual a window is for its hour of the week: for cost, traffic, latency, which have days and nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from statistics import median
from typing import ClassVar, Literal

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import exact
from bongsu.quantity import DAY, Duration

MICRO = 10**6
NORMAL = 1.4826
"""Median absolute deviation -> standard deviation, of a normal distribution."""
LEAST = 0.01
"""A deviation is never taken as smaller than this share of the median: what never varied may still move a little."""


@dataclass(frozen=True)
class Anomaly:
    """How many robust standard deviations the window is from its own past: (x - median) / (1.4826 MAD).

    x is the number of events, or the ``statistic`` (total or mean) of ``of``. The past are the same windows some weeks
    back (days, with ``season: day``), each with its neighbours before and after. At least half of them must have
    events. The deviation is no smaller than chance gives a count (its square root), nor than 1 % of the median.

    Median and MAD: P. Rousseeuw, C. Croux, JASA 88 (1993) 1273.
    """

    kind: ClassVar[str] = "anomaly"
    unit: ClassVar[str] = ""
    of: Expression | None = field(default=None, metadata={"want": "number"})
    statistic: Literal["total", "mean"] = "total"
    season: Literal["week", "day"] = "week"
    back: int = 4
    where: Expression | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.back <= 52:
            raise ValueError(f"back: expected 2 to 52 seasons, came {self.back}")
        if self.of is None and self.statistic == "mean":
            raise ValueError("statistic: expected 'of', the number that the mean is of, came none")

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        where = (self.where,) if self.where else ()
        if self.of is None:
            return {"n": aggregate.Count(where)}
        of = self.of
        if self.where:
            columns = tuple(dict.fromkeys((*of.columns, *self.where.columns)))
            of = Expression(f"CASE WHEN {self.where.text} THEN {of.text} END", of.kind, columns)
        return {"n": aggregate.Count(where, known=(self.of,)), "sum": aggregate.Sum(of, scale=self._scale)}

    @property
    def _scale(self) -> int:
        return 1 if self.of is not None and self.of.kind == "int" else MICRO

    def value(self, vector: Vector) -> Fraction | None:  # noqa: ARG002  # the port's shape
        """Undefined without the past: see ``beside``."""
        return None

    def shifts(self, over: Duration) -> Sequence[int]:
        """How far back (microseconds) the windows are that this one is compared with."""
        season = DAY if self.season == "day" else 7 * DAY
        return [k * season + neighbour * over for k in range(1, self.back + 1) for neighbour in (-1, 0, 1)]

    def beside(self, vector: Vector, past: Sequence[Vector]) -> aggregate.Evidence:
        """The window against what was."""
        was = [x for one in past if (x := self._x(one)) is not None]
        now = self._x(vector)
        n = vector.get("n", 0)
        if now is None and not (was and self.statistic == "total"):
            return aggregate.Evidence(None)
        if 2 * len(was) < len(past):
            return aggregate.Evidence(None, n, insufficient=f"{len(was)} of {len(past)} windows of its past have "
                                      "events, half of them are needed")
        middle = median(was)
        spread = NORMAL * median([abs(x - middle) for x in was])
        chance = sqrt(max(1.0, middle)) if self.of is None else 0.0
        least = max(spread, chance, LEAST * abs(middle), 1 / MICRO)
        return aggregate.Evidence(exact(((now or 0.0) - middle) / least), max(n, 1))

    def _x(self, vector: Vector) -> float | None:
        n = vector.get("n", 0)
        if n <= 0:
            return None
        if self.of is None:
            return float(n)
        total = vector.get("sum", 0) / self._scale
        return total / n if self.statistic == "mean" else total
