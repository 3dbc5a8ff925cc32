"""How much of a text is in words that a reference does not have: new subjects, among many texts of the usual ones.

The share of a text's distinct words that are in no text of the reference; of a text of the reference itself, in no
other one (left out, or it would know all its own words, and every text that is not in it would look new). A word is its
first six letters, or two characters where words have no spaces, as in ``prompt.py``.

Shares are counted in five fixed bins, since in a large reference most texts have no new word at all, and deciles would
collapse. Nothing is kept but the words of one comparison, which is of two files: no event carries this.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from bongsu.drift import Bins

LONGEST = 4000
"""Characters of a text that are looked at."""
EDGES = (0.0, 0.125, 0.25, 0.5)
_LETTERS = "0-9A-Za-z_\u00c0-\u04ff"
_WORDS = re.compile(rf"(?<![{_LETTERS}])[{_LETTERS}]{{1,6}}|[^\W{_LETTERS}]{{1,2}}").findall


def words(text: str | None) -> frozenset[str]:
    """The distinct words of a text.

    >>> sorted(words("Cancelled? cancel the CARD"))
    ['cancel', 'card', 'the']
    """
    return frozenset(_WORDS(text[:LONGEST].lower())) if text else frozenset()


def new_words(column: str, reference: Sequence[str | None], current: Iterable[str | None]) -> tuple[Bins, list[int]]:
    """The bins of a reference of texts, and how many current texts fall in each.

    >>> bins, now = new_words("q", ["a b", "a c", "a b"], ["a b", "x y"])
    >>> bins.counts, now
    ((2, 0, 0, 1, 0, 0), [1, 0, 0, 0, 1, 0])
    """
    there = [words(text) for text in reference]
    known = Counter(word for one in there for word in one)
    before = _counted(_share(one, [word for word in one if known[word] < 2]) for one in there)
    after = _counted(_share(one, one - known.keys()) for one in map(words, current))
    why = "" if sum(before[:-1]) else "it has no words"
    return Bins(column, "number", tuple(before), EDGES, high=1.0, unsuitable=why), after


def _share(of: frozenset[str], new: Sequence[str] | frozenset[str]) -> float | None:
    return len(new) / len(of) if of else None


def _counted(shares: Iterable[float | None]) -> list[int]:
    """In each bin, and last of what has no words."""
    out = [0] * (len(EDGES) + 2)
    for one in shares:
        out[-1 if one is None else bisect_left(EDGES, one)] += 1
    return out
