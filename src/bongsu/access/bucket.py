"""How many a minute: a token bucket in whole numbers, so that no limit is off by a rounded fraction.

The level is counted in units of a 60-millionth: a bucket of ``limit`` a minute gains ``limit`` units a microsecond, and
taking one costs 60 million.
"""

from __future__ import annotations

from bongsu.quantity import MINUTE

LOWEST = -(1 << 62)


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
