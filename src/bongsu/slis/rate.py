"""How often something happens: events for each so much time, or for each so many calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import check_alpha, exact, quantile
from bongsu.ports import JUDGES
from bongsu.quantity import Duration
from bongsu.sampling import Sampling
from bongsu.tails import clopper_pearson, poisson_interval


@dataclass(frozen=True)
class Rate:
    """How many events satisfy ``of`` (all, if left out) for each ``per`` of time, or for each so many ``calls``.

    Time is what was counted of the window: a service that began ten minutes ago has lived through ten minutes of an
    hour, and what has not been read yet is not quiet. The interval, at ``alpha`` divided by the number of looks, is
    Garwood's of a Poisson count (Biometrika 28 (1936) 437) over that time; for each so many calls, which are what
    ``out_of`` says, Clopper and Pearson's of a share (26 (1934) 404). A ``count`` is compared as it is; a rate says
    how often it happens, so an alarm needs its interval beyond the threshold.

    Ten events in half an hour, for each hour:

    >>> found = Rate(per=Duration(3_600_000_000), alpha=Fraction(5, 100)).during(1_800_000_000).evidence({"n": 10})
    >>> found.value, round(float(found.low), 4), round(float(found.high), 4)
    (Fraction(20, 1), 9.5908, 36.7807)
    """

    kind: ClassVar[str] = "rate"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "alarm"
    of: Expression | None = None
    per: Duration | None = None
    calls: int = 0
    out_of: Expression | None = None
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)
    span: int = field(default=0, metadata={"bound": True})
    sampling: Sampling | None = field(default=None, metadata={"bound": True})

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if (self.per is None) == (self.calls == 0):
            raise ValueError(f"per: expected either 'per' (a time such as 1h) or 'calls' (a number such as 1000), came "
                             f"{'neither' if self.per is None else 'both'}")
        if self.calls < 0 or (self.per is not None and self.per <= 0):
            raise ValueError("per and calls: expected more than zero")
        if self.calls and self.of is None:
            raise ValueError("of: expected a condition beside 'calls', came none; of all calls every one would count")
        if self.out_of is not None and not self.calls:
            raise ValueError("out_of: expected it beside 'calls', came beside 'per'")

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.sampling and self.of is not None and not self.calls:
            return self.sampling.parts(self.of)
        of = () if self.of is None else (self.of,)
        given = (self.out_of, self.sampling.seen() if self.sampling else None)
        out_of = tuple(one for one in given if one is not None)
        counted = {"n": aggregate.Count((*of, *out_of))}
        return counted | {"total": aggregate.Count(out_of)} if self.calls else counted

    def during(self, span: int) -> Rate:
        """The same, of events that were counted over ``span`` microseconds."""
        return replace(self, span=span)

    def value(self, vector: Vector) -> Fraction | None:
        return self.evidence(vector).value

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        n, z = vector.get("n", 0), quantile(float(self.alpha), looks)
        if self.per is None:
            total = vector.get("total", 0)
            if total <= 0:
                return aggregate.Evidence(None)
            low, high = clopper_pearson(n, total, z)
            return aggregate.Evidence(Fraction(n * self.calls, total), total, exact(low * self.calls),
                                      exact(high * self.calls))
        if self.span <= 0:
            return aggregate.Evidence(None, n)
        times = Fraction(self.per, self.span)
        value, (low, high) = Fraction(n), poisson_interval(n, z)
        if self.sampling:
            value, low, high = self.sampling.total(vector, z)
        return aggregate.Evidence(value * times, n, exact(low * float(times)), exact(high * float(times)))

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), Fraction(self.calls) if self.calls else None

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """Of so many calls; of time so many events are a value themselves, so there is nothing to say."""
        if not self.calls:
            return aggregate.Evidence(None)
        return self.evidence({"n": round(min(1.0, value / self.calls) * n), "total": n}, looks)
