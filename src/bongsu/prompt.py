"""A text as one of 32 cells, so that texts drift as categories do: cells count, merge and have references.

One word stands for the text: the one whose hash is the least, so it is drawn from every text in the same way, and two
texts have it in common as likely as their words overlap (MinHash: A. Broder, On the Resemblance and Containment of
Documents, 1997). The cell is that hash modulo 32. Traffic that turns to other things fills other cells; who asks the
same in other numbers does not. A word is its first four letters, so endings matter little; where words have no spaces
or endings of their own (한국어, 日本語) every two characters are one. CRC-32 gives the same cell on every machine, and
nothing is fitted to anybody's texts.

A cell is five bits of a text: no text can be had back from it. ``VERSION`` is part of its name, so cells of another map
are counted as never seen, not mixed in.
"""

from __future__ import annotations

import re
from zlib import crc32

VERSION = "1"
CELLS = 32
LONGEST = 4000
"""Characters that are looked at: the first of a text."""
_LETTERS = "0-9A-Za-z_\u00c0-\u04ff"
_WORDS = re.compile(rf"(?<![{_LETTERS}])[{_LETTERS}]{{1,4}}|[^\W{_LETTERS}]{{1,2}}").findall
_SEED = crc32(b"bongsu prompt cells " + VERSION.encode())
_NAMES = tuple(f"{VERSION}.{cell:02}" for cell in range(CELLS))


_KNOWN = frozenset(_NAMES)


def celled(text: str) -> str:
    """The cell of a text that may be one already, as what was stored is.

    >>> celled(cell("my card")) == cell("my card") != cell(cell("my card"))
    True
    """
    return text if text in _KNOWN else cell(text)


def cell(text: str) -> str:
    """The cell of a text; empty where it has no word.

    >>> cell("Where is my card?") == cell("my card: where is it? it is my card") != ""
    True
    >>> cell("..."), _WORDS("Cancelled 카드를 취소")
    ('', ['Canc', '카드', '를', '취소'])
    """
    words = _WORDS(text[:LONGEST].lower())
    if not words:
        return ""
    least = min([crc32(word.encode("utf-8", "replace"), _SEED) for word in words])
    return _NAMES[least % CELLS]
