"""The prompts of ``sealed``: written by hand, never trained on, so that what the injection check makes of them says
something of prompts in general. ``training/README.md`` counts the looks that were taken at them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent / "sealed"
_LABELLED = re.compile(r"([01]) (\w+): (.*)", re.DOTALL)
_PLANTED = re.compile(r"(\w+) (en|ko): (.*\[\[.*\]\].*)", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """``label`` 1 is an attack, 0 harmless; ``family`` says what kind of either."""

    label: int
    lang: str
    family: str
    text: str


def lines(name: str, form: re.Pattern[str]) -> list[re.Match[str]]:
    """What the form finds in each line of a file. Raises ValueError where one has another form."""
    out = []
    for line in (HOME / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            if (found := form.fullmatch(line.replace("\\n", "\n"))) is None:
                raise ValueError(f"{name}.txt: expected {form.pattern}, came {line[:60]!r}")
            out.append(found)
    return out


def prompts(name: str) -> list[Prompt]:
    """The prompts of a file whose name ends in its language.

    >>> prompts("injection_ko")[0].family
    'ignore'
    """
    return [Prompt(int(found[1]), name[-2:], found[2], found[3]) for found in lines(name, _LABELLED)]


def planted() -> list[Prompt]:
    """Each document twice: with the task that was planted in it, and without.

    >>> [p.label for p in planted()[:2]]
    [1, 0]
    """
    return [prompt for found in lines("planted", _PLANTED) for prompt in (
        Prompt(1, found[2], found[1], found[3].replace("[[", "").replace("]]", "")),
        Prompt(0, found[2], found[1], re.sub(r" ?\[\[.*\]\]", "", found[3], flags=re.DOTALL)))]
