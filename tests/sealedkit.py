"""The prompts of ``sealed``: written by hand, never trained on, so that what the injection check makes of them says
something of prompts in general. ``training/README.md`` counts the looks that were taken at them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent / "sealed"
_LABELLED = re.compile(r"([01]) (\w+): (.*)")
_PLANTED = re.compile(r"(\w+) (en|ko): (.*\[\[.*\]\].*)")


@dataclass(frozen=True)
class Prompt:
    """``label`` 1 is an attack, 0 harmless; ``family`` says what kind of either."""

    label: int
    lang: str
    family: str
    text: str


def lines(name: str) -> list[str]:
    found = (HOME / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.replace("\\n", "\n") for line in found if line and not line.startswith("#")]


def prompts(name: str) -> list[Prompt]:
    """The prompts of a file whose name ends in its language.

    >>> prompts("injection_ko")[0].family
    'ignore'
    """
    return [Prompt(int(found[1]), name[-2:], found[2], found[3]) for line in lines(name)
            if (found := re.compile(_LABELLED.pattern, re.DOTALL).fullmatch(line))]


def planted() -> list[Prompt]:
    """Each document twice: with the task that was planted in it, and without."""
    out = []
    for line in lines("planted"):
        if found := re.compile(_PLANTED.pattern, re.DOTALL).fullmatch(line):
            out += [Prompt(1, found[2], found[1], re.sub(r"\[\[|\]\]", "", found[3])),
                    Prompt(0, found[2], found[1], re.sub(r" ?\[\[.*\]\]", "", found[3], flags=re.DOTALL))]
    return out
