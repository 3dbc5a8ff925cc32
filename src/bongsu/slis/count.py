"""How many events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression


@dataclass(frozen=True)
class Count:
    """How many events satisfy ``of`` (all of them, if left out). No events is 0: a count is always known.

    >>> Count().value({"n": 11}), Count().value({})
    (Fraction(11, 1), Fraction(0, 1))
    """

    kind: ClassVar[str] = "count"
    unit: ClassVar[str] = ""
    of: Expression | None = None

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        return {"n": aggregate.Count(() if self.of is None else (self.of,))}

    def value(self, vector: Vector) -> Fraction | None:
        return Fraction(vector.get("n", 0))
