"""Share of events that are bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression


@dataclass(frozen=True)
class Ratio:
    """``bad`` events out of those where ``total`` is true.

    An event is bad only if it also counts in the total, so the ratio never exceeds one; undefined without events.

    >>> from bongsu.expression import read
    >>> Ratio(read("grounding_score < 0.5"), read("grounding_score IS NOT NULL")).value({"bad": 1, "total": 8})
    Fraction(1, 8)
    """

    kind: ClassVar[str] = "ratio"
    unit: ClassVar[str] = "share"
    bad: Expression
    total: Expression | None = None

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.total is None:
            return {"bad": aggregate.Count((self.bad,)), "total": aggregate.Count()}
        return {"bad": aggregate.Count((self.bad, self.total)), "total": aggregate.Count((self.total,))}

    def value(self, vector: Vector) -> Fraction | None:
        total = vector.get("total", 0)
        return Fraction(vector.get("bad", 0), total) if total else None
