"""YAML text -> nodes with their places; every scalar stays the text it was written as.

Typing comes from the declarations, not from how a scalar looks, so ``on``, ``no`` and ``00:05`` are texts, as in YAML
1.2. Anchors, aliases, merge keys, tags and several documents are refused: a policy says each thing once, where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

from bongsu.policy.fault import NOWHERE, Fault, Place


@dataclass(frozen=True)
class Text:
    """A scalar. ``inner`` is where its first character stands; ``plain`` says that it was written without quotes."""

    place: Place
    text: str
    plain: bool = True
    inner: Place = NOWHERE


@dataclass(frozen=True)
class Items:
    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Table:
    place: Place
    entries: tuple[tuple[Text, Node], ...]

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.entries if name.text == key), None)


Node = Text | Items | Table


_TAGS = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Composes nodes only; notes what a policy may not use."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way to say that nothing is guessed

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.refused: list[tuple[Any, str, str]] = []

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self.refused.append((event.start_mark, "a value written out", f"the alias '*{event.anchor}'"))
        elif event.anchor is not None:
            self.refused.append((event.start_mark, "a value", f"the anchor '&{event.anchor}'"))
        elif event.tag is not None:
            tag = event.tag.replace(_TAGS, "!!")
            self.refused.append((event.start_mark, "a value without a tag", f"the tag '{tag}'"))
        return super().compose_node(parent, index)


def compose(text: str, path: str, *, packed: bool = False) -> tuple[Node | None, list[Fault]]:
    """The root node, or why there is none. Duplicate keys are faults, and the first one counts.

    The places of a ``packed`` text say in which file they are, since its nodes end up beside those of another.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        return None, [_unreadable(text, path, error)]
    except yaml.MarkedYAMLError as error:
        return None, [_misspelt(text, path, error)]
    except RecursionError:
        return None, [Fault(path, 1, 1, "at most some hundred levels of nesting", "more")]
    if loader.refused:
        return None, [Fault(path, mark.line + 1, mark.column + 1, expected, came, "say it in full")
                      for mark, expected, came in loader.refused]
    if root is None:
        return None, [Fault(path, 1, 1, "a policy", "an empty file", "begin with 'bongsu: 1'")]
    faults: list[Fault] = []
    return _convert(root, path, faults, path if packed else ""), faults


def _convert(node: Any, path: str, faults: list[Fault], inside: str) -> Node:
    place = _place(node.start_mark, inside)
    if isinstance(node, yaml.SequenceNode):
        return Items(place, tuple(_convert(item, path, faults, inside) for item in node.value))
    if isinstance(node, yaml.MappingNode):
        return Table(place, tuple(_entries(node, path, faults, inside)))
    quotes = 0 if node.style is None else 1
    return Text(place, node.value, node.style is None, replace(place, column=place.column + quotes))


def _entries(node: yaml.MappingNode, path: str, faults: list[Fault], inside: str) -> Iterator[tuple[Text, Node]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, said = _convert(key, path, faults, inside), _convert(value, path, faults, inside)
        if not isinstance(name, Text):
            faults.append(Fault(path, name.place.line, name.place.column, "a key that is a text", kind(name)))
        elif name.text == "<<" and name.plain:
            faults.append(Fault(path, name.place.line, name.place.column, "settings written out", "the merge key '<<'"))
        elif name.text in seen:
            faults.append(Fault(path, name.place.line, name.place.column, "each key once",
                                f"'{name.text}' again (first on line {seen[name.text]})"))
        else:
            seen[name.text] = name.place.line
            yield name, said


def kind(node: Node) -> str:
    """What a node is, in words; scalars are shown by those who know that they are not secret."""
    return "a list" if isinstance(node, Items) else "a mapping" if isinstance(node, Table) else "a text"


def _place(mark: yaml.Mark, path: str = "") -> Place:
    return Place(mark.line + 1, mark.column + 1, path)


def _misspelt(text: str, path: str, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    place = _place(mark) if mark else Place(1, 1)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: place.column] and "\\t" in (error.problem or ""):
        return Fault(path, place.line, place.column, "spaces", "a tab", "indent with spaces")
    if error.problem == "but found another document":
        return Fault(path, place.line, place.column, "one document", "another after '---'")
    problem = error.problem or ""
    if "cannot start any token" in problem or "chomping or indentation" in problem:
        return Fault(path, place.line, place.column, "a value", f"a sign of YAML ({problem})", "put the text in quotes")
    context = f" ({error.context})" if error.context else ""
    return Fault(path, place.line, place.column, "YAML", f"{error.problem}{context}")


def _unreadable(text: str, path: str, error: yaml.reader.ReaderError) -> Fault:
    before = text[: error.position]
    line, column = before.count("\n") + 1, error.position - before.rfind("\n")
    return Fault(path, line, column, "printable text in UTF-8", f"the character U+{ord(text[error.position]):04X}")
