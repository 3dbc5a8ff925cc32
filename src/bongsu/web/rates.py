"""Requests and tokens a minute, by key, user, team and service: exact over all workers of a host, which count in one
table that they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bongsu.access.bucket import FILE, LOWEST, Bucket, level, shown, wait
from bongsu.access.pace import Pull
from bongsu.access.shared import Shared
from bongsu.quantity import MINUTE
from bongsu.web.errors import Header


class Left(NamedTuple):
    """What is left of a limit, and in how many microseconds all of it will be."""

    of: str
    limit: int
    remaining: int
    reset: int


class Taken(NamedTuple):
    """``after`` is how many microseconds a caller must wait, 0 where it was let in; ``whose`` count ran out and ``of``
    what. ``left`` has the scarcest count of requests and of tokens, as far as they are limited."""

    after: int
    whose: str
    of: str
    left: tuple[Left, ...]


class Rates:
    """One worker's hand in the table."""

    def __init__(self, folder: Path) -> None:
        self._table = Shared(folder / FILE, len(Bucket._fields))

    def close(self) -> None:
        self._table.close()

    def take(self, wanted: Sequence[Pull], tokens: int, now: int) -> Taken:
        """One request and about ``tokens`` of every count, or of none. A call larger than a whole minute's tokens needs
        a full bucket and leaves a debt. Raises ``Full``."""
        with self._table.locked():
            places, levels = self._levels(wanted, now)
            waits = [(w, n, of) for n, (pull, one) in enumerate(zip(wanted, levels, strict=True))
                     for w, of in ((wait(one.asked, MINUTE, pull.requests) if pull.requests else 0, "requests"),
                                   (wait(one.spoken, min(tokens, pull.tokens) * MINUTE, pull.tokens)
                                    if pull.tokens else 0, "tokens"))]
            after, scarce, of = max(waits, key=lambda one: one[0])
            if after:
                levels[scarce] = levels[scarce].refuse(now)
            else:
                levels = [one._replace(asked=one.asked - MINUTE * bool(pull.requests),
                                       spoken=max(LOWEST, one.spoken - tokens * MINUTE) if pull.tokens else 0)
                          for pull, one in zip(wanted, levels, strict=True)]
            self._put(places, levels)
        left = (_scarcest("requests", [(p.requests, one.asked) for p, one in zip(wanted, levels, strict=True)]),
                _scarcest("tokens", [(p.tokens, one.spoken) for p, one in zip(wanted, levels, strict=True)]))
        return Taken(after, wanted[scarce].whose, of, tuple(filter(None, left)))

    def settle(self, wanted: Sequence[Pull], reckoned: int, used: int, now: int) -> None:
        """A call took ``used`` tokens where it was reckoned with others."""
        limited = [pull for pull in wanted if pull.tokens]
        if not limited or reckoned == used:
            return
        with self._table.locked():
            places, levels = self._levels(limited, now)
            self._put(places, [one._replace(spoken=max(LOWEST, min(pull.tokens * MINUTE,
                                                                   one.spoken + (reckoned - used) * MINUTE)))
                               for pull, one in zip(limited, levels, strict=True)])

    def _levels(self, wanted: Sequence[Pull], now: int) -> tuple[list[int], list[Bucket]]:
        """Where the buckets are, and how full they are now."""
        places: list[int] = []
        levels: list[Bucket] = []
        for pull in wanted:
            place = self._place(pull.name, places, now)
            asked, spoken, at, refused, since = self._table.row(place)
            places.append(place)
            levels.append(Bucket(level(asked, at, now, pull.requests), level(spoken, at, now, pull.tokens),
                                 max(at, now), refused, since))
        return places, levels

    def _put(self, places: Sequence[int], levels: Sequence[Bucket]) -> None:
        for place, one in zip(places, levels, strict=True):
            self._table.put(place, *one)

    def _place(self, name: bytes, kept: Sequence[int], now: int) -> int:
        """A bucket that owes nothing is full a minute later, whatever its limit is: its row says no more than none."""
        def full(place: int) -> bool:
            asked, spoken, at, *_ = self._table.row(place)
            return place not in kept and asked >= 0 and spoken >= 0 and at + MINUTE <= now

        return self._table.place(name, full)


def _scarcest(of: str, levels: Sequence[tuple[int, int]]) -> Left | None:
    limited = [(max(0, have), limit) for limit, have in levels if limit]
    if not limited:
        return None
    have, limit = min(limited)
    return Left(of, limit, have // MINUTE, wait(have, limit * MINUTE, limit))


def headers(left: Sequence[Left], api: str, now: int) -> list[Header]:
    """What is left, as the API's own clients read it: Anthropic tells a moment, OpenAI a span."""
    out: list[Header] = []
    for one in left:
        if api == "anthropic":
            full = datetime.fromtimestamp(-(-(now + one.reset) // 10**6), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            told = {f"anthropic-ratelimit-{one.of}-limit": str(one.limit),
                    f"anthropic-ratelimit-{one.of}-remaining": str(one.remaining),
                    f"anthropic-ratelimit-{one.of}-reset": full}
        else:
            told = {f"x-ratelimit-limit-{one.of}": str(one.limit),
                    f"x-ratelimit-remaining-{one.of}": str(one.remaining),
                    f"x-ratelimit-reset-{one.of}": shown(one.reset)}
        out += ((name.encode(), value.encode()) for name, value in told.items())
    return out
