"""How well a model predicts, from its predictions and the labels that came for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import exp, isqrt, sqrt
from typing import ClassVar, Literal

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression, read
from bongsu.interval import check_alpha, exact, quantile
from bongsu.slis.quantile import middle
from bongsu.tails import clopper_pearson

Measure = Literal["accuracy", "precision", "recall", "f1", "auc", "mae", "rmse"]
STEPS = 1000
BITS = 20
"""Buckets of scores are as narrow as whole numbers below 2^21, so they are all of one width."""
PRECISION = 10**24
OCTAVE = 4
"""Sizes of errors are known to a sixteenth of an octave: near enough for the spread of their squares."""


@dataclass(frozen=True)
class Performance:
    """``measure`` of the predictions that have a label; those without are not counted.

    accuracy, precision, recall and f1 compare ``prediction`` with ``label`` as texts, the last three for the class
    ``positive``; they are exact. auc is the area under the ROC curve (the chance that a positive scores above a
    negative, a tie counting half: Mann-Whitney) of ``of`` (the ``score``), from scores of 0 to 1 in steps of 1/1000.
    mae and rmse are of ``of`` (the ``score``, else the prediction as a number) against the label as a number; an error,
    or its square, is rounded once, to 1/``scale``, and then added as a whole number.

    Intervals, at ``alpha`` divided by the number of looks: Clopper and Pearson's for accuracy, precision and recall;
    for f1 that of F* = tp / (tp + fp + fn), of which f1 is 2 F* / (1 + F*) (D. Hand et al., Machine Learning 110 (2021)
    451; so do K. Lam et al., arXiv 2309.14621, with Wilson's); for auc that of Hanley & McNeil (Radiology 143 (1982)
    29); for mae the normal one of a mean; for rmse that of the mean of the squares by the delta method on its
    logarithm, with the spread of the squares from a histogram of the errors. Fewer than ``min_labels`` labels are too
    few to judge.

    >>> Performance("f1").value({"tp": 4, "said": 6, "true": 5, "n": 20})
    Fraction(8, 11)
    >>> Performance("auc").value({"pos700": 3, "pos300": 1, "neg300": 1, "neg100": 3, "n": 8})
    Fraction(31, 32)
    """

    kind: ClassVar[str] = "performance"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "always"
    measure: Measure
    positive: str = "1"
    of: Expression | None = field(default=None, metadata={"want": "number"})
    scale: int = 10**6
    min_labels: int = 30
    alpha: Fraction = Fraction(1, 100)

    def __post_init__(self) -> None:
        if self.scale < 1 or self.min_labels < 1:
            raise ValueError("scale and min_labels: expected 1 or more")
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.measure in ("mae", "rmse"):
            return self._errors()
        word = "'" + self.positive.replace("'", "''") + "'"
        label, said = f"label = {word}", f"prediction = {word}"
        if self.measure == "auc":
            score = self.of.text if self.of else "score"
            both = read(f"CASE WHEN label IS NOT NULL THEN {score} END", "number")
            return {"pos": _scores(f"CASE WHEN {label} THEN {score} END"), "n": aggregate.Count(known=(both,)),
                    "neg": _scores(f"CASE WHEN label <> {word} THEN {score} END")}
        n = aggregate.Count((read("prediction IS NOT NULL"), read("label IS NOT NULL")))
        if self.measure == "accuracy":
            return {"right": aggregate.Count((read("prediction = label"),)), "n": n}
        return {"tp": aggregate.Count((read(label), read(said))), "n": n,
                "said": aggregate.Count((read(said), read("label IS NOT NULL"))),
                "true": aggregate.Count((read(label), read("prediction IS NOT NULL")))}

    def _errors(self) -> Mapping[str, aggregate.Aggregate]:
        said = self.of.text if self.of else "COALESCE(score, TRY_CAST(prediction AS DOUBLE))"
        error = f"({said} - TRY_CAST(label AS DOUBLE))"
        size, square = read(f"ABS({error})", "number"), read(f"{error} * {error}", "number")
        out: dict[str, aggregate.Aggregate] = {
            "n": aggregate.Count(known=(size,)), "size": aggregate.Sum(size, scale=self.scale),
            "square": aggregate.Sum(square, scale=self.scale)}
        if self.measure == "rmse":
            out["e"] = aggregate.Histogram(size, scale=self.scale, sub_bits=OCTAVE)
        return out

    # ---- reading ----

    def value(self, vector: Vector) -> Fraction | None:
        if self.measure == "auc":
            return _area(_buckets(vector, "pos"), _buckets(vector, "neg"))
        above, below = self._rate(vector)
        if below <= 0:
            return None
        if self.measure == "rmse":
            return Fraction(isqrt(above * PRECISION // (below * self.scale)), isqrt(PRECISION))
        return Fraction(above, below * self.scale) if self.measure == "mae" else Fraction(above, below)

    def _rate(self, vector: Vector) -> tuple[int, int]:
        """Above and below the line."""
        tp, said, true, n = (vector.get(part, 0) for part in ("tp", "said", "true", "n"))
        return {"accuracy": (vector.get("right", 0), n), "precision": (tp, said), "recall": (tp, true),
                "f1": (2 * tp, said + true), "mae": (vector.get("size", 0), n),
                "rmse": (vector.get("square", 0), n)}[self.measure]

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        n, value = vector.get("n", 0), self.value(vector)
        if n and n < self.min_labels:
            return aggregate.Evidence(None, n, insufficient=f"{self.min_labels} labels are needed, {n} came")
        if value is None:
            return aggregate.Evidence(None, n, insufficient="no label of a class that is needed came" if n else "")
        low, high = map(exact, self._interval(vector, float(value), quantile(float(self.alpha), looks)))
        return aggregate.Evidence(value, n, low, high)

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        """An area of one half is what scores that know nothing have."""
        return Fraction(self.measure == "auc", 2), None if self.measure in ("mae", "rmse") else Fraction(1)

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """Of ``n`` below the line of a rate; of an area so many labels, half of each class. Not of errors."""
        if self.measure in ("mae", "rmse"):
            return aggregate.Evidence(None)
        share = value / (2 - value) if self.measure == "f1" else value
        pairs = n // 2
        k = round(min(1.0, max(0.0, share)) * (pairs if self.measure == "auc" else n))
        vector = {"accuracy": {"right": k}, "precision": {"tp": k, "said": n}, "recall": {"tp": k, "true": n},
                  "f1": {"tp": k, "said": n, "true": k},
                  "auc": {"pos600": k, "pos400": pairs - k, "neg500": n - pairs}}[self.measure]
        return self.evidence({**vector, "n": n}, looks)

    def _interval(self, vector: Vector, value: float, z: float) -> tuple[float, float]:
        if self.measure in ("accuracy", "precision", "recall"):
            return clopper_pearson(*self._rate(vector), z)
        if self.measure == "auc":
            reach = z * _hanley(value, *(sum(n for _, n in _buckets(vector, side)) for side in ("pos", "neg")))
            return max(0.0, value - reach), min(1.0, value + reach)
        if self.measure == "mae":
            n = vector["n"]
            spread = max(0.0, vector.get("square", 0) / self.scale / n - value * value)
            return max(0.0, value - z * sqrt(spread / n)), value + z * sqrt(spread / n)
        if self.measure == "f1":
            tp, either = vector.get("tp", 0), vector.get("said", 0) + vector.get("true", 0) - vector.get("tp", 0)
            low, high = clopper_pearson(tp, either, z)
            return 2 * low / (1 + low), 2 * high / (1 + high)
        reach = exp(z * _unsure([(n, middle(size, OCTAVE)) for size, n in _buckets(vector, "e")]) / 2)
        return value / reach, value * reach


def _scores(text: str) -> aggregate.Histogram:
    return aggregate.Histogram(read(text, "number"), scale=STEPS, sub_bits=BITS)


def _buckets(vector: Vector, side: str) -> list[tuple[int, int]]:
    rest = len(side)
    return sorted((int(part[rest:]), n) for part, n in vector.items() if part.startswith(side) and n)


def _area(positive: list[tuple[int, int]], negative: list[tuple[int, int]]) -> Fraction | None:
    """Pairs in which the positive scores higher, ties counting half, out of all pairs."""
    pairs = sum(n for _, n in positive) * sum(n for _, n in negative)
    if not pairs:
        return None
    twice, below, rest = 0, 0, iter([*negative, (1 << 62, 0)])
    at, n = next(rest)
    for score, count in positive:
        while at < score:
            below += n
            at, n = next(rest)
        twice += count * (2 * below + (n if at == score else 0))
    return Fraction(twice, 2 * pairs)


def _hanley(area: float, positives: int, negatives: int) -> float:
    """The standard error of an area under the ROC curve.

    >>> round(_hanley(0.8, 50, 50), 4)
    0.0445
    """
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = (area * (1 - area) + (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area))
    return sqrt(max(0.0, variance / (positives * negatives)))


def _unsure(sizes: list[tuple[int, int]]) -> float:
    """The standard error of the logarithm of a mean of squares; ``sizes`` are (how many, how large).

    >>> _unsure([(100, 3)]), round(_unsure([(50, 1), (50, 3)]), 4)
    (0.0, 0.08)
    """
    n = sum(count for count, _ in sizes)
    squares = sum(count * size**2 for count, size in sizes)
    if not squares:
        return 0.0
    fourths = sum(count * size**4 for count, size in sizes)
    return sqrt(max(0.0, fourths * n / squares**2 - 1) / n)
