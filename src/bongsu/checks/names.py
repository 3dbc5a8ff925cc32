"""Names of people, and where they live, in Korean and English: what has no form to search for.

A light trained tagger (a linear-chain conditional random field over hashed features; training/names.py). It costs
milliseconds, not microseconds, so its place is off the hot path: before something is stored, or inline on routes that
ask for it. What it finds at which cost is in training/README.md. Korean names are found better where the tagger is told
the morphemes of a sentence (``names_morphs``, an extra).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from math import exp
from operator import mul
from typing import Any, ClassVar, Literal

from bongsu.checks import names_map, names_morphs
from bongsu.checks.names_map import LONGEST, Token
from bongsu.ports import Finding

MAGIC = b"bongsu names weights\n"
KINDS = ("person", "address", "location", "organization", "date", "title", "nationality", "age", "zip_code", "domain",
         "us_driver_license")
PERSONAL = ("person", "address")
"""What a policy hides that says no more."""
MORPHS = "ko_morphs"
LANE = 16
_FULL, _MIDDLE = (1 << LANE) - 1, 1 << LANE - 1
_SENTENCE = 64


class WeightsError(Exception):
    """The packaged weights are not what this version can use."""


@dataclass(frozen=True)
class Model:
    """The weights of one tagger: ``head`` is their header, ``table`` one signed byte a label and feature."""

    head: dict[str, Any]
    table: array[int]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.head["labels"])

    @cached_property
    def tagger(self) -> str:
        return str(self.head["language"])

    @cached_property
    def rows(self) -> list[int]:
        """The table by feature, the weights of all labels side by side in one number, ``LANE`` bits each: so those of
        features are added up for all labels at once. Most features weigh nothing."""
        size = 1 << names_map.BITS[self.tagger]
        out = [0] * size
        for place, weight in enumerate(self.table):
            if weight:
                out[place % size] += weight << LANE * (place // size)
        return out

    def sums(self, ids: Sequence[int]) -> list[int]:
        """What the features weigh for each label."""
        total = sum(map(self.rows.__getitem__, ids), self.nothing)
        return [(total >> lane & _FULL) - _MIDDLE for lane in self.lanes]

    @cached_property
    def lanes(self) -> range:
        """Where in a number the weight of each label begins."""
        return range(0, LANE * len(self.labels), LANE)

    @cached_property
    def nothing(self) -> int:
        """No weight for any label, so far above the least that no lane borrows from the next."""
        return sum(_MIDDLE << lane for lane in self.lanes)

    @cached_property
    def moves(self) -> list[list[float]]:
        """exp of the weight of a label (column) after another (row)."""
        return [[exp(v) for v in row] for row in self.head["moves"]]

    def packed(self) -> bytes:
        return pack(self.head, self.table.tobytes())

    def find(self, text: str, threshold: float) -> Iterator[Finding]:
        """Every name in the pieces of a text that are of this model's language."""
        for language, start, end in names_map.pieces(text):
            if language == self.tagger[:2]:
                found = names_map.tokens(text, language, start, end)
                for i in range(0, len(found), LONGEST):
                    yield from self._named(text, found[i:i + LONGEST], threshold)

    def _named(self, text: str, found: list[Token], threshold: float) -> Iterator[Finding]:
        """Tokens that are more probably a name than ``threshold``; each run of one kind is a finding."""
        begun: tuple[int, str] | None = None
        scores: list[float] = []
        for i, odds in enumerate([*self._marginals(text, found), None]):
            label = "O" if odds is None or 1 - odds[0] < threshold else self.labels[1 + _best(odds[1:])]
            kind = label[2:]
            if begun is not None and (label == "O" or kind != begun[1] or label[0] == "B"):
                yield Finding(begun[1], found[begun[0]].start, found[i - 1].end, sum(scores) / len(scores))
                begun, scores = None, []
            if label != "O" and odds is not None:
                begun = begun or (i, kind)
                scores.append(1 - odds[0])

    def _marginals(self, text: str, found: list[Token]) -> list[list[float]]:
        """The probability of each label at each token: forward and backward sums, scaled at every step."""
        here = self._weighed(text, found)
        columns: list[Sequence[float]] = list(zip(*self.moves, strict=True))
        ahead, last = list[list[float]](), self.free
        for e in here:
            if e is not self.nameless:
                before = (self.moves[0] if last is self.nameless else last if last is self.free
                          else [sum(map(mul, last, column)) for column in columns])
                last = _shares([*map(mul, before, e)])
            else:
                last = e
            ahead.append(last)
        after: Sequence[float] = self.free
        out = list[list[float]]()
        for e, one in zip(reversed(here), reversed(ahead), strict=True):
            if e is self.nameless:
                out.append(one)
                after = columns[0]
            else:
                out.append(_shares([*map(mul, one, after)]))
                weighed = [*map(mul, e, after)]
                after = _shares([sum(map(mul, weighed, row)) for row in self.moves])
        return out[::-1]

    def _weighed(self, text: str, found: list[Token]) -> list[list[float]]:
        """How much the features of each token speak for each label, beside the likeliest; ``nameless`` is that of a
        token which is known to be in no name."""
        scale = float(self.head["scale"])
        more = names_morphs.features(text, found) if self.tagger == MORPHS else ()
        here = []
        for ids in names_map.features(text, found, self.tagger, more):
            if ids:
                sums = self.sums(ids)
                top = max(sums)
                here.append([exp((s - top) * scale) for s in sums])
            else:
                here.append(self.nameless)
        return here

    @cached_property
    def nameless(self) -> list[float]:
        """The label O for certain."""
        return [1.0, *[0.0] * (len(self.labels) - 1)]

    @cached_property
    def free(self) -> list[float]:
        """Nothing is known of the labels before the first token, and after the last."""
        return [1.0] * len(self.labels)


