"""Words and patterns that must not pass: the user's own, and the well-known phrases of prompt injection.

A phrase is a literal: case does not matter, nor does how much white space parts its words, and it is found as whole
words (a Korean particle may be glued to it). A pattern is RE2, so no text makes it slow.

A stream may release what comes before ``hold``: exact for phrases; for patterns and the built-in list, matches of up
to ``window`` characters are covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import ClassVar

import re2

from bongsu.checks import injection_forms
from bongsu.checks.escapes import held, plainly, readings
from bongsu.checks.flat import Flat
from bongsu.checks.linear import LARGE, Linear, Which
from bongsu.ports import Finding

LONGEST = 300
"""Characters of a phrase."""
_TAIL = 4096
_MOST = 1000
"""Matches of one pattern in one text; past it the rest of the text counts as one match, so that none is missed."""


@dataclass(frozen=True)
class Pattern:
    """Finds ``phrases`` and ``patterns`` (kind ``pattern``) and, if ``builtin``, injection phrases (``injection``)."""

    name: ClassVar[str] = "pattern"
    version: ClassVar[str] = "1"

    phrases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    builtin: bool = True
    window: int = 64

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window: expected at least 1 character, came {self.window}")
        for i, phrase in enumerate(self.phrases):
            if not Flat(phrase).text.split():
                raise ValueError(f"phrases[{i}]: expected a word or more, came {phrase!r}")
            if len(phrase) > LONGEST:
                raise ValueError(f"phrases[{i}]: expected at most {LONGEST} characters, came {len(phrase)}; "
                                 "a part of it will do")
        for i, pattern in enumerate(self.patterns):
            try:
                empty = _compiled(f"(?i){pattern}").spans(b"")
            except (re2.error, UnicodeEncodeError) as error:
                raise ValueError(f"patterns[{i}]: expected an RE2 pattern, came {pattern!r}: {_why(error)}") from None
            if empty:
                raise ValueError(f"patterns[{i}]: {pattern!r} matches the empty text, so it would match everywhere")
        try:
            _ = self._engines, self._begun
        except re2.error as error:
            raise ValueError(f"phrases and patterns: expected what fits one automaton, came {_why(error)}; "
                             "split them over two guards") from None

    def look(self, text: str) -> Sequence[Finding]:
        """Findings in order of place; matches of one kind that overlap are one finding."""
        found: set[tuple[str, int, int]] = set()
        for flat in readings(text):
            for kind, engine in self._engines:
                if seen := engine.which(flat.data):
                    spans = list(_merged(engine.hits(flat.data, seen)))
                    found.update((kind, start, end) for start, end in flat.spans(spans))
        if not found:
            return ()
        return tuple(Finding(kind, start, end, 1.0 if kind == "pattern" else 0.9)
                     for kind, start, end in sorted(found, key=lambda f: (f[1], f[2], f[0])))

    def hold(self, text: str) -> int:
        """How many trailing characters may still become, or be part of, a match."""
        return held(text, _TAIL, self._open)

    def clear(self, text: str) -> int | None:
        """``hold`` where it is plain that there is nothing to find; None where it has to be looked at."""
        flat = plainly(text, _TAIL)
        if flat is None:
            return None
        for _, engine in self._engines:
            if engine.which(flat.data):
                return None
        return self._open(flat, len(text))

    def _open(self, flat: Flat, size: int) -> int:
        """The same for one reading of a text of this size."""
        data, text = flat.data, flat.text
        near = max(0, len(text) - self.window)
        window = near if len(text) == len(data) else len(text[:near].encode())
        place = window if self.patterns else len(data)
        if self._begun is not None:
            found = self._begun.first(data)
            place = found if 0 <= found < place else place
        if self.builtin:
            found = _OPEN.first(data, window)
            place = found if 0 <= found < place else place
        return size - flat.origin(place) if place < len(data) else 0

    @cached_property
    def _engines(self) -> tuple[tuple[str, _Engine], ...]:
        found = []
        if self.builtin:
            found.append(("injection", _engine(injection_forms.FORMS)))
        if self.phrases or self.patterns:
            found.append(("pattern", _engine((*map(_phrase, self.phrases), *(f"(?i){p}" for p in self.patterns)))))
        return tuple(found)

    @cached_property
    def _begun(self) -> Linear | None:
        return _open_phrases(self.phrases) if self.phrases else None


def _why(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(error)


def _compiled(pattern: str) -> Linear:
    return Linear(pattern, LARGE)


_OPEN = _compiled(rf"(?:(?:{injection_forms.OPENING}[^.!?]*)|[A-Za-z<\[(][A-Za-z'’-]{{0,15}}|[가-힣]{{1,4}}"
                  r"|[\[<'\"‘“🔓]{1,2}\s{0,2}[A-Za-z]{0,12})\z")
"""Where a phrase of the built-in list may be under way: after an opening, or inside a word that may become one."""


def _pieces(phrase: str) -> list[str]:
    """A phrase as small patterns in a row: characters, and what may part its words (between Hangul, also nothing)."""
    out: list[str] = []
    words = Flat(phrase).text.split()
    for i, word in enumerate(words):
        if i:
            hangul = "가" <= words[i - 1][-1] <= "힣" and "가" <= word[0] <= "힣"
            out.append(r"\s*" if hangul else r"\s+")
        out += [re2.escape(ch) for ch in word]
    return out


def _edge(ch: str) -> str:
    return r"\b" if ch.isascii() and (ch.isalnum() or ch == "_") else ""


def _phrase(phrase: str) -> str:
    words = Flat(phrase).text.split()
    return "(?i)" + _edge(words[0][0]) + "".join(_pieces(phrase)) + _edge(words[-1][-1])


@lru_cache(maxsize=64)
def _open_phrases(phrases: tuple[str, ...]) -> Linear:
    """Matches the longest end of a text that begins a phrase."""
    starts: dict[str, list[list[str]]] = {}
    for phrase in phrases:
        words = Flat(phrase).text.split()
        pieces = _pieces(phrase)
        if not _edge(words[-1][-1]):
            pieces.pop()  # whole already; a phrase that must end a word is open until the next character
        starts.setdefault(_edge(words[0][0]), []).append(pieces)
    choices = [edge + f"(?:{nest})" for edge, rows in starts.items() if (nest := _nested(rows))]
    return _compiled(rf"(?i)(?:{'|'.join(choices)})\z") if choices else _compiled(r"[^\s\S]")


def _nested(rows: list[list[str]], at: int = 0) -> str:
    """Beginnings as one tree, ``a(?:b(?:c|d)?)?``, so that phrases which begin alike cost their beginning once."""
    after: dict[str, list[list[str]]] = {}
    for row in rows:
        if len(row) > at:
            after.setdefault(row[at].lower() if len(row[at]) == 1 else row[at], []).append(row)
    more = {piece: _nested(below, at + 1) for piece, below in after.items()}
    return "|".join(f"{piece}(?:{rest})?" if rest else piece for piece, rest in more.items())


class _Engine:
    """Patterns behind one automaton that says which of them may occur at all."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = [_compiled(p) for p in patterns]
        self.which = Which(patterns)

    def hits(self, data: bytes, seen: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Matches of those that were ``seen``."""
        for i in seen:
            found = self._patterns[i].all(data)
            yield from (span for span in islice(found, _MOST) if span[1] > span[0])
            if more := next(found, None):
                yield more[0], len(data)


@lru_cache(maxsize=64)
def _engine(patterns: tuple[str, ...]) -> _Engine:
    return _Engine(patterns)


def _merged(spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last: tuple[int, int] | None = None
    for span in sorted(spans):
        if last and span[0] < last[1]:
            last = last[0], max(last[1], span[1])
            continue
        if last:
            yield last
        last = span
    if last:
        yield last
