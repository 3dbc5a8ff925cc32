"""What a promise is about: a rolling window, or a calendar one in somebody's time zone.

A rolling window forgives what is older than its length; a calendar one forgives everything at its boundary, at local
midnight, whatever daylight saving does to the length of that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bongsu.quantity import DAY, Duration

Unit = Literal["week", "month", "quarter", "year"]
NOMINAL: dict[Unit, Duration] = {
    "week": Duration(7 * DAY), "month": Duration(30 * DAY), "quarter": Duration(90 * DAY), "year": Duration(365 * DAY),
}
"""The length that burn rates are scaled by; the budget itself runs from boundary to boundary."""

LONGEST: dict[Unit, Duration] = {
    "week": Duration(8 * DAY), "month": Duration(32 * DAY), "quarter": Duration(93 * DAY), "year": Duration(367 * DAY),
}
"""No such window is longer, daylight saving included."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Calendar:
    """A calendar window: weeks begin on Monday, quarters in January, April, July and October."""

    unit: Unit
    zone: str = "UTC"

    def span(self, now: int) -> tuple[int, int]:
        """[begin, end) of the window that ``now`` lies in, as microseconds since 1970.

        >>> seoul = Calendar("month", "Asia/Seoul")
        >>> begin, end = seoul.span(1_767_193_200_000_000)  # 2026-01-01T00:00:00 in Seoul
        >>> begin == 1_767_193_200_000_000, (end - begin) // DAY
        (True, 31)
        """
        local = (_EPOCH + timedelta(microseconds=now)).astimezone(ZoneInfo(self.zone))
        begin = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        match self.unit:
            case "week":
                begin -= timedelta(days=begin.weekday())
                end = begin + timedelta(days=7)
            case "month":
                begin = begin.replace(day=1)
                end = _months_later(begin, 1)
            case "quarter":
                begin = begin.replace(day=1, month=(begin.month - 1) // 3 * 3 + 1)
                end = _months_later(begin, 3)
            case "year":
                begin = begin.replace(day=1, month=1)
                end = _months_later(begin, 12)
        return _instant(begin), _instant(end)


def _months_later(day: datetime, months: int) -> datetime:
    month = day.month - 1 + months
    return day.replace(year=day.year + month // 12, month=month % 12 + 1)


def _instant(local: datetime) -> int:
    return (local.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
