"""Whether a score means what it says: of events scored 0.8, eight in ten should come true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Literal

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression, read
from bongsu.interval import check_alpha, chi_square_tail, exact

BINS = 10
MICRO = 10**6


@dataclass(frozen=True)
class Calibration:
    """``ece``: the expected calibration error, the mean over ten equal bins of the score of how far the share that came
    true is from the mean score, weighted by events (M. Naeini et al., AAAI 2015). ``brier``: the mean square of score
    less truth (G. Brier, 1950). Both only over events with a score in [0, 1] and a label, ``positive`` or not.

    Scores and squares are rounded to millionths once per event. An alarm needs more than a value above its threshold:
    the Hosmer-Lemeshow statistic (chi-square with as many degrees as filled bins, for a model fitted elsewhere) must be
    beyond chance at ``alpha``, corrected for looks. Fewer than ``min_events`` are not judged.

    >>> Calibration().value({"n0": 4, "yes0": 1, "sum0": 400_000, "n8": 1, "yes8": 1, "sum8": 900_000})
    Fraction(7, 50)
    """

    kind: ClassVar[str] = "calibration"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "always"
    measure: Literal["ece", "brier"] = "ece"
    positive: str = "1"
    alpha: Fraction = Fraction(1, 100)
    min_events: int = 100
    of: Expression | None = None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        word = "'" + self.positive.replace("'", "''") + "'"
        known = (read("score BETWEEN 0 AND 1 AND label IS NOT NULL"), *((self.of,) if self.of else ()))
        true = read(f"label = {word}")
        given = " AND ".join(f"({one.text})" for one in known)
        columns = tuple(dict.fromkeys(("score", "label", *(c for one in known for c in one.columns))))
        out: dict[str, aggregate.Aggregate] = {}
        for i in range(BINS):
            inside = read(f"score < {(i + 1) / BINS}" if i == 0 else f"score >= {i / BINS}" if i == BINS - 1 else
                          f"score >= {i / BINS} AND score < {(i + 1) / BINS}")
            out[f"n{i}"] = aggregate.Count((*known, inside))
            out[f"yes{i}"] = aggregate.Count((*known, inside, true))
            out[f"sum{i}"] = aggregate.Sum(Expression(f"CASE WHEN {given} AND ({inside.text}) THEN score END", "number",
                                                      columns), scale=MICRO)
        square = f"CASE WHEN {true.text} THEN (1 - score) * (1 - score) ELSE score * score END"
        squares = Expression(f"CASE WHEN {given} THEN {square} END", "number", columns)
        out["squares"] = aggregate.Sum(squares, scale=MICRO)
        return out

    def _bins(self, vector: Vector) -> list[tuple[int, int, Fraction]]:
        """(events, true ones, sum of scores) of every bin that has events."""
        return [(n, vector.get(f"yes{i}", 0), Fraction(vector.get(f"sum{i}", 0), MICRO))
                for i in range(BINS) if (n := vector.get(f"n{i}", 0)) > 0]

    def value(self, vector: Vector) -> Fraction | None:
        bins = self._bins(vector)
        n = sum(count for count, _, _ in bins)
        if not n:
            return None
        if self.measure == "brier":
            return Fraction(vector.get("squares", 0), MICRO * n)
        return sum((abs(yes - scores) for _, yes, scores in bins), Fraction(0)) / n

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        bins = self._bins(vector)
        n = sum(count for count, _, _ in bins)
        if n < self.min_events:
            return aggregate.Evidence(None, n, insufficient=f"{self.min_events} labelled events are needed, {n} came"
                                      if n else "")
        statistic = sum(_misfit(*one) for one in bins)
        significant = chi_square_tail(statistic, len(bins)) < float(self.alpha) / max(1, looks)
        return aggregate.Evidence(self.value(vector), n, significant=significant)

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), Fraction(1)

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """As many scores in the middle of each bin, all as far off. What a Brier score proves rests on the scores."""
        if self.measure == "brier":
            return aggregate.Evidence(None)
        size = n // BINS
        vector: dict[str, int] = {}
        for i in range(BINS):
            score = (i + 0.5) / BINS
            true = min(1.0, score + value) if score < 0.5 else max(0.0, score - value)
            vector |= {f"n{i}": size, f"yes{i}": round(size * true), f"sum{i}": round(size * score * MICRO)}
        found = self.evidence(vector, looks)
        return found if found.value is None else replace(found, value=exact(value), n=n)


def _misfit(n: int, yes: int, scores: Fraction) -> float:
    """A bin's share of the statistic; a bin that is sure of itself and wrong counts as one event's worth of doubt."""
    expected = float(scores)
    spread = max(expected * (1 - expected / n), 1e-6 * n)
    return (yes - expected) ** 2 / spread
