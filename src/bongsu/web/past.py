"""What a worker remembers of prompts, so that a call can say whether it repeats one or asks of something new.

No text is kept: of each user the sketches of the last prompts, of each key one bit a cell of the space of prompts for
the current day (UTC). Both are bounded; who was not seen for longest is forgotten first. This one is a single
process's; that of all workers of a host is in ``past_shared.py``.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from bongsu.alert import Signal
from bongsu.likeness import CELLS, NEAR, apart, sketch
from bongsu.policy.asks import asks
from bongsu.quantity import DAY

USERS = 10_000
PROMPTS = 32
KEYS = 2_000
"""At most: 10,000 users x 32 prompts x 8 bytes and 2,000 keys x 512 bytes are 3.6 MB, and the dictionaries."""
COLUMNS = frozenset(("near_duplicate", "new_cluster"))


class Past:
    """The memory of one worker. Any thread may use it."""

    def __init__(self, secret: bytes, *, users: int = USERS, prompts: int = PROMPTS, keys: int = KEYS) -> None:
        self._secret, self._users, self._prompts, self._keys = secret, users, prompts, keys
        self._rings: OrderedDict[str, array[int]] = OrderedDict()
        self._maps: OrderedDict[str, tuple[int, bytearray]] = OrderedDict()
        self._lock = Lock()

    def close(self) -> None:
        """Let go of what it holds."""

    def note(self, text: str, user: str, key: str, now: int) -> dict[str, bool]:
        """The columns of a call that says ``text``: none of it where nobody is named or the text says too little.

        A caller without a user is known by the key, one without a key by the user.
        """
        seen = sketch(text, self._secret) if user or key else None
        if seen is None:
            return {}
        with self._lock:
            return {"near_duplicate": self._near(user or key, seen.bits, now),
                    "new_cluster": self._new(key or user, seen.cell, now)}

    def _near(self, user: str, bits: int, now: int) -> bool:  # noqa: ARG002 (here the order of calls is enough)
        ring = self._rings.setdefault(user, array("Q"))
        self._rings.move_to_end(user)
        near = any(apart(bits, one) <= NEAR for one in ring)
        ring.append(bits)
        del ring[: -self._prompts]
        if len(self._rings) > self._users:
            self._rings.popitem(last=False)
        return near

    def _new(self, key: str, cell: int, now: int) -> bool:
        day = now // DAY
        of, cells = self._maps.get(key, (day, None))
        if cells is None or of != day:
            cells = bytearray(CELLS // 8)
        self._maps[key] = day, cells
        self._maps.move_to_end(key)
        if len(self._maps) > self._keys:
            self._maps.popitem(last=False)
        place, bit = cell >> 3, 1 << (cell & 7)
        new = not cells[place] & bit
        cells[place] |= bit
        return new


def reads_prompts(signals: Iterable[Signal]) -> bool:
    """Whether any signal counts by these columns: else no prompt need be looked at for them."""
    return any(asks(signal, *COLUMNS) for signal in signals)
