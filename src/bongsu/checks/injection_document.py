"""Whether one sentence of a text asks for something that the rest of it does not lead to expect: a document with a
task for its reader hidden in it.

Every sentence or line gets a trained score of how much it asks of a reader; a text is then seen as a few numbers
(``contrast``) that hold the sentence that asks most against all others: how far it stands out, whether it speaks of what
the rest speaks of (an honest request about a document does), where it stands. Small trained trees make one number of
them. A text without a rest, as most prompts are, has no such number.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from zlib import crc32

from bongsu.checks.injection_map import words

BITS = 15
SIZE = 1 << BITS
LEAST, REST = 3, 12
"""Words of a sentence that may ask; words of the rest below which there is no document."""
NOTHING = -9.0
"""What a shorter sentence asks."""
SEEN = ("asks", "asks of the rest", "asks next", "shared", "about the text", "first", "last", "words of the rest",
        "words", "question", "about the reply", "others that ask", "letters", "sentences")
"""The numbers of ``contrast``, in order."""

Asks = Callable[[list[int]], float]
"""Features of a sentence -> how much it asks of a reader."""
Tree = Any
"""A leaf is a number, any other node [place in ``SEEN``, threshold, at most, above]."""

_MASK = SIZE - 1
_END = re.compile(r"(?<=[.!?。？！])\s+|\s*\n\s*|(?<=[。？！>])")
_NO_LETTERS = bytes(b for b in range(128) if not chr(b).isalpha())


def _stems(said: str) -> frozenset[int]:
    return frozenset(crc32(word[:6]) for word in said.encode().split())


_COMMON = _stems("a an and are as at be by can could do does for from give has have how i if in into is it its me my not "
                 "of on or please should some than that the their there these they this those to us was we were what "
                 "when where which who why will with would you your")
_ABOUT = _stems("text document email mail message table article code page passage paragraph data log review story report "
                "following above below given attached provided this these information context sentence list error "
                "다음 위의 아래 본문 내용 문서 메일 이글 글을")
_REPLY = _stems("reply response answer output message responses replies answers summary solution code codebase "
                "implementation program 답변 답할 응답 대답")
_YOUR = _stems("your you 당신 너의 네가 사용")


def sentences(folded: str) -> list[tuple[list[int], bool]]:
    """The stems of each sentence or line, and whether it ends as a question.

    >>> [(len(stems), question) for stems, question in sentences("it rained. who are you?\\n\\nyes")]
    [(2, False), (3, True), (1, False)]
    """
    return [([crc32(w[:6]) for w in tokens], part.endswith(("?", "？")))
            for part in _END.split(folded) if part and (tokens := words(part))]


def features(stems: list[int], question: bool) -> list[int]:
    """What a sentence is judged by: its words, neighbours, how it begins, whether it is a question; each once."""
    first = stems[0]
    ids = {s & _MASK for s in stems}
    ids.update([(a ^ b >> 7) & _MASK for a, b in zip(stems, stems[1:], strict=False)])
    ids.add(first * 31 + 7 & _MASK)
    if len(stems) > 1:
        ids.add((first * 31 ^ stems[1] * 17) & _MASK)
    if question:
        ids.add(1)
    return list(ids)


def contrast(folded: str, asks: Asks) -> list[float] | None:
    """The numbers of ``SEEN`` for a text; None where no sentence stands before a rest."""
    parts = sentences(folded)
    sizes = [len(stems) for stems, _ in parts]
    total = sum(sizes)
    if len(parts) < 2 or total < REST + LEAST:
        return None
    scores = [asks(features(*part)) if len(part[0]) >= LEAST else NOTHING for part in parts]
    best = max(range(len(parts)), key=scores.__getitem__)
    if scores[best] == NOTHING or total - sizes[best] < REST:
        return None
    mine, question = parts[best]
    others = [(score, size) for n, (score, size) in enumerate(zip(scores, sizes, strict=True)) if n != best]
    return [*_heights(scores[best], others), *_wording(mine, [stems for n, (stems, _) in enumerate(parts) if n != best]),
            float(best == 0), float(best == len(parts) - 1), math.log(total - len(mine)), math.log(len(mine)),
            float(question), float(not _REPLY.isdisjoint(mine)) + float(not _YOUR.isdisjoint(mine)),
            sum([score > 0 for score, _ in others]) / (total - len(mine)), _letters(folded), math.log(len(parts))]


def _heights(top: float, others: list[tuple[float, int]]) -> tuple[float, float, float]:
    """How much the sentence asks, the others in the mean of their words, and the next of them."""
    asking = [(score, size) for score, size in others if score > NOTHING]
    if not asking:
        return top, top, NOTHING
    return (top, sum([score * size for score, size in asking]) / sum([size for _, size in asking]),
            max([score for score, _ in asking]))


def _wording(mine: list[int], others: list[list[int]]) -> tuple[float, float]:
    """The share of the sentence's words that the rest has too, and whether it speaks of a text at hand."""
    content = {s for s in mine if s not in _COMMON}
    shared = len(content.intersection(chain.from_iterable(others))) / max(1, len(content))
    return shared, float(not _ABOUT.isdisjoint(mine))


def _letters(folded: str) -> float:
    """The share of bytes that are letters, or of another alphabet: low in tables and code."""
    data = folded.encode("utf-8", "replace")
    return len(data.translate(None, _NO_LETTERS)) / len(data)


@dataclass(frozen=True)
class Hidden:
    """What was trained: one signed byte a feature of a sentence, and the trees over what a text shows."""

    table: array[int]
    scale: float
    bias: float
    start: float
    trees: Sequence[Tree]

    def asks(self, ids: list[int]) -> float:
        return sum(map(self.table.__getitem__, ids)) * self.scale / math.sqrt(len(ids)) + self.bias

    def odds(self, folded: str) -> float | None:
        """The logarithm of the odds that a task is hidden in the text; None where it is no document."""
        seen = contrast(folded, self.asks)
        return None if seen is None else self.start + sum([leaf(tree, seen) for tree in self.trees])


def leaf(tree: Tree, seen: Sequence[float]) -> float:
    """Where a text ends up in a tree.

    >>> leaf([0, 1.5, -1.0, [1, 0.0, 2.0, 3.0]], [2.0, 0.5])
    3.0
    """
    while isinstance(tree, list):
        tree = tree[2] if seen[tree[0]] <= tree[1] else tree[3]
    return float(tree)
