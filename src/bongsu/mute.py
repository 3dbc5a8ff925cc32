"""Whom nobody need tell now: mute windows of the policy, and silences that a person asked for.

Both only keep a notice back. Neither changes what an alert is, and neither keeps back that something is over: whoever
was told that it began is told that it ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal
from zoneinfo import ZoneInfo

from bongsu.quantity import DAY, QuantityError, parse_duration, show_duration

Range = tuple[int, int]
LONGEST_LOOK = 400
"""How many days ahead the end of a window is looked for."""
LONGEST_SILENCE = 90 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 24 * 60


@dataclass(frozen=True)
class Times:
    """A set of local moments: what is empty does not restrict.

    ``times`` are minutes of the day, start included and end not; the others are ranges with both ends included.
    Weekdays count from Monday = 0, days of a month from 1, or from its last day = -1.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    zone: str = "UTC"

    def holds(self, now: int) -> bool:
        """Whether the moment is one of them.

        >>> night = Times(times=((22 * 60, 24 * 60),), zone="Asia/Seoul")
        >>> night.holds(13 * 3600 * 10**6), night.holds(15 * 3600 * 10**6)
        (True, False)
        """
        local = _local(now, self.zone)
        minute = local.hour * 60 + local.minute
        return (any(begin <= minute < end for begin, end in self.times) or not self.times) and all(
            any(_among(value, span, last) for span in spans) or not spans for value, spans, last in (
                (local.weekday(), self.weekdays, 0), (local.day, self.days, _last_day(local)),
                (local.month, self.months, 0), (local.year, self.years, 0)))

    def ends(self, now: int) -> int | None:
        """The next moment that is none of them; None where there is none within a year."""
        return next((at for at in self._edges(now) if at > now and not self.holds(at)), None)

    def _edges(self, now: int) -> Iterator[int]:
        local = _local(now, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        minutes = sorted({0, *(end for _, end in self.times if end < _DAY)})
        for day in range(LONGEST_LOOK):
            for minute in minutes:
                edge = (local + timedelta(days=day)).replace(hour=minute // 60, minute=minute % 60, fold=0)
                # an hour that comes twice has its edge twice
                yield from dict.fromkeys((_instant(edge), _instant(edge.replace(fold=1))))


def _local(now: int, zone: str) -> datetime:
    return (_EPOCH + timedelta(microseconds=now)).astimezone(ZoneInfo(zone))


def _instant(local: datetime) -> int:
    return (local.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _last_day(local: datetime) -> int:
    return ((local.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def _among(value: int, span: Range, last: int) -> bool:
    begin, end = (last + 1 + edge if edge < 0 else edge for edge in span)
    return begin <= value <= end


@dataclass(frozen=True)
class Mute:
    """A window of the policy in which some are not told of some; what is empty means all."""

    name: str
    when: Times
    tiers: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def covers(self, channel: str, alert: str, tier: str) -> bool:
        return all(not some or one in some for some, one in (
            (self.channels, channel), (self.alerts, alert), (self.tiers, tier)))


Op = Literal["=", "!=", "=~", "!~"]
_MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


class SilenceFault(ValueError):
    """A silence that cannot be: ``code`` for programs, the sentence for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Matcher:
    """``name op value``: the alert's name, its tier, its service, or one of its labels. Patterns match as a whole."""

    name: str
    op: Op
    value: str

    def matches(self, facts: Mapping[str, str]) -> bool:
        """What an alert does not have is the empty text."""
        have = facts.get(self.name, "")
        same = have == self.value if len(self.op) == 1 or self.op == "!=" else bool(re.fullmatch(self.value, have))
        return same != self.op.startswith("!")

    def __str__(self) -> str:
        return f"{self.name}{self.op}{self.value}"


def read_matcher(text: str) -> Matcher:
    """
    >>> str(read_matcher("model =~ demo-.*"))
    'model=~demo-.*'
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise SilenceFault("bad_match", f"expected NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN such as "
                                        f"alert=cost, came {text[:80]!r}")
    op: Op = found[2]  # type: ignore[assignment]
    if op.endswith("~"):
        try:
            re.compile(found[3])
        except re.error as error:
            raise SilenceFault("bad_pattern", f"expected a regular expression after {op}, came {found[3][:80]!r}: "
                                              f"{error}") from None
    return Matcher(found[1], op, found[3])


@dataclass(frozen=True)
class Silence:
    """All that match all its matchers are not told of from ``starts`` until ``ends``."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: int
    ends: int
    by: str
    reason: str

    def covers(self, facts: Mapping[str, str], now: int) -> bool:
        return self.starts <= now < self.ends and all(one.matches(facts) for one in self.matchers)


def silence(match: tuple[str, ...], lasting: str, by: str, reason: str, now: int, starts: int | None = None) -> Silence:
    """A silence as it is asked for. Its id follows from what it says. Raises ``SilenceFault``."""
    if not match:
        raise SilenceFault("no_match", "say what is to be silent, such as alert=cost; for everything, use tier=~.*")
    try:
        length = parse_duration(lasting)
    except QuantityError as error:
        raise SilenceFault("bad_for", f"expected {error.expected} such as 2h, came {lasting!r}") from None
    if not 0 < length <= LONGEST_SILENCE:
        raise SilenceFault("bad_for", f"expected a time above zero and of at most {show_duration(LONGEST_SILENCE)}, "
                                      f"came {lasting!r}")
    if not by.strip() or not reason.strip():
        raise SilenceFault("no_reason", "say who and why: a silence without an author and a reason helps nobody")
    begin = now if starts is None else max(now, starts)
    matchers = tuple(sorted(map(read_matcher, match), key=str))
    said = "\0".join((*map(str, matchers), str(begin), str(length), by))
    return Silence(f"SIL-{sha256(said.encode()).hexdigest()[:10].upper()}", matchers, begin, begin + length, by, reason)
