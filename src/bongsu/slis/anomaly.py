"""How unusual a window is beside its own past: for cost, traffic, latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from statistics import fmean, median
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
FEWEST, MOST = 24, 288
"""Windows of a past without a season, however long a window is."""


@dataclass(frozen=True)
class Anomaly:
    """How many deviations the window is from its own past: (x - median) / spread.

    x is the number of events, or the ``statistic`` (total or mean) of ``of``. Without a ``season`` the past are the
    windows just before it, for ``past`` (24 to 288 of them). With ``season: day`` or ``week`` they are the same windows
    so many seasons ``back``, each with its neighbours before and after. At least half of the past must have events. The
    spread is the larger of 1.4826 MAD and the standard deviation: what has jumped before may jump again. It is no
    smaller than chance gives a count (its square root), nor than 1 % of the median. ``bongsu signal season NAME`` says
    which season a signal's past has.

    Median and MAD: P. Rousseeuw, C. Croux, JASA 88 (1993) 1273.
    """

    kind: ClassVar[str] = "anomaly"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "always"
    of: Expression | None = field(default=None, metadata={"want": "number"})
    statistic: Literal["total", "mean"] = "total"
    season: Literal["none", "day", "week"] = "none"
    past: Duration = Duration(3 * DAY)
    back: int = 4
    where: Expression | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.back <= 52:
            raise ValueError(f"back: expected 2 to 52 seasons, came {self.back}")
        if self.past <= 0:
            raise ValueError("past: expected a length of time above 0")
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

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:  # noqa: ARG002  # the port's shape
        return aggregate.Evidence(None, vector.get("n", 0))

    def shifts(self, over: Duration) -> Sequence[int]:
        """How far back (microseconds) the windows are that this one is compared with."""
        if self.season == "none":
            return [k * over for k in range(1, min(MOST, max(FEWEST, self.past // over)) + 1)]
        season = DAY if self.season == "day" else 7 * DAY
        return [k * season + neighbour * over for k in range(1, self.back + 1) for neighbour in (-1, 0, 1)]

    def beside(self, vector: Vector, past: Sequence[Vector]) -> aggregate.Evidence:
        """The window against what was."""
        was = [x for one in past if (x := self.measured(one)) is not None]
        now = self.measured(vector)
        n = vector.get("n", 0)
        if now is None and not (was and self.statistic == "total"):
            return aggregate.Evidence(None)
        if 2 * len(was) < len(past):
            return aggregate.Evidence(None, n, insufficient=f"{len(was)} of {len(past)} windows of its past have "
                                      "events, half of them are needed")
        middle, mean = median(was), fmean(was)
        spread = max(NORMAL * median([abs(x - middle) for x in was]), sqrt(fmean([(x - mean) ** 2 for x in was])))
        chance = sqrt(max(1.0, middle)) if self.of is None else 0.0
        least = max(spread, chance, LEAST * abs(middle), 1 / MICRO)
        return aggregate.Evidence(exact(((now or 0.0) - middle) / least), max(n, 1))

    def measured(self, vector: Vector) -> float | None:
        """x of one window; None where it has no events."""
        n = vector.get("n", 0)
        if n <= 0:
            return None
        if self.of is None:
            return float(n)
        total = vector.get("sum", 0) / self._scale
        return total / n if self.statistic == "mean" else total
