"""How long a checked text is on its way: streams whose words are the times at which the model sent them.

A word is checkable when the event after it is here: until then it may go on. Its lag is from then (or from its own
event, if a gateway let it go before) to the moment the caller has all of it.

The first text of a stream is late by three things: what a gateway does before it asks the model, the wait for the event
that makes the first word checkable (the model's pace, none where a gateway lets the word go at once), and the lag.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

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


class First(NamedTuple):
    """The way of a first text, in microseconds: until the model's first event, until it was checkable, until here."""

    before: int
    wait: int
    lag: int


class Clocked:
    """One stream as its caller sees it, asked for now: bytes in; at the end, the lag of every word in microseconds."""

    def __init__(self) -> None:
        self._asked = now_us()
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
            out.append(_lag(here, moment(told), moment(words[i + 1])))
        return out

    def first(self) -> First:
        own, next_ = map(moment, self._text.split(" ", 2)[:2])
        here = self._came[0][1]
        lag = _lag(here, own, next_)
        before = (own - self._asked) % _AROUND
        return First(before, here - self._asked - before - lag, lag)


def _lag(here: int, own: int, next_: int) -> int:
    """How late a word came that was sent at ``own`` and had another after it at ``next_``."""
    since_next = (here - next_) % _AROUND
    return since_next if since_next < _AROUND // 2 else (here - own) % _AROUND
