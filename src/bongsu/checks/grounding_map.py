"""What the grounding check sees of a claim beside its context: shares and counts, the same for every language it knows.

A claim is a sentence. Words meet by stem (Korean ones without their particles and endings), numbers by value, names by
spelling. Nothing here is trained; ``grounding`` weighs it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bongsu.checks.flat import Flat
from bongsu.checks.grounding_words import (
    ENDINGS,
    NEGATED_KO,
    NEGATIONS,
    NUMBERS,
    OPPOSITES,
    PARTICLES,
    PERSONS,
    STOP,
)

FEATURES = ("plain", "letters", "missing", "scattered", "pairs", "numbers", "names", "novel", "negation", "opposite",
            "person")
MOST_SENTENCES = 1000
"""Sentences of a context that are looked at one by one; all its words count whatever their number."""

_END = re.compile(r"(?<=[.!?。！？…])[\"'”’)\]]*\s+|\n+")
_SHORT = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|No|Inc|Ltd|Co|Corp|approx|ca)\.)$")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_APART = re.compile(r"\W+")
_HANGUL = re.compile("[가-힣]")
_SUFFIXES = ("'s", "’s", "ations", "ation", "ings", "ing", "edly", "ied", "ies", "ed", "ely", "ly", "es", "s")


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Places of the sentences of a text, without the space around them.

    >>> text = "Dr. Kim left. 그는 떠났다.\\n끝"
    >>> [text[a:b] for a, b in sentences(text)]
    ['Dr. Kim left.', '그는 떠났다.', '끝']
    """
    begin = 0
    for match in _END.finditer(text):
        if "\n" not in match[0] and _SHORT.search(text, max(begin, match.start() - 12), match.start()):
            continue
        yield from _trimmed(text, begin, match.start())
        begin = match.end()
    yield from _trimmed(text, begin, len(text))


def _trimmed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[begin:end]
    left = begin + len(piece) - len(piece.lstrip())
    right = end - (len(piece) - len(piece.rstrip()))
    if left < right:
        yield left, right


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """A word without what grammar put on it; ``word`` is in lower case.

    >>> stem("adapted") == stem("adapting"), stem("학교에서"), stem("studies") == stem("study")
    (True, '학교', True)
    """
    if _HANGUL.search(word):
        for endings, least in ((PARTICLES, 2), (ENDINGS, 2)):
            for ending in endings:
                if word.endswith(ending) and len(word) - len(ending) >= least - (len(ending) > 1):
                    word = word[: -len(ending)]
                    break
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word.rstrip("ey") if len(word) > 4 else word


@dataclass(frozen=True)
class Words:
    """A sentence: all words in ``order`` and as a set (``plain``); of those that mean something the ``stems``, in order
    and as a set (``known``), and of them numbers and names; how often its speaker speaks of persons present, and
    whether it denies something."""

    order: tuple[str, ...]
    stems: tuple[str, ...]
    plain: frozenset[str]
    known: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    persons: int
    denied: bool


def words(text: str) -> Words:
    text = Flat(text).text
    order: list[str] = []
    stems: list[str] = []
    numbers: set[str] = set()
    names: set[str] = set()
    for n, match in enumerate(_TOKEN.finditer(text)):
        token = match[0].replace("’", "'")
        low = token.casefold()
        order.append(low)
        if token[0].isdigit():
            numbers.add(token.replace(",", ""))
            stems.append(token.replace(",", ""))
        elif low in NUMBERS:
            stems.append(NUMBERS[low])
        elif low not in STOP:
            stems.append(stem(low))
            if token[0].isupper() and (n or not _starts(text, match.start())):
                names.add(stems[-1])
    plain = frozenset(order)
    denied = bool(plain & NEGATIONS) or any(w.endswith("n't") for w in plain) or any(x in text for x in NEGATED_KO)
    return Words(tuple(order), tuple(stems), plain, frozenset(stems), frozenset(numbers), frozenset(names),
                 sum(w in PERSONS for w in order), denied)


def _starts(text: str, at: int) -> bool:
    return not text[:at].strip(" \"'“‘(-•*")


@dataclass(frozen=True)
class Ground:
    """A context made ready: all of its words, stems, neighbours, numbers and letters, and its sentences one by one."""

    plain: frozenset[str]
    stems: frozenset[str]
    pieces: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    letters: frozenset[str]
    sentences: tuple[Words, ...]

    @property
    def empty(self) -> bool:
        return not self.plain


