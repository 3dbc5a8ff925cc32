"""A reply held against a folder of documents: what the house knows, whether or not the model was given it.

Each claim of the reply is looked up in an index of the folder's passages (BM25: Robertson and Zaragoza, "The
Probabilistic Relevance Framework", 2009), and what the best passages say is the ground that ``grounding`` judges it by.
A claim on which the folder says nothing is not judged: that the house does not know it is no sign that it is wrong.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from bongsu.checks.grounding import MOST_CLAIMS, claims, weights, whole
from bongsu.checks.grounding_map import ground, sentences, words
from bongsu.ports import Finding
from bongsu.support import Support

KINDS = (".txt", ".md", ".rst")
LONGEST = 700
"""Characters of a passage: some sentences of one paragraph."""
MOST_BYTES = 64 << 20
K1, B = 1.2, 0.75
SPEAKS = 0.4
"""A passage speaks of a claim if it has this share of the claim's words, the rare ones counting more."""


class KnowledgeError(Exception):
    """A folder that cannot be known: which, what was expected, what to do."""


@dataclass(frozen=True)
class Index:
    """Passages, the passages of each word with how often it is there, and how long they are in words."""

    passages: tuple[str, ...]
    postings: dict[str, tuple[array[int], array[int]]]
    lengths: array[int]

    def rare(self, stem: str) -> float:
        """BM25's weight of a word: more for what fewer passages have."""
        have = len(self.postings[stem][0]) if stem in self.postings else 0
        return math.log(1 + (len(self.passages) - have + 0.5) / (have + 0.5))

    def best(self, claim: str, most: int) -> list[str]:
        """The passages that speak of a claim, the best first."""
        asked = frozenset(words(claim).stems)
        mean = sum(self.lengths) / max(1, len(self.lengths))
        scores: dict[int, float] = defaultdict(float)
        shared: dict[int, float] = defaultdict(float)
        for stem in asked & self.postings.keys():
            weight = self.rare(stem)
            for at, times in zip(*self.postings[stem], strict=True):
                scores[at] += weight * times * (K1 + 1) / (times + K1 * (1 - B + B * self.lengths[at] / mean))
                shared[at] += weight
        needed = SPEAKS * sum(map(self.rare, asked))
        found = sorted((at for at in scores if shared[at] >= needed), key=lambda at: (-scores[at], at))
        return [self.passages[at] for at in found[:most]]


def indexed(texts: Sequence[str]) -> Index:
    """An index of texts.

    >>> index = indexed(["The bridge opened in 1937.", "Refunds take thirty days. They are free."])
    >>> index.best("Refunds take ten days.", 1)
    ['Refunds take thirty days. They are free.']
    >>> index.best("Our cat is called Tom.", 1)
    []
    """
    passages = [p for text in texts for p in _passages(text)]
    postings: dict[str, tuple[array[int], array[int]]] = {}
    lengths = array("l")
    for at, passage in enumerate(passages):
        counted = Counter(words(passage).stems)
        lengths.append(sum(counted.values()))
        for stem, times in counted.items():
            places, often = postings.setdefault(stem, (array("l"), array("l")))
            places.append(at)
            often.append(times)
    return Index(tuple(passages), postings, lengths)


def _passages(text: str) -> Iterator[str]:
    """Paragraphs, the long ones cut between sentences."""
    for paragraph in text.split("\n\n"):
        held = ""
        for begin, end in sentences(paragraph):
            if held and len(held) + end - begin > LONGEST:
                yield held
                held = ""
            held = f"{held} {paragraph[begin:end]}" if held else paragraph[begin:end]
        if held:
            yield held


@lru_cache(maxsize=8)
def known(folder: str) -> Index:
    """The index of a folder, made once a process. Raises ``KnowledgeError``."""
    root, size = Path(folder), 0
    if not root.is_dir():
        raise KnowledgeError(f"folder: expected a folder of documents, came '{folder}', which is none")
    texts: list[str] = []
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in KINDS and p.is_file()):
        size += path.stat().st_size
        if size > MOST_BYTES:
            raise KnowledgeError(f"folder: expected documents of at most {MOST_BYTES >> 20} MiB in all, came more; "
                                 f"split '{folder}' by route")
        texts.append(path.read_text(encoding="utf-8-sig", errors="replace"))
    if not texts:
        raise KnowledgeError(f"folder: expected documents ({', '.join(KINDS)}) in '{folder}', came none")
    return indexed(texts)


@dataclass(frozen=True)
class Knowledge:
    """Finds (kind ``unsupported``) the claims of a reply that the documents of ``folder`` (an absolute path; text and
    Markdown) speak of and do not support, if all of them together have less support than ``threshold``.

    The folder is read once a process: a restart reads it again.
    """

    name: ClassVar[str] = "knowledge"
    version: ClassVar[str] = "1"
    usual: ClassVar[int] = 2000
    roles: ClassVar[tuple[str, ...]] = ()

    folder: str
    threshold: float = 0.5
    passages: int = 3

    def __post_init__(self) -> None:
        if not Path(self.folder).is_absolute():
            raise ValueError("folder: expected an absolute path, since every process reads it; came a relative one")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected a number between 0 and 1, came {self.threshold}")
        if not 1 <= self.passages <= 20:
            raise ValueError(f"passages: expected 1 to 20, came {self.passages}")

    def look(self, text: str) -> Sequence[Finding]:  # noqa: ARG002 (the port's shape)
        """Nothing: claims are judged once the reply is whole."""
        return ()

    def hold(self, text: str) -> int:  # noqa: ARG002 (as above)
        return 0

    def support(self, text: str, context: Sequence[str]) -> Support:  # noqa: ARG002 (the folder is the context)
        """How far the folder supports what it speaks of; no score where it speaks of none of the claims."""
        index, judged = known(self.folder), []
        for begin, end in list(claims(text))[:MOST_CLAIMS]:
            if found := index.best(text[begin:end], self.passages):
                judged.append(((begin, end), weights().distance(text[begin:end], ground(found))))
        if not judged:
            return Support(None)
        score = weights().support(whole([d for _, d in judged]))
        if score >= self.threshold:
            return Support(score)
        doubts = [Finding("unsupported", *place, 1 - weights().support(d)) for place, d in judged]
        bad = tuple(f for f in doubts if 1 - f.score < self.threshold)
        return Support(score, bad or (max(doubts, key=lambda f: f.score),))
