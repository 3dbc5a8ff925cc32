"""What is wrong in a policy and where: file, line, column, what was expected, what came, what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

SHOWN = 12
"""More names than this are not listed in an error."""


@dataclass(frozen=True)
class Place:
    """Where something stands; line and column count from 1. ``path`` is empty in the policy itself."""

    line: int
    column: int
    path: str = ""


NOWHERE = Place(1, 1)


@dataclass(frozen=True)
class Fault:
    """One mistake. ``came`` never holds a secret."""

    path: str
    line: int
    column: int
    expected: str
    came: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}"
        return f"{where}: expected {self.expected}, came {self.came}" + (f"; {self.hint}" if self.hint else "")


class PolicyError(ValueError):
    """All the mistakes of a policy, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda f: (f.path, f.line, f.column)))
        super().__init__("\n".join(map(str, self.faults)))


class Misfit(ValueError):
    """A value that does not fit, found where its place is not known; the reader turns it into a fault.

    ``field`` names the attribute of a declaration it is about, ``index`` the item of its list, ``offset`` the
    character of a text.
    """

    def __init__(self, expected: str, came: str, hint: str = "", field: str = "", offset: int = 0,
                 index: int | None = None) -> None:
        super().__init__(f"expected {expected}, came {came}" + (f"; {hint}" if hint else ""))
        self.expected, self.came, self.hint = expected, came, hint
        self.field, self.offset, self.index = field, offset, index


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A hint, where one of the words is close.

    >>> did_you_mean("lihgt", ["main", "light"]), did_you_mean("x", ["main"])
    ("did you mean 'light'?", '')
    """
    meant = closest(word, words)
    return f"did you mean '{meant}'?" if meant else ""


def closest(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant; empty where none is close."""
    known = {w.lower(): w for w in words}
    close = get_close_matches(word.lower(), known, 1, 0.55)
    return known[close[0]] if close else ""


def listed(words: Iterable[str], joint: str = "or") -> str:
    """A few words as a person would list them.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b or c', 'a')
    """
    every = list(words)
    if len(every) > SHOWN:
        return ", ".join(every[:SHOWN]) + ", …"
    return ", ".join(every[:-1]) + f" {joint} {every[-1]}" if len(every) > 1 else "".join(every)


def quoted(text: str) -> str:
    """What came, as one short line."""
    return repr(text if len(text) <= 80 else text[:79] + "…") if text else "nothing"
