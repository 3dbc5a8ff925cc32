"""Check digits and calendars of Korean numbers: digits in, an opinion out. A failed check lowers a score, nothing more.

Resident and foreigner numbers issued or changed since 2020-10-05 carry six random digits and no check digit, so
"the check fails" is an ordinary thing for a true number.
"""

from __future__ import annotations

from datetime import date

_CENTURY = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000, "8": 2000,
            "9": 1800, "0": 1800}
_RESIDENT = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_BUSINESS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_LATEST_BIRTH = 2049
"""A later year is a barcode or a serial number. Not today's date: the answer must not depend on a clock."""
_REGISTRIES = {*range(11, 16), 21, 22, *range(31, 54), 71, *range(81, 87)}
"""Kinds of legal person: the fifth and sixth digit of a corporate number."""


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def birth(digits: str) -> date | None:
    """The date of birth in a resident or foreigner number of 7 digits or more; None where the calendar has no such day.

    >>> birth("0002293"), birth("0102293")
    (datetime.date(2000, 2, 29), None)
    """
    try:
        day = date(_CENTURY[digits[6]] + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except (KeyError, ValueError):
        return None
    return day if day.year <= _LATEST_BIRTH else None


def foreigner(digits: str) -> bool:
    return digits[6] in "5678"


def resident_check(digits: str) -> bool:
    """The check digit of a resident number (11 - sum) or a foreigner number (13 - sum), as issued before October 2020.

    >>> resident_check("9001011234568"), resident_check("9001011234567")
    (True, False)
    """
    base = 13 if foreigner(digits) else 11
    return (base - _weighted(digits[:12], _RESIDENT) % 11) % 10 == int(digits[12])


def business_check(digits: str) -> bool:
    """The check digit of a business number.

    >>> business_check("1234567891"), business_check("1234567890")
    (True, False)
    """
    total = _weighted(digits[:9], _BUSINESS) + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def corporate_check(digits: str) -> bool:
    """The registry digits and check digit of a corporate number: weights 1 and 2 in turn.

    >>> corporate_check("1301110006246"), corporate_check("1301110006247")
    (True, False)
    """
    return int(digits[4:6]) in _REGISTRIES and (10 - _weighted(digits[:12], (1, 2) * 6) % 10) % 10 == int(digits[12])
