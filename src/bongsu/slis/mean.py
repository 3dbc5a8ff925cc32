"""Ratio of two sums, such as cost per token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import check_alpha, quantile
from bongsu.moments import mean_interval, products, scale_of
from bongsu.ports import JUDGES


@dataclass(frozen=True)
class Mean:
    """Sum of ``sum`` divided by the sum of ``per`` (the number of events, if left out); never a mean of means.

    Only events where both are known count. Whole-number expressions add exactly; others are rounded to millionths
    once per event, so that sums do not depend on order. Its interval is that of a ratio of sums, from their squares
    (``moments.mean_interval``), at ``alpha`` divided by the number of looks; of fewer than twenty events it has none.

    >>> from bongsu.expression import read
    >>> Mean(read("cost", "number"), read("input_tokens + output_tokens", "number")).value({"sum": 9_000, "per": 4})
    Fraction(2250, 1)
    """

    kind: ClassVar[str] = "mean"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "alarm"
    edition: ClassVar[int] = 2
    sum: Expression = field(metadata={"want": "number"})
    per: Expression | None = field(default=None, metadata={"want": "number"})
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        known = (self.sum,) if self.per is None else (self.sum, self.per)
        parts: dict[str, aggregate.Aggregate] = {"n": aggregate.Count(known=known), "per": aggregate.Count(known=known)}
        parts |= {"sum": aggregate.Sum(self.sum, known=known, scale=scale_of(self.sum)),
                  **products("xx", self.sum, self.sum, known)}
        if self.per is not None:
            parts |= {"per": aggregate.Sum(self.per, known=known, scale=scale_of(self.per)),
                      **products("xy", self.sum, self.per, known), **products("yy", self.per, self.per, known)}
        return parts

    @property
    def _unit(self) -> Fraction:
        """What one unit of ``sum`` for one of ``per`` is, both as they are counted."""
        return Fraction(1 if self.per is None else scale_of(self.per), scale_of(self.sum))

    def value(self, vector: Vector) -> Fraction | None:
        per = vector.get("per", 0)
        return Fraction(vector.get("sum", 0), per) * self._unit if per else None

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        n, z = vector.get("n", 0), quantile(float(self.alpha), looks)
        low, high = mean_interval(vector, n, self._unit, z, "n" if self.per is None else "per")
        return aggregate.Evidence(self.value(vector), n, low, high, significant=low is not None)
