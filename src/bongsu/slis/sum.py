"""What adds up, such as the money spent in an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import check_alpha, quantile
from bongsu.moments import products, scale_of, total_interval
from bongsu.ports import JUDGES


@dataclass(frozen=True)
class Sum:
    """Sum of ``of`` over the events where it is known. No events is 0: nothing was spent.

    Whole-number expressions add exactly; others are rounded to millionths once per event. Its interval is that of what
    such windows add up to on average, of events that come by chance (compound Poisson, ``moments.total_interval``), at
    ``alpha`` divided by the number of looks.

    >>> from bongsu.expression import read
    >>> Sum(read("cost", "number")).value({"sum": 9_000, "n": 3}), Sum(read("cost", "number")).value({})
    (Fraction(9000, 1), Fraction(0, 1))
    >>> found = Sum(read("cost", "number"), Fraction(5, 100)).evidence({"sum": 400, "xx0": 2500, "n": 100})
    >>> round(float(found.low), 2), round(float(found.high), 2)
    (302.0, 498.0)
    """

    kind: ClassVar[str] = "sum"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "never"
    edition: ClassVar[int] = 2
    of: Expression = field(metadata={"want": "number"})
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        known = (self.of,)
        return {"sum": aggregate.Sum(self.of, known=known, scale=scale_of(self.of)), "n": aggregate.Count(known=known),
                **products("xx", self.of, self.of, known)}

    def value(self, vector: Vector) -> Fraction | None:
        return Fraction(vector.get("sum", 0), scale_of(self.of))

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        n, z = vector.get("n", 0), quantile(float(self.alpha), looks)
        low, high = total_interval(vector, n, Fraction(1, scale_of(self.of)), z)
        return aggregate.Evidence(self.value(vector), n, low, high, significant=low is not None)
