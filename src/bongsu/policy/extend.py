"""``extends``: a policy on top of ready ones. Packs are merged into its text before anything of it is read.

What the policy itself declares wins: an entry of the same name replaces single settings of the pack's, or all of it
where it says its own kind. Places stay true: a fault in what a pack was given is shown where it was given.

    extends: default                                    the pack as it is
    extends: {default: {cpt_target: 0.000004 USD}}      with a parameter
    extends: {default: {without: [blocks]}, finance: {}}    two packs; of entries with one name the last counts
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bongsu.packs import PACKS
from bongsu.policy.fault import NOWHERE, Fault, Place, did_you_mean, listed, quoted
from bongsu.policy.node import Items, Node, Table, Text, compose, kind

EXTENDS = "extends"
WITHOUT = "without"
_GIVEN = re.compile(r"\$\{with\.([a-z_]+)\}")
_WHOLE = ("kind", "check")
"""An entry with one of these is a thing of its own, not settings for the pack's."""


@dataclass(frozen=True)
class Part:
    """Sections of a policy that belong together."""

    name: str
    about: str
    needs: tuple[str, ...]
    sections: Table


@dataclass(frozen=True)
class Pack:
    """A ready policy. ``parameters`` are what it may be given, with what each is; some have ``defaults``."""

    name: str
    about: str
    parameters: Mapping[str, str]
    defaults: Mapping[str, Node]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Extension:
    """What a policy took of a pack. ``left`` maps a part that was left out to the parameters it lacked."""

    pack: str
    taken: tuple[str, ...]
    left: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: Place = NOWHERE
    about: Mapping[str, str] = field(default_factory=dict)

    def notes(self) -> Iterator[str]:
        """What is not in force, and what would put it there."""
        for part, lacking in self.left.items():
            wants = listed((f"{name} ({self.about[name]})" for name in lacking), "and")
            yield f"pack {self.pack}: '{part}' is left out; give it {wants} under extends"


def read_pack(name: str, path: Path | None = None) -> Pack:
    """A pack from its file. Raises ``ValueError`` where the file is none."""
    file = path or PACKS[name]
    root, faults = compose(file.read_text(encoding="utf-8"), f"pack:{name}", packed=True)
    if faults or not isinstance(root, Table):
        raise ValueError("\n".join(map(str, faults)) or f"pack:{name}: expected a mapping, came {quoted(str(root))}")
    parts = tuple(Part(key.text, _text(node.get("about")), _texts(node.get("needs")),
                       Table(node.place, tuple(e for e in node.entries if e[0].text not in ("about", "needs"))))
                  for key, node in _table(root.get("parts")).entries if isinstance(node, Table))
    parameters = {key.text: _text(node) for key, node in _table(root.get("parameters")).entries}
    defaults = {key.text: node for key, node in _table(root.get("defaults")).entries}
    return Pack(name, _text(root.get("about")), parameters, defaults, parts)


def extended(root: Table, path: str) -> tuple[Table, list[Fault], list[Extension]]:
    """The policy with its packs merged in, without ``extends`` itself."""
    own = Table(root.place, tuple(entry for entry in root.entries if entry[0].text != EXTENDS))
    asked = root.get(EXTENDS)
    if asked is None:
        return own, [], []
    faults: list[Fault] = []
    extensions: list[Extension] = []
    base: Table | None = None
    for name, given in _asked(asked, path, faults):
        if name.text not in PACKS:
            faults.append(_fault(path, name, f"a pack ({listed(PACKS)})", quoted(name.text),
                                 did_you_mean(name.text, PACKS)))
            continue
        pack = read_pack(name.text)
        if _sound(pack, given, path, faults):
            sections, extension = _taken(pack, given, name.place)
            extensions.append(extension)
            for section in sections:
                base = section if base is None else _over(section, base)
    return own if base is None else _over(own, base), faults, extensions


# ---- what is asked for ----


