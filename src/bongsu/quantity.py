"""Durations, shares, money: read strictly, computed exactly.

Every number a person writes in a policy carries its unit; a bare number is refused with a hint.
Nothing here is a float: a duration is whole microseconds, a share and an amount are fractions, and
what is booked on an event is a whole number of nano-units of its currency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

Duration = NewType("Duration", int)
"""A whole number of microseconds."""

NANO = 10**9

_UNITS = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6, "w": 604800 * 10**6}
SECOND = Duration(_UNITS["s"])
MINUTE = Duration(_UNITS["m"])
HOUR = Duration(_UNITS["h"])
DAY = Duration(_UNITS["d"])

_NUMBER = r"\d[\d_]*(?:\.\d+)?"
_DURATION = re.compile(rf"(?:{_NUMBER}(?:us|ms|s|m|h|d|w))+")
_DURATION_PART = re.compile(rf"({_NUMBER})(us|ms|s|m|h|d|w)")
_SHARE = re.compile(rf"({_NUMBER})\s*%")
_MONEY = re.compile(rf"({_NUMBER})\s*([A-Z]{{3}})")
_PRICE = re.compile(rf"({_NUMBER})\s*([A-Z]{{3}})\s*/\s*(1M|1K|1)")
_PER = {"1M": 10**6, "1K": 10**3, "1": 1}


class QuantityError(ValueError):
    """A quantity that cannot be read; ``expected`` says what would be, ``hint`` what was probably meant."""

    def __init__(self, expected: str, came: str, hint: str = "") -> None:
        super().__init__(f"expected {expected}, came {came!r}" + (f"; {hint}" if hint else ""))
        self.expected, self.came, self.hint = expected, came, hint


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace("_", ""))


def parse_duration(text: str) -> Duration:
    """``500ms``, ``5m``, ``1h30m``, ``30d`` as microseconds.

    >>> parse_duration("1h30m") == 90 * MINUTE
    True
    """
    if not _DURATION.fullmatch(text):
        hint = f"did you mean '{text}s'?" if re.fullmatch(_NUMBER, text) else ""
        raise QuantityError("a duration such as 500ms, 5m, 1h30m or 30d", text, hint)
    total = sum((_fraction(n) * _UNITS[unit] for n, unit in _DURATION_PART.findall(text)), Fraction(0))
    if total.denominator != 1:
        raise QuantityError("a duration of whole microseconds", text)
    return Duration(int(total))


def show_duration(value: int) -> str:
    """The shortest exact spelling.

    >>> show_duration(parse_duration("90m")), show_duration(0)
    ('1h30m', '0s')
    """
    out, rest = "", int(value)
    for unit in ("d", "h", "m", "s", "ms", "us"):
        n, rest = divmod(rest, _UNITS[unit])
        out += f"{n}{unit}" if n else ""
    return out or "0s"


def parse_share(text: str) -> Fraction:
    """``99.9%`` as 999/1000; a number without ``%`` is an error, since 0.999 and 99.9 look alike.

    >>> parse_share("99.9%")
    Fraction(999, 1000)
    """
    match = _SHARE.fullmatch(text)
    if not match:
        hint = f"did you mean '{text}%'?" if re.fullmatch(_NUMBER, text) else ""
        raise QuantityError("a percentage such as 99.9%", text, hint)
    return _fraction(match[1]) / 100


def show_share(value: Fraction, places: int = 2) -> str:
    """A fraction as a percentage, rounded only to be shown.

    >>> show_share(Fraction(999, 1000)), show_share(Fraction(-1, 36)), show_share(Fraction(1))
    ('99.9%', '-2.78%', '100%')
    """
    return f"{show_number(value * 100, places)}%"


def show_number(value: Fraction, places: int = 4) -> str:
    """A fraction in plain decimals, trailing zeros cut; ``places`` counts digits after the point, more for tiny values.

    >>> show_number(Fraction(29, 2)), show_number(Fraction(47, 10**7)), show_number(Fraction(0))
    ('14.5', '0.0000047', '0')
    """
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    if decimal and decimal.adjusted() < -places:
        places = -decimal.adjusted() + 1
    text = f"{decimal.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Money:
    """An exact amount of one currency (ISO 4217 code)."""

    amount: Fraction
    currency: str

    @property
    def nano(self) -> Fraction:
        return self.amount * NANO

    def __str__(self) -> str:
        return f"{show_number(self.amount)} {self.currency}"


def parse_money(text: str) -> Money:
    """``0.000004 USD`` or ``1_000 KRW``.

    >>> parse_money("0.000004 USD").nano
    Fraction(4000, 1)
    """
    match = _MONEY.fullmatch(text)
    if not match:
        raise QuantityError("an amount with its currency such as 0.50 USD", text)
    return Money(_fraction(match[1]), match[2])


@dataclass(frozen=True)
class Rate:
    """A price per unit (token): exact nano-units of the currency."""

    nano: Fraction
    currency: str
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"{show_number(self.nano * 10**6 / NANO)} {self.currency}/1M"


def parse_rate(text: str) -> Rate:
    """``2.50 USD/1M`` as 2,500 nano-USD a token.

    >>> parse_rate("2.50 USD/1M").nano
    Fraction(2500, 1)
    """
    match = _PRICE.fullmatch(text)
    if not match:
        hint = "say per how many tokens, as in '2.50 USD/1M'" if _MONEY.fullmatch(text) else ""
        raise QuantityError("a price such as 2.50 USD/1M", text, hint)
    return Rate(_fraction(match[1]) * NANO / _PER[match[3]], match[2], text)
