"""A text as 64 bits: two texts nearly alike differ in few of them; and as a cell of the space of words.

Both come from one keyed hash of each word, so without the key they say nothing about the text, and nothing of the text
is kept. Words are compared after NFKC, without case, and with every run of digits as one: what only counts up is alike.

The bits are Charikar's random hyperplanes (Similarity estimation techniques from rounding algorithms, STOC 2002): the
expected share of bits in which two texts differ is the angle between their word counts, over pi. The cell is a MinHash
(Broder, On the resemblance of documents, 1997): the chance that two texts share it is at least the share of their long
words that both have. So a caller who keeps to a subject meets few cells, and one who asks about everything meets many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

BITS = 64
CELLS = 4096
NEAR = 7
"""Most bits in which two texts that are nearly alike differ: about one word in 25 is another."""
LONGEST = 4000
"""Characters of a text that are looked at."""
MOST_WORDS = 256
"""Words of a text that are looked at. More than 257 would not fit the sums below."""
FEWEST_WORDS = 4
"""What is shorter says too little to be the same on purpose: ``yes``, ``thank you``."""
CONTENT = 6
"""Bytes from which on a word is taken for one that carries content: six letters, two syllables."""

_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
_EVEN = int.from_bytes(bytes((255, 0)) * (BITS // 2), "little")


class Sketch(NamedTuple):
    """``bits`` to compare, ``cell`` of ``CELLS``."""

    bits: int
    cell: int


def words(text: str) -> list[bytes]:
    """The words that are compared, in order.

    >>> words("Ticket 4711: RESET my Password!")
    [b'ticket', b'0', b'reset', b'my', b'password']
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    found = _WORD.findall(_DIGITS.sub("0", plain))
    return [word.encode("utf-8", "replace") for word in found[:MOST_WORDS]]


def sketch(text: str, key: bytes) -> Sketch | None:
    """The sketch of a text under a key of up to 64 bytes; None where the text has fewer than ``FEWEST_WORDS`` words.

    >>> a = sketch("please reset the password of my account", b"k")
    >>> a == sketch("PLEASE  reset the password of my account!", b"k"), sketch("thank you", b"k")
    (True, None)
    """
    said = words(text)
    if len(said) < FEWEST_WORDS:
        return None
    keyed = blake2b(digest_size=BITS, key=key)
    known: dict[bytes, bytes] = {}
    for word in said:
        if word not in known:
            one = keyed.copy()
            one.update(word)
            known[word] = one.digest()
    content = [digest for word, digest in known.items() if len(word) >= CONTENT] or list(known.values())
    return Sketch(_signs([known[word] for word in said]), int.from_bytes(min(content)[-2:], "big") % CELLS)


def _signs(digests: Sequence[bytes]) -> int:
    """One bit a byte of the digests: whether its sum over all is above what chance gives.

    Even and odd bytes are summed apart, each in 16 bits of one large number, so that no sum runs into the next.
    """
    even = odd = 0
    for digest in digests:
        number = int.from_bytes(digest, "little")
        even += number & _EVEN
        odd += (number >> 8) & _EVEN
    bits, middle = 0, 255 * len(digests)
    for at in range(BITS // 2):
        bits |= (2 * (even >> 16 * at & 0xFFFF) > middle) << 2 * at
        bits |= (2 * (odd >> 16 * at & 0xFFFF) > middle) << 2 * at + 1
    return bits


def apart(one: int, other: int) -> int:
    """In how many bits two differ.

    >>> apart(0b1100, 0b1010)
    2
    """
    return (one ^ other).bit_count()
