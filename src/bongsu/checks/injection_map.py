"""What the trained injection check sees of a text: hashed features, and the plainer texts that it may be hiding.

A feature is a number; no word can be read back from it. Words count by their first six bytes (six Latin letters, two
Hangul syllables), so that endings and particles matter little; so do neighbouring words, and the ideas of
``injection_ideas``.
"""

from __future__ import annotations

import binascii
import codecs
import re
import struct
from base64 import b64decode
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from urllib.parse import unquote
from zlib import crc32

from bongsu.checks.folded import HANGUL, as_folded, folded
from bongsu.checks.injection_ideas import IDEAS

BITS = 17
SIZE = 1 << BITS
BLOCK = 48
"""Words of a block; a window is two blocks, so a long text costs no more per word than a short one."""
SHARPNESS = 2.0
"""Of the maximum over windows: two that score the same count log 2 / 2 more than one."""
VIEWS = 4
"""Encoded pieces looked at in one text: the limit is what a hostile text can cost."""
NEAR, COPIES = 8, 6
"""Words that may part two ideas that belong together; features of an idea, so that it weighs more than a word."""

_MASK = SIZE - 1
_LANE = _MASK.to_bytes(4, "little")
_LEET = re.compile(r"[013457@$!|](?:(?<=[a-z].)|(?<=[a-z]..))[a-z]")
_UNLEET = str.maketrans("013457@$!|", "oleastasil")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .*_\-]){4,}[^\W_](?![^\W_])")
_CODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}|(?:[0-9A-Fa-f]{2}[ :]){12,}|(?:%[0-9A-Fa-f]{2}){4}")
_COMMON = frozenset(b"a an and are as be do for how i in is it me my not of on or please that the this to what with "
                    b"you your".split())
FOREIGN = frozenset(
    "el la los las del que por una con lo mi tu su le les des et est une du dans pour vous je il ce qui sur pas avec "
    "mon ton der das und ist nicht ein eine ich sie mit für den dem von wie auf o os da uma não você seu il gli di "
    "che è per non della ti het een van en ik dat och att som är nie jest w na bir ve bu için và của yang dan ini "
    "untuk é qual quel cuál quale es c l d qu".encode().split())
"""Short words of other languages in Latin letters: they and the English ones say which the text is in."""


def words(text: str) -> list[bytes]:
    """Runs of letters and digits of a folded text; bytes will do where all letters are Latin or Hangul, and cost half.

    >>> words("say it, 말해!") == [b"say", b"it", "말해".encode()]
    True
    """
    return as_folded(text).words


def tongue(tokens: list[bytes]) -> int:
    """0 English, or nothing that is known of; 1 Korean: half of the words and more begin with Hangul; 2 another.

    >>> tongue(words("plain words")), tongue(words("AI 모델을 설명해 줘")), tongue(words("Was ist das?"))
    (0, 1, 2)
    """
    (low, high), plain = HANGUL, b"".join(tokens).isascii()
    if not plain and 2 * sum([low <= w < high for w in tokens]) >= max(1, len(tokens)):
        return 1
    kinds = set(tokens)
    if len(FOREIGN & kinds) > len(_COMMON & kinds):
        return 2
    return 2 if not plain and 2 * sum([w[0] == 255 for w in tokens]) > len(tokens) else 0


def fold(text: str) -> str:
    """One spelling, one case, no stacked marks; letters of other alphabets become the Latin ones they look like."""
    return folded(text).text


_IDEAS = {crc32(words(stem)[0][:6]): idea for stem, idea in IDEAS.items()}


def blocks(tokens: list[bytes]) -> list[list[int]]:
    """Features of each run of ``BLOCK`` words; a pair of words belongs to the block of its second one."""
    stems = [crc32(w[:6]) for w in tokens]
    singles, pairs = words_and_pairs(stems)
    out = []
    for at in range(0, len(tokens), BLOCK):
        ids = [*singles[at:at + BLOCK], *pairs[max(at, 1):at + BLOCK]]
        ids += [crc32(w[6:12], 1) & _MASK for w in tokens[at:at + BLOCK] if len(w) > 8]
        out.append(ids + _ideas(stems[at:at + BLOCK]))
    return out


