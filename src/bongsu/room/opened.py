"""Keys that whoever keeps the master key has opened, in memory for a while.

Nothing is locked while it is asked: it may be slow, and others go on meanwhile. Two who want one key may both ask.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

CACHED = 4096


class Opened:
    """``unwrap`` takes the wrapped key, what it is about, and the name of who wrapped it."""

    def __init__(self, unwrap: Callable[[str, str, str], bytes], about: Callable[[str], str]) -> None:
        self._unwrap, self._about = unwrap, about
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, bytes] = OrderedDict()
        self._forgotten = 0

    def key(self, id_: str, wrapped: str, keeper: str) -> bytes:
        """The key as it is. Raises what ``unwrap`` raises."""
        with self._lock:
            if id_ in self._keys:
                return self._keys[id_]
            before = self._forgotten
        raw = self._unwrap(wrapped, self._about(id_), keeper)
        with self._lock:
            if self._forgotten == before:  # else it may have been destroyed while it was being opened
                self._keep(id_, raw)
        return raw

    def remember(self, id_: str, raw: bytes) -> None:
        """A key that was made here."""
        with self._lock:
            self._keep(id_, raw)

    def forget(self) -> None:
        """Keys were destroyed: none of them stays in memory."""
        with self._lock:
            self._keys.clear()
            self._forgotten += 1

    def _keep(self, id_: str, raw: bytes) -> None:
        self._keys[id_] = raw
        while len(self._keys) > CACHED:
            self._keys.popitem(last=False)
