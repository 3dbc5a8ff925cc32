"""What the toxicity check sees of a text: words of abuse with their places, and, of Korean, hashed letters of words.

A feature is a number; no word can be read back from it. Korean syllables are taken apart, since abuse is spelled to be
read past: a changed vowel leaves most of the letters as they were.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

import re2

from bongsu.checks.flat import Flat
from bongsu.checks.toxicity_words import ENGLISH, KOREAN

BITS = 15
SIZE = 1 << BITS
BLOCK = 30
"""Words judged together: a long text is as toxic as its worst block."""
LEAST = 5
"""Words without which nothing learned is asked."""
LONGEST = 24
"""Letters of a word that are looked at."""
COPIES = 4
"""Features of a kind of abuse, so that it weighs more than a few letters."""
MOST = 1000
"""Words of abuse of one kind in one text."""

_MASK = SIZE - 1
_WORD = re.compile(r"\S+")
_AGAIN = re.compile(r"(.)\1{2,}")
_HANGUL = re.compile("[가-힣ㄱ-ㅣ]")


class Abuse(NamedTuple):
    """One word of abuse: its kind, what it says on its own, and its bytes in the flat text."""

    kind: str
    score: float
    start: int
    end: int


@cache
def _tables() -> tuple[tuple[str, float, Any], ...]:
    rows = [(kind, score, "|".join(words)) for kind, score, words in KOREAN]
    rows += [(kind, score, rf"\b(?:{'|'.join(words)})\b") for kind, score, words in ENGLISH]
    return tuple((kind, score, re2.compile(f"(?i)(?:{pattern})".encode())) for kind, score, pattern in rows)


def abuse(flat: Flat) -> list[Abuse]:
    """Every word of abuse, in order of place; of one place, the worst."""
    found: list[Abuse] = []
    for kind, score, pattern in _tables():
        for n, match in enumerate(pattern.finditer(flat.data)):
            if n == MOST:
                break
            start, end = match.span()
            piece = flat.data[start:end]
            start, end = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
            found.append(Abuse(kind, score, start, end))
    kept: list[Abuse] = []
    for one in sorted(found, key=lambda a: (a.start, -a.score, -a.end)):
        if kept and one.start < kept[-1].end:
            if one.score > kept[-1].score:
                kept[-1] = one
            continue
        kept.append(one)
    return kept


def korean(text: str) -> bool:
    """Whether at least half of the words have Hangul in them; of other languages nothing was learned.

    >>> korean("오늘 AI 회의"), korean("plain words 하나")
    (True, False)
    """
    words = _WORD.findall(text)
    return 2 * sum(bool(_HANGUL.search(w)) for w in words) >= max(1, len(words))


def enough(text: str) -> bool:
    """Whether there are words enough to go by; the name of a group of people alone is none.

    >>> enough("키가 큰 여자"), enough("키가 아주 큰 여자가 지나갔다")
    (False, True)
    """
    return len(_WORD.findall(text, 0, 4096)) >= LEAST


def blocks(text: str) -> Iterator[str]:
    """A text in runs of ``BLOCK`` words, each beginning in the middle of the one before."""
    places = [m.span() for m in _WORD.finditer(text)]
    for at in range(0, max(1, len(places) - BLOCK // 2), BLOCK // 2):
        part = places[at : at + BLOCK]
        if part:
            yield text[part[0][0] : part[-1][1]]


def features(block: str) -> set[int]:
    """The numbers of a block: letters of its words in runs of 2 to 4 syllables and of 3 to 6 parts of syllables, and
    the kinds of abuse in it."""
    out = {crc32(f"{copy}{one.kind}".encode()) & _MASK for one in abuse(Flat(block)) for copy in range(COPIES)}
    for word in _AGAIN.sub(r"\1\1", Flat(block).text.casefold()).split():
        word = word[:LONGEST]
        edged, parts = f"<{word}>", unicodedata.normalize("NFD", word)
        for size in (2, 3, 4):
            out.update(crc32(edged[at : at + size].encode()) & _MASK for at in range(len(edged) - size + 1))
        for size in (3, 4, 5, 6):
            out.update(crc32(b"j" + parts[at : at + size].encode()) & _MASK for at in range(len(parts) - size + 1))
    return out
