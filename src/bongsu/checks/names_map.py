"""What a tagger of names is told of each token of a text: hashed features, no text kept. Pure.

Korean is read by the syllable, since particles stick to names (김철수는); other scripts by the word. Features are the
usual ones of a linear-chain tagger (Lafferty, McCallum, Pereira 2001): the token, its neighbours, the shape of the
word it stands in, and what follows it.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zlib import crc32

VERSION = {"ko": 1, "en": 2, "ko_morphs": 1}
BITS = {"ko": 18, "en": 16, "ko_morphs": 20}
"""A tagger's name is its language, and what else it is told (``names_morphs``)."""
LONGEST = 200
"""Tokens in a piece; a longer sentence is cut."""
_TOKEN = re.compile(r"[가-힣]|[A-Za-z]+(?:['’][A-Za-z]+)*|[0-9]+|[^\W\d_]|[^\s]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[0-9]+|[^\s]")
_END = re.compile(r"(?<=[.!?。])\s+|\n+")
_LINE = re.compile(r"[^\n]*\n?")
_HANGUL = re.compile(r"[가-힣]")
_PARTICLE = re.compile(
    r"(?:이?라고|이라는|에게서|에게|에서|으로|께서|한테|까지|부터|처럼|보다|이나|이랑|하고|이며|이고|씨[는가를의도와]?"
    r"|님[이은을의도과]?|[은는이가을를의에와과도로만나며랑])?\W*$")
SURNAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소"
    "석선설마길연위표명기반라왕금옥육인맹제모탁국어은편용")


class Token(NamedTuple):
    """A place in a text, and what stands before it: nothing (0), a blank (1), the end of a line (2)."""

    start: int
    end: int
    apart: int


def pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """(language, start, end): each sentence of a line with Hangul, and whole paragraphs of lines without.

    Addresses go over lines, and their abbreviations end with the mark that ends a sentence.
    """
    latin = -1
    for line in _LINE.finditer(text):
        start, end = line.span()
        korean = _HANGUL.search(text, start, end)
        if latin >= 0 and (korean or not line[0].strip()):
            yield "en", latin, start
            latin = -1
        if korean:
            for stop, after in [*((m.start(), m.end()) for m in _END.finditer(text, start, end)), (end, end)]:
                if stop > start:
                    yield "ko", start, stop
                start = after
        elif latin < 0 and line[0].strip():
            latin = start
    if latin >= 0:
        yield "en", latin, len(text)


def tokens(text: str, language: str, start: int, end: int) -> list[Token]:
    """The tokens between two places of a text."""
    out: list[Token] = []
    pattern, last = _TOKEN if language == "ko" else _WORD, start
    for m in pattern.finditer(text, start, end):
        gap = 0 if out and m.start() == last else 2 if "\n" in text[last:m.start()] else 1
        out.append(Token(m.start(), m.end(), gap))
        last = m.end()
    return out


def features(text: str, found: list[Token], tagger: str,
             more: Sequence[tuple[str, ...] | None] = ()) -> list[list[int]]:
    """The numbers of each token's features; ``more`` are further ones of each token. A token that has None there
    has no features at all: it is known to be in no name, and only stands beside others."""
    mask = (1 << BITS[tagger]) - 1
    asked = [others is not None for others in more] if more else [True] * len(found)
    rows = _korean(text, found, asked) if tagger.startswith("ko") else _latin(text, found)
    if more:
        rows = (own + (others or ()) for own, others in zip(rows, more, strict=True))
    return [[crc32(value.encode("utf-8", "replace"), begun) & mask for begun, value in zip(_BEGUN, row)]  # noqa: B905
            for row in rows]


_BEGUN = tuple(crc32(b"%d|" % i) for i in range(128))
"""A feature is its number, a stroke and its value; a sum that has begun is gone on with."""


def _plain(word: str) -> str:
    """A token as the model knows it: numbers are alike, words of other scripts are their shape."""
    if word[0].isdigit():
        return "0" * min(len(word), 4)
    if word[0].isascii() and word[0].isalpha():
        return _shape(word)
    return word


def _shape(word: str) -> str:
    """``McDonald`` -> ``XxXx``: runs are one."""
    out = ""
    for c in word:
        s = "0" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c
        if not out or out[-1] != s:
            out += s
    return out


