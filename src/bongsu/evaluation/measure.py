"""How good a detector is: ranks, shares and their uncertainty. Pure.

A score is any number that should be higher for what is to be found; shares are 0..1. What is undefined (a precision
where nothing was flagged, an AUC where one side is empty) is None, never 0.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Interval = tuple[float, float]
Z95 = 1.959964
"""The two-sided 95 % point of the normal distribution."""


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """The chance that a positive scores above a negative, ties counting half.

    Mann and Whitney (1947), by ranks: n log n.

    >>> auc([0.9, 0.4], [0.1, 0.4]), auc([1.0], [])
    (0.875, None)
    """
    if not positives or not negatives:
        return None
    below = sorted(negatives)
    wins = sum(bisect_left(below, s) + bisect_right(below, s) for s in positives)
    return wins / (2 * len(positives) * len(below))


def auc_interval(value: float, positives: int, negatives: int) -> Interval:
    """The 95 % interval of an AUC by the standard error of Hanley and McNeil (1982), kept within 0..1.

    >>> low, high = auc_interval(0.9, 50, 50)
    >>> round(low, 2), round(high, 2)
    (0.84, 0.96)
    """
    one = value / (2 - value) - value * value
    two = 2 * value * value / (1 + value) - value * value
    spread = value * (1 - value) + (positives - 1) * one + (negatives - 1) * two
    half = Z95 * math.sqrt(max(0.0, spread) / (positives * negatives))
    return max(0.0, value - half), min(1.0, value + half)


def wilson(hits: int, n: int) -> Interval | None:
    """The 95 % interval of a share (Wilson, 1927): right for small n, and for none or all.

    >>> low, high = wilson(0, 10)
    >>> low, round(high, 3)
    (0.0, 0.278)
    """
    if n == 0:
        return None
    share, z2 = hits / n, Z95 * Z95
    middle = share + z2 / (2 * n)
    half = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if hits == 0 else (middle - half) / (1 + z2 / n)
    high = 1.0 if hits == n else (middle + half) / (1 + z2 / n)
    return low, high


def f_beta(precision: float | None, recall: float | None, beta: float) -> float | None:
    """The harmonic mean that holds recall ``beta`` times as important as precision (van Rijsbergen, 1979).

    >>> round(f_beta(0.5, 1.0, 2), 3), f_beta(0.0, 0.0, 1), f_beta(None, 0.0, 1)
    (0.833, 0.0, 0.0)
    """
    if recall is None:
        return None
    if not precision or not recall:
        return 0.0
    return (1 + beta * beta) * precision * recall / (beta * beta * precision + recall)


@dataclass(frozen=True)
class Counts:
    """What a detector found (``hit``), missed, and found wrongly (``wrong``)."""

    hit: int = 0
    missed: int = 0
    wrong: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.hit + other.hit, self.missed + other.missed, self.wrong + other.wrong)

    @property
    def precision(self) -> float | None:
        return self.hit / (self.hit + self.wrong) if self.hit + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.hit / (self.hit + self.missed) if self.hit + self.missed else None

    def f(self, beta: float) -> float | None:
        return f_beta(self.precision, self.recall, beta)


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that ``share`` of all do not exceed (nearest rank).

    >>> quantile([3, 1, 2], 0.5), quantile([], 0.5)
    (2, None)
    """
    order = sorted(values)
    return order[max(0, math.ceil(share * len(order)) - 1)] if order else None


def recall_at(positives: Sequence[float], negatives: Sequence[float], false_alarms: float) -> float | None:
    """The share of positives above the lowest threshold that at most ``false_alarms`` of the negatives pass.

    >>> recall_at([0.9, 0.5], [0.1, 0.2, 0.6], 0.34), recall_at([0.9, 0.5], [0.1, 0.2, 0.6], 0.1)
    (1.0, 0.5)
    """
    if not positives or not negatives:
        return None
    order = sorted(negatives, reverse=True)
    limit = order[min(int(false_alarms * len(order)), len(order) - 1)]
    return sum(s > limit for s in positives) / len(positives)


def roc(positives: Sequence[float], negatives: Sequence[float]) -> list[tuple[float, float]]:
    """The curve of (false alarms, recall) over all thresholds, from (0, 0) to (1, 1).

    >>> roc([0.9], [0.1])
    [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    """
    points = [(0.0, 0.0)]
    up = down = 0
    high, low = sorted(positives, reverse=True), sorted(negatives, reverse=True)
    for threshold in sorted({*positives, *negatives}, reverse=True):
        while up < len(high) and high[up] >= threshold:
            up += 1
        while down < len(low) and low[down] >= threshold:
            down += 1
        points.append((down / len(low) if low else 0.0, up / len(high) if high else 0.0))
    return points


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are defined.

    >>> mean([0.5, None, 1.0]), mean([None])
    (0.75, None)
    """
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
