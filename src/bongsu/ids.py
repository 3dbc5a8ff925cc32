"""Ids: 26 characters, sorted by time, never the same twice (ULID)."""

from __future__ import annotations

import os
from collections.abc import Callable

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _LETTERS for b in _LETTERS)


def ulids(clock: Callable[[], int], entropy: Callable[[int], bytes] = os.urandom) -> Callable[[], str]:
    """A source of ids; ``clock`` is in microseconds. Within one millisecond the random part counts up.

    >>> source = ulids(lambda: 1_700_000_000_000_000, lambda n: bytes(n))
    >>> source(), source()
    ('01HF7YAT000000000000000000', '01HF7YAT000000000000000001')
    """
    last = [-1, 0]

    def fresh() -> str:
        at = clock() // 1000
        if at <= last[0]:
            last[1] += 1
        else:
            last[0], last[1] = at, int.from_bytes(entropy(10), "big") >> 1
        number = (last[0] << 80) | last[1]
        return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])

    return fresh
