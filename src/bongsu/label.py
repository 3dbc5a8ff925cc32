"""What was said of an event later: a label, a review's verdict, a thumb up. The newest counts.

A label is an event of kind ``label``; ``call`` is the id of the event it is about (a prediction, a call), ``name``
tells kinds of label apart. An event has one label of a name at a time: that of the largest (time, id), whatever order
they came in, so a correction takes the place of what it corrects and a label sent twice is one label. A label written
on the event itself is as old as the event and gives way to any that is not older. An empty label takes the last one
back.

Signals that read ``label`` count each event once, at the event's own time, with the label it has now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bongsu.event import Event

APART = ("content", "label")
"""Kinds of event that are about another event: they are not counted beside it, and have no label themselves."""


class Label(NamedTuple):
    """One label, as it was given. ``at`` and ``id`` are those of its own event."""

    call: str
    name: str
    at: int
    id: str
    label: str


def labels(events: Iterable[Event]) -> list[Label]:
    """The labels among events."""
    return [Label(e.call, e.name, e.time, e.id, e.label) for e in events if e.kind == "label" and e.call]


def newest(given: Iterable[Label]) -> Label | None:
    """The one that counts.

    >>> a, b = Label("p", "", 5, "x", "cat"), Label("p", "", 7, "w", "dog")
    >>> newest([b, a]) == newest([a, b, b]) == b
    True
    """
    return max(given, key=lambda one: (one.at, one.id), default=None)


def joined(events: Sequence[Event], name: str = "") -> list[Event]:
    """The same events, each with its label of this name: what counting must amount to, however they came."""
    by_call: dict[str, list[Label]] = {}
    for one in labels(events):
        if one.name == name:
            by_call.setdefault(one.call, []).append(one)
    if not by_call and not name:
        return list(events)
    return [e if e.kind in APART else _with(e, newest(by_call.get(e.id, ())), name) for e in events]


def _with(event: Event, given: Label | None, name: str) -> Event:
    own = "" if name else event.label
    if given is None or (own and given.at < event.time):
        return replace(event, label=own)
    return replace(event, label=given.label)
