"""The scalars of a policy: how each is read, named in an error, and described to an editor. One table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bongsu.period import NOMINAL, Unit
from bongsu.policy.fault import Misfit, did_you_mean, quoted
from bongsu.quantity import (
    DAY,
    Duration,
    Money,
    QuantityError,
    Rate,
    parse_duration,
    parse_money,
    parse_rate,
    parse_share,
)

Moment = NewType("Moment", int)
"""Microseconds since a test began."""


@dataclass(frozen=True)
class Span:
    """From ``begin`` to ``end``; a single moment where both are equal."""

    begin: Moment
    end: Moment


Timing = NewType("Timing", Span)
"""A span, or a moment written alone."""

Undo = NewType("Undo", int)
"""How long after its alert cleared a playbook is taken back; ``NEVER`` where a person does it."""
NEVER = Undo(-1)

Day = NewType("Day", int)
"""Microseconds since 1970 (UTC) from which on something holds."""
ALWAYS = Day(0)

LONGEST = Duration(36_525 * DAY)


@dataclass(frozen=True)
class Window:
    """What a budget is over: a rolling ``length``, or the nominal one of a calendar ``unit``."""

    length: Duration
    unit: Unit | None = None


_CLOCK = r"(?:\d+:)?\d{1,2}:\d{2}(?:\.\d{1,6})?"
_NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d+)?")


@dataclass(frozen=True)
class Scalar:
    """``read`` raises a ValueError with what was expected; ``pattern`` is for editors, ``json`` other JSON types."""

    noun: str
    read: Callable[[str], Any]
    pattern: str
    json: str = ""


def read_moment(text: str) -> Moment:
    """``MM:SS``, ``MM:SS.mmm`` or ``HH:MM:SS`` since the test began.

    >>> read_moment("01:30.5"), read_moment("1:00:00")
    (90500000, 3600000000)
    """
    if not re.fullmatch(_CLOCK, text):
        raise Misfit("a time since the test began such as 00:30 or 01:00:00", quoted(text))
    *hours, minutes, seconds = text.split(":")
    if (int(minutes) > 59 and hours) or float(seconds) >= 60:
        raise Misfit("a time with less than 60 seconds and minutes", quoted(text))
    total = (int(hours[0]) if hours else 0) * 3600 + int(minutes) * 60 + Fraction(seconds)
    return Moment(int(total * 10**6))


def read_span(text: str) -> Span:
    """``00:30..00:45``."""
    begin, dots, end = text.partition("..")
    if not dots:
        raise Misfit("a span such as 00:30..00:45", quoted(text))
    span = Span(read_moment(begin.strip()), read_moment(end.strip()))
    if span.end <= span.begin:
        raise Misfit("a span that ends after it begins", quoted(text))
    return span


def read_timing(text: str) -> Span:
    if ".." in text:
        return read_span(text)
    moment = read_moment(text)
    return Span(moment, moment)


def read_window(text: str) -> Window:
    """``30d``, or a calendar window: ``week``, ``month``, ``quarter``, ``year``."""
    for unit, length in NOMINAL.items():
        if text == unit:
            return Window(length, unit)
    return Window(_duration(text))


def read_day(text: str) -> Day:
    """``2026-01-01`` (midnight UTC), or a moment with its offset.

    >>> read_day("2026-01-01"), read_day("2026-01-01T00:00:00+09:00")
    (1767225600000000, 1767193200000000)
    """
    noun = "a day such as 2026-01-01, or a moment such as 2026-01-01T09:00:00+09:00"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misfit(noun, quoted(text)) from None
    if len(text) > len("2026-01-01") and found.tzinfo is None:
        raise Misfit(noun, quoted(text), f"did you mean '{text}Z'?")
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    if since < timedelta(0):
        raise Misfit("a day since 1970", quoted(text))
    return Day(since // timedelta(microseconds=1))


def show_day(value: int) -> str:
    """The day as it is written; the moment, where it is not midnight.

    >>> show_day(read_day("2026-01-01")), show_day(read_day("2026-01-01T09:30:00Z"))
    ('2026-01-01', '2026-01-01T09:30:00+00:00')
    """
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)).isoformat()
    return text.removesuffix("T00:00:00+00:00")


def read_zone(text: str) -> ZoneInfo:
    """A time zone of the IANA database."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = did_you_mean(text, available_timezones())
        raise Misfit("a time zone such as Asia/Seoul", quoted(text), close) from None


