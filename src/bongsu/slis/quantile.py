"""A quantile from fixed, log-spaced buckets: additive, and never more than 1 % off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.expression import Expression

SCALE = 10**6
SUB_BITS = 6


@dataclass(frozen=True)
class Quantile:
    """The ``q`` quantile (nearest rank) of a non-negative expression; negative values count as zero.

    A value is held in millionths. Every octave is cut into 2^6 equal buckets, so the middle of a bucket is at most
    1/128 (0.8 %) off. The bucket number is integer arithmetic only, hence the same on every engine. This is the layout
    of     HDR histograms (G. Tene, HdrHistogram, 2012).

    >>> from bongsu.expression import read
    >>> p95 = Quantile(read("latency_ms", "number"), Fraction(95, 100))
    >>> vector = {f"b{bucket(v * SCALE)}": 1 for v in range(1, 101)}
    >>> abs(p95.value(vector) / 95 - 1) < Fraction(1, 100)
    True
    """

    kind: ClassVar[str] = "quantile"
    unit: ClassVar[str] = ""
    of: Expression = field(metadata={"want": "number"})
    q: Fraction

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        return {"b": aggregate.Histogram(self.of, scale=SCALE, sub_bits=SUB_BITS)}

    def value(self, vector: Vector) -> Fraction | None:
        buckets = sorted((int(part[1:]), n) for part, n in vector.items())
        total = sum(n for _, n in buckets)
        rank = max(1, -(-self.q.numerator * total // self.q.denominator))
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
