"""A tagger of names of the user's own: a transformer that labels every token of a text.

How labels of tokens become places is ``tagged``: labels in the usual schemes (B-, I-, and E-, S-, or a bare name), each
weighed against all labels that are not looked for. What the light tagger (``names``) finds in the same place is masked
as one with it (``overlap.resolve``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from bongsu.checks.onnx import Piece
from bongsu.checks.onnx_check import KIND, OnnxCheck
from bongsu.ports import Finding

BEGINS = ("B", "S", "U")
_PARTS = (*BEGINS, "I", "E", "L")


class Label(NamedTuple):
    """What a label says: of which ``kind`` (of the model's), and whether a name ``begins`` here."""

    kind: str
    begins: bool


def label_of(written: str) -> Label:
    """A label as models write it.

    >>> label_of("B-PER"), label_of("I-PER"), label_of("PER-B"), label_of("O")
    (Label(kind='PER', begins=True), Label(kind='PER', begins=False), Label(kind='PER', begins=True), \
Label(kind='O', begins=False))
    """
    first, _, rest = written.partition("-")
    if rest and first in _PARTS:
        return Label(rest, first in BEGINS)
    before, _, last = written.rpartition("-")
    return Label(before, last in BEGINS) if before and last in _PARTS else Label(written, False)


def tagged(pieces: Sequence[Piece], labels: Sequence[Label], kinds: Mapping[str, str], threshold: float,
           words: bool) -> Iterator[Finding]:
    """Each run of tokens of one kind, whose labels are looked for with ``threshold`` or more together.

    With ``words`` the first piece of a word speaks for all of it.
    """
    wanted = [i for i, label in enumerate(labels) if label.kind in kinds]
    run: list[tuple[int, int, float]] = []
    kind, word, named = "", None, False
    for piece in pieces:
        goes_on = piece.word is not None and piece.word == word
        if not (words and goes_on):
            share = float(sum(piece.odds[i] for i in wanted))
            best = labels[max(wanted, key=piece.odds.__getitem__)]
            named = share >= threshold
        if run and (not named or kinds[best.kind] != kind or (best.begins and not goes_on)):
            yield _finding(kind, run)
            run = []
        if named:
            kind = kinds[best.kind]
            run.append((piece.start, piece.end, share))
        word = piece.word
    if run:
        yield _finding(kind, run)


def _finding(kind: str, run: Sequence[tuple[int, int, float]]) -> Finding:
    return Finding(kind, run[0][0], run[-1][1], min(1.0, sum(share for _, _, share in run) / len(run)))


@dataclass(frozen=True)
class Tagger(OnnxCheck):
    """Finds what the model in ``folder`` labels as one of ``entities`` (its name of a kind: ours, such as person).

    With ``words`` a word's label is that of its first token; without, as for Korean models that tell names from their
    particles, every token has its own.
    """

    name: ClassVar[str] = "tagger"

    entities: Mapping[str, str]
    words: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        there = dict.fromkeys(label_of(label).kind for label in self.labels)
        for kind, ours in self.entities.items():
            if kind not in there:
                raise ValueError(f"entities: expected kinds that the labels name ({', '.join(there)}), came {kind!r}")
            if not KIND.fullmatch(ours):
                raise ValueError(f"entities: expected small letters, digits and _ for {kind}, such as person; "
                                 f"came {ours!r}")
        if not self.entities:
            raise ValueError("entities: expected which of the model's kinds are looked for, such as {PER: person}; "
                             "came none")

    def look(self, text: str) -> Sequence[Finding]:
        """Raises ``ModelError``."""
        pieces = [*self.loaded().pieces(text, len(self.labels))]
        labels = [label_of(label) for label in self.labels]
        found = (_bare(text, f) for f in tagged(pieces, labels, self.entities, self.threshold, self.words))
        return tuple(f for f in found if f.start < f.end)


def _bare(text: str, found: Finding) -> Finding:
    """Without blanks at its ends, which the tokens of some models begin with."""
    said = text[found.start:found.end]
    start = found.start + len(said) - len(said.lstrip())
    return Finding(found.kind, start, max(start, found.start + len(said.rstrip())), found.score)