def _asked(node: Node, path: str, faults: list[Fault]) -> Iterator[tuple[Text, Table]]:
    """(pack, parameters) of a name, a list, or a mapping."""
    for one in node.items if isinstance(node, Items) else (node,):
        if isinstance(one, Text):
            yield one, Table(one.place, ())
        elif isinstance(one, Table):
            for name, given in one.entries:
                if isinstance(given, Table):
                    yield name, given
                elif isinstance(given, Text) and not given.text:
                    yield name, Table(given.place, ())
                else:
                    faults.append(_fault(path, given, f"a mapping of parameters of pack {name.text}", kind(given)))
        else:
            faults.append(_fault(path, one, "the name of a pack", kind(one)))


def _sound(pack: Pack, given: Table, path: str, faults: list[Fault]) -> bool:
    known, before = [*pack.parameters, WITHOUT], len(faults)
    names = [part.name for part in pack.parts]
    for key, _ in given.entries:
        if key.text not in known:
            faults.append(_fault(path, key, f"a parameter of pack {pack.name} ({listed(known)})", quoted(key.text),
                                 did_you_mean(key.text, known)))
    left = given.get(WITHOUT)
    for one in left.items if isinstance(left, Items) else () if left is None else (left,):
        if not isinstance(one, Text) or one.text not in names:
            came = one.text if isinstance(one, Text) else kind(one)
            faults.append(_fault(path, one, f"a part of pack {pack.name} ({listed(names)})", quoted(came),
                                 did_you_mean(came, names)))
    return len(faults) == before


def _taken(pack: Pack, given: Table, place: Place) -> tuple[list[Table], Extension]:
    values = {**pack.defaults, **{key.text: value for key, value in given.entries}}
    without = _texts(values.pop(WITHOUT, None))
    wanted = [part for part in pack.parts if part.name not in without]
    left = {part.name: tuple(n for n in part.needs if n not in values) for part in wanted}
    left = {name: lacking for name, lacking in left.items() if lacking}
    taken = [part for part in wanted if part.name not in left]
    sections = [_filled(part.sections, values) for part in taken]
    return ([s for s in sections if isinstance(s, Table)],
            Extension(pack.name, tuple(part.name for part in taken), left, place, pack.parameters))


def _filled(node: Node, values: Mapping[str, Node]) -> Node | None:
    """The node with its parameters; None where it is a parameter that was not given, and may be left out."""
    if isinstance(node, Items):
        return replace(node, items=tuple(n for item in node.items if (n := _filled(item, values)) is not None))
    if isinstance(node, Table):
        return replace(node, entries=tuple((key, n) for key, value in node.entries
                                           if (n := _filled(value, values)) is not None))
    whole = _GIVEN.fullmatch(node.text)
    if whole:
        return values.get(whole[1])
    return replace(node, text=_GIVEN.sub(lambda m: _text(values[m[1]]), node.text))


# ---- merging ----


def _over(upper: Table, lower: Table, depth: int = 0) -> Table:
    """``upper`` with what only ``lower`` has: sections are merged, and in them entries, setting by setting."""
    entries = []
    for key, value in upper.entries:
        other = lower.get(key.text)
        if depth < 2 and isinstance(value, Table) and isinstance(other, Table) and not _own(value, depth):
            value = _over(value, other, depth + 1)
        entries.append((key, value))
    return Table(upper.place, (*entries, *(e for e in lower.entries if upper.get(e[0].text) is None)))


def _own(entry: Table, depth: int) -> bool:
    return depth == 1 and any(entry.get(name) is not None for name in _WHOLE)


def _fault(path: str, node: Node, expected: str, came: str, hint: str = "") -> Fault:
    return Fault(path, node.place.line, node.place.column, expected, came, hint)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Text) else ""


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if isinstance(node, Items) else () if node is None else (node,)
    return tuple(item.text for item in items if isinstance(item, Text))


def _table(node: Node | None) -> Table:
    return node if isinstance(node, Table) else Table(NOWHERE, ())
