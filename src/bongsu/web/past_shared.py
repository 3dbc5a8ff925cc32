"""The memory of prompts that all workers of a host share: a burst that meets three workers is one burst.

The same rules as of one worker's memory, on two tables that are mapped by all (``shared.py``): of each user the
sketches of the last prompts, of each key one bit a cell for the current day. Who was not seen for longest makes room.
The hash is keyed by a key of the data folder, so a restart does not forget; without that key the bits say nothing of a
text.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from bongsu.access.shared import NAME, Full, Shared
from bongsu.likeness import CELLS, NEAR, apart
from bongsu.quantity import DAY
from bongsu.web.past import PROMPTS, Past

USERS, KEYS = 1 << 14, 1 << 12
"""At most: 16,384 users x 288 bytes and 4,096 keys x 536 bytes are 7 MB, of which only what is in use takes memory."""
_WORD = 64
_SIGN = 1 << 63


class CommonPast(Past):
    """One worker's hand in it. ``key`` is secret, and the same in every worker."""

    def __init__(self, folder: Path, key: bytes, *, users: int = USERS, keys: int = KEYS) -> None:
        super().__init__(blake2b(b"prompts", key=key, digest_size=32).digest())
        self._said = Shared(folder / "prompts.map", 2 + PROMPTS, users)
        self._touched = Shared(folder / "cells.map", 1 + CELLS // _WORD, keys)

    def close(self) -> None:
        self._said.close()
        self._touched.close()

    def _near(self, user: str, bits: int, now: int) -> bool:
        with self._said.locked():
            place = self._place(self._said, user)
            _, count, *ring = self._said.row(place)
            near = any(apart(bits, one % (1 << _WORD)) <= NEAR for one in ring[: min(count, PROMPTS)])
            ring[count % PROMPTS] = (bits ^ _SIGN) - _SIGN
            self._said.put(place, now, count + 1, *ring)
        return near

    def _new(self, key: str, cell: int, now: int) -> bool:
        with self._touched.locked():
            place = self._place(self._touched, key)
            at, *words = self._touched.row(place)
            if at // DAY != now // DAY or not at:
                words = [0] * len(words)
            which, bit = divmod(cell, _WORD)
            known = words[which] % (1 << _WORD)
            words[which] = ((known | 1 << bit) ^ _SIGN) - _SIGN
            self._touched.put(place, max(now, 1), *words)
        return not known >> bit & 1

    def _place(self, table: Shared, whose: str) -> int:
        """Where somebody's row is, in place of who was not seen for longest if need be."""
        name = blake2b(whose.encode("utf-8", "replace"), key=self._secret, digest_size=NAME).digest()
        try:
            return table.place(name)
        except Full:
            oldest = min(table.window(name), key=lambda place: table.row(place)[0])
            return table.place(name, lambda place: place == oldest)
