"""How long a checked text is on its way: streams whose words are the times at which the model sent them.

A word is checkable when the event after it is here: until then it may go on. Its lag is from then (or from its own
event, if a gateway let it go before) to the moment the caller has all of it.
"""

from __future__ import annotations

import re
import time

DIGITS = "abcdefghij"
TELLS = "What time is it?"
"""A prompt with this in it is answered in such words."""
_CONTENT = re.compile(rb'"content": ?"([^"]*)"')
_AROUND = 10**9


def word(now_us: int) -> str:
    """A moment, to the microsecond, as a word of nine letters that says nothing to anyone."""
    return "".join(DIGITS[int(d)] for d in f"{now_us % _AROUND:09d}")


def moment(told: str) -> int:
    return int("".join(str(DIGITS.index(c)) for c in told))


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Clocked:
    """One stream as its caller sees it: bytes in; at the end, the lag of every word in microseconds."""

    def __init__(self) -> None:
        self._rest = b""
        self._text = ""
        self._came: list[tuple[int, int]] = []  # (length of the text so far, when)

    def feed(self, data: bytes) -> None:
        at = now_us()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        fresh = "".join(found[1].decode() for event in events if (found := _CONTENT.search(event)))
        if fresh:
            self._text += fresh
            self._came.append((len(self._text), at))

    def lags(self) -> list[int]:
        words, end, out = self._text.split(" "), -1, []
        for i, told in enumerate(words[:-1]):  # after the last one nothing comes that would end it
            end += 1 + len(told)
            here = next(at for length, at in self._came if length >= end)
            since_own = (here - moment(told)) % _AROUND
            since_next = (here - moment(words[i + 1])) % _AROUND
            out.append(since_next if since_next < _AROUND // 2 else since_own)
        return out