def _korean(text: str, found: list[Token], asked: list[bool]) -> Iterator[tuple[str, ...]]:
    c = ["<", "<", *(_plain(text[t.start:t.end]) for t in found), ">", ">", ">"]
    gap = ["", "", *("_" if t.apart else "" for t in found), "_", "_", "_"]
    first: list[int] = []  # of each token, the token its word begins with
    for i, t in enumerate(found):
        first.append(i if t.apart or i == 0 else first[-1])
    last = [0] * len(found)
    for i in range(len(found) - 1, -1, -1):
        last[i] = i if i + 1 == len(found) or found[i + 1].apart else last[i + 1]
    word = ["".join(c[a + 2:b + 3]) for a, b in zip(first, last, strict=True)]
    for i, wanted in enumerate(asked):
        if not wanted:
            yield ()
            continue
        j, a, b = i + 2, first[i], last[i]
        at = i - a
        here, left, right = c[j], c[j - 1] + gap[j], gap[j + 1] + c[j + 1]
        whole = word[i]
        before = word[a - 1] if a else "<"
        after = word[b + 1] if b + 1 < len(found) else ">"
        known = whole[0] in SURNAMES
        bare = len(whole) - len(_PARTICLE.search(whole)[0])  # type: ignore[index]  # it matches nothing at all, too
        yield (here, c[j - 1], c[j + 1], c[j - 2], c[j + 2], left + here, here + right, c[j - 2] + gap[j - 1] + left,
               right + gap[j + 2] + c[j + 2], left + here + right, here + right + gap[j + 2] + c[j + 2],
               c[j - 2] + gap[j - 1] + left + here, whole, f"{min(at, 5)} {min(b - a, 7)}",
               f"{min(at, 5)} {whole[:at + 1]}", f"{at} {whole[at + 1:at + 4]}" if b - i < 5 else "-",
               f"{at} {whole[at:at + 5]}" if b - i < 6 else "-", f"{known} {min(at, 5)} {min(b - a, 6)}",
               f"{known} {at} {whole[3:6]}" if at < 4 else "-", f"{known} {at} {whole[2:5]}" if at < 4 else "-",
               f"{min(at, 4)} {after}", f"{min(at, 4)} {after[:2]}", f"{min(at, 4)} {before}",
               f"{min(at, 4)} {before[-2:]}", f"{known} {min(at, 4)} {before[-1]} {after[0]}",
               f"{min(at, 4)} {whole[-2:]}", f"{known} {at} {bare} {whole[bare:]}" if at < 5 else "-",
               f"{known} {at - bare} {bare} {after[:2]}" if at < 5 else "-", f"{at} {whole[:bare]}",
               f"{at} {whole[:3]}" if at < 4 else "-",
               f"{before[-2:]} {whole[:1]} {at}" if at < 4 else "-")


def _latin(text: str, found: list[Token]) -> Iterator[tuple[str, ...]]:
    w = ["<", "<", *(text[t.start:t.end] for t in found), ">", ">"]
    gap = [0, 0, *(t.apart for t in found), 0, 0]
    low = [re.sub(r"[0-9]", "0", word.lower()) for word in w]
    shape = [_shape(word) for word in w]
    known = [_known(word, small) for word, small in zip(w, low, strict=True)]
    for i in range(len(found)):
        j = i + 2
        size = min(len(w[j]), 6)
        yield (low[j], shape[j], low[j][:3], low[j][-3:], low[j][-2:], low[j - 1], low[j + 1], low[j - 2], low[j + 2],
               f"{low[j - 1]} {low[j]}", f"{low[j]} {low[j + 1]}", f"{low[j - 1]} {low[j + 1]}",
               f"{low[j - 2]} {low[j - 1]}", f"{low[j + 1]} {low[j + 2]}", f"{shape[j - 1]} {shape[j]}",
               f"{shape[j]} {shape[j + 1]}", f"{shape[j - 1]} {shape[j]} {shape[j + 1]}",
               f"{shape[j - 2]} {shape[j - 1]} {shape[j]} {shape[j + 1]} {shape[j + 2]}",
               f"{low[j - 1]} {shape[j]}", f"{shape[j]} {low[j + 1]}", f"{low[j - 2]} {low[j - 1]} {shape[j]}",
               f"{shape[j]} {low[j + 1]} {low[j + 2]}", f"{i == 0} {shape[j]}", f"{shape[j]} {size} {gap[j]}",
               f"{gap[j]} {shape[j - 1]} {shape[j]} {gap[j + 1]} {shape[j + 1]}",
               known[j], f"{known[j - 1]} {known[j]}", f"{known[j]} {known[j + 1]}",
               f"{known[j - 1]} {known[j]} {known[j + 1]}", f"{known[j]} {low[j - 1]}", f"{known[j]} {low[j + 1]}")


def _known(word: str, small: str) -> str:
    """Whether a word with a capital is somewhere a given name, a family name, both or neither."""
    if not word[0].isupper():
        return "-"
    given, family = known_names()
    number = crc32(small.encode("utf-8", "replace"))
    return f"{number in given:d}{number in family:d}"


def listed(names: Iterable[str]) -> frozenset[int]:
    """Names as the tagger knows them: numbers, from which none can be read back for certain."""
    return frozenset(crc32(name.lower().encode()) for name in names)


@cache
def known_names() -> tuple[frozenset[int], frozenset[int]]:
    """Given and family names of many countries in Latin letters (names_known.bin; training/names_known.py)."""
    data = files("bongsu.checks").joinpath("names_known.bin").read_bytes()
    count = int.from_bytes(data[:4], "little")
    numbers = array("I", data[4:])
    if sys.byteorder == "big":
        numbers.byteswap()
    return frozenset(numbers[:count]), frozenset(numbers[count:])
