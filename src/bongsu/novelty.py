"""How much of a text is in words that a reference does not have: new subjects, among many texts of the usual ones.

The share of a text's distinct words that are in no text of the reference; of a text of the reference itself, in no
other one (left out, or it would know all its own words, and every text that is not in it would look new). A word is its
first six letters, or two characters where words have no spaces, as in ``prompt.py``.

Shares are counted in five fixed bins, since in a large reference most texts have no new word at all, and deciles would
collapse. What a reference keeps of its texts is which words there are (``Vocabulary``): CRC-32 of each, without order
or number. Who has that can ask whether a word is in it, and no more; an event carries the share alone.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import pairwise
from sys import byteorder
from zlib import crc32

from bongsu.drift import Bins, Vocabulary
from bongsu.event import TextColumns

LONGEST = 4000
"""Characters of a text that are looked at."""
MOST_WORDS = 1 << 16
"""Of a vocabulary: of more, those that are in most texts."""
EDGES = (0.0, 0.125, 0.25, 0.5)
_LETTERS = "0-9A-Za-z_\u00c0-\u04ff"
_WORDS = re.compile(rf"(?<![{_LETTERS}])[{_LETTERS}]{{1,6}}|[^\W{_LETTERS}]{{1,2}}").findall


def words(text: str | None) -> frozenset[str]:
    """The distinct words of a text.

    >>> sorted(words("Cancelled? cancel the CARD"))
    ['cancel', 'card', 'the']
    """
    return frozenset(_WORDS(text[:LONGEST].lower())) if text else frozenset()


def _hashes(text: str | None) -> frozenset[int]:
    return frozenset(crc32(word.encode("utf-8", "replace")) for word in words(text))


class Known:
    """A vocabulary, ready to be asked."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.version = vocabulary.version
        self._words = frozenset(_unpacked(vocabulary.words))

    def share(self, text: str | None) -> float | None:
        """The share of a text's distinct words that are not in it; None where the text has no word.

        >>> Known(learnt("q", ["a b", "a c"])[1]).share("a x")
        0.5
        """
        mine = _hashes(text)
        return len(mine - self._words) / len(mine) if mine else None

    def columns(self, text: str | None, of: TextColumns) -> dict[str, float | str | None]:
        """What an event with this text says of it."""
        return {of.words: self.share(text), of.by: self.version}


def learnt(column: str, texts: Sequence[str | None]) -> tuple[Bins, Vocabulary]:
    """The bins of a reference of texts, and its vocabulary.

    >>> learnt("q", ["a b", "a c", "a b"])[0].counts
    (2, 0, 0, 1, 0, 0)
    """
    there = [_hashes(text) for text in texts]
    often = Counter(word for one in there for word in one)
    kept = sorted(often, key=lambda word: (-often[word], word))[:MOST_WORDS]
    known = {word for word in kept if often[word] > 1}
    counts = counted(len(one - known) / len(one) if one else None for one in there)
    why = "" if sum(counts[:-1]) else "it has no words"
    packed = _packed(sorted(kept))
    return (Bins(column, "number", tuple(counts), EDGES, high=1.0, unsuitable=why),
            Vocabulary(sha256(packed).hexdigest()[:12], packed))


def counted(shares: Iterable[float | None]) -> list[int]:
    """How many texts are in each bin, and last of what has no words.

    >>> counted([0.0, 0.5, 0.51, None])
    [1, 0, 0, 1, 1, 1]
    """
    out = [0] * (len(EDGES) + 2)
    for one in shares:
        out[-1 if one is None else bisect_left(EDGES, one)] += 1
    return out


def new_words(column: str, reference: Sequence[str | None], current: Iterable[str | None]) -> tuple[Bins, list[int]]:
    """The bins of a reference of texts, and how many current texts fall in each.

    >>> bins, now = new_words("q", ["a b", "a c", "a b"], ["a b", "x y"])
    >>> bins.counts, now
    ((2, 0, 0, 1, 0, 0), [1, 0, 0, 0, 1, 0])
    """
    bins, vocabulary = learnt(column, reference)
    return bins, counted(map(Known(vocabulary).share, current))


def sound(vocabulary: Vocabulary) -> bool:
    """Whether it is what ``learnt`` could have made."""
    packed = vocabulary.words
    return (len(packed) % 4 == 0 and len(packed) <= 4 * MOST_WORDS
            and all(a < b for a, b in pairwise(_unpacked(packed)))
            and vocabulary.version == sha256(packed).hexdigest()[:12])


def _packed(hashes: Iterable[int]) -> bytes:
    """Four bytes each, the lowest first, on every machine."""
    return _little(array("I", hashes)).tobytes()


def _unpacked(packed: bytes) -> array[int]:
    return _little(array("I", packed))


def _little(numbers: array[int]) -> array[int]:
    if byteorder == "big":
        numbers.byteswap()
    return numbers
