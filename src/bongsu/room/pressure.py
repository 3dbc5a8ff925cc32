"""Who is near a rate limit, and who is beyond it: the shared buckets, looked at from outside.

The buckets are found by a hash, so whose they are must be known: keys and teams by the store and the policy, users and
other teams by the events of late (``Callers``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from bongsu.access.apikey import ApiKey
from bongsu.access.bucket import FILE, Bucket, level, wait
from bongsu.access.budget import Per
from bongsu.access.pace import Pull, RateLimit, pulls
from bongsu.access.shared import Shared
from bongsu.event import Event
from bongsu.quantity import MINUTE

REMEMBERED = 10_000
"""Users and teams, those who called last."""


class Callers:
    """Who has called since control began, the last of each kind that some rate limit is for."""

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._seen: dict[Per, OrderedDict[str, None]] = {
            per: OrderedDict() for per in ("user", "team") if any(limit.per == per for limit in limits)}

    def saw(self, events: Iterable[Event]) -> None:
        if not self._seen:
            return
        for event in events:
            for per, seen in self._seen.items():
                if who := getattr(event, per):
                    seen[who] = None
                    seen.move_to_end(who)
                    if len(seen) > REMEMBERED:
                        seen.popitem(last=False)

    def of(self, per: Per) -> tuple[str, ...]:
        return tuple(self._seen.get(per, ()))


class Counted(NamedTuple):
    """Somebody whom a limit is about; ``limit`` is its name in the policy, empty for a key's own."""

    limit: str
    subject: str
    pull: Pull


class Pressure(NamedTuple):
    """How a bucket stands: of ``requests`` and ``tokens`` a minute (0 for no limit) what is left now, whole ones; the
    part of the scarcer that is used; in how many microseconds another call is let in, 0 where it would be now; how
    many calls this limit refused since ``since``."""

    limit: str
    subject: str
    requests: int
    requests_left: int
    tokens: int
    tokens_left: int
    used: Fraction
    wait: int
    refused: int
    since: int


def counted(service: str, limits: Sequence[RateLimit], keys: Sequence[ApiKey], callers: Callers) -> Iterator[Counted]:
    """Everybody known whom a limit is about."""
    for key in keys:
        yield from (Counted("", f"key/{key.id}", pull) for pull in pulls(key, (), {}))
    for limit in limits:
        known = {"service": (service,), "key": tuple(key.id for key in keys)}.get(limit.per) or (
            *limit.only, *callers.of(limit.per))
        for who in dict.fromkeys(known):
            yield from (Counted(limit.name, f"{limit.per}/{who}", pull) for pull in pulls(None, [limit],
                                                                                         {limit.per: who}))


def pressures(folder: Path, known: Iterable[Counted], now: int) -> list[Pressure]:
    """Those of ``known`` who called within the minute or were refused within the day, the most strained first."""
    table = Shared(folder / FILE, len(Bucket._fields))
    try:
        found = [_pressure(one, Bucket(*table.row(place)), now) for one in known
                 if (place := table.find(one.pull.name)) is not None]
    finally:
        table.close()
    return sorted((one for one in found if one.used or one.refused),
                  key=lambda one: (-one.used, -one.refused, one.limit, one.subject))


def _pressure(one: Counted, kept: Bucket, now: int) -> Pressure:
    asked, spoken = (level(have, kept.at, now, limit) if limit else 0
                     for have, limit in ((kept.asked, one.pull.requests), (kept.spoken, one.pull.tokens)))
    limited = [(have, limit) for have, limit in ((asked, one.pull.requests), (spoken, one.pull.tokens)) if limit]
    used = max(1 - Fraction(have, limit * MINUTE) for have, limit in limited)
    return Pressure(one.limit, one.subject, one.pull.requests, max(0, asked // MINUTE), one.pull.tokens,
                    max(0, spoken // MINUTE), used, max(wait(have, MINUTE, limit) for have, limit in limited),
                    *kept.refusals(now))
