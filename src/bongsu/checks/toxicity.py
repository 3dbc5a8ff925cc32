"""Abuse, slurs, threats: by words and phrases in Korean and English, and for Korean by a trained linear score.

Words alone are precise and miss most of what is said without them. The trained part was learned from comments under
Korean entertainment news (training/README.md has the figures); its weights are a file of their own under the licence
of that data, and where the file is not there the words still work. Harmless talk about abuse, a quoted insult say, is
found like the insult itself.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, ClassVar

from bongsu.checks.flat import spelled
from bongsu.checks.toxicity_map import BITS, BLOCK, SIZE, abuse, blocks, enough, features, korean
from bongsu.ports import Finding

MAGIC = b"bongsu toxicity weights\n"
MOST_WORDS = 20
"""Words of abuse that are weighed; more of them say no more."""
OPEN = 60
"""Most characters of a stream that wait, since a phrase may be under way in them."""


@dataclass(frozen=True)
class Weights:
    """A linear model over hashed features, one signed byte a feature; the score is 1/2 at ``cut``."""

    table: array[int]
    scale: float
    bias: float
    cut: float
    slope: float

    def raw(self, block: str) -> float:
        ids = features(block)
        return sum(map(self.table.__getitem__, ids)) * self.scale / math.sqrt(len(ids) or 1) + self.bias

    def score(self, text: str) -> float:
        worst = max(map(self.raw, blocks(text)), default=self.bias)
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, self.slope * (worst - self.cut)))))


def pack(head: dict[str, Any], table: Sequence[int]) -> bytes:
    """A file of weights. The same input gives the same bytes."""
    body = array("b", table).tobytes()
    full = {**head, "bits": BITS, "block": BLOCK, "table": sha256(body).hexdigest()}
    return MAGIC + json.dumps(full, sort_keys=True).encode() + b"\n" + body


def unpack(data: bytes) -> Weights:
    """What ``pack`` made. Raises ``ValueError`` where it is something else."""
    line, _, body = data[len(MAGIC):].partition(b"\n")
    head = json.loads(line) if data.startswith(MAGIC) else {}
    want = {"bits": BITS, "block": BLOCK, "table": sha256(body).hexdigest()}
    came = {key: head.get(key) for key in want}
    if came != want or len(body) != SIZE:
        raise ValueError(f"toxicity_ko.weights: expected {want} and {SIZE} bytes, came {came} and {len(body)}; "
                         "reinstall bongsu, or train again with training/toxicity.py")
    return Weights(array("b", body), head["scale"], head["bias"], head["cut"], head["slope"])


@cache
def weights() -> Weights | None:
    """The packaged weights for Korean, read once; None where somebody chose to do without the file."""
    packed = files("bongsu.checks").joinpath("sharealike", "toxicity_ko.weights")
    return unpack(packed.read_bytes()) if packed.is_file() else None


@dataclass(frozen=True)
class Toxicity:
    """Finds texts whose score is ``threshold`` or more: the words of abuse in them, or the whole text (``toxicity``).

    >>> [f.kind for f in Toxicity().look("You are a worthless idiot, go die.")]
    ['insult', 'insult', 'threat']
    >>> Toxicity().look("The manual describes how to kill a process.")
    ()
    """

    name: ClassVar[str] = "toxicity"
    version: ClassVar[str] = "1"

    threshold: float = 0.5
    trained: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: expected a number above 0, up to 1, came {self.threshold}")

    def score(self, text: str) -> float:
        """0..1, of the whole text."""
        return self._seen(text)[0]

    def look(self, text: str) -> Sequence[Finding]:
        score, found = self._seen(text)
        if score < self.threshold:
            return ()
        return found or (Finding("toxicity", 0, len(text), score),)

    def hold(self, text: str) -> int:
        """The last words, up to ``OPEN`` characters: a phrase may be under way in them."""
        tail = text[-OPEN:]
        end = max(tail.rfind(mark) for mark in ".!?\n")
        return len(tail) - end - 1

    def _seen(self, text: str) -> tuple[float, tuple[Finding, ...]]:
        flat = spelled(text)
        words = abuse(flat)
        places = flat.spans([(a.start, a.end) for a in words])
        found = tuple(Finding(a.kind, *place, a.score) for a, place in zip(words, places, strict=True))
        score = 1 - math.prod(1 - a.score for a in words[:MOST_WORDS])
        known = weights() if self.trained and text else None
        if known is not None and enough(text) and korean(text):
            score = max(score, known.score(text))
        return score, found
