"""The names under which a signal's counts are seen from outside. Whoever exposes or queries them asks this page.

A signal's vector is a set of integers that only grow, so each part is a Prometheus counter:

    bongsu_<signal>_<part>_total{service="…", <the signal's own labels>}

    kind of signal   parts
    ratio            bad, total
    count            n
    sum              sum, n            ``sum`` in the whole units that cells hold (``unit_scale``)
    mean             sum, per, n       both in such units
    quantile         a classic histogram: bongsu_<signal>_bucket{le="…"}, cumulative, with ``le="+Inf"``

What an exposition owes its readers: all parts of a signal appear together, from zero (a counter that is born at 1 has
lost its first event to ``increase``), and each filled bucket of a histogram comes with both of its edges
(``edges``), since PromQL looks for a quantile between neighbouring ``le`` values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction

from bongsu.aggregate import Aggregate, Histogram, Sum
from bongsu.alert import Signal
from bongsu.slis.quantile import SCALE, SUB_BITS

SERVICE = "service"
"""The label that holds the name of the service on every exposed series."""
_PLAIN = re.compile(r"[A-Za-z0-9_]")


class ExportError(ValueError):
    """A policy that cannot be said in another tool's words: which part of it, and what to do."""


def metric(signal: str, part: str) -> str:
    """The counter of one part.

    >>> metric("failures", "bad"), metric("first-token.ms", "n")
    ('bongsu_failures_bad_total', 'bongsu_first_token_ms_n_total')
    """
    return f"bongsu_{slug(signal)}_{part}_total"


def buckets(signal: str) -> str:
    """The histogram of a quantile signal.

    >>> buckets("latency")
    'bongsu_latency_bucket'
    """
    return f"bongsu_{slug(signal)}_bucket"


def slug(name: str) -> str:
    """A name in the letters that Prometheus allows; a letter it does not know is spelt by its code point.

    >>> slug("first-token.ms"), slug("환각")
    ('first_token_ms', 'uD658_uAC01_')
    """
    return "".join(c if _PLAIN.fullmatch(c) else "_" if c.isascii() else f"u{ord(c):X}_" for c in name)


def distinct(signals: Iterable[Signal]) -> None:
    """Raise where two signals would be exposed under one name: their counts would add up unseen."""
    seen: dict[str, str] = {}
    for signal in signals:
        other = seen.setdefault(slug(signal.name), signal.name)
        if other != signal.name:
            raise ExportError(f"signals '{other}' and '{signal.name}': expected names that differ as metrics, came "
                              f"'{slug(signal.name)}' for both; rename one")


def edges(bucket: int) -> tuple[str, str]:
    """The ``le`` below a bucket and its own: the greatest whole millionths that fall in the one before and in it.

    >>> edges(0), edges(5), edges(128)
    (('-0.000001', '0'), ('0.000004', '0.000005'), ('0.000127', '0.000129'))
    """
    shift = max(0, (bucket >> SUB_BITS) - 1)
    low = (bucket - (shift << SUB_BITS)) << shift
    return decimal(Fraction(low - 1, SCALE)), decimal(Fraction(low + (1 << shift) - 1, SCALE))


def unit_scale(part: Aggregate) -> int:
    """How many of a counter's units make one of the expression it sums."""
    return part.scale if isinstance(part, Sum | Histogram) else 1


def decimal(value: Fraction) -> str:
    """The exact decimal, or 17 significant digits (more than a float holds) where there is none.

    >>> decimal(Fraction(144, 10_000)), decimal(Fraction(1, 1000)), decimal(Fraction(14, 15))
    ('0.0144', '0.001', '0.93333333333333333')
    """
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest > 1:
        return f"{Context(prec=17).divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    places = max(twos, fives)
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    whole, part = (digits[:-places], digits[-places:]) if places else (digits, "")
    return ("-" if value < 0 else "") + (f"{whole}.{part}" if part else whole)
