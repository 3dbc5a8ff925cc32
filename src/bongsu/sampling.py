"""What a guard that looks at a share of the calls says of all of them: each call it looked at stands for 1/share calls.

An event says of each guard with a sample whether it was in it, and how large the sample was then (``sampled``, such as
``grounding=0.1 judge=0``). So a sum over looked-at events of 1/share has the total over all events as its mean, also
where the share was changed in between: the estimator of D. Horvitz and D. Thompson, JASA 47 (1952) 663. A share of
events needs no weights: it is that of the looked-at ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from re import escape
from typing import ClassVar, Protocol, runtime_checkable

from bongsu.aggregate import Aggregate, Count, Histogram, Sum
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import exact
from bongsu.tails import poisson_interval

COLUMN = "sampled"
MILLI = 1000
"""A weight is rounded to thousandths, once per event, so that weights add up exactly."""
ROUNDING = 500
"""Like weights seem unlike, so rounded, by less than one event in so many: a weight and a square are 1 or more, and off
by 0.0005 at most."""
LARGEST = "s"
SUB_BITS = 6


def said(guard: str, share: Fraction) -> str:
    """What an event says of one guard: how large the sample is that it is in, or 0 where it is not in it.

    >>> said("grounding", Fraction(1, 10)), said("judge", Fraction(0))
    ('grounding=0.1', 'judge=0.0')
    """
    return f"{guard}={float(share)!r}"


@runtime_checkable
class Sampled(Protocol):
    """A kind of signal that knows what a sample says of all events. Without ``sampling`` it takes what came for all."""

    @property
    def sampling(self) -> Sampling | None: ...


@dataclass(frozen=True)
class Sampling:
    """The guard that finds what a signal counts, and the share of the calls that it looks at now.

    A total whose parts changed has another ``edition``: what was counted before lacks some, and is counted anew.
    """

    edition: ClassVar[int] = 2
    guard: str
    share: Fraction

    def seen(self) -> Expression:
        """True of what it looked at, and of events that are none of its business."""
        return Expression(f"{self._chance} > 0", "bool", (COLUMN,))

    @property
    def _chance(self) -> str:
        name = escape(self.guard).replace("'", "''")
        return f"COALESCE(TRY_CAST(REGEXP_EXTRACT({COLUMN}, '(^| ){name}=([0-9.e-]+)', 2) AS DOUBLE), 1.0)"

    def parts(self, of: Expression) -> Mapping[str, Aggregate]:
        """What ``total`` reads: how many were found, the sum of their weights, and that of the squares of these; and
        which weights the calls had that were looked at, found or not, to 1/64."""
        columns = (*of.columns, COLUMN)
        found = f"({of.text}) AND {self._chance} > 0"
        weight, square = (Expression(f"CASE WHEN {found} THEN {text} END", "number", tuple(dict.fromkeys(columns)))
                          for text in (f"1.0 / {self._chance}", f"1.0 / ({self._chance} * {self._chance})"))
        looked = Expression(f"CASE WHEN {self._chance} > 0 THEN 1.0 / {self._chance} END", "number", (COLUMN,))
        return {"n": Count((of, self.seen())), "w": Sum(weight, scale=MILLI), "ww": Sum(square, scale=MILLI),
                LARGEST: Histogram(looked, scale=MILLI, sub_bits=SUB_BITS)}

    def total(self, vector: Vector, z: float) -> tuple[Fraction, float, float]:
        """How many there were among all calls, and the interval of their mean number.

        So many found by chance are a Poisson number; with unlike weights it is that of w^2/ww events of weight ww/w
        each (M. Fay, E. Feuer, Statistics in Medicine 16 (1997) 791, with whole events on the safe side). These are as
        many as were found where the weights are alike, and fewer where not. Nothing found may be of any weight that
        the calls of the window had.

        >>> value, low, high = Sampling("g", Fraction(1, 10)).total({"n": 10, "w": 100_000, "ww": 1_000_000}, 1.959964)
        >>> value, round(low, 3), round(high, 3)
        (Fraction(100, 1), 47.954, 183.904)
        """
        w, ww = vector.get("w", 0), vector.get("ww", 0)
        if w <= 0 or ww <= 0:
            return Fraction(0), 0.0, poisson_interval(0, z)[1] * self._heaviest(vector)
        n, events, each = vector.get("n", 0), float(exact(w * w / ww / MILLI)), ww / w
        events = n if n - events < n / ROUNDING else events
        least, most = poisson_interval(floor(events), z)[0], poisson_interval(ceil(events), z)[1]
        return Fraction(w, MILLI), least * each, most * each

    def _heaviest(self, vector: Vector) -> float:
        """The largest weight of a call that was looked at; today's where none was."""
        now = 1 / float(self.share)
        found = [int(part[1:]) for part in vector if part[0] == LARGEST]
        if not found:
            return now
        low, high = _ends(max(found))
        return now if low <= round(now * MILLI) <= high else high / MILLI


def _ends(bucket: int) -> tuple[int, int]:
    """The whole numbers a bucket begins and ends with (``aggregate.Histogram``).

    >>> _ends(5), _ends(512)
    ((5, 5), (8192, 8319))
    """
    shift = max(0, (bucket >> SUB_BITS) - 1)
    low = (bucket - (shift << SUB_BITS)) << shift
    return low, low + (1 << shift) - 1
