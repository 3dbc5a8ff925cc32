"""Texts out of ``grammar.txt`` and files like it: attacks and look-alikes, the same ones every time.

The file says its own form. A text is drawn by the digest of its sentence's number and its own, so that a sentence
added at the end changes no other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "grammar.txt"
DEPTH = 12
ONCE = frozenset(("name", "k_name", "mode", "k_mode"))
_SLOT = re.compile(r"\{(\w+)\}")
_BAR = re.compile(r"(?<!<)\|(?!>)")
_SENTENCE = re.compile(r"([0-2]) (\w+) (\d+): (.*)")


@dataclass(frozen=True)
class Text:
    label: int
    lang: str
    text: str
    sentence: int = 0
    """The number of what it was drawn from."""


class Draw:
    """Numbers out of a name: the same name, the same numbers."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def below(self, n: int) -> int:
        self.count += 1
        return int.from_bytes(hashlib.sha256(f"{self.name} {self.count}".encode()).digest()[:8], "big") % n


def choices(line: str) -> list[str]:
    """What stands between bars; nothing between two bars is nothing.

    >>> choices("one | two ||")
    ['one', 'two', '', '']
    """
    return [part.strip() for part in _BAR.split(line)]


def expand(text: str, slots: dict[str, list[str]], draw: Draw) -> str:
    """A sentence with its slots filled; a name, once drawn, stays the same in a text."""
    once: dict[str, str] = {}

    def fill(slot: re.Match[str]) -> str:
        found = slots.get(slot[1])
        if found is None:  # braces of the text itself
            return slot[0]
        drawn = once.get(slot[1]) or found[draw.below(len(found))]
        if slot[1] in ONCE:
            once[slot[1]] = drawn
        return drawn

    for _ in range(DEPTH):
        filled = _SLOT.sub(fill, text)
        if filled == text:
            break
        text = filled
    return re.sub(r" {2,}", " ", text).replace("\\n", "\n").strip()


class Grammar:
    """A file of sentences and the words for their slots."""

    def __init__(self, path: Path = FILE) -> None:
        self.name = path.name
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        self.slots = {name: choices(rest) for line in lines if line.startswith("$")
                      for name, rest in [line[1:].split(" = ", 1)]}
        self.sentences = [line for line in lines if not line.startswith("$")]

    def texts(self) -> Iterator[Text]:
        """Every sentence's texts, without repeats."""
        seen: set[str] = set()
        for number, line in enumerate(self.sentences):
            found = _SENTENCE.fullmatch(line)
            if found is None:
                raise ValueError(f"{self.name}: expected '1 en 12: text', came {line[:60]!r}")
            label, lang, count, body = int(found[1]), found[2], int(found[3]), found[4]
            for n in range(count):
                text = expand(body, self.slots, Draw(f"{body} {n}"))
                if text not in seen:
                    seen.add(text)
                    yield Text(label, lang, text, number)
