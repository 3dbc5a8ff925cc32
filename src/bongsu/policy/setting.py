"""A dataclass's fields as the settings of a policy: one declaration for reading, for the JSON Schema, and for words.

What a type alone does not say stands in a field's metadata, for our declarations and for parts alike:

    key      the setting's name where it is not the field's (``for`` is a Python keyword)
    ref      the section whose names it must be one of; for a mapping, a pair (of its keys, of its values)
    prefix   a word that goes before that name (``alert cost``)
    want     ``number`` where an expression must give a number instead of a condition
    form     what a text must look like: ``url``, ``secret`` (a reference), or ``endpoint`` (either of them)
    aliases  other spellings of a choice
    names    a pattern for the keys of a mapping
    bound    no setting: it is filled in later, from what the policy names
    rest     the field takes every key that is not a setting

Without a ``form``, a part's field named ``url`` is an endpoint, and one named ``key``, ``secret``, ``token`` or
``password`` a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from bongsu import ports
from bongsu.guard import Guard
from bongsu.policy.fault import Place
from bongsu.wraps.wrapping import Wrap

INLINE: dict[Any, str] = {ports.Sli: "slis", ports.Check: "checks"}
"""Port -> family, where the part's own settings stand beside those of its declaration."""
KEYED: dict[Any, str] = {ports.Channel: "channels", ports.Action: "actions", Wrap: "wraps"}
"""Port -> family, where the part's kind is a key that carries its first setting."""

_ELSEWHERE: dict[tuple[type[Any], str], Mapping[str, Any]] = {(Guard, "routes"): {"ref": "routes"}}
"""Metadata for fields of the story's own types."""
_FORMS = {"url": "endpoint", "key": "secret", "secret": "secret", "token": "secret", "password": "secret"}


@dataclass(frozen=True)
class Setting:
    """One key that a policy may hold."""

    key: str
    attribute: str
    type: Any
    required: bool
    meta: Mapping[str, Any]

    @property
    def form(self) -> str:
        return str(self.meta.get("form") or _FORMS.get(self.attribute, ""))


def shared(family: str) -> tuple[Setting, ...]:
    """What every part of a family may be set to beside its own settings.

    A channel that is not ``mutable`` is told whatever is muted or silenced. Those called ``legal`` or ``ciso`` (or
    ``legal-mail`` and the like) never are.
    """
    return (Setting("mutable", "mutable", bool, False, {}),) if family == "channels" else ()


@cache
def settings(cls: Any, named: bool = False) -> tuple[Setting, ...]:
    """The settings of a dataclass. Its ``name`` is none where it is ``named`` by the key it stands under."""
    hints = get_type_hints(cls)
    return tuple(_setting(cls, f, hints[f.name]) for f in fields(cls)
                 if f.init and hints[f.name] is not Place and not f.metadata.get("bound")
                 and not (named and f.name == "name"))


def _setting(cls: type[Any], field: Field[Any], hint: Any) -> Setting:
    meta = {**field.metadata, **_ELSEWHERE.get((cls, field.name), {})}
    required = field.default is MISSING and field.default_factory is MISSING and not meta.get("rest")
    return Setting(meta.get("key", field.name), field.name, hint, required, meta)


@cache
def place_of(cls: Any) -> str:
    """The field that is told where its record stands in the file, if there is one."""
    return next((name for name, hint in get_type_hints(cls).items() if hint is Place), "")