def ground(context: Sequence[str]) -> Ground:
    """All parts of a context as one ground; their order does not matter."""
    parts = [words(text[a:b]) for text in context for a, b in sentences(text)]
    stems = frozenset(s for p in parts for s in p.stems)
    plain = frozenset(w for p in parts for w in p.plain)
    numbers = frozenset(n for p in parts for n in p.numbers) | {NUMBERS[w] for w in plain & NUMBERS.keys()}
    return Ground(plain, stems, frozenset(x for s in stems for x in _pieces(s)),
                  frozenset(pair for p in parts for pair in _pairs(p.stems)), numbers,
                  frozenset(x for text in context for x in _letters(text)), tuple(parts[:MOST_SENTENCES]))


def _pairs(stems: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Neighbours, one word apart at most, in order."""
    for ahead in (1, 2):
        yield from zip(stems, stems[ahead:], strict=False)


def _pieces(stem_: str) -> Iterator[str]:
    """Two letters of Hangul, four of others: what is left of a word where endings differ."""
    size = 2 if _HANGUL.search(stem_) else 4
    for at in range(max(1, len(stem_) - size + 1)):
        yield stem_[at : at + size]


def _letters(text: str) -> Iterator[str]:
    """Runs of four letters; where there is Hangul, of two and three."""
    text = _APART.sub(" ", Flat(text).text.casefold())
    for size in (2, 3) if _HANGUL.search(text) else (4,):
        for at in range(len(text) - size + 1):
            yield text[at : at + size]


def weight(stem_: str) -> float:
    """Long words and numbers say more than short ones.

    >>> weight("cat") < weight("catapult") < weight("1998") + 1, weight("서울") == weight("seoul")
    (True, True)
    """
    return 1.5 if stem_[0].isdigit() else min(2.0, 0.5 + 0.15 * len(stem_) * (2.5 if _HANGUL.search(stem_) else 1))


def features(claim: str, base: Ground) -> tuple[float, ...]:
    """The numbers of ``FEATURES``, each 0..1 and higher for what speaks against support.

    Of the claim's words: the share that is not in the context (``plain``), of its runs of letters (``letters``), of the
    weight of its stems (``missing``) and of those that no one sentence has (``scattered``), of its neighbours
    (``pairs``), of its ``numbers`` and ``names``; how much is ``novel`` in all; whether the nearest sentence denies
    what this one does not (``negation``); whether the context has a word's ``opposite`` instead of it; whether a
    ``person`` speaks of himself.

    Sums are rounded once (``fsum``): in whatever order a set gives its words, a part is never more than its whole.
    """
    w = words(claim)
    novel = [s for s in w.stems if s not in base.stems]
    total = math.fsum(map(weight, w.stems)) or 1.0
    mine = frozenset(w.stems)
    nearest = max(base.sentences, key=lambda p: len(mine & p.known), default=None)
    held = max((math.fsum(map(weight, mine & p.known)) for p in base.sentences), default=0.0)
    pairs = list(pairwise(w.stems))
    letters = list(_letters(claim))
    return (
        _share(sum(x not in base.plain for x in w.order), len(w.order)),
        _share(sum(x not in base.letters for x in letters), len(letters)),
        math.fsum(weight(s) * (1 - _near(s, base.pieces)) for s in novel) / total,
        1 - held / (math.fsum(map(weight, mine)) or 1.0) if w.stems else 0.0,
        _share(sum(p not in base.pairs for p in pairs), len(pairs)) if pairs else float(bool(novel)),
        _share(len(w.numbers - base.numbers), len(w.numbers)),
        _share(len(w.names - base.stems), len(w.names)),
        1 - math.exp(-math.fsum(map(weight, novel)) / 3),
        float(nearest is not None and w.denied != nearest.denied),
        float(any(s not in base.plain and OPPOSITES.get(s) in base.plain for s in w.plain)),
        min(1.0, w.persons / 3),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _near(stem_: str, pieces: frozenset[str]) -> float:
    """How much of a word that is not there is there in pieces."""
    mine = list(_pieces(stem_))
    return 0.8 * sum(p in pieces for p in mine) / len(mine) if len(stem_) > 1 else 0.0