def read_undo(text: str) -> Undo:
    """``clear``, ``clear for 5m`` or ``never``."""
    if text in ("clear", "never"):
        return Undo(0) if text == "clear" else NEVER
    match = re.fullmatch(r"clear\s+for\s+(\S+)", text)
    if match is None:
        raise Misfit("'clear', 'clear for DURATION' or 'never'", quoted(text))
    try:
        return Undo(_duration(match[1]))
    except Misfit as error:
        raise Misfit(error.expected, error.came, error.hint, offset=match.start(1)) from None


def read_number(text: str) -> Fraction:
    """A plain number, exactly."""
    if not _NUMBER.fullmatch(text):
        raise Misfit("a number such as 10 or 0.5", quoted(text))
    return Fraction(text.replace("_", ""))


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d[\d_]*", text):
        raise Misfit("a whole number", quoted(text))
    value = int(text.replace("_", ""))
    if value >= 2**63:
        raise Misfit("a whole number of at most 64 bits", quoted(text))
    return value


def _float(text: str) -> float:
    try:
        return float(read_number(text))
    except OverflowError:
        raise Misfit("a number that fits a float", quoted(text)) from None


def _duration(text: str) -> Duration:
    value: Duration = _strict(parse_duration)(text)
    if value > LONGEST:
        raise Misfit("a duration of at most 100 years", quoted(text))
    return value


_YES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _bool(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    meant = _YES.get(text.lower(), text.lower() if text.lower() in ("true", "false") else "")
    raise Misfit("true or false", quoted(text), f"did you mean '{meant}'?" if meant else "")


def _strict(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse(text)
        except QuantityError as error:
            raise Misfit(error.expected, quoted(error.came), error.hint) from None

    return read


_N = r"\d[\d_]*(?:\.\d+)?"
_UNITS = "|".join(NOMINAL)
SCALARS: dict[Any, Scalar] = {
    Duration: Scalar("a duration", _duration, rf"^(?:{_N}(?:us|ms|s|m|h|d|w))+$"),
    Fraction: Scalar("a percentage", _strict(parse_share), rf"^{_N}\s*%$"),
    Money: Scalar("an amount", _strict(parse_money), rf"^{_N}\s*[A-Z]{{3}}$"),
    Rate: Scalar("a price", _strict(parse_rate), rf"^{_N}\s*[A-Z]{{3}}\s*/\s*(?:1M|1K|1)$"),
    int: Scalar("a whole number", _whole, r"^\d[\d_]*$", "integer"),
    float: Scalar("a number", _float, rf"^-?{_N}$", "number"),
    bool: Scalar("true or false", _bool, "^(?:true|false)$", "boolean"),
    Moment: Scalar("a time", read_moment, f"^{_CLOCK}$"),
    Span: Scalar("a span", read_span, rf"^{_CLOCK}\s*\.\.\s*{_CLOCK}$"),
    Day: Scalar("a day", read_day, r"^\d{4}-\d{2}-\d{2}(?:T.+)?$"),
    Window: Scalar("a duration, or a calendar window", read_window, rf"^(?:{_N}(?:us|ms|s|m|h|d|w))+$|^(?:{_UNITS})$"),
    ZoneInfo: Scalar("a time zone", read_zone, r"^[A-Za-z0-9_+/-]+$"),
    Undo: Scalar("when to take it back", read_undo, rf"^(?:clear|never|clear\s+for\s+(?:{_N}(?:us|ms|s|m|h|d|w))+)$"),
    Timing: Scalar("a time or a span", read_timing, rf"^{_CLOCK}(?:\s*\.\.\s*{_CLOCK})?$"),
}
"""Type of a declaration's field -> how it is written."""


def show_moment(value: int) -> str:
    """The time of a test as it is written there.

    >>> show_moment(90_500_000), show_moment(3_600_000_000)
    ('01:30.5', '01:00:00')
    """
    seconds, rest = divmod(value, 10**6)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return (f"{hours:02d}:" if hours else "") + f"{minutes:02d}:{seconds % 60:02d}{fraction}"
