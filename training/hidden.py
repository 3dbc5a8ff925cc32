"""Fits what ``injection_document`` goes by: how much a sentence asks of a reader, and trees over what a document shows.

Sentences that ask are our own tasks (``documents.txt``) and what people ask of assistants; those that do not are the
lines of documents. The trees tell documents with a task in them from clean ones, from documents with an honest request
about them, and from prompts; each document is shown to them by sentence weights that were fitted without a third of all
sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zlib import crc32

import documents
import numpy as np
import packages
import scipy.sparse as sp
from documents import TASK, Piece
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from bongsu.checks import injection_document
from bongsu.checks.folded import folded
from bongsu.checks.injection_document import LEAST, Hidden, unfolded

STRENGTH = 0.5  # inverse regularisation of the sentences
TREES, LEAVES, PACE = 60, 8, 0.12
PARTS = 3
BRIEF = 40
"""Words of a request that may stand for a task."""
ASKED_BY_PEOPLE = ("clinc150", "mt_vicuna_bench", "self_instruct_user_oriented", "cyberseceval_frr_en",
                   "songys_chatbot_ko")
PROSE = ("tau2 documents", "inspect-evals pages", "books")


class Row(Protocol):
    text: str
    group: str
    lang: str


@dataclass(frozen=True)
class Sentence:
    ids: list[int]
    asks: bool
    weight: float
    source: str
    part: int


def carriers(rows: Iterable[Row], talk: Sequence[str]) -> list[Piece]:
    """Ours, letters, pages, prose, code; ``talk`` are passages of an encyclopaedia."""
    out = [*documents.ours(0), *documents.tables()]
    out += [Piece(r.text, "en", r.group) for r in rows if r.group == "llmail_fp_emails"]
    out += [Piece(text, "en") for name, _, texts in packages.taught() if name in PROSE for text in texts]
    return out + [Piece(text, "en") for text in [*talk, *packages.code()]]


def requests(rows: Iterable[Row]) -> list[Piece]:
    """What people ask in a line."""
    return [Piece(r.text, r.lang, r.group) for r in rows
            if r.group in ASKED_BY_PEOPLE and "\n" not in r.text and len(r.text.split()) < BRIEF]


def sentences(pieces: Iterable[Piece], *, asks: bool) -> Iterator[Sentence]:
    """Those of documents; of requests the first two."""
    for piece in pieces:
        found = folded(piece.text).sentences[:2 if asks else None]
        weight = 1 / len(found) if asks else 1 / np.sqrt(max(1, len(found)))
        for tokens, question in found:
            if len(tokens) >= LEAST:
                stems = [crc32(w[:6]) for w in tokens]
                part = crc32(b" ".join(tokens)) % PARTS
                yield Sentence(injection_document.features(stems, question), asks, weight, piece.source, part)


class Table:
    """Sentences as hashed features, and the documents made of them."""

    def __init__(self, rows: Sequence[Row], talk: Sequence[str]) -> None:
        found, mine, theirs = carriers(rows, talk), documents.ours(TASK), requests(rows)
        self.documents = list(documents.documents(found, [*mine, *mine, *theirs], documents.ours(documents.REQUEST)))
        lines = [*sentences(found, asks=False), *sentences([*mine, *theirs], asks=True)]
        at = np.cumsum([0] + [len(s.ids) for s in lines])
        values = np.concatenate([np.full(len(s.ids), 1 / np.sqrt(len(s.ids))) for s in lines])
        self.x = sp.csr_matrix((values, np.concatenate([np.array(s.ids) for s in lines]), at),
                               shape=(len(lines), injection_document.SIZE))
        self.y = np.array([s.asks for s in lines])
        self.weight = np.array([s.weight for s in lines])
        self.source, self.part = np.array([s.source for s in lines]), np.array([s.part for s in lines])

    def asking(self, use: np.ndarray) -> tuple[Sequence[int], float, float]:
        """Weights of the features of a sentence, as signed bytes, with their scale and the bias."""
        weight = self.weight.copy()
        weight[self.y] *= weight[use & ~self.y].sum() / weight[use & self.y].sum()
        model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=0.01, max_iter=50)
        model.fit(self.x[use], self.y[use], sample_weight=weight[use])
        scale = round(float(np.abs(model.coef_[0]).max() / 127), 9)
        return np.rint(model.coef_[0] / scale).astype(int).tolist(), scale, round(float(model.intercept_[0]), 6)

    def fit(self, prompts: Iterable[str], held: Collection[str] = ()) -> Hidden:
        """``prompts`` are harmless; nothing that ``held`` sources are a part of is looked at."""
        use = ~np.isin(self.source, sorted(held))
        parted = [(unfolded(table), scale, bias) for table, scale, bias in
                  (self.asking(use & (self.part != part)) for part in range(PARTS))]
        shown = [(d.text, d.kind == TASK) for d in self.documents if d.sources.isdisjoint(held)]
        shown += [(text, False) for text in prompts]
        seen, label = [], []
        for text, task in shown:
            view = injection_document.contrast(folded(text), *parted[crc32(text.encode("utf-8", "replace")) % PARTS])
            if view is not None:
                seen.append(view)
                label.append(task)
        model = GradientBoostingClassifier(n_estimators=TREES, max_leaf_nodes=LEAVES, learning_rate=PACE,
                                           min_samples_leaf=10, random_state=0)
        model.fit(np.array(seen), np.array(label))
        start = round(float(np.log(np.mean(label) / (1 - np.mean(label)))), 6)
        return Hidden(*self.asking(use), start, [grown(tree.tree_) for (tree,) in model.estimators_])


def grown(tree: Any, node: int = 0) -> Any:
    """A tree of scikit-learn as ``injection_document.leaf`` reads it."""
    if tree.children_left[node] < 0:
        return round(float(tree.value[node][0][0]) * PACE, 5)
    return [int(tree.feature[node]), round(float(tree.threshold[node]), 5),
            grown(tree, tree.children_left[node]), grown(tree, tree.children_right[node])]


