"""A text in one spelling and one case, made once for all checks that go by words and letters, not by characters.

Letters of other alphabets become the Latin ones they look like, and stacked marks go. Most texts are Latin without
marks, Hangul, or both; in those a word is a run of bytes, which costs a third of asking Unicode about each character.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from zlib import crc32

from bongsu.checks.flat import SHORT, plain, spelled
from bongsu.checks.hashed import Hashed, hashed

FAR = 0xcd
"""First byte from which on a letter takes two bytes and is not Latin."""
HANGUL = (b"\xea\xb0\x80", b"\xed\x9e\xa4")

_WORD = re.compile(r"[^\W_]+")
_FAR = re.compile(r"[\u0370-\u10ff\u1200-\u1fff\u2e80-\uabff\uf900-\ufdff]")
_RUN = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u0670\u0900-\u0963\u0981-\u0e4e\u200c\u200d])*")
_SOLID = re.compile(r"[\u0e01-\u0e4e\u3041-\u30ff\u3400-\u9fff]{3,}")
_ALIEN = re.compile("[\u0300-\u052f]")
_MARKS = re.compile("[\u0300-\u036f]+")
_MIXED = re.compile("[a-z][\u0370-\u052f]|[\u0370-\u052f][a-z]")
_LOOKALIKES = str.maketrans("аеорсухкмтнвіјѕԁοανρικτυεη", "aeopcyxkmthbijsdoavpiktuen")
_END = re.compile(r"([.!?\n。？！>])(?:\s+|(?<=[\n。？！>]))")
"""The end of a sentence, of a line or of a mark of HTML."""
_PLAIN_END = re.compile(rb"([.!?\n>])(?:\s+|(?<=[\n>]))")
_SIGNS = re.compile("[\u00a1\u00a7\u00ab\u00b7\u00bb\u00bf\u00d7\u00f7\u2010-\u2027\u2030-\u203e\u2190-\u23ff"
                    "\u2500-\u2775\u2794-\u27ff\u3000-\u3004\u3008-\u3020]+")
"""Typographic quotation marks, dots, dashes, arrows, boxes: what parts words as a blank does."""
_LETTER = "ㅋ".encode()[0]
"""What single letters of Hangul begin with."""
_BETWEEN = bytes(b if b > 127 or chr(b) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for b in range(256))


class Folded:
    """A text in one spelling and one case; ``data`` is its UTF-8. ``plain`` where there is only ASCII and Hangul."""

    def __init__(self, data: bytes, *, simple: bool, text: str | None = None) -> None:
        self.data, self.plain, self._text = data, simple, text

    @cached_property
    def text(self) -> str:
        return self.data.decode() if self._text is None else self._text

    @cached_property
    def runs(self) -> bytes | None:
        """``data`` where words are runs of bytes, signs that part them in ASCII; None where there are others."""
        if self.plain:
            return self.data
        text = _SIGNS.sub('"', self.text.replace("。", "\n"))
        return text.encode() if plain(text) else None

    @cached_property
    def sentences(self) -> list[tuple[list[bytes], bool]]:
        """The words of each sentence or line that has any, and whether it ends as a question.

        >>> as_folded("it rained. who are you?\\n\\nyes").sentences
        [([b'it', b'rained'], False), ([b'who', b'are', b'you'], True), ([b'yes'], False)]
        """
        if self.runs is None:
            cut = _END.split(self.text)
            read = _far if _FAR.search(self.text) else _near
            parts, ends = [read(part) for part in cut[::2]], cut[1::2]
            asked = [mark in "?？" for mark in (*ends, self.text[-1:] or " ")]
        else:
            raw = _PLAIN_END.split(self.runs)
            parts = [_cut(part) for part in raw[::2]]
            asked = [mark == b"?" for mark in (*raw[1::2], self.runs[-1:])]
        return [(part, question) for part, question in zip(parts, asked, strict=True) if part]

    @cached_property
    def words(self) -> list[bytes]:
        """Runs of letters and digits, cut short where a letter takes many bytes: those of the sentences, which are cut
        again only where nobody has asked for them."""
        if self.runs is None or "sentences" in vars(self):
            return list(chain.from_iterable([part for part, _ in self.sentences]))
        return _cut(self.runs)

    @cached_property
    def hashed(self) -> Hashed:
        """The words as numbers."""
        return hashed(self.words)


def folded(text: str) -> Folded:
    """A text folded, made once for all checks that look at it in a row."""
    return _kept(text) if len(text) <= SHORT else _folded(text)


@lru_cache(maxsize=8)
def _kept(text: str) -> Folded:
    return _folded(text)


def _folded(text: str) -> Folded:
    flat = spelled(text)
    if flat.plain:  # no letter of these has a case that is not one of these, or looks like another
        return Folded(flat.data.lower(), simple=True)
    out = flat.text.casefold()
    if _ALIEN.search(out):
        out = _MARKS.sub("", out)
        out = out.translate(_LOOKALIKES) if _MIXED.search(out) else out
    return as_folded(out)


def as_folded(text: str) -> Folded:
    """A text that is in one spelling and one case already."""
    return Folded(text.encode("utf-8", "replace"), simple=plain(text), text=text)


def _cut(runs: bytes) -> list[bytes]:
    """The words where they are runs of bytes."""
    found = runs.translate(_BETWEEN).split()
    return [w if w[0] != _LETTER else _short(w.decode()) for w in found] if _LETTER in runs else found


def _near(text: str) -> list[bytes]:
    """The words where no letter takes many bytes."""
    return " ".join(_WORD.findall(text)).encode("utf-8", "replace").split()


def _far(text: str) -> list[bytes]:
    return [_short(w) for w in _RUN.findall(_SOLID.sub(_pairs, text))]


def _pairs(run: re.Match[str]) -> str:
    """Scripts without blanks: every two characters are a word."""
    return " " + " ".join(map("".join, pairwise(run[0]))) + " "


def _short(word: str) -> bytes:
    """A word of a script whose letters take many bytes: five bytes that stand for its first five letters.

    >>> _short("пароль") == _short("паролями"), _short("plain"), _short("말해") == "말해".encode()
    (True, b'plain', True)
    """
    raw = word.encode("utf-8", "replace")
    return raw if raw[0] < FAR or HANGUL[0] <= raw < HANGUL[1] else b"\xff" + crc32(word[:5].encode()).to_bytes(4)
