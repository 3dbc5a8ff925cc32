"""Words as numbers: what trained checks see of a text in place of its words, hashed for all of them in one go.

A word counts by its stem, the first six bytes of it (six Latin letters, two Hangul syllables), so that endings and
particles matter little. A feature is a number below ``SIZE``; no word can be read back from it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

BITS = 17
SIZE = 1 << BITS
MASK = SIZE - 1
ZERO = 128
"""What stands for no weight in a table: bytes are looked up in half of the time that signed numbers take."""

_STEM, _LONG, _MORE = 6, 8, 12
"""Bytes of a stem; longest word whose stem says it all; bytes at which the rest of a longer one ends."""
_LANE = MASK.to_bytes(4, "little")
_IS_LONG = bytes(n > _LONG for n in range(256))


class Hashed(NamedTuple):
    """Of the words of a text, in order: how many bytes each has (255 stands for more), its stem, the feature of the
    stem and of it with the one before, whether it is long; and of the long ones the feature of the rest."""

    sizes: bytes
    stems: list[int]
    singles: tuple[int, ...]
    pairs: tuple[int, ...]
    long: bytes
    rests: tuple[int, ...]


def hashed(words: Sequence[bytes]) -> Hashed:
    """The numbers of some words.

    >>> one = hashed([b"you", b"programming"])
    >>> list(one.sizes), one.stems == [crc32(b"you"), crc32(b"progra")], one.rests == (crc32(b"mming", 1) & MASK,)
    ([3, 11], True, True)
    """
    try:
        sizes = bytes(map(len, words))
    except ValueError:
        sizes = bytes([min(len(w), 255) for w in words])
    long = sizes.translate(_IS_LONG)
    stems = [crc32(w[:_STEM]) for w in words]
    more = [crc32(w[_STEM:_MORE], 1) for w in compress(words, long)]
    singles, pairs = features(stems + more)
    return Hashed(sizes, stems, singles[:len(stems)], pairs[:len(stems)], long, singles[len(stems):])


def features(stems: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The feature of each stem ``b``, and of it and the one ``a`` before it: ``(a ^ b >> 7) & MASK``.

    All at once, as one large number of 32 bits each, which takes half of the time of one by one. The first has nothing
    before it.
    """
    many = f"<{len(stems)}I"
    whole = int.from_bytes(struct.pack(many, *stems), "little")
    every = int.from_bytes(_LANE * len(stems), "little")
    singles = whole & every
    pairs = (singles << 32 ^ whole >> 7) & every
    size = 4 * len(stems)
    return struct.unpack(many, singles.to_bytes(size, "little")), struct.unpack(many, pairs.to_bytes(size, "little"))


def raised(weights: Iterable[int]) -> bytes:
    """A table of weights, signed bytes, as ``weighed`` and ``total`` read it.

    >>> total([0, 2], raised([5, 9, -7]))
    -2
    """
    return bytes([weight + ZERO for weight in weights])


def weighed(ids: Sequence[int], table: bytes) -> tuple[int, ...]:
    """What features weigh, each ``ZERO`` too much: looked up together, as one by one takes four times as long."""
    return itemgetter(*ids)(table) if len(ids) > 1 else tuple([table[one] for one in ids])


def total(ids: Sequence[int] | set[int], table: bytes) -> int:
    """The sum of what features weigh."""
    return sum(itemgetter(*ids)(table) if len(ids) > 1 else [table[one] for one in ids]) - ZERO * len(ids)
