"""The policy's JSON Schema (draft 2020-12) for editors, from the same declarations that read it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from bongsu import registry
from bongsu.event import FEATURE_NAME
from bongsu.expression import Expression
from bongsu.packs import PACKS
from bongsu.policy.declare import EVENT_COLUMNS, Document, Extends
from bongsu.policy.extend import WITHOUT, read_pack
from bongsu.policy.scalar import SCALARS
from bongsu.policy.setting import INLINE, KEYED, Setting, settings, shared

Schema = dict[str, Any]
_FORMS = {"secret": r"^secret://[a-z][a-z0-9_]*/\S+$", "url": r"^(?:https?://|\$\{)\S+$",
          "endpoint": r"^(?:https?://|\$\{|secret://)\S+$"}


def json_schema() -> Schema:
    """The schema of a whole policy. Parts that a package adds are in it; parts that cannot be loaded are not."""
    definitions: dict[str, Schema] = {}
    root = _record(settings(Document), Document, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "bongsu policy", **root,
            "$defs": dict(sorted(definitions.items()))}


def _of(want: Any, meta: Mapping[str, Any], form: str, defs: dict[str, Schema]) -> Schema:
    """The schema of one type, as ``Reader.value`` reads it."""
    origin = get_origin(want)
    if origin in (types.UnionType, Union):
        return _of(next(a for a in get_args(want) if a is not type(None)), meta, form, defs)
    if origin is tuple:
        item = _of(get_args(want)[0], meta, form, defs)
        return {"anyOf": [{"type": "array", "items": item}, item]}
    if origin is Literal:
        choices = [*get_args(want), *meta.get("aliases", {})]
        return {"enum": [*choices, *(int(c) for c in choices if c.isdigit())]}
    if origin is not None:
        return _table(get_args(want)[1], meta, defs)
    if want is Extends:
        return _extends()
    if want in KEYED:
        return _defined(want.__name__, defs, lambda: _keyed(KEYED[want], defs))
    if want in SCALARS:
        scalar = SCALARS[want]
        text = {"type": "string", "pattern": scalar.pattern, "description": scalar.noun}
        return {"anyOf": [{"type": scalar.json}, text]} if scalar.json else text
    if want is Expression:
        return {"type": ["string", "boolean", "number"], "description": f"SQL: {meta.get('want', 'condition')}"}
    if is_dataclass(want):
        return _named(want, False, defs)
    return {"type": "string", "pattern": _FORMS[form]} if form else {"type": ["string", "number", "boolean"]}


def _defined(name: str, defs: dict[str, Schema], make: Any) -> Schema:
    if name not in defs:
        defs[name] = {}
        defs[name] = make()
    return {"$ref": f"#/$defs/{name}"}


def _named(cls: Any, named: bool, defs: dict[str, Schema]) -> Schema:
    return _defined(cls.__name__, defs, lambda: _record(settings(cls, named), cls, defs))


def _table(want: Any, meta: Mapping[str, Any], defs: dict[str, Schema]) -> Schema:
    named = is_dataclass(want) and want not in SCALARS
    inside = _named(want, "name" in want.__dataclass_fields__, defs) if named else _of(want, {}, "", defs)
    names = {"propertyNames": {"pattern": f"^{meta['names']}$"}} if "names" in meta else {}
    return {"type": "object", "additionalProperties": inside, **names}


def _properties(own: Iterable[Setting], defs: dict[str, Schema]) -> dict[str, Schema]:
    return {s.key: _of(s.type, s.meta, s.form, defs) for s in own}


def _record(own: tuple[Setting, ...], cls: Any, defs: dict[str, Schema]) -> Schema:
    inline = next((s for s in own if s.type in INLINE), None)
    mine = [s for s in own if s is not inline and not s.meta.get("rest")]
    properties = _properties(mine, defs)
    if any(s.meta.get("rest") for s in own):
        properties = {**{name: _of(kind, {}, "", defs) for name, kind in EVENT_COLUMNS.items()}, **properties}
    out: Schema = {"type": "object", "description": _summary(cls), "properties": properties,
                   "required": [s.key for s in mine if s.required]}
    if any(s.meta.get("rest") for s in own):
        out["patternProperties"] = {rf"^features\.{FEATURE_NAME}$": {"type": ["string", "number", "boolean"]}}
    if inline is None:
        return {**out, "additionalProperties": False}
    family = _parts(INLINE[inline.type])
    properties[inline.key] = {"enum": list(family)}
    out["required"].append(inline.key)
    return {**out, "unevaluatedProperties": False, "allOf": [
        {"if": {"properties": {inline.key: {"const": kind}}, "required": [inline.key]},
         "then": {"description": _summary(part), "properties": _properties(settings(part), defs),
                  "required": [s.key for s in settings(part) if s.required]}}
        for kind, part in family.items()]}


def _keyed(family: str, defs: dict[str, Schema]) -> Schema:
    """One shape a kind; a list under the kind's key stands for several parts."""
    shapes = []
    for kind, part in _parts(family).items():
        if not settings(part):
            shapes.append({"type": "object", "description": _summary(part), "additionalProperties": False,
                           "properties": {kind: {}}, "required": [kind]})
            continue
        first, *others = settings(part)
        one = _of(first.type, first.meta, first.form, defs)
        several = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]} if family == "actions" else one
        shapes.append({"type": "object", "description": _summary(part), "additionalProperties": False,
                       "properties": {kind: several, **_properties((*others, *shared(family)), defs)},
                       "required": [kind, *(s.key for s in others if s.required)]})
    return {"oneOf": shapes}


def _extends() -> Schema:
    """A pack's name, several, or each with its parameters."""
    name: Schema = {"enum": list(PACKS)}
    given: Schema = {"type": "object", "properties": {pack: _pack(pack) for pack in PACKS},
                     "additionalProperties": False}
    return {"anyOf": [name, given, {"type": "array", "items": {"anyOf": [name, given]}}]}


def _pack(name: str) -> Schema:
    pack = read_pack(name)
    without: Schema = {"type": ["array", "string"], "items": {"enum": [part.name for part in pack.parts]}}
    return {"type": ["object", "null"], "description": pack.about, "additionalProperties": False,
            "properties": {WITHOUT: without, **{key: {"description": about} for key, about in pack.parameters.items()}}}


def _parts(family: str) -> dict[str, Any]:
    out = {}
    for kind in registry.kinds(family):
        try:
            out[kind] = registry.part(family, kind)
        except (ImportError, AttributeError):  # an extra that is not installed here
            continue
    return out


def _summary(cls: Any) -> str:
    """The first sentence of a docstring, as plain text."""
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split()).replace("``", "'")
