"""The time window of an OpenSLO SLO: rolling, or of the calendar in somebody's time zone.

A calendar window is ours if it is one week, month, quarter or year and begins where ours do (weeks on Monday, quarters
in January, April, July and October), at midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bongsu.imports.form import Form
from bongsu.period import NOMINAL, Calendar, Unit
from bongsu.policy.fault import Misfit, quoted
from bongsu.policy.scalar import read_number, read_zone
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND, Duration, parse_duration

UNITS = {"Second": SECOND, "Minute": MINUTE, "Hour": HOUR, "Day": DAY, "Week": Duration(7 * DAY)}
CALENDARS: dict[str, Unit] = {"1w": "week", "7d": "week", "1M": "month", "3M": "quarter", "1Q": "quarter",
                              "1Y": "year", "12M": "year", "4Q": "year"}
"""How v1 writes a length of the calendar -> our word for it."""
OLD_CALENDARS: dict[str, Unit] = {"Week": "week", "Month": "month", "Quarter": "quarter", "Year": "year"}
START = "%Y-%m-%d %H:%M:%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A window: its (nominal) length, and unit and zone if it is of the calendar."""

    length: Duration
    unit: Unit | None = None
    zone: str = ""


def window(spec: Form) -> Span | None:
    """The one window of a v1 SLO."""
    form = spec.single("timeWindow", "time window")
    if form is None:
        return None
    if form.has("calendar"):
        form.choice("isRolling", ("false",), hint="a window is rolling or of the calendar")
        unit = form.choice("duration", CALENDARS, True, "such windows of the calendar are honoured")
        return _calendar(form, CALENDARS.get(unit))
    form.choice("isRolling", ("true",), True, "a window that does not roll needs 'calendar'")
    length: Duration | None = form.read("duration", _duration, True)
    form.close()
    return Span(length) if length else None


def old_window(spec: Form) -> Span | None:
    """The same of v1alpha."""
    form = spec.single("timeWindows", "time window")
    if form is None:
        return None
    if form.has("calendar"):
        form.choice("isRolling", ("false",), hint="a window is rolling or of the calendar")
        unit = form.choice("unit", OLD_CALENDARS, True, "such windows of the calendar are honoured")
        form.choice("count", ("1",), True, "one of them is")
        return _calendar(form, OLD_CALENDARS.get(unit))
    form.choice("isRolling", ("true",), True, "a window that does not roll needs 'calendar'")
    unit = form.choice("unit", UNITS, True, "other units differ in length")
    count = form.read("count", read_number, True)
    form.close()
    if count is not None and (count <= 0 or count.denominator != 1):
        form.fault("count", "a whole number above zero", quoted(form.text("count")))
        return None
    return Span(Duration(int(count) * UNITS[unit])) if unit and count is not None else None


def _calendar(form: Form, unit: Unit | None) -> Span | None:
    """The boundary must be one of ours: a month from the 15th is another promise."""
    inner = form.form("calendar", True)
    form.close()
    if inner is None:
        return None
    zone = inner.read("timeZone", read_zone, True)
    start = inner.read("startTime", _moment, True)
    inner.close()
    if unit is None or zone is None or start is None:
        return None
    at = (start.replace(tzinfo=zone).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    begin, _ = Calendar(unit, str(zone)).span(at)
    if at != begin:
        ours = (_EPOCH + timedelta(microseconds=begin)).astimezone(zone)
        inner.fault("startTime", f"the first moment of a {unit}, such as {ours.strftime(START)}",
                    quoted(start.strftime(START)), "bongsu's windows of the calendar begin there")
        return None
    return Span(NOMINAL[unit], unit, str(zone))


def _moment(text: str) -> datetime:
    for form in (START, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007  # its zone stands beside it
        except ValueError:
            continue
        if 1971 <= found.year <= 9998:
            return found
    raise Misfit("a moment such as 2026-01-01 00:00:00", quoted(text))


def _duration(text: str) -> Duration:
    if text[-1] in "MQY":
        raise Misfit("a duration in m, h, d or w", quoted(text),
                     "months differ in length; say how many days, or from which moment of the calendar")
    return parse_duration(text)
