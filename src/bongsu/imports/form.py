"""A foreign document being read: each key is taken, kept, or a fault at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bongsu import expression
from bongsu.policy.fault import NOWHERE, Fault, Misfit, Place, PolicyError, did_you_mean, listed, quoted
from bongsu.policy.node import Items, Node, Table, Text, compose, kind
from bongsu.quantity import QuantityError

_MARKER = re.compile(r"(---|\.\.\.)(\s|$)")
OURS = "bongsu.dev/"
"""Annotations that begin so are instructions to us, so an unknown one is a fault; others are kept as comments."""


@dataclass
class Source:
    """One file: its faults and what of it is only kept, in the order found."""

    path: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: Node | Place, expected: str, came: str, hint: str = "") -> None:
        at = place if isinstance(place, Place) else place.place
        self.faults.append(Fault(self.path, at.line, at.column, expected, came, hint))

    def finish(self) -> None:
        if self.faults:
            raise PolicyError(self.faults)

    def documents(self, text: str) -> Iterator[Form]:
        """Every mapping of a file with several documents; a document may be a list of them."""
        for part in _parts(text):
            root, faults = compose(part, self.path)
            self.faults += faults
            for node in root.items if isinstance(root, Items) else [root] if root is not None else []:
                if isinstance(node, Table):
                    yield Form(self, node, "the document")
                else:
                    self.fault(node, "a mapping", kind(node))


def _parts(text: str) -> Iterator[str]:
    """The documents of a file, each at its own lines: what stands before it is blanked, not cut."""
    lines, begin = text.splitlines(), 0
    ends = [i for i, line in enumerate(lines) if _MARKER.match(line)] + [len(lines)]
    for end in ends:
        part = lines[begin:end]
        if any(line.strip() and not line.lstrip().startswith(("#", "%")) for line in part):
            yield "\n" * begin + "\n".join(part) + "\n"
        begin = end + 1


class Form:
    """One mapping. What is not taken by ``close`` is a fault."""

    def __init__(self, source: Source, node: Table, name: str) -> None:
        self.source, self.node, self.name = source, node, name
        self._taken: dict[str, None] = {}

    @property
    def place(self) -> Place:
        return self.node.place

    def has(self, key: str) -> bool:
        return self.node.get(key) is not None

    def fault(self, key: str, expected: str, came: str, hint: str = "") -> None:
        """A fault at a key's value, or at the mapping where the key is missing."""
        self.source.fault(self.node.get(key) or self.node, expected, came, hint)

    def _take(self, key: str, needed: bool) -> Node | None:
        self._taken[key] = None
        node = self.node.get(key)
        if node is None and needed:
            self.source.fault(self.node, f"'{key}' of {self.name}", "nothing")
        return node

    def text(self, key: str, needed: bool = False) -> str:
        """A scalar as it is written; empty where there is none."""
        node = self._take(key, needed)
        if node is None:
            return ""
        if not isinstance(node, Text):
            self.source.fault(node, "a text", kind(node))
            return ""
        if needed and not node.text:
            self.source.fault(node, f"'{key}' of {self.name}", "nothing")
        return node.text

    def read(self, key: str, read: Callable[[str], Any], needed: bool = False) -> Any:
        """A scalar through one of the policy's own readers; None where it is missing or wrong."""
        written = self.text(key, needed)
        if not written:
            return None
        try:
            return read(written)
        except (Misfit, QuantityError) as error:
            came = error.came if isinstance(error, Misfit) else quoted(error.came)
            self.fault(key, error.expected, came, error.hint)
        except expression.ExpressionError as error:
            node = self.node.get(key)
            assert isinstance(node, Text)
            self.source.fault(Place(node.inner.line, node.inner.column + error.offset), error.expected, error.came,
                              error.hint)
        return None

    def choice(self, key: str, choices: Iterable[str], needed: bool = False, hint: str = "") -> str:
        """One of the values we honour; empty where it is missing or another one."""
        known, written = list(choices), self.text(key, needed)
        if written and written not in known:
            self.fault(key, f"{self.name}.{key}: {listed(known)}", quoted(written),
                       hint or did_you_mean(written, known))
            return ""
        return written

    def form(self, key: str, needed: bool = False) -> Form | None:
        node = self._take(key, needed)
        if node is None:
            return None
        if not isinstance(node, Table):
            self.source.fault(node, "a mapping", kind(node))
            return None
        return Form(self.source, node, f"{self.name}.{key}" if self.name != "the document" else key)

    def nodes(self, key: str, needed: bool = False) -> tuple[Node, ...]:
        node = self._take(key, needed)
        if node is None:
            return ()
        if not isinstance(node, Items):
            self.source.fault(node, "a list", kind(node))
            return ()
        return node.items

    def forms(self, key: str, needed: bool = False) -> list[Form]:
        out = []
        for node in self.nodes(key, needed):
            if isinstance(node, Table):
                out.append(Form(self.source, node, key))
            else:
                self.source.fault(node, "a mapping", kind(node))
        return out

    def single(self, key: str, what: str) -> Form | None:
        """The only item of a list."""
        found = self.forms(key, True)
        for extra in found[1:]:
            self.source.fault(extra.place, f"one {what}", "another one", "bongsu honours one; write an SLO for each")
        if not found and self.has(key) and isinstance(self.node.get(key), Items) and not self.nodes(key):
            self.fault(key, f"one {what}", "none")
        return found[0] if found else None

    def refuse(self, key: str, why: str) -> None:
        """A key that exists in that format and cannot be honoured here."""
        self._taken[key] = None
        entry = next((name for name, _ in self.node.entries if name.text == key), None)
        if entry is not None:
            self.source.fault(entry, f"{self.name} without '{key}'", quoted(key), why)

    def kept(self, *keys: str) -> list[str]:
        """What is not honoured but harmless, as lines of comment."""
        out = []
        for key in keys:
            node = self._take(key, False)
            if node is not None:
                out += [f"{key}: {line}" for line in _shown(node)]
        return out

    def close(self) -> None:
        for key, _ in self.node.entries:
            if key.text not in self._taken:
                self.source.fault(key, f"a key of {self.name} ({listed(self._taken)})", quoted(key.text),
                                  did_you_mean(key.text, self._taken))


def _shown(node: Node) -> list[str]:
    if isinstance(node, Text):
        return node.text.splitlines() or [""]
    if isinstance(node, Items):
        return [line for item in node.items for line in _shown(item)]
    return [f"{key.text}: {line}" for key, value in node.entries for line in _shown(value)]


__all__ = ["NOWHERE", "OURS", "Form", "Source"]
