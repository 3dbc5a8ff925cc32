"""Scores of texts that were looked at before: a chat sends its history again with each turn.

No text is kept. One is told by a keyed digest (BLAKE2b, RFC 7693) under a key of this process, of 16 bytes, so that two
texts are never taken for one. Only for scores that depend on nothing but the text.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import blake2b

SHORTEST = 128
"""Characters from which on a text is remembered: a shorter one is scored about as fast."""
MOST = 8192
"""Scores kept of late, and as many of those before: about 2 MB in all."""


class Remembered:
    """``make`` with a memory. Safe to use from many threads: what one forgets, it makes again."""

    def __init__(self, make: Callable[[str], float], most: int = MOST) -> None:
        self._make, self._most, self._key = make, most, secrets.token_bytes(32)
        self._late: dict[bytes, float] = {}
        self._before: dict[bytes, float] = {}

    def score(self, text: str) -> float:
        """What ``make`` says of the text.

        >>> asked = []
        >>> chat = Remembered(lambda text: asked.append(text) or 0.25)
        >>> chat.score("a turn " * 20), chat.score("a turn " * 20), len(asked)
        (0.25, 0.25, 1)
        """
        if len(text) < SHORTEST:
            return self._make(text)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()
        if (known := self._late.get(digest)) is not None:
            return known
        known = self._before.get(digest)
        score = self._make(text) if known is None else known
        if len(self._late) >= self._most:
            self._late, self._before = {}, self._late
        self._late[digest] = score
        return score

    def __len__(self) -> int:
        return len(self._late) + len(self._before)
