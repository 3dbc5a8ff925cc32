"""Texts that stand deeper in a piece of a streamed choice: parts of a content, details of reasoning, words of a voice.

A text that goes on in the next piece is known by where it stands: names of fields, and of a part its number, or
else its position and type (``place``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bongsu.web.slots import NAMES


class Part(NamedTuple):
    """A place in a list: which, as the model numbers it or else as it stands there, and what kind of part it is."""

    which: Any
    kind: Any
    numbered: bool


Path = tuple[str | Part, ...]


class Leaf(NamedTuple):
    """A text, where it can be put again, and by which way it is reached."""

    box: Any
    key: Any
    path: Path


def leaves(value: dict[str, Any] | list[Any]) -> Iterator[Leaf]:
    """Every text in it but names and seals."""
    waiting: list[tuple[Any, Path]] = [(value, ())]
    while waiting:  # not by recursion: how deep it goes is the model's choice
        box, path = waiting.pop()
        inside: list[tuple[Any, Path]] = []
        for key, found in box.items() if isinstance(box, dict) else enumerate(box):
            if isinstance(box, dict) and key in NAMES:
                continue
            step: str | Part = str(key) if isinstance(box, dict) else _part(int(key), found)
            way = (*path, step)
            if isinstance(found, str):
                yield Leaf(box, key, way)
            elif isinstance(found, dict | list):
                inside.append((found, way))
        waiting += reversed(inside)


def _part(position: int, found: Any) -> Part:
    if not isinstance(found, dict):
        return Part(position, None, numbered=False)
    numbered = isinstance(found.get("index"), int)
    return Part(found["index"] if numbered else position, found.get("type"), numbered)


def place(path: Path) -> str:
    """Where a text goes on. A numbered part says its type in its first piece only, so that is no part of its place.

    >>> place((Part(2, "function", True), "text")), place((Part(0, "text", False),))
    ("((2,), 'text')", "((0, 'text'),)")
    """
    return repr(tuple(step if isinstance(step, str) else (step.which,) if step.numbered else (step.which, step.kind)
                      for step in path))


def grown(path: Path, text: str) -> Any:
    """The least that has a text at the end of a way.

    >>> grown(("text",), "x"), grown((Part(2, "reasoning.text", True), "text"), "x")
    ({'text': 'x'}, [{'index': 2, 'type': 'reasoning.text', 'text': 'x'}])
    """
    found: Any = text
    for step in reversed(path):
        if isinstance(step, str):
            found = {step: found}
        elif isinstance(found, dict):
            head = {"index": step.which} if step.numbered else {}
            found = [{**head, **({} if step.kind is None else {"type": step.kind}), **found}]
        else:
            found = [found]
    return found
