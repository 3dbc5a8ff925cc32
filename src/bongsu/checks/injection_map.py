"""What the trained injection check sees of a text: hashed features, and the plainer texts that it may be hiding.

Features are words and neighbours (``hashed``), and the ideas of ``injection_ideas``.
"""

from __future__ import annotations

import binascii
import codecs
import re
from base64 import b64decode
from collections.abc import Iterator
from itertools import compress
from urllib.parse import unquote
from zlib import crc32

from bongsu.checks.folded import HANGUL, Folded, as_folded, folded
from bongsu.checks.hashed import MASK
from bongsu.checks.injection_ideas import IDEAS

BLOCK = 48
"""Words of a block; a window is two blocks, so a long text costs no more per word than a short one."""
SHARPNESS = 4.0
"""Of the maximum over windows: two that score the same count log 2 / 4 more than one."""
VIEWS = 4
"""Encoded pieces looked at in one text: the limit is what a hostile text can cost."""
NEAR, COPIES = 8, 6
"""Words that may part two ideas that belong together; features of an idea, so that it weighs more than a word."""

_LEET = re.compile(r"[013457@$!|](?:(?<=[a-z].)|(?<=[a-z]..))[a-z]")
_UNLEET = str.maketrans("013457@$!|", "oleastasil")
_SHORT = bytes(range(20))
_IS_PAIR = bytes(n == 2 for n in range(256))
_MAY_BE_LEET = bytes(97 if 97 <= b <= 122 else 49 if b in b"013457@$!|" else 32 for b in range(256))
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .*_\-]){4,}[^\W_](?![^\W_])")
_CODED = re.compile(r"(?:[01]{8} ?){8,}|[A-Za-z0-9+/_-]{24,}={0,2}|(?:[0-9A-Fa-f]{2}[ :]){12,}|(?:%[0-9A-Fa-f]{2}){4}")
_LETTERS = bytes(65 if b < 128 and (chr(b).isalnum() or b in b"+/_-") else 32 for b in range(256))
_DIGITS = bytes(65 if b in b"0123456789abcdefABCDEF" else 58 if b in b" :" else 37 if b == 37 else 46
                for b in range(256))
_LONG, _HEX, _PERCENTS = b"A" * 24, b"AA:" * 12, b"%AA" * 4
_COMMON = frozenset(b"a an and are as be do for how i in is it me my not of on or please that the this to what with "
                    b"you your".split())
FOREIGN = frozenset(
    "el la los las del que por una con lo mi tu su le les des et est une du dans pour vous je il ce qui sur pas avec "
    "mon ton der das und ist nicht ein eine ich sie mit für den dem von wie auf o os da uma não você seu il gli di "
    "che è per non della ti het een van en ik dat och att som är nie jest w na bir ve bu için và của yang dan ini "
    "untuk é qual quel cuál quale es c l d qu".encode().split())
"""Short words of other languages in Latin letters: they and the English ones say which the text is in."""
_KIND = bytes(104 if 0xea <= b <= 0xed else 97 if b > 127 or chr(b).isalnum() else 32 for b in range(256))
"""Where all letters are Latin or Hangul: how a syllable begins, other letters and digits, all else."""


def words(text: str) -> list[bytes]:
    """Runs of letters and digits of a folded text.

    >>> words("say it, 말해!") == [b"say", b"it", "말해".encode()]
    True
    """
    return as_folded(text).words


def tongue(seen: Folded) -> int:
    """0 English, or nothing that is known of; 1 Korean: half of the words and more begin with Hangul; 2 another.

    >>> [tongue(folded(text)) for text in ("plain words", "AI 모델을 설명해 줘", "Was ist das?")]
    [0, 1, 2]
    """
    tokens, ascii_ = seen.words, seen.data.isascii()
    if not ascii_ and 2 * _hangul(seen) >= max(1, len(tokens)):
        return 1
    if not FOREIGN.isdisjoint(tokens) and len(FOREIGN.intersection(tokens)) > len(_COMMON.intersection(tokens)):
        return 2
    return 2 if not ascii_ and 2 * sum([w[0] == 255 for w in tokens]) > len(tokens) else 0


def _hangul(seen: Folded) -> int:
    """How many words begin with a syllable of Hangul."""
    if seen.runs is None:
        low, high = HANGUL
        return sum([low <= w < high for w in seen.words])
    return (b" " + seen.runs).translate(_KIND).count(b" h")


def fold(text: str) -> str:
    """One spelling, one case, no stacked marks; letters of other alphabets become the Latin ones they look like."""
    return folded(text).text


_IDEAS = {crc32(words(stem)[0][:6]): idea for stem, idea in IDEAS.items()}


