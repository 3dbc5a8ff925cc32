"""Whether one sentence of a text asks for something that the rest of it does not lead to expect: a document with a
task for its reader hidden in it.

Every sentence or line gets a trained score of how much it asks of a reader; a text is then seen as a few numbers
(``contrast``) that hold the sentence that asks most against all others: how far it stands out, whether it speaks of
what the rest speaks of (an honest request about a document does), where it stands. Small trained trees make one number
of them. A text without a rest, as most prompts are, has no such number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from operator import mul
from zlib import crc32

from bongsu.checks import hashed
from bongsu.checks.folded import Folded
from bongsu.checks.hashed import ZERO, Hashed, raised, weighed
from bongsu.checks.trees import Forest, Tree

BITS = 15
SIZE = 1 << BITS
LEAST, REST = 3, 12
"""Words of a sentence that may ask; words of the rest below which there is no document."""
NOTHING = -math.inf
"""What a shorter sentence asks."""
ALONE = -9.0
"""What stands for the next sentence that asks where there is none."""
SEEN = ("asks", "asks of the rest", "asks next", "shared", "about the text", "first", "last", "words of the rest",
        "words", "question", "about the reply", "others that ask", "letters", "sentences")
"""The numbers of ``contrast``, in order."""

_MASK = SIZE - 1
_FEWEST = 2 * LEAST + 2
"""Features of the shortest sentence that may ask."""
_NO_LETTERS = bytes(b for b in range(128) if not chr(b).isalpha())


def _stems(said: str) -> frozenset[int]:
    return frozenset(crc32(word[:6]) for word in said.encode().split())


_COMMON = _stems("a an and are as at be by can could do does for from give has have how i if in into is it its me my "
                 "not of on or please should some than that the their there these they this those to us was we were "
                 "what when where which who why will with would you your")
_ABOUT = _stems("text document email mail message table article code page passage paragraph data log review story "
                "report following above below given attached provided this these information context sentence list "
                "error 다음 위의 아래 본문 내용 문서 메일 이글 글을")
_REPLY = _stems("reply response answer output message responses replies answers summary solution code codebase "
                "implementation program 답변 답할 응답 대답")
_YOUR = _stems("your you 당신 너의 네가 사용")


def features(stems: list[int], question: bool) -> list[int]:
    """What a sentence is judged by: its words, its neighbours, how it begins, whether it is a question."""
    ids = [s & _MASK for s in stems]
    ids += [(a ^ b >> 7) & _MASK for a, b in pairwise(stems)]
    return [*ids, *_manner(stems[0], stems[1] if len(stems) > 1 else 0, question)]


def _manner(first: int, second: int, question: bool) -> tuple[int, int, int]:
    """Of a sentence's first word, of it with the second, and of its end."""
    return first * 31 + 7 & _MASK, (first * 31 ^ second * 17) & _MASK, 1 if question else 2


def asked(words: Hashed, ends: list[int], questions: list[bool], table: bytes) -> list[float]:
    """The sum of the ``features`` of each sentence, by the root of their number; ``NOTHING`` for a short one.

    ``table`` is as ``unfolded`` makes it.
    """
    stems, weights = words.stems, weighed(words.features, table)
    out, begin = [], 0
    for end, question in zip(ends, questions, strict=True):
        if (many := 2 * (end - begin) + 2) < _FEWEST:
            out.append(NOTHING)
        else:
            how, then, mark = _manner(stems[begin], stems[begin + 1], question)
            said = sum(weights[2 * begin:2 * end]) - weights[2 * begin + 1] + table[how] + table[then] + table[mark]
            out.append((said - many * ZERO) / math.sqrt(many))
        begin = end
    return out


def unfolded(table: Iterable[int]) -> bytes:
    """A table of ``SIZE`` signed bytes as often as features of words (``hashed``) are more than those of a sentence."""
    return raised(table) * (hashed.SIZE // SIZE)


def contrast(text: Folded, table: bytes, scale: float, bias: float) -> list[float] | None:
    """The numbers of ``SEEN`` for a text; None where no sentence stands before a rest."""
    parts = text.sentences
    if len(parts) < 2:
        return None
    sizes = [len(tokens) for tokens, _ in parts]
    ends = list(accumulate(sizes))
    total = ends[-1]
    if total < REST + LEAST:
        return None
    scores = asked(text.hashed, ends, [question for _, question in parts], table)
    best = scores.index(max(scores))
    begin, end, mine = ends[best] - sizes[best], ends[best], sizes[best]
    if scores[best] == NOTHING or total - mine < REST:
        return None
    scores = [score * scale + bias for score in scores]
    top, stems = scores.pop(best), text.hashed.stems
    del sizes[best]
    said = stems[begin:end]
    return [*_heights(top, scores, sizes), *_wording(said, stems[:begin], stems[end:]),
            float(best == 0), float(best == len(parts) - 1), math.log(total - mine), math.log(mine),
            float(parts[best][1]), float(not _REPLY.isdisjoint(said)) + float(not _YOUR.isdisjoint(said)),
            sum([score > 0 for score in scores]) / (total - mine), _letters(text.data), math.log(len(parts))]


def _heights(top: float, others: list[float], sizes: list[int]) -> tuple[float, float, float]:
    """How much the sentence asks, the others in the mean of their words, and the next of them."""
    if (most := max(others)) == NOTHING:
        return top, top, ALONE
    if NOTHING in others:
        sizes = [size for score, size in zip(others, sizes, strict=True) if score > NOTHING]
        others = [score for score in others if score > NOTHING]
    return top, sum(map(mul, others, sizes)) / sum(sizes), most


def _wording(mine: list[int], before: list[int], after: list[int]) -> tuple[float, float]:
    """The share of the sentence's words that the rest has too, and whether it speaks of a text at hand."""
    content = set(mine) - _COMMON
    shared = (len(content) - len(content.difference(before, after))) / max(1, len(content))
    return shared, float(not _ABOUT.isdisjoint(mine))


def _letters(data: bytes) -> float:
    """The share of bytes that are letters, or of another alphabet: low in tables and code."""
    return len(data.translate(None, _NO_LETTERS)) / len(data)


@dataclass(frozen=True)
class Hidden:
    """What was trained: one signed byte a feature of a sentence, and the trees over what a text shows."""

    table: Sequence[int]
    scale: float
    bias: float
    start: float
    trees: Sequence[Tree]

    def odds(self, text: Folded) -> float | None:
        """The logarithm of the odds that a task is hidden in the text; None where it is no document."""
        seen = contrast(text, self._table, self.scale, self.bias)
        return None if seen is None else self.start + self._forest.sum(seen)

    @cached_property
    def _table(self) -> bytes:
        return unfolded(self.table)

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of(self.trees)
