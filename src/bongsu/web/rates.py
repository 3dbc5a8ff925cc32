"""Requests and tokens a minute, by key: exact over all workers of a host, which count in one table that they share."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bongsu.access.apikey import ApiKey
from bongsu.access.bucket import LOWEST, level, shown, wait
from bongsu.access.shared import Shared
from bongsu.quantity import MINUTE
from bongsu.web.errors import Header

FILE = "rates.map"
_WIDTH = 3
"""The level of requests, that of tokens, and when they were so."""


class Taken(NamedTuple):
    """``after`` is how many microseconds a caller must wait, 0 where it was let in; ``of`` what it ran out of."""

    after: int
    of: str
    headers: list[Header]


class Rates:
    """One worker's hand in the table."""

    def __init__(self, folder: Path) -> None:
        self._table = Shared(folder / FILE, _WIDTH)

    def close(self) -> None:
        self._table.close()

    def take(self, key: ApiKey, tokens: int, now: int) -> Taken:
        """One request and about ``tokens``, both or neither. A call larger than a whole minute's tokens needs a full
        bucket and leaves a debt."""
        with self._table.locked():
            place = self._place(key.id, now)
            asked, spoken, at = self._table.row(place)
            asked, spoken = level(asked, at, now, key.requests), level(spoken, at, now, key.tokens)
            short = wait(asked, MINUTE, key.requests) if key.requests else 0
            late = wait(spoken, min(tokens, key.tokens) * MINUTE, key.tokens) if key.tokens else 0
            if not short and not late:
                asked = asked - MINUTE * bool(key.requests)
                spoken = max(LOWEST, spoken - tokens * MINUTE) if key.tokens else 0
            self._table.put(place, asked, spoken, max(at, now))
        headers = [*_told(b"requests", asked, key.requests), *_told(b"tokens", spoken, key.tokens)]
        return Taken(max(short, late), "requests" if short >= late else "tokens", headers)

    def settle(self, key: ApiKey, reckoned: int, used: int, now: int) -> None:
        """A call took ``used`` tokens where it was reckoned with others."""
        if not key.tokens or reckoned == used:
            return
        with self._table.locked():
            place = self._place(key.id, now)
            asked, spoken, at = self._table.row(place)
            asked, spoken = level(asked, at, now, key.requests), level(spoken, at, now, key.tokens)
            spoken = max(LOWEST, min(key.tokens * MINUTE, spoken + (reckoned - used) * MINUTE))
            self._table.put(place, asked, spoken, max(at, now))

    def _place(self, id_: str, now: int) -> int:
        """A bucket that owes nothing is full a minute later, whatever its limit is: its row says no more than none."""
        def full(place: int) -> bool:
            asked, spoken, at = self._table.row(place)
            return asked >= 0 and spoken >= 0 and at + MINUTE <= now

        return self._table.place(_name(id_), full)


def _name(id_: str) -> bytes:
    return sha256(f"rate\0{id_}".encode()).digest()[:16]


def _told(of: bytes, have: int, limit: int) -> list[Header]:
    if not limit:
        return []
    return [(b"x-ratelimit-limit-" + of, str(limit).encode()),
            (b"x-ratelimit-remaining-" + of, str(max(0, have) // MINUTE).encode()),
            (b"x-ratelimit-reset-" + of, shown(wait(have, limit * MINUTE, limit)).encode())]
