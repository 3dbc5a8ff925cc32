"""What adds up, such as the money spent in an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.slis.mean import MICRO


@dataclass(frozen=True)
class Sum:
    """Sum of ``of`` over the events where it is known. No events is 0: nothing was spent.

    Whole-number expressions add exactly; others are rounded to millionths once per event.

    >>> from bongsu.expression import read
    >>> Sum(read("cost", "number")).value({"sum": 9_000, "n": 3}), Sum(read("cost", "number")).value({})
    (Fraction(9000, 1), Fraction(0, 1))
    """

    kind: ClassVar[str] = "sum"
    unit: ClassVar[str] = ""
    of: Expression = field(metadata={"want": "number"})

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        return {"sum": aggregate.Sum(self.of, known=(self.of,), scale=self._scale),
                "n": aggregate.Count(known=(self.of,))}

    def value(self, vector: Vector) -> Fraction | None:
        return Fraction(vector.get("sum", 0), self._scale)

    @property
    def _scale(self) -> int:
        return 1 if self.of.kind == "int" else MICRO
