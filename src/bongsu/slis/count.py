"""How many events."""

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
from bongsu.tails import poisson_interval


@dataclass(frozen=True)
class Count:
    """How many events satisfy ``of`` (all of them, if left out). No events is 0: a count is always known.

    Its interval is that of how many such windows have on average, of events that come by chance (Poisson): Garwood's
    (Biometrika 28 (1936) 437) at ``alpha`` divided by the number of looks. Of what a guard finds in a sample it is an
    estimate of all (``sampling.py``), so an alarm wants its interval beyond the threshold, unless it looks at all.

    >>> Count().value({"n": 11}), Count().value({})
    (Fraction(11, 1), Fraction(0, 1))
    >>> found = Count(alpha=Fraction(5, 100)).evidence({"n": 10})
    >>> round(float(found.low), 4), round(float(found.high), 4)
    (4.7954, 18.3904)
    """

    kind: ClassVar[str] = "count"
    unit: ClassVar[str] = ""
    of: Expression | None = None
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)
    sampling: Sampling | None = field(default=None, metadata={"bound": True})

    @property
    def proof(self) -> aggregate.Proof:
        return "alarm" if self.sampling and self.sampling.share < 1 else "never"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.of is not None and self.sampling:
            return self.sampling.parts(self.of)
        return {"n": aggregate.Count(() if self.of is None else (self.of,))}

    def value(self, vector: Vector) -> Fraction | None:
        return self.evidence(vector).value

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        n, z = vector.get("n", 0), quantile(float(self.alpha), looks)
        if self.sampling:
            value, least, most = self.sampling.total(vector, z)
            return aggregate.Evidence(value, n, exact(least), exact(most))
        low, high = poisson_interval(n, z)
        return aggregate.Evidence(Fraction(n), n, exact(low), exact(high))
