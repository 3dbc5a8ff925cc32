"""Share of events that are bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import check_alpha, exact, quantile
from bongsu.ports import JUDGES
from bongsu.sampling import Sampling
from bongsu.tails import clopper_pearson


@dataclass(frozen=True)
class Ratio:
    """``bad`` events out of those where ``total`` is true.

    An event is bad only if it also counts in the total, so the ratio never exceeds one; undefined without events. Its
    interval is Clopper and Pearson's (Biometrika 26 (1934) 404) at ``alpha`` divided by the number of looks.
    Of what a guard finds in a sample of the calls, those that it did not look at are no part of the total.

    >>> from bongsu.expression import read
    >>> Ratio(read("grounding_score < 0.5"), read("grounding_score IS NOT NULL")).value({"bad": 1, "total": 8})
    Fraction(1, 8)
    >>> found = Ratio(read("blocked"), alpha=Fraction(5, 100)).evidence({"bad": 56, "total": 70})
    >>> round(float(found.low), 4), round(float(found.high), 4)
    (0.6873, 0.8861)
    """

    kind: ClassVar[str] = "ratio"
    unit: ClassVar[str] = "share"
    proof: ClassVar[aggregate.Proof] = "alarm"
    bad: Expression
    total: Expression | None = None
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)
    sampling: Sampling | None = field(default=None, metadata={"bound": True})

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        given = (self.total, self.sampling.seen() if self.sampling else None)
        asked = tuple(one for one in given if one is not None)
        return {"bad": aggregate.Count((self.bad, *asked)), "total": aggregate.Count(asked)}

    def value(self, vector: Vector) -> Fraction | None:
        total = vector.get("total", 0)
        return Fraction(vector.get("bad", 0), total) if total else None

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        bad, total = vector.get("bad", 0), vector.get("total", 0)
        if total <= 0:
            return aggregate.Evidence(None)
        low, high = clopper_pearson(bad, total, quantile(float(self.alpha), looks))
        return aggregate.Evidence(Fraction(bad, total), total, exact(low), exact(high))

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), Fraction(1)

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        return self.evidence({"bad": round(min(1.0, value) * n), "total": n}, looks)
