"""What the morphemes around a syllable say of Korean names: further features for the tagger.

Kiwi (the extra ``bongsu[korean]``) cuts a sentence into morphemes with a part of speech each, so that a particle is
told from the end of a name, and a proper noun from any other. It is not asked whether something is a person; that is
what the tagger learns from its tags.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from bongsu.checks.names_map import SURNAMES, Token

NAME = "NNP"
"""Kiwi's tag of proper nouns."""
NAMELESS = ("EF", "EP", "ETN", "JKB", "JKC", "JKG", "JKO", "JKQ", "MAJ", "SF", "VA", "VC", "VX", "XSA", "XSV")
"""How the tags begin of what is in no name: endings, particles, adjectives, full stops. Of 3,051 names of people Kiwi
takes a syllable for one of these in 7; every fifth syllable of a text is one, and is not looked at further. Of other
endings and verbs it is less sure."""


class MorphemesError(Exception):
    """Kiwi is not installed: what to do."""


class Morpheme(NamedTuple):
    """A morpheme, its tag, and where it stands; two may share a syllable (났: 나 and 았)."""

    form: str
    tag: str
    start: int
    end: int


_NONE = Morpheme("<", "<", -1, -1)


@cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        raise MorphemesError("expected the package kiwipiepy, came an installation without it; "
                             "pip install 'bongsu[korean]', or leave out morphology") from None
    with warnings.catch_warnings():  # it warns that 0 once meant all cores; here it means this thread and no other,
        warnings.simplefilter("ignore", DeprecationWarning)  # since to hand a sentence over costs more than to cut it
        return Kiwi(num_workers=0)


def morphemes(text: str, start: int, end: int) -> list[Morpheme]:
    """Those between two places of a text. Raises ``MorphemesError``."""
    said = text[start:end].encode("utf-8", "replace").decode()  # half a surrogate pair becomes a question mark
    return [Morpheme(one.form, one.tag, start + one.start, start + one.start + one.len)
            for one in _kiwi().tokenize(said)]


def features(text: str, found: Sequence[Token], nameless: tuple[str, ...] = NAMELESS) -> list[tuple[str, ...] | None]:
    """What the morphemes of a piece of a text say of its tokens; who trains leaves none out. Raises
    ``MorphemesError``."""
    return [*told(text, found, morphemes(text, found[0].start, found[-1].end) if found else (), nameless)]


def told(text: str, found: Sequence[Token], known: Sequence[Morpheme],
         nameless: tuple[str, ...] = NAMELESS) -> Iterator[tuple[str, ...] | None]:
    """Of each token: the morpheme it stands in, where in it, and what stands before and after; None where that is a
    morpheme of which no name is made (tags that begin so)."""
    around = [_NONE, _NONE, *known, _NONE, _NONE]
    runs = _runs(known)
    at, word = -1, 0
    for i, token in enumerate(found):
        word = token.start if token.apart or i == 0 else word
        while at + 1 < len(known) and known[at + 1].start <= token.start:
            at += 1
        b2, b1, m, a1, a2 = around[at:at + 5] if at >= 0 else (_NONE, _NONE, _NONE, *around[2:4])
        tag = m.tag if token.start < m.end or m is _NONE else "?"
        if tag.startswith(nameless):
            yield None
            continue
        place, size = min(token.start - m.start, 5), min(m.end - m.start, 6)
        run = min(token.start - (runs[at] if at >= 0 else -1), 6)
        surname = m is not _NONE and text[m.start] in SURNAMES
        here = f"{tag} {place}"
        yield (f"{here} {size}", f"{here} {m.form}", f"{b1.tag} {here}", f"{here} {size} {a1.tag}",
               f"{b1.tag} {here} {a1.tag}", f"{here} {a1.form} {a1.tag}", f"{here} {b1.form} {b1.tag}",
               f"{b2.tag} {b1.tag} {here}", f"{here} {a1.tag} {a2.tag}", f"{here} {a1.form} {a2.form}",
               f"{tag} {run} {surname}", f"{here} {size} {surname} {a1.tag}",
               f"{here} {size} {surname} {m.start == word} {a1.start != m.end}",
               f"{b2.tag} {b1.tag} {here} {a1.tag} {a2.tag}", f"{here} {a2.form} {a2.tag}",
               f"{here} {b2.form} {b2.tag}")


def _runs(known: Sequence[Morpheme]) -> list[int]:
    """Where the run of proper nouns without a gap begins that each morpheme is in."""
    out: list[int] = []
    for i, one in enumerate(known):
        before = known[i - 1] if i else _NONE
        joined = one.tag == before.tag == NAME and before.end == one.start
        out.append(out[-1] if joined else one.start)
    return out
