"""Patterns that no text makes slow: RE2 over bytes, asked without the library's Python in between.

The library makes three Python calls and two objects of every answer. A stream asks several patterns of each event, and
nearly always in vain: there that costs more than the search itself. So the objects below it are asked directly, here
and nowhere else; a test holds every answer against the library's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import re2

Span = tuple[int, int]

_ANYWHERE, _WHOLE = re2._re2.RE2.Anchor.UNANCHORED, re2._re2.RE2.Anchor.ANCHOR_BOTH
LARGE = 32 << 20
"""Bytes of an automaton of many patterns; RE2 gives one pattern 8 MB. Past them it is slower, with the same answer."""


def _options(memory: int) -> Any:
    options = re2.Options()
    options.max_mem, options.log_errors = memory, False
    return options


class Linear:
    """One pattern, ``\\d`` and ``\\b`` of ASCII. Raises ``re2.error`` where it is none.

    >>> word = Linear("b+(c)?")
    >>> word.first(b"abbc"), word.first(b"abbc", 4), word.spans(b"abbc"), list(word.all(b"abab"))
    (1, -1, [(1, 4), (3, 4)], [(1, 2), (3, 4)])
    >>> word.whole(b"bbc"), word.whole(b"abbc")
    (True, False)
    """

    __slots__ = ("_match",)

    def __init__(self, pattern: str, memory: int = 8 << 20) -> None:
        self._match = re2.compile(pattern.encode(), _options(memory))._regexp.Match

    def first(self, data: bytes, start: int = 0) -> int:
        """Where the first match from ``start`` on begins; -1 where there is none."""
        begin: int = self._match(_ANYWHERE, data, start, len(data))[0][0]
        return begin

    def spans(self, data: bytes, start: int = 0) -> Sequence[Span] | None:
        """Where the first match from ``start`` on stands, and each of its groups, (-1, -1) if it has no part."""
        if start > len(data):
            return None
        spans: list[Span] = self._match(_ANYWHERE, data, start, len(data))
        return spans if spans[0][0] >= 0 else None

    def whole(self, data: bytes) -> bool:
        """Whether it matches all of the data."""
        return bool(self._match(_WHOLE, data, 0, len(data))[0][0] == 0)

    def all(self, data: bytes) -> Iterator[Span]:
        """Every match, in order; none overlaps the one before."""
        at, end = 0, len(data)
        while at <= end and (spans := self._match(_ANYWHERE, data, at, end))[0][0] >= 0:
            yield spans[0]
            at = spans[0][1] if spans[0][1] > at else at + 1


class Which:
    """Some patterns behind one automaton that says which of them may occur in a text.

    >>> Which(["a", "b+", "c"])(b"cab"), Which(["a"])(b"xyz")
    ([0, 1, 2], [])
    """

    __slots__ = ("_alive", "_all", "_match")

    def __init__(self, patterns: Iterable[str]) -> None:
        whole = re2.Set.SearchSet(_options(LARGE))
        self._all = [whole.Add(pattern) for pattern in patterns]
        self._alive: int = whole.Add("")
        whole.Compile()
        self._match = whole._set.Match

    def __call__(self, data: bytes) -> list[int]:
        """Their numbers, in order. The empty pattern always matches: without it the automaton gave up, so all may."""
        seen: list[int] = self._match(data)
        if len(seen) == 1 and seen[0] == self._alive:  # nearly always
            return []
        return sorted(n for n in seen if n != self._alive) if self._alive in seen else self._all


class Glance:
    """Which of some patterns may occur in a text, and whether one of some others may, in one look.

    >>> glance = Glance(["a", "b"], [r"c\\z"])
    >>> glance(b"abc"), glance(b"cab"), glance(b"c")
    (([0, 1], True), ([0, 1], False), ([], True))
    """

    __slots__ = ("_size", "_which")

    def __init__(self, patterns: Sequence[str], others: Sequence[str]) -> None:
        self._size, self._which = len(patterns), Which([*patterns, *others])

    def __call__(self, data: bytes) -> tuple[list[int], bool]:
        seen = self._which(data)
        found = [n for n in seen if n < self._size]
        return found, len(found) < len(seen)
