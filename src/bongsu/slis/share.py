"""Bad events out of all: the share, how sure it is, and what would be seen of so many."""

from __future__ import annotations

from fractions import Fraction

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.interval import exact, quantile
from bongsu.tails import clopper_pearson


class Share:
    """What a vector of ``bad`` and ``total`` says; undefined without events. The interval is Clopper and Pearson's
    (Biometrika 26 (1934) 404) at ``alpha`` divided by the number of looks.

    >>> Share().value({"bad": 1, "total": 8})
    Fraction(1, 8)
    """

    alpha: Fraction = Fraction(1, 100)

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
