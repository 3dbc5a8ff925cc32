"""What a text says behind its escapes: percent-encoding, HTML's references, JSON's ``\\u0040``, words in base64.

A value that is escaped is read by whoever reads the text, so checks look at it twice: as it is written, and with its
escapes put back. The second look never takes a finding away; places in it are those of what was written.
"""

from __future__ import annotations

import html
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable
from functools import lru_cache

from bongsu.checks.flat import SHORT, Flat, spelled

LEAST = 24
"""Letters of a word from which on it may be base64: 18 bytes."""
MOST = 16_384
"""Letters of such a word that are looked at; what is longer is a file."""
_WORDS = bytes(65 if chr(b) in "+/_-" or (b < 128 and chr(b).isalnum()) else 32 for b in range(256))
_LONG = b"A" * LEAST
_ESCAPE = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});)"
    r"|(?P<json>\\u[0-9A-Fa-f]{4})"
    rf"|(?P<base64>(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{LEAST},{MOST}}}={{0,2}}(?![A-Za-z0-9+/_=-]))")
_OPEN = re.compile(r"(?:(?:%[0-9A-Fa-f]{2})*%[0-9A-Fa-f]{0,2}|&#?[0-9A-Za-z]{0,8}|\\u?[0-9A-Fa-f]{0,4})\Z")
_WIDEST = 64
"""Characters of an escape, or of a run of them, that are waited for."""
_PLAIN = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f]*")


def readings(text: str) -> tuple[Flat, ...]:
    """A text as it is written and, where something in it is escaped, as it reads.

    >>> [one.text for one in readings("a%40b.com &lt;x&gt;")]
    ['a%40b.com &lt;x&gt;', 'a@b.com <x>']
    """
    return _short(text) if len(text) <= SHORT else _readings(text)


@lru_cache(maxsize=8)
def _short(text: str) -> tuple[Flat, ...]:
    return _readings(text)


def _readings(text: str) -> tuple[Flat, ...]:
    flat = spelled(text)
    found = _unescaped(flat) if _may_be_escaped(flat.data) else None
    return (flat,) if found is None else (flat, found)


def _may_be_escaped(data: bytes) -> bool:
    return b"%" in data or b"&" in data or b"\\" in data or _LONG in data.translate(_WORDS)


def held(text: str, most: int, open_: Callable[[Flat, int], int]) -> int:
    """How many trailing characters must wait: an escape that is not all there, and what is ``open_`` before it in any
    reading of the last ``most`` characters, whose number it is told, too."""
    waits, shown = 0, text
    if "%" in text or "&" in text or "\\" in text:
        waits = unfinished(text)
        shown = text[:len(text) - waits]
    if len(text) > most:
        shown = shown[len(text) - most:]
    first, *more = readings(shown)
    longest = open_(first, len(shown))
    for flat in more:
        longest = max(longest, open_(flat, len(shown)))
    return waits + longest


@lru_cache(maxsize=8)
def plainly(text: str, most: int) -> Flat | None:
    """The one reading of a text of up to ``most`` characters in which nothing is escaped, or may begin to be. This is
    how each event of a stream is read, so it takes the short way where there is one."""
    if len(text) > most:
        return None
    flat = Flat(text)
    if not _may_be_escaped(flat.data):
        return flat
    return None if unfinished(text) or len(readings(text)) > 1 else flat


def unfinished(text: str) -> int:
    """How many trailing characters may be an escape that is not all there yet.

    >>> unfinished("kim%4"), unfinished("kim&#6"), unfinished("kim")
    (2, 3, 0)
    """
    tail = text[-_WIDEST:]
    if "%" not in tail and "&" not in tail and "\\" not in tail:
        return 0
    found = _OPEN.search(tail)
    return len(tail) - found.start() if found else 0


class Unescaped(Flat):
    """A text with its escapes put back, on top of its one spelling."""

    __slots__ = ("_from", "_to", "_under")

    def __init__(self, text: str, begins: list[int], ends: list[int], under: Flat) -> None:
        super().__init__(text)
        self._from, self._to, self._under = begins, ends, under

    def spans(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        written, begins, ends = self._under.written, self._from, self._to
        return [written(begins[a], ends[b - 1]) if b > a else (0, 0) for a, b in super().spans(found)]

    def origin(self, place: int) -> int:
        at = super().origin(place)
        begin = self._from[at] if at < len(self._from) else self._to[-1]
        return self._under.written(begin, begin + 1)[0] if begin < len(self._under.text) else self._under.end


def _unescaped(flat: Flat) -> Unescaped | None:
    text = flat.text
    out: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    done = 0
    for match in _ESCAPE.finditer(text):
        read = _read(match)
        if read is None:
            continue
        begin = match.start()
        out.append(text[done:begin])
        begins += range(done, begin)
        ends += range(done + 1, begin + 1)
        for piece, start, end in read:
            out.append(piece)
            begins += [begin + start] * len(piece)
            ends += [begin + end] * len(piece)
        done = match.end()
    if not done:
        return None
    out.append(text[done:])
    begins += range(done, len(text))
    ends += range(done + 1, len(text) + 1)
    return Unescaped("".join(out), begins, ends, flat)


Piece = tuple[str, int, int]
"""What a part of an escape stands for, and where that part begins and ends in it."""


def _read(match: re.Match[str]) -> list[Piece] | None:
    """None where it is no escape after all."""
    kind, whole = match.lastgroup, match[0]
    if kind == "percent":
        return _chars(bytes.fromhex(whole.replace("%", "")), lambda a, b: (3 * a, 3 * b))
    if kind == "base64":
        try:
            raw = b64decode(whole.rstrip("=") + "=" * (-len(whole.rstrip("=")) % 4), altchars=b"-_" if
                            set("-_") & set(whole) else None, validate=True)
        except NoBase64:
            return None
        return _chars(raw, lambda a, b: (a // 3 * 4, min(len(whole), -(-b // 3) * 4)), plain=True)
    said = html.unescape(whole) if kind == "html" else chr(int(whole[2:], 16))
    return None if said == whole or "\ud800" <= said <= "\udfff" else [(said, 0, len(whole))]


def _chars(raw: bytes, place: Callable[[int, int], tuple[int, int]], *, plain: bool = False) -> list[Piece] | None:
    """Characters of UTF-8 bytes; ``place`` says where some bytes stand in what was written. ``plain`` asks for a text
    that people could read: most of what looks like base64 is none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if plain and not _PLAIN.fullmatch(text):
        return None
    out, at = [], 0
    for char in text:
        size = len(char.encode())
        out.append((char, *place(at, at + size)))
        at += size
    return out
