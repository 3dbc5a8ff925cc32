"""One key -> one of several names by weight, or in or out of a sample: the same key is always answered the same.

Nothing is remembered: what a caller gets follows from a hash of who it is. Weighted rendezvous hashing (C.
Schindelhauer and G. Schomaker, Weighted distributed hash tables, 2005): each name scores -weight / ln(u), u being the
hash of name and key in (0, 1), and the highest score wins. When one weight grows, keys move to that name only, and none
moves between the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from hashlib import blake2b
from math import log

_SPACE = 1 << 64


def _place(*parts: str) -> int:
    """A whole number below 2^64 that nobody can predict from another key's."""
    return int.from_bytes(blake2b("\0".join(parts).encode(errors="replace"), digest_size=8).digest())


def pick(key: str, weights: Mapping[str, int]) -> str:
    """The name that a key belongs to; names of weight zero are never picked. Empty where there is none.

    >>> pick("user-7", {"v1": 1, "v2": 0}), pick("user-7", {})
    ('v1', '')
    """
    best, chosen = 0.0, ""
    for name, weight in weights.items():
        if weight > 0:
            score = -weight / log((_place(name, key) + 0.5) / _SPACE)
            if score > best or not chosen:
                best, chosen = score, name
    return chosen


def sampled(key: str, of: str, share: Fraction) -> bool:
    """Whether a key is in the sample that ``of`` takes.

    >>> sampled("call-1", "guard", Fraction(1)), sampled("call-1", "guard", Fraction(0))
    (True, False)
    """
    return _place(of, key) < share * _SPACE
