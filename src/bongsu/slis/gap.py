"""How far apart groups are: rates of a classifier's outcomes, the largest less the smallest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import ClassVar, Literal

from bongsu import aggregate
from bongsu.cell import OTHER, Vector
from bongsu.event import FEATURES
from bongsu.expression import Expression, feature, read
from bongsu.interval import check_alpha, exact, newcombe, quantile, ratio_interval

Measure = Literal["fpr", "tpr", "selection_rate", "accuracy", "equalized_odds", "demographic_parity", "impact_ratio"]
_RATES: Mapping[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "fpr": ((("fp",), ("fp", "tn")),),
    "tpr": ((("tp",), ("tp", "fn")),),
    "equalized_odds": ((("fp",), ("fp", "tn")), (("tp",), ("tp", "fn"))),
    "accuracy": ((("tp", "tn"), ("tp", "fp", "tn", "fn")),),
    "selection_rate": ((("yes",), ("yes", "no")),),
    "demographic_parity": ((("yes",), ("yes", "no")),),
    "impact_ratio": ((("yes",), ("yes", "no")),),
}
"""Measure -> the rates it compares, each as the parts above and below the line."""
Rate = tuple[int, int]


@dataclass(frozen=True)
class Gap:
    """The largest less the smallest ``measure`` over the groups of a column, from predictions and their labels.

    A prediction is positive where it is ``positive``, or where its score is at least ``cutoff`` if that is given; the
    truth is positive where the label is ``positive``. Rates: fpr = fp/(fp+tn), tpr = tp/(tp+fn), accuracy, and
    selection_rate (also called demographic_parity), which needs no labels; equalized_odds is the larger of the gaps of
    fpr and tpr (M. Hardt et al., NeurIPS 2016). impact_ratio is the smallest selection rate divided by the largest: the
    four-fifths rule of the EEOC's Uniform Guidelines (29 CFR 1607.4 D).

    A group with fewer than ``min_group`` events below the line is left out: a rate without any is undefined, never 0.
    The interval of a gap is that of the two groups that are surest to differ (Newcombe's hybrid score; Katz's of the
    ratio), each at ``alpha`` divided by the number of pairs, rates and looks.

    >>> Gap("group", "fpr", min_group=10).value({"fp=A": 10, "tn=A": 40, "fp=B": 12, "tn=B": 28, "fp=C": 1, "tn=C": 9})
    Fraction(1, 5)
    """

    kind: ClassVar[str] = "gap"
    unit: ClassVar[str] = "share"
    proof: ClassVar[aggregate.Proof] = "always"
    group: str = field(metadata={"ref": "labels"})
    measure: Measure
    positive: str = "1"
    cutoff: float | None = None
    min_group: int = 30
    alpha: Fraction = Fraction(1, 100)
    of: Expression | None = None

    def __post_init__(self) -> None:
        if self.min_group < 1:
            raise ValueError(f"min_group: expected 1 or more, came {self.min_group}; a rate of nothing is undefined")
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        by = (feature(self.group.removeprefix(FEATURES), "text") if self.group.startswith(FEATURES)
              else Expression(self.group if self.group != "group" else '"group"', "text", (self.group,)))
        word = "'" + self.positive.replace("'", "''") + "'"
        said = (read(f"prediction = {word}") if self.cutoff is None else read(f"score >= {self.cutoff!r}"))
        denied = (read(f"prediction <> {word}") if self.cutoff is None else read(f"score < {self.cutoff!r}"))
        true, false = read(f"label = {word}"), read(f"label <> {word}")
        cells = {"yes": (said,), "no": (denied,), "tp": (said, true), "fp": (said, false), "tn": (denied, false),
                 "fn": (denied, true)}
        only = () if self.of is None else (self.of,)
        wanted = dict.fromkeys(part for rate in _RATES[self.measure] for part in rate[1])
        return {part: aggregate.Count((*cells[part], *only), by=by) for part in wanted}

    def rates(self, vector: Vector) -> list[dict[str, Rate]]:
        """(above, below) the line of every group that is large enough, for each rate of the measure."""
        names = sorted({part.partition("=")[2] for part in vector if "=" in part} - {OTHER})

        def total(parts: tuple[str, ...], group: str) -> int:
            return sum(vector.get(f"{part}={group}", 0) for part in parts)

        all_of = [{g: (total(above, g), total(below, g)) for g in names} for above, below in _RATES[self.measure]]
        return [{g: rate for g, rate in one.items() if rate[1] >= self.min_group} for one in all_of]

    def value(self, vector: Vector) -> Fraction | None:
        return self._widest(self.rates(vector))[0]

    def _widest(self, rates: list[dict[str, Rate]]) -> tuple[Fraction | None, str]:
        """The gap, and the two groups it is between; undefined where a rate has fewer than two groups."""
        found: list[tuple[Fraction, str]] = []
        for one in rates:
            ranked = sorted((Fraction(k, n), g) for g, (k, n) in one.items())
            if len(ranked) < 2:
                return None, ""
            (low, first), (high, second) = ranked[0], ranked[-1]
            if self.measure == "impact_ratio":
                return (low / high, f"{first} / {second}") if high else (None, "")
            found.append((high - low, f"{second} - {first}"))
        return max(found, key=lambda gap: gap[0])

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        rates = self.rates(vector)
        (value, about), n = self._widest(rates), max((sum(k for _, k in one.values()) for one in rates), default=0)
        if value is None:
            seen = sum(vector.values())
            short = f"two groups of {self.min_group} or more are needed, {len(rates[0])} came"
            return aggregate.Evidence(None, n or seen, insufficient=short if seen else "")
        pairs = [pair for one in rates for pair in combinations(one.values(), 2)]
        z = quantile(float(self.alpha), len(pairs) * looks)
        if self.measure == "impact_ratio":
            bounds = [ratio_interval(first, second, z) for second, first in map(_ordered, pairs)]
            low, high = min(bounds, key=lambda bound: bound[1])
            return aggregate.Evidence(value, n, exact(low), exact(min(high, 10.0)), about=about)
        both = [newcombe(*_ordered(pair), z) for pair in pairs]
        low, high = max(max(0.0, a) for a, _ in both), max(b for _, b in both)
        return aggregate.Evidence(value, n, exact(low), exact(high), about=about)

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), Fraction(1)

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """Two groups of half of the events below the line each, about a rate of one half, where chance gives most."""
        rates = (0.5, value / 2) if self.measure == "impact_ratio" else (0.5 + value / 2, 0.5 - value / 2)
        vector: dict[str, int] = {}
        size = n // 2
        for above, below in _RATES[self.measure]:
            rest = next(part for part in below if part not in above)
            for group, rate in zip("ab", rates, strict=True):
                k = round(min(1.0, max(0.0, rate)) * size)
                vector |= {f"{above[0]}={group}": k, f"{rest}={group}": size - k}
        return self.evidence(vector, looks)


def _ordered(pair: tuple[Rate, Rate]) -> tuple[Rate, Rate]:
    """The larger rate first."""
    return pair if Fraction(*pair[0]) >= Fraction(*pair[1]) else (pair[1], pair[0])
