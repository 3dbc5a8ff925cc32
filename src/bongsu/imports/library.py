"""The objects of an OpenSLO file by kind and name, and what all of them have: ``metadata``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bongsu.imports.form import OURS, Form, Source
from bongsu.policy.declare import NAME
from bongsu.policy.fault import did_you_mean, listed, quoted
from bongsu.policy.node import Table

VERSIONS = ("openslo/v1", "openslo/v1alpha")
KINDS = ("SLO", "SLI", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource")


@dataclass(frozen=True)
class Meta:
    """``own`` holds the annotations that speak to us; ``notes`` is the rest."""

    name: str
    own: Form
    notes: tuple[str, ...]


@dataclass
class Library:
    """Everything in one file. ``used`` are the objects that something referred to."""

    source: Source
    objects: dict[tuple[str, str], Form] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    def read(self, text: str) -> None:
        for form in self.source.documents(text):
            version = form.choice("apiVersion", VERSIONS, True)
            kind = form.choice("kind", KINDS if version != "openslo/v1alpha" else ("SLO", "Service"), True)
            meta = form.form("metadata", True)
            name = meta.text("name", True) if meta else ""
            if (kind, name) in self.objects:
                form.source.fault(form.place, f"each {kind} once", f"{quoted(name)} again")
            elif kind and name:
                self.objects[kind, name] = form

    def of(self, kind: str) -> Iterator[Form]:
        return (form for (k, _), form in self.objects.items() if k == kind)

    def find(self, kind: str, holder: Form, key: str) -> Form | None:
        """The object that a key names."""
        name = holder.text(key, True)
        if not name:
            return None
        known = [n for k, n in self.objects if k == kind]
        if name not in known:
            holder.fault(key, f"the name of an object of kind {kind} in this file ({listed(known) or 'it has none'})",
                         quoted(name), did_you_mean(name, known))
            return None
        self.used.add((kind, name))
        return self.objects[kind, name]

    def inline_or_named(self, kind: str, holder: Form, key: str) -> Form | None:
        """An item that is the object itself, or refers to it."""
        if not holder.has(key):
            holder.choice("kind", (kind,), True)
            return holder
        found = self.find(kind, holder, key)
        holder.close()
        return found


def metadata(form: Form, ours: Sequence[str] = (), needed: bool = True) -> Meta:
    """Name and annotations of an object; an annotation of ours that it cannot have is a fault."""
    meta = form.form("metadata", needed)
    if meta is None:
        return Meta("", Form(form.source, Table(form.place, ()), "annotations"), ())
    name = meta.text("name", needed)
    if name and not re.fullmatch(NAME, name):
        meta.fault("name", "a name of letters, digits, '_', '.' and '-'", quoted(name))
    notes = meta.kept("displayName", "labels")
    own = meta.form("annotations") or Form(form.source, Table(meta.place, ()), "annotations")
    known = [OURS + key for key in ours]
    for key, _ in own.node.entries:
        if not key.text.startswith(OURS):
            notes += own.kept(key.text)
        elif key.text not in known:
            own.source.fault(key, f"an annotation that bongsu honours here ({listed(known) or 'none'})",
                             quoted(key.text), did_you_mean(key.text, known))
    meta.close()
    return Meta(name, own, tuple(notes))
