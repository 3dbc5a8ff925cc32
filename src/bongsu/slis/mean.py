"""Ratio of two sums, such as cost per token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression

MICRO = 10**6


@dataclass(frozen=True)
class Mean:
    """Sum of ``sum`` divided by the sum of ``per`` (the number of events, if left out); never a mean of means.

    Only events where both are known count. Whole-number expressions add exactly; others are rounded to millionths
    once per event, so that sums do not depend on order.

    >>> from bongsu.expression import read
    >>> Mean(read("cost", "number"), read("input_tokens + output_tokens", "number")).value({"sum": 9_000, "per": 4})
    Fraction(2250, 1)
    """

    kind: ClassVar[str] = "mean"
    unit: ClassVar[str] = ""
    sum: Expression = field(metadata={"want": "number"})
    per: Expression | None = field(default=None, metadata={"want": "number"})

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        known = (self.sum,) if self.per is None else (self.sum, self.per)
        per = (aggregate.Count(known=known) if self.per is None
               else aggregate.Sum(self.per, known=known, scale=_scale(self.per)))
        return {"sum": aggregate.Sum(self.sum, known=known, scale=_scale(self.sum)), "per": per,
                "n": aggregate.Count(known=known)}

    def value(self, vector: Vector) -> Fraction | None:
        per = Fraction(vector.get("per", 0), 1 if self.per is None else _scale(self.per))
        return Fraction(vector.get("sum", 0), _scale(self.sum)) / per if per else None


def _scale(expression: Expression) -> int:
    return 1 if expression.kind == "int" else MICRO
