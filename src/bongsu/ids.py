"""Ids: 26 characters, sorted by time, never the same twice (ULID)."""

from __future__ import annotations

import os
from collections.abc import Callable

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _LETTERS for b in _LETTERS)
_TAIL = 1 << 20
"""What the last four characters count."""


def ulids(clock: Callable[[], int], entropy: Callable[[int], bytes] = os.urandom) -> Callable[[], str]:
    """A source of ids; ``clock`` is in microseconds. Within one millisecond the random part counts up.

    >>> source = ulids(lambda: 1_700_000_000_000_000, lambda n: bytes(n))
    >>> source(), source()
    ('01HF7YAT000000000000000000', '01HF7YAT000000000000000001')
    """
    last, number, head, tail = -1, 0, "", _TAIL

    def fresh() -> str:
        nonlocal last, number, head, tail
        at, tail = clock() // 1000, tail + 1
        if at > last:
            last = at
            number, tail = divmod(at << 80 | int.from_bytes(entropy(10), "big") >> 1, _TAIL)
            head = _spelled(number)
        elif tail == _TAIL:
            number, tail = number + 1, 0
            head = _spelled(number)
        return f"{head}{_PAIRS[tail >> 10]}{_PAIRS[tail & 1023]}"

    return fresh


def _spelled(number: int) -> str:
    """All but the last four characters."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(100, -1, -10)])