def _copies(one: int, two: int) -> tuple[int, ...]:
    """Features of two ideas that follow one another."""
    return tuple((one * 64 + two) * 15485863 + copy * 32452843 + 11 & MASK for copy in range(COPIES))


_ALONE = {one: tuple(one * 7919 + copy * 104729 & MASK for copy in range(COPIES)) for one in {*_IDEAS.values()}}
_TOGETHER = {(one, two): _copies(one, two) for one in _ALONE for two in _ALONE if one != two}


def _ideas(seen: list[tuple[int, int]]) -> list[int]:
    """Ideas of a block, each as (which word, number), and each with the two that follow it in a few words; several
    features each, so that they carry weight."""
    ids = [feature for _, one in seen for feature in _ALONE[one]]
    for ahead in (1, 2):
        for (n, one), (m, two) in zip(seen, seen[ahead:], strict=False):
            if m - n <= NEAR and one != two:
                ids += _TOGETHER[one, two]
    return ids


def windows(seen: Folded) -> Iterator[set[int]]:
    """The features of every two neighbouring blocks of ``BLOCK`` words; at least one window. A pair of words belongs to
    the block of its second one."""
    _, stems, ids, long, rests = seen.hashed
    ideas: dict[int, list[tuple[int, int]]] = {}
    for n in [n for n, stem in enumerate(stems) if stem in _IDEAS]:
        ideas.setdefault(n - n % BLOCK, []).append((n, _IDEAS[stems[n]]))
    told, more, last = 0, long.count(1, 0, BLOCK), _ideas(ideas.get(0, []))
    if len(stems) <= BLOCK:
        yield {*ids, *rests, *last}
    for at in range(BLOCK, len(stems), BLOCK):
        end = more + long.count(1, at, at + BLOCK)
        here = _ideas(ideas.get(at, []))
        yield {*ids[2 * (at - BLOCK):2 * (at + BLOCK)], *rests[told:end], *last, *here}
        told, more, last = more, end, here


def views(text: str) -> Iterator[Folded]:
    """The text, then what it hides behind letters, spacing or an encoding."""
    seen = folded(text)
    yield seen
    tokens, sizes = seen.words, seen.hashed.sizes
    if seen.data.translate(_MAY_BE_LEET).count(b"1a") > 1 and len(_LEET.findall(seen.text)) > 1:
        yield as_folded(seen.text.translate(_UNLEET))
    ascii_ = seen.data.isascii()
    if ((sizes.count(1) > 4 or (sizes.count(3) > 4 and not ascii_))
            and (b"\1\1\1\1\1" in sizes or b"\3\3\3\3\3" in sizes)):
        yield as_folded(_SPACED.sub(lambda run: re.sub(r"[ .*_\-]", "", run[0]), seen.text))
    if len(tokens) > 5 and ascii_ and _COMMON.isdisjoint(tokens):
        for turned in (codecs.encode(seen.text, "rot13"), seen.text[::-1]):
            other = as_folded(turned)
            if not _COMMON.isdisjoint(other.words):
                yield other
    pairs = sizes.count(2) > 11 and sum([not w.isalpha() for w in compress(tokens, sizes.translate(_IS_PAIR))]) > 3
    bits = sizes.count(8) > 7 and b"01" in seen.data and sum([not w.strip(b"01") for w in tokens]) > 7
    if bits or ((pairs or "%" in text or sizes.translate(None, _SHORT)) and _may_be_coded(text)):
        for decoded in _decoded(text):
            yield folded(decoded)


def _may_be_coded(text: str) -> bool:
    """Whether ``_CODED`` can match; most texts are told by two looks over their bytes."""
    data = text.encode("utf-8", "replace")
    digits = data.translate(_DIGITS)
    return _PERCENTS in digits or _HEX in digits or _LONG in data.translate(_LETTERS)


def _decoded(text: str) -> Iterator[str]:
    """Readable texts behind base64, hexadecimal digits, bits or percent signs."""
    for n, run in enumerate(_CODED.finditer(text)):
        if n == VIEWS:
            return
        piece = run[0]
        if piece[0] == "%":
            yield unquote(text)
            return
        for raw in (_bits(piece), _hex(piece), _base64(piece)):
            plain = raw.decode("utf-8", "replace")
            readable = sum(c.isprintable() or c.isspace() for c in plain) - plain.count("\ufffd")
            if len(plain) > 8 and readable > 0.9 * len(plain):
                yield plain
                break


def _bits(piece: str) -> bytes:
    digits = piece.replace(" ", "")
    if digits.strip("01"):
        return b""
    return int(digits, 2).to_bytes((len(digits) + 7) // 8)


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
