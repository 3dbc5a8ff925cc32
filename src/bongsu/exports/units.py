"""A limit as a bare number, for formats that know no units, and back.

    share          the share itself (0.25 is 25 %)
    ms             milliseconds
    a currency     whole units of it (1.5 is 1.50 USD)
    none           the number
"""

from __future__ import annotations

from fractions import Fraction

from bongsu.exports.names import decimal
from bongsu.policy.fault import Misfit
from bongsu.quantity import NANO, show_duration


def bare(limit: Fraction, unit: str) -> str:
    """A limit in a signal's own unit as a number.

    >>> bare(Fraction(1, 4), "share"), bare(Fraction(5000), "ms"), bare(Fraction(4000), "USD")
    ('0.25', '5000', '0.000004')
    """
    return decimal(limit / NANO if unit not in ("", "ms", "share") else limit)


def written(number: Fraction, unit: str) -> str:
    """The number as a policy writes it. Raises ``Misfit`` where its unit has no such value.

    >>> written(Fraction(1, 4), "share"), written(Fraction(5000), "ms"), written(Fraction(4, 10**6), "USD")
    ('25%', '5s', '0.000004 USD')
    """
    if unit and number < 0:
        raise Misfit("a value of zero or more", decimal(number))
    if unit == "share":
        return f"{decimal(number * 100)}%"
    if unit == "ms":
        micros = number * 1000
        if micros.denominator != 1:
            raise Misfit("milliseconds, down to a thousandth", decimal(number))
        return show_duration(int(micros))
    return f"{decimal(number)} {unit}".strip()
