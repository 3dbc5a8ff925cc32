"""Nodes -> declarations, driven by the types of their fields. Every fault is collected; reading never stops at one."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin

from bongsu import expression, registry
from bongsu.event import COLUMNS, FEATURES, Kind
from bongsu.policy import text as texts
from bongsu.policy.declare import EVENT_COLUMNS, EVENT_TYPES, NAME
from bongsu.policy.fault import Fault, Misfit, closest, did_you_mean, listed, quoted
from bongsu.policy.node import Items, Node, Table, Text, kind
from bongsu.policy.scalar import SCALARS
from bongsu.policy.setting import INLINE, KEYED, Setting, place_of, settings, shared

_ABOUT = re.compile(r"(\w+)(?:\[(\d+)\])?: (.*)", re.DOTALL)
LAWFUL = re.compile(r"(legal|ciso)([-_.].*)?")
"""Channels to those who have to hear of it by law, or answer for it: no window and no silence keeps them back."""
_EXPECTED = re.compile(r"expected (.*?), came (.*?)(?:; (.*))?", re.DOTALL)

Trail = tuple[str | int, ...]
"""The keys that lead to a place in the policy."""


class _Broken:
    """What is read where a fault was."""


BROKEN = _Broken()


@dataclass(frozen=True)
class Reference:
    """A name that must exist in a section of the policy."""

    section: str
    name: str
    trail: Trail
    offset: int = 0


class Reader:
    """Reads one file. ``faults``, ``references``, ``nodes`` (by trail) ``lame`` (records with a
    fault) and ``immutable`` (channels) grow."""

    def __init__(self, path: str, environ: Mapping[str, str]) -> None:
        self.path, self.environ = path, environ
        self.faults: list[Fault] = []
        self.references: list[Reference] = []
        self.nodes: dict[Trail, Node] = {}
        self.lame: set[Trail] = set()
        self.immutable: list[str] = []
        self.vocabulary: Mapping[str, Kind] = COLUMNS

    def fault(self, where: Node | Trail, expected: str, came: str, hint: str = "", offset: int = 0) -> _Broken:
        """Note a fault at a node, or at the nearest node to a trail; ``offset`` counts characters into a text."""
        node = self.nearest(where) if isinstance(where, tuple) else where
        place = node.place
        if offset and isinstance(node, Text):
            place = replace(node.inner, column=node.inner.column + offset)
        self.faults.append(Fault(place.path or self.path, place.line, place.column, expected, came, hint))
        return BROKEN

    def misfit(self, where: Node | Trail, error: Misfit) -> _Broken:
        return self.fault(where, error.expected, error.came, error.hint, error.offset)

    def nearest(self, trail: Trail) -> Node:
        while trail not in self.nodes:
            trail = trail[:-1]
        return self.nodes[trail]

    # ---- by type ----

    def value(self, node: Node, want: Any, trail: Trail, meta: Mapping[str, Any], form: str = "") -> Any:
        """What a node says, read as a type; BROKEN where it does not."""
        self.nodes[trail] = node
        origin = get_origin(want)
        if origin in (types.UnionType, Union):
            return self.value(node, next(a for a in get_args(want) if a is not type(None)), trail, meta, form)
        if origin is tuple:
            return self.items(node, get_args(want)[0], trail, meta)
        if origin is not None and origin is not Literal:
            return self.table(node, get_args(want)[1], trail, meta)
        if want in KEYED:
            return self.keyed(node, KEYED[want], trail)
        if is_dataclass(want) and want not in SCALARS and want is not expression.Expression:
            return self.record(node, want, trail)
        if want in SCALARS or want in (str, expression.Expression) or origin is Literal:
            return self.scalar(node, want, trail, meta, form)
        raise TypeError(f"{_words(trail)}: no setting can be of type {want}")

    def scalar(self, node: Node, want: Any, trail: Trail, meta: Mapping[str, Any], form: str) -> Any:
        noun = SCALARS[want].noun if want in SCALARS else "a value" if get_origin(want) is Literal else "a text"
        if not isinstance(node, Text):
            return self.fault(node, noun, kind(node))
        if not node.text and node.plain:
            return self.fault(node, noun, "nothing")
        try:
            if get_origin(want) is Literal:
                return _choice(node.text, get_args(want), meta.get("aliases", {}))
            if want is expression.Expression:
                return expression.read(node.text, meta.get("want", "bool"), self.vocabulary)
            if want in SCALARS:
                return SCALARS[want].read(node.text)
            if "ref" in meta:
                return self.name(node.text, trail, meta["ref"], meta.get("prefix", ""))
            return self.text(node.text, form)
        except expression.ExpressionError as error:
            return self.fault(node, error.expected, error.came, error.hint, error.offset)
        except Misfit as error:
            return self.misfit(node, error)
        except ValueError:  # more digits than Python reads
            return self.fault(node, noun, quoted(node.text))

    def name(self, text: str, trail: Trail, section: str, prefix: str) -> str:
        """A name of another section, to be looked up when all of them are read."""
        word, gap, name = text.partition(" ") if prefix else ("", "", text)
        if word != prefix or (prefix and not gap):
            raise Misfit(f"'{prefix} NAME'", quoted(text), f"did you mean '{prefix} {text}'?" if not gap else "")
        name = name.strip()
        self.references.append(Reference(section, name, trail, len(text) - len(name)))
        return name

    def text(self, written: str, form: str) -> str:
        if form == "secret":
            return texts.secret(written)
        text = texts.substitute(written, self.environ)
        if form == "url":
            return texts.url(text, written)
        return texts.endpoint(text, written) if form == "endpoint" else text

    def items(self, node: Node, want: Any, trail: Trail, meta: Mapping[str, Any]) -> Any:
        """A list without what is broken in it; one value alone is a list of one.

        A keyed part whose value is a list stands for several parts.
        """
        inner = node.items if isinstance(node, Items) else (node,)
        out: list[Any] = []
        for i, item in enumerate(inner):
            for n, single in enumerate(_spread(item) if want in KEYED else [item]):
                place = (*trail, i) if n == 0 else (*trail, i, n)
                out.append(self.value(single, want, place, meta))
        return tuple(v for v in out if v is not BROKEN)

    def table(self, node: Node, want: Any, trail: Trail, meta: Mapping[str, Any]) -> Any:
        """Names to values; what is broken is left out of it."""
        if not isinstance(node, Table):
            return self.fault(node, "a mapping", _shown(node))
        of_keys, of_values = meta["ref"] if isinstance(meta.get("ref"), tuple) else ("", "")
        pattern, out = meta.get("names", r".*"), {}
        for name, inside in node.entries:
            at = (*trail, name.text)
            if not re.fullmatch(pattern, name.text):
                self.fault(name, "a name of letters, digits, '_', '.' and '-'", quoted(name.text))
                continue
            if of_keys:
                self.nodes[*at, "key"] = name
                self.references.append(Reference(of_keys, name.text, (*at, "key")))
            if is_dataclass(want) and want not in SCALARS:
                value = self.record(inside, want, at, name.text)
            else:
                value = self.value(inside, want, at, {"ref": of_values} if of_values else {})
            if value is not BROKEN:
                out[name.text] = value
        return out

    # ---- dataclasses ----

    def record(self, node: Node, cls: Any, trail: Trail, name: str | None = None) -> Any:
        """A dataclass from a mapping of its settings; ``name`` is the key it stands under."""
        self.nodes[trail] = node
        named = name is not None and "name" in cls.__dataclass_fields__
        own = settings(cls, named)
        values = self.settings(node, own, trail)
        if values is BROKEN:
            self.lame.add(trail)
            return BROKEN
        if named:
            values["name"] = name
        if place := place_of(cls):
            values[place] = node.place
        return self.build(cls, values, node, trail)

    def build(self, cls: Any, values: dict[str, Any], node: Node, trail: Trail) -> Any:
        """The object itself; a ValueError of its constructor is a fault at the setting it names.

        A broken setting that may be left out is left out, so that what depends on the others is still checked.
        """
        required = {s.attribute for s in settings(cls) if s.required}
        sound = {name: value for name, value in values.items() if value is not BROKEN}
        if len(sound) < len(values):
            self.lame.add(trail)
        if required & (values.keys() - sound.keys()):
            return BROKEN
        try:
            return cls(**sound)
        except ValueError as error:
            self.lame.add(trail)
            if len(sound) < len(values):
                return BROKEN
            misfit = error if isinstance(error, Misfit) else _misfit(error, _words(trail))
            key = next((s.key for s in settings(cls) if s.attribute == misfit.field), misfit.field)
            if not key:
                return self.misfit(node, misfit)
            return self.misfit((*trail, key, *([] if misfit.index is None else [misfit.index])), misfit)

    def settings(self, node: Node, own: tuple[Setting, ...], trail: Trail) -> Any:
        """Attribute -> value (or BROKEN) of every setting given, with the part of an inline family built."""
        if not isinstance(node, Table):
            return self.fault(node, f"a mapping with the settings {listed([s.key for s in own], 'and')}", _shown(node))
        inline = next((s for s in own if s.type in INLINE), None)
        rest = next((s for s in own if s.meta.get("rest")), None)
        part = self.part(node, INLINE[inline.type], inline.key, trail) if inline else None
        theirs = settings(part) if isinstance(part, type) else ()
        mine = tuple(s for s in own if s not in (inline, rest))
        known = {s.key: s for s in (*theirs, *mine)}
        meant: set[str] = set()
        if rest is None and part is not BROKEN:
            meant = self.unknown(node, [*known, *([inline.key] if inline else [])], trail)
        if part is not BROKEN:
            self.missing(node, [s for s in known.values() if s.key not in meant], trail)
        values: dict[str, Any] = {s.attribute: self.value(inside, s.type, (*trail, key.text), s.meta, s.form)
                                  for key, inside in node.entries if (s := known.get(key.text)) is not None}
        values.update({s.attribute: BROKEN for s in known.values() if s.required and s.attribute not in values})
        for s in known.values():
            if s.required and values.get(s.attribute) == "":
                values[s.attribute] = self.fault((*trail, s.key), "a text", "an empty one")
        if rest is not None:
            values[rest.attribute] = self.columns(node, known, trail)
        if inline is not None:
            of_part = {s.attribute: values.pop(s.attribute) for s in theirs if s.attribute in values}
            values[inline.attribute] = self.build(part, of_part, node, trail) if isinstance(part, type) else BROKEN
        return values

    def part(self, node: Table, family: str, key: str, trail: Trail) -> Any:
        """The class of the part that a record names; BROKEN where it names none."""
        kinds = registry.kinds(family)
        named = node.get(key)
        if named is None:
            return self.fault(node, f"the setting '{key}' of {_words(trail)} ({listed(kinds)})", "nothing")
        self.nodes[*trail, key] = named
        return self.known(named, family, named.text if isinstance(named, Text) else "")

    def known(self, node: Node, family: str, name: str) -> Any:
        kinds = registry.kinds(family)
        if name not in kinds:
            return self.fault(node, f"a kind of {NOUNS[family]} ({listed(kinds)})", _shown(node),
                              did_you_mean(name, kinds))
        try:
            return registry.part(family, name)
        except (ImportError, AttributeError) as error:
            return self.fault(node, f"a kind of {NOUNS[family]} that can be loaded", f"'{name}': {error}")

    def keyed(self, node: Node, family: str, trail: Trail) -> Any:
        """A part whose kind is a key: ``{slack: secret://…}``; other keys are its other settings."""
        self.nodes[trail] = node
        kinds = registry.kinds(family)
        if not isinstance(node, Table) or not node.entries:
            return self.fault(node, f"a {NOUNS[family]} such as {{{next(iter(kinds))}: …}}", _shown(node))
        named = [key for key, _ in node.entries if key.text in kinds]
        if len(named) > 1:
            return self.fault(named[1], f"one {NOUNS[family]}, '{named[0].text}'", f"'{named[1].text}' beside it",
                              "write each as an item of its own")
        chosen = named[0] if named else node.entries[0][0]
        cls = self.known(chosen, family, chosen.text)
        if not isinstance(cls, type):
            return BROKEN
        declared = settings(cls)
        if not declared:  # a part without settings: its kind says it all
            self.unknown(node, [chosen.text], trail)
            return self.build(cls, {}, node, trail)
        first, *others = declared
        own = (Setting(chosen.text, first.attribute, first.type, True, first.meta), *others)
        values = self.settings(node, (*own, *(s for s in shared(family) if s.key not in {o.key for o in own})), trail)
        if values is not BROKEN and family == "channels":
            self.mutable(node, str(trail[-1]), values.pop("mutable", None))
        return BROKEN if values is BROKEN else self.build(cls, values, node, trail)

    def mutable(self, node: Table, name: str, said: bool | None) -> None:
        """A channel that is told whatever is muted or silenced, by its setting or because of whom it leads to."""
        lawful = bool(LAWFUL.fullmatch(name))
        if lawful and said:
            where = node.get("mutable") or node
            self.fault(where, f"'{name}' to be told whatever is muted, as all called legal or ciso", "mutable: true",
                       "leave it out, or give the channel another name")
        if lawful or said is False:
            self.immutable.append(name)

    def columns(self, node: Table, known: Mapping[str, Setting], trail: Trail) -> Any:
        """The columns of a test's event, each read as its own type."""
        out: dict[str, Any] = {}
        for key, inside in node.entries:
            if key.text in known:
                continue
            kind = EVENT_COLUMNS.get(key.text) or self.feature(key.text)
            if kind is None:
                self.fault(key, "a column of the event", quoted(key.text),
                           did_you_mean(key.text, [*EVENT_COLUMNS, *self.vocabulary, *known]))
                out[key.text] = BROKEN
                continue
            out[key.text] = self.value(inside, kind, (*trail, key.text), {})
        if any(v is BROKEN for v in out.values()):
            return BROKEN
        features = {name.removeprefix(FEATURES): out.pop(name) for name in [*out] if name.startswith(FEATURES)}
        return {**out, "features": features} if features else out

    def feature(self, name: str) -> Any:
        """The Python type of a declared feature's value; None for what is none."""
        return EVENT_TYPES[self.vocabulary[name]] if name.startswith(FEATURES) and name in self.vocabulary else None

    def unknown(self, node: Table, known: list[str], trail: Trail) -> set[str]:
        """Fault every key that is no setting; what was probably meant is returned, so that it is not missed again."""
        meant = set()
        for key, _ in node.entries:
            if key.text not in known:
                self.fault(key, f"a setting of {_words(trail)} ({listed(known)})", quoted(key.text),
                           did_you_mean(key.text, known))
                meant.add(closest(key.text, known))
        return meant

    def missing(self, node: Table, known: list[Setting], trail: Trail) -> None:
        given = {key.text for key, _ in node.entries}
        for s in known:
            if s.required and s.key not in given:
                self.fault(node, f"the setting '{s.key}' of {_words(trail)}", "nothing")


NOUNS = {"slis": "signal", "checks": "check", "channels": "channel", "actions": "step", "wraps": "keeper of a key"}


def _misfit(error: ValueError, words: str) -> Misfit:
    """What a part's constructor says; ``setting[0]: expected …, came …; hint`` is taken apart."""
    about = _ABOUT.fullmatch(str(error))
    field, index, text = about.groups() if about else ("", None, str(error))
    said = _EXPECTED.fullmatch(text)
    expected, came, hint = said.groups() if said else (f"valid settings of {words}", text, "")
    return Misfit(expected, came, hint or "", field, index=None if index is None else int(index))


def _choice(text: str, choices: tuple[str, ...], aliases: Mapping[str, str]) -> str:
    chosen = aliases.get(text, text)
    if chosen not in choices:
        raise Misfit(listed(choices), quoted(text), did_you_mean(text, [*choices, *aliases]))
    return chosen


def _spread(node: Node) -> list[Node]:
    """``{notify: [a, b]}`` as ``{notify: a}`` and ``{notify: b}``."""
    if isinstance(node, Table) and len(node.entries) == 1:
        key, value = node.entries[0]
        if isinstance(value, Items) and value.items:
            return [Table(node.place, ((key, item),)) for item in value.items]
    return [node]


def _shown(node: Node) -> str:
    return quoted(node.text) if isinstance(node, Text) else kind(node)


def _words(trail: Trail) -> str:
    """Where a trail leads, as a person says it: ``alerts.cost``, ``tests[0].events[2]``."""
    return "".join(f"[{t}]" if isinstance(t, int) else f".{t}" for t in trail).lstrip(".") or "the policy"


__all__ = ["BROKEN", "NAME", "NOUNS", "Reader", "Reference", "Trail"]