def words_and_pairs(stems: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The feature of each stem ``b``, and of it and the one ``a`` before it: ``(a ^ b >> 7) & _MASK``.

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


def _copies(one: int, two: int) -> tuple[int, ...]:
    """Features of two ideas that follow one another."""
    return tuple((one * 64 + two) * 15485863 + copy * 32452843 + 11 & _MASK for copy in range(COPIES))


_ALONE = {one: tuple(one * 7919 + copy * 104729 & _MASK for copy in range(COPIES)) for one in {*_IDEAS.values()}}
_TOGETHER = {(one, two): _copies(one, two) for one in _ALONE for two in _ALONE if one != two}


def _ideas(stems: list[int]) -> list[int]:
    """Ideas, and each with the two that follow it in a few words; several features each, so that they carry weight."""
    if _IDEAS.keys().isdisjoint(stems):
        return []
    seen = [(n, _IDEAS[s]) for n, s in enumerate(stems) if s in _IDEAS]
    ids = [feature for _, one in seen for feature in _ALONE[one]]
    for ahead in (1, 2):
        for (n, one), (m, two) in zip(seen, seen[ahead:], strict=False):
            if m - n <= NEAR and one != two:
                ids += _TOGETHER[one, two]
    return ids


def windows(tokens: list[bytes]) -> Iterator[set[int]]:
    """The features of every two neighbouring blocks; at least one window."""
    parts = blocks(tokens)
    if len(parts) < 2:
        yield set(parts[0]) if parts else set()
    for one, two in pairwise(parts):
        yield {*one, *two}


def total(ids: set[int], table: Sequence[int]) -> int:
    """What features weigh: looked up together, as one by one takes twice as long."""
    return sum(itemgetter(*ids)(table)) if len(ids) > 1 else sum(table[one] for one in ids)


def views(text: str) -> Iterator[list[bytes]]:
    """The words of the text, then those of what it hides behind letters, spacing or an encoding."""
    seen = folded(text)
    plain, tokens = seen.text, seen.words
    yield tokens
    if len(_LEET.findall(plain)) > 1:
        yield words(plain.translate(_UNLEET))
    lengths = [*map(len, tokens)]
    longest = max(lengths, default=0)
    sizes = bytes(lengths) if longest < 256 else bytes([min(n, 9) for n in lengths])
    if ((sizes.count(1) > 4 or (sizes.count(3) > 4 and not plain.isascii()))
            and (b"\1\1\1\1\1" in sizes or b"\3\3\3\3\3" in sizes)):
        yield words(_SPACED.sub(lambda run: re.sub(r"[ .*_\-]", "", run[0]), plain))
    if len(tokens) > 5 and plain.isascii() and _COMMON.isdisjoint(tokens):
        for turned in (codecs.encode(plain, "rot13"), plain[::-1]):
            other = words(turned)
            if not _COMMON.isdisjoint(other):
                yield other
    pairs = sizes.count(2) > 11 and sum([not w.isalpha() for w, n in zip(tokens, sizes, strict=True) if n == 2]) > 3
    if pairs or "%" in text or longest > 19:
        for decoded in _decoded(text):
            yield folded(decoded).words


def _decoded(text: str) -> Iterator[str]:
    """Readable texts behind base64, hexadecimal or percent signs."""
    for n, run in enumerate(_CODED.finditer(text)):
        if n == VIEWS:
            return
        piece = run[0]
        if piece[0] == "%":
            yield unquote(text)
            return
        for raw in (_hex(piece), _base64(piece)):
            plain = raw.decode("utf-8", "replace")
            readable = sum(c.isprintable() or c.isspace() for c in plain) - plain.count("\ufffd")
            if len(plain) > 8 and readable > 0.9 * len(plain):
                yield plain
                break


def _hex(piece: str) -> bytes:
    try:
        return bytes.fromhex(piece.replace(":", " "))
    except ValueError:
        return b""


def _base64(piece: str) -> bytes:
    body = piece.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(body[:len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4 % 3))
    except binascii.Error:
        return b""
