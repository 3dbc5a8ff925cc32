"""How many a minute: a token bucket in whole numbers, so that no limit is off by a rounded fraction.

The level is counted in units of a 60-millionth: a bucket of ``limit`` a minute gains ``limit`` units a microsecond, and
taking one costs 60 million.
"""

from __future__ import annotations

from typing import NamedTuple

from bongsu.quantity import DAY, MINUTE

FILE = "buckets.map"
"""The table that the workers of a host share, in the folder of what is live."""
LOWEST = -(1 << 62)


class Bucket(NamedTuple):
    """A row of the table: levels of requests and tokens, since when they stand so; calls that this limit refused, since
    the first of them: at most a day, then they are counted anew."""

    asked: int = 0
    spoken: int = 0
    at: int = 0
    refused: int = 0
    since: int = 0

    def refusals(self, now: int) -> tuple[int, int]:
        """How many were refused, and since when; nothing where that is a day ago, or the row is torn."""
        fresh = self.since > 0 and abs(now - self.since) < DAY and self.refused > 0
        return (self.refused, self.since) if fresh else (0, 0)

    def refuse(self, now: int) -> Bucket:
        """With one more that was refused.

        >>> Bucket().refuse(7).refuse(9).refusals(9)
        (2, 7)
        """
        n, since = self.refusals(now)
        return self._replace(refused=n + 1, since=since or now)


def level(kept: int, at: int, now: int, limit: int) -> int:
    """How full a bucket is at ``now`` that held ``kept`` at ``at`` (0: never used, so it is full).

    A clock that was set back gives nothing and takes nothing; what no bucket can hold was torn by a death, and is full.

    >>> level(0, 1, 1 + MINUTE, 10) == 10 * MINUTE
    True
    """
    full = limit * MINUTE
    return full if at == 0 else max(LOWEST, min(full, kept + max(0, now - at) * limit))


def wait(have: int, want: int, limit: int) -> int:
    """Microseconds until a bucket has ``want`` units.

    >>> wait(0, MINUTE, 10)
    6000000
    """
    return max(0, -(-(want - have) // limit))


def shown(micro: int) -> str:
    """A span as OpenAI's headers have it.

    >>> shown(120_000), shown(6_000_000), shown(360_000_000), shown(1)
    ('120ms', '6s', '6m0s', '1ms')
    """
    ms = -(-micro // 1000)
    if ms < 1000:
        return f"{ms}ms"
    minutes, seconds = divmod(-(-ms // 1000), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
