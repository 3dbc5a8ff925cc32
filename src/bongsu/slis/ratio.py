"""Share of events that are bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.expression import Expression
from bongsu.interval import check_alpha
from bongsu.ports import JUDGES
from bongsu.sampling import Sampling
from bongsu.slis.share import Share


@dataclass(frozen=True)
class Ratio(Share):
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