def _shares(values: list[float]) -> list[float]:
    total = sum(values)
    return [v / total for v in values]


def _best(odds: list[float]) -> int:
    return odds.index(max(odds))


def pack(head: dict[str, Any], table: bytes) -> bytes:
    """A file of weights: a line that names it, a line of JSON, the deflated table."""
    full = {**head, "map": names_map.VERSION[head["language"]], "table": hashlib.sha256(table).hexdigest()}
    return MAGIC + json.dumps(full, sort_keys=True, ensure_ascii=False).encode() + b"\n" + zlib.compress(table, 9)


def unpack(data: bytes, tagger: str) -> Model:
    """What ``pack`` made. Raises ``WeightsError`` where it is not of this tagger, feature map or whole."""
    line, _, body = data[len(MAGIC):].partition(b"\n")
    try:
        head = json.loads(line) if data.startswith(MAGIC) else {}
        table = zlib.decompress(body)
    except (ValueError, zlib.error):
        head, table = {}, b""
    want = (tagger, names_map.VERSION[tagger], hashlib.sha256(table).hexdigest(),
            len(head.get("labels", ())) << names_map.BITS[tagger])
    came = (head.get("language"), head.get("map"), head.get("table"), len(table))
    if came != want:
        raise WeightsError(f"names_{tagger}.weights: expected {want}, came {came}; reinstall bongsu, or train again "
                           "with training/names.py")
    return Model(head, array("b", table))


@cache
def model(tagger: str) -> Model:
    """The packaged weights of a tagger, read once."""
    return unpack(files("bongsu.checks").joinpath(f"names_{tagger}.weights").read_bytes(), tagger)


@dataclass(frozen=True)
class Names:
    """Finds names that are more probably one than ``threshold``, of these ``entities``.

    With ``morphology`` Korean ones are looked for with the help of morphemes, which finds more of them and needs the
    extra ``bongsu[korean]``.

    >>> text = "My name is Karen Smith and I live in Lyon."
    >>> [text[f.start:f.end] for f in Names().look(text) if f.kind == "person"]
    ['Karen Smith']
    """

    name: ClassVar[str] = "names"
    version: ClassVar[str] = "1"
    costly: ClassVar[Literal[True]] = True
    usual: ClassVar[int] = 5000

    entities: tuple[str, ...] = PERSONAL
    threshold: float = 0.25
    morphology: bool = False

    def __post_init__(self) -> None:
        for i, entity in enumerate(self.entities):
            if entity not in KINDS:
                raise ValueError(f"entities[{i}]: expected one of {', '.join(KINDS)}, came {entity!r}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected a number between 0 and 1, came {self.threshold}")

    def look(self, text: str) -> Sequence[Finding]:
        """Raises ``MorphemesError`` where it needs an extra that is not installed."""
        korean = MORPHS if self.morphology else "ko"
        return tuple(f for tagger in (korean, "en") for f in model(tagger).find(text, self.threshold)
                     if f.kind in self.entities)

    def hold(self, text: str) -> int:
        """The sentence that has not ended: whether a word is a name depends on the words after it."""
        last = max(text.rfind(mark) for mark in (". ", "! ", "? ", "\n"))
        return min(len(text) - last - 1, _SENTENCE) if text else 0
