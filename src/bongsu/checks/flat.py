"""One spelling for a text: the form that checks look at, with a way back to the characters it came from.

Compatibility forms (full-width digits, ligatures) become plain ones, every dash becomes ``-``, what cannot be seen
(zero-width characters, soft hyphens) goes, and a lone surrogate becomes ``?``, so that UTF-8 always exists. Most texts
are plain already and cost one scan.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ODD = re.compile(r"[^\x00-\x7f가-힣ㄱ-ㅣ一-鿿぀-ヿ“”‘’…·、。]+")
"""Runs that may need rewriting; all else is its own normal form."""
_OTHER = re.compile(r"[^\x00-\x7f가-힣ㄱ-ㅣ]")
_DASH = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
"""One character for one, and by far the commonest: no place moves."""
_CLUSTER = re.compile(r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|[\s\S]")
"""A decomposed Hangul syllable, or one character."""
_UNSEEN = frozenset("\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
                    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff")


def plain(text: str) -> bool:
    """Whether there is nothing but ASCII and Hangul, syllables and single letters, in a text.

    >>> plain("say it, 말해! ㅋㅋ"), plain("señor")
    (True, False)
    """
    return text.isascii() or not _OTHER.search(text)


def _fold(piece: str) -> str:
    if piece in _UNSEEN or "\U000e0000" <= piece <= "\U000e007f":
        return ""
    if "\ud800" <= piece <= "\udfff":
        return "?"
    return unicodedata.normalize("NFKC", piece)


SHORT = 8192
"""Characters up to which the last few texts are kept as they were rewritten: several checks look at each."""


class Flat:
    """A text in its one spelling: ``data`` is UTF-8, ``spans`` turns places in it into places in the original.

    ``plain`` says that there is nothing but ASCII and Hangul in it, which is its own spelling.
    """

    __slots__ = ("_ends", "_starts", "data", "plain", "text")

    def __init__(self, text: str) -> None:
        self._starts: list[int] | None = None
        self._ends: list[int] | None = None
        self.plain = text.isascii() or plain(text)
        if not self.plain and _ODD.search(text):
            text = _DASH.sub("-", text)
            if _ODD.search(text):
                text = self._rewrite(text)
        self.text = text
        self.data = self.text.encode()

    def _rewrite(self, text: str) -> str:
        out: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0

        def keep(upto: int) -> None:
            out.append(text[done:upto])
            starts.extend(range(done, upto))
            ends.extend(range(done + 1, upto + 1))

        for run in _ODD.finditer(text):
            keep(run.start())
            for cluster in _CLUSTER.finditer(text, run.start(), run.end()):
                folded = _fold(cluster[0])
                out.append(folded)
                starts.extend([cluster.start()] * len(folded))
                ends.extend([cluster.end()] * len(folded))
            done = run.end()
        keep(len(text))
        self._starts, self._ends = starts, ends
        return "".join(out)

    def spans(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Byte spans of ``data`` as character spans of the original, in the order given, in one pass."""
        if not self.text.isascii():
            chars = {0: 0}
            at = n = 0
            for place in sorted({p for span in found for p in span}):
                n += len(self.data[at:place].decode("utf-8", "replace"))
                at = place
                chars[place] = n
            found = [(chars[a], chars[b]) for a, b in found]
        if self._starts is None or self._ends is None:
            return found
        return [(self._starts[a], self._ends[b - 1]) if b > a else (0, 0) for a, b in found]

    def origin(self, place: int) -> int:
        """Where the character at byte ``place`` stood; the end of ``data`` stood at the end."""
        n = len(self.data[:place].decode("utf-8", "replace")) if not self.text.isascii() else place
        if self._starts is None:
            return n
        return self._starts[n] if n < len(self._starts) else self.end

    def written(self, begin: int, end: int) -> tuple[int, int]:
        """Characters of ``text``, at least one, as characters of the original."""
        if self._starts is None or self._ends is None:
            return begin, end
        return self._starts[begin], self._ends[end - 1]

    @property
    def end(self) -> int:
        """Where the last character of ``text`` ended in the original."""
        return len(self.text) if self._ends is None else self._ends[-1] if self._ends else 0


def spelled(text: str) -> Flat:
    """A text in its one spelling, made once for all checks that look at it in a row."""
    return _short(text) if len(text) <= SHORT else Flat(text)


_short = lru_cache(maxsize=8)(Flat)
