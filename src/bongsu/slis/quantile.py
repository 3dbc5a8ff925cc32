"""A quantile from fixed, log-spaced buckets: additive, and never more than 1 % off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import check_alpha
from bongsu.interval import quantile as errors
from bongsu.ports import JUDGES
from bongsu.slis.ratio import Ratio
from bongsu.tails import ranks

SCALE = 10**6
SUB_BITS = 6


@dataclass(frozen=True)
class Quantile:
    """The ``q`` quantile (nearest rank) of a non-negative expression; negative values count as zero.

    A value is held in millionths. Every octave is cut into 2^6 equal buckets, so the middle of a bucket is at most
    1/128 (0.8 %) off. The bucket number is integer arithmetic only, hence the same on every engine. This is the layout
    HDR histograms (G. Tene, HdrHistogram, 2012). Its interval is from one order statistic to another (``tails.ranks``),
    whatever the distribution, at ``alpha`` divided by the number of looks; where there are too few events for an order
    statistic that far out, nothing bounds it on that side.

    >>> from bongsu.expression import read
    >>> p95 = Quantile(read("latency_ms", "number"), Fraction(95, 100))
    >>> vector = {f"b{bucket(v * SCALE)}": 1 for v in range(1, 101)}
    >>> abs(p95.value(vector) / 95 - 1) < Fraction(1, 100)
    True
    """

    kind: ClassVar[str] = "quantile"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "alarm"
    of: Expression = field(metadata={"want": "number"})
    q: Fraction
    alpha: Fraction = field(default=Fraction(1, 100), metadata=JUDGES)

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        return {"b": aggregate.Histogram(self.of, scale=SCALE, sub_bits=SUB_BITS)}

    def value(self, vector: Vector) -> Fraction | None:
        buckets = _buckets(vector)
        return _at(buckets, self._rank(sum(n for _, n in buckets)))

    def _rank(self, n: int) -> int:
        return max(1, -(-self.q.numerator * n // self.q.denominator))

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        buckets = _buckets(vector)
        n = sum(count for _, count in buckets)
        if n <= 0:
            return aggregate.Evidence(None)
        low, high = ranks(n, float(self.q), errors(float(self.alpha), looks))
        # No value is below zero, so the lower end is never open.
        ends = Fraction(0) if low < 1 else _at(buckets, low), _at(buckets, high)
        return aggregate.Evidence(_at(buckets, self._rank(n)), n, *ends)

    def as_share(self) -> tuple[Ratio, Fraction]:
        """It is above a value for sure where more than 1 - ``q`` of the events are: one binomial law judges both."""
        return Ratio(self.of, alpha=self.alpha), 1 - self.q


def _buckets(vector: Vector) -> list[tuple[int, int]]:
    return sorted((int(part[1:]), n) for part, n in vector.items())


def _at(buckets: list[tuple[int, int]], rank: int) -> Fraction | None:
    """The value of this rank; None where there are not so many."""
    for number, n in buckets:
        rank -= n
        if rank <= 0:
            return Fraction(middle(number), 2 * SCALE)
    return None


def bucket(value: int) -> int:
    """Bucket number of a whole number of millionths.

    Values below 2^7 have a bucket each; above, the top 7 bits decide.
    """
    value = max(0, value)
    shift = max(0, value.bit_length() - 1 - SUB_BITS)
    return (shift << SUB_BITS) + (value >> shift)


def middle(number: int, bits: int = SUB_BITS) -> int:
    """Twice the middle of a bucket, a whole number; ``bits`` as in ``ports.Histogram``.

    >>> [middle(bucket(v)) for v in (0, 5, 127)], middle(bucket(1000)) / 2
    ([0, 10, 254], 1003.5)
    """
    if number < 2 << bits:
        return 2 * number
    shift = (number >> bits) - 1
    low = (number - (shift << bits)) << shift
    return 2 * low + (1 << shift) - 1
