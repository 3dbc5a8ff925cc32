"""Whether a reply rests on the context it was given: a support of 0..1 for each claim and for the whole.

Words, neighbours, numbers, names, denials and opposites of a claim are held against the context
(``grounding_map``); a sum with weights of no sign but plus says how far it is from being supported, so more that is
missing never counts as more support. English and Korean. Where the words of the context are said again with another
meaning it sees nothing, and a free paraphrase may look unsupported to it: training/README.md has the figures.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar

from bongsu.checks.context import AgainstContext
from bongsu.checks.grounding_map import FEATURES, Ground, features, ground, sentences
from bongsu.checks.grounding_words import NOT_CLAIMS
from bongsu.ports import Finding
from bongsu.support import Support

MOST_CLAIMS = 200
"""Claims that are judged one by one; what follows counts as one more, so that a long reply does not cost its square."""
_NOT_CLAIMS = re.compile(NOT_CLAIMS, re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """One weight a feature, never negative; support is 1/2 where their sum is ``cut``."""

    weights: tuple[float, ...]
    cut: float
    slope: float

    def distance(self, claim: str, base: Ground) -> float:
        return sum(w * x for w, x in zip(self.weights, features(claim, base), strict=True))

    def support(self, distance: float) -> float:
        return 1 / (1 + math.exp(max(-50.0, min(50.0, self.slope * (distance - self.cut)))))


@cache
def weights() -> Weights:
    """The packaged weights, read once. Raises ``ValueError`` where they are of other features."""
    read = json.loads(files("bongsu.checks").joinpath("grounding.json").read_text(encoding="utf-8"))
    if tuple(read["weights"]) != FEATURES:
        raise ValueError(f"grounding.json: expected the weights of {', '.join(FEATURES)}, came "
                         f"{', '.join(read['weights'])}; reinstall bongsu, or train again with training/grounding.py")
    return Weights(tuple(read["weights"].values()), read["cut"], read["slope"])


def claims(text: str) -> Iterator[tuple[int, int]]:
    """Places of the sentences that claim something: not a courtesy, nor that nothing is known.

    >>> text = "The bridge opened in 1937. Let me know if you have other questions!"
    >>> [text[a:b] for a, b in claims(text)]
    ['The bridge opened in 1937.']
    """
    for begin, end in sentences(text):
        if any(c.isalnum() for c in text[begin:end]) and not _NOT_CLAIMS.search(text[begin:end]):
            yield begin, end


def whole(distances: Sequence[float]) -> float:
    """The distance of a text: half that of its worst claim, half that of all of them on average."""
    return (max(distances) + sum(distances) / len(distances)) / 2


def measured(text: str, base: Ground) -> list[tuple[tuple[int, int], float]]:
    """Each claim's place and how far it is from the context."""
    places = list(claims(text))
    if len(places) > MOST_CLAIMS:
        places[MOST_CLAIMS:] = [(places[MOST_CLAIMS][0], places[-1][1])]
    return [((a, b), weights().distance(text[a:b], base)) for a, b in places]


def unsupported(text: str, context: Sequence[str]) -> float | None:
    """0..1, higher for what is less supported; also where the context is empty. None where nothing is claimed."""
    found = measured(text, ground(context))
    return 1 - weights().support(whole([d for _, d in found])) if found else None


@dataclass(frozen=True)
class Grounding(AgainstContext):
    """Finds (kind ``unsupported``) the claims of a reply whose support is below ``threshold``, if that of all is.

    The context is what messages of ``roles`` say.

    >>> check = Grounding()
    >>> context = ["The Golden Gate Bridge opened in 1937 and is 2,737 metres long."]
    >>> check.support("The bridge opened in 1937.", context).findings
    ()
    >>> [f.kind for f in check.support("It was painted blue in 1988 by Maria Lopez.", context).findings]
    ['unsupported']
    """

    name: ClassVar[str] = "grounding"
    version: ClassVar[str] = "1"

    usual: ClassVar[int] = 2000

    def support(self, text: str, context: Sequence[str]) -> Support:
        """How far the context supports the text; no score where there is no context or no claim."""
        base = ground(context)
        found = [] if base.empty else measured(text, base)
        if not found:
            return Support(None)
        known = weights()
        score = known.support(whole([d for _, d in found]))
        if score >= self.threshold:
            return Support(score)
        doubts = [Finding("unsupported", *place, 1 - known.support(d)) for place, d in found]
        bad = tuple(f for f in doubts if 1 - f.score < self.threshold)
        return Support(score, bad or (max(doubts, key=lambda f: f.score),))
