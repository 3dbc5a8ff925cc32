"""The cell of what was asked, on the event: only where the policy has a signal that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from bongsu.alert import Signal
from bongsu.engine import Plan
from bongsu.expression import Expression
from bongsu.prompt import COLUMN, cell
from bongsu.web.asked import UNREADABLE, Asked, decode
from bongsu.web.grounded import context_of

_ASKED = ("prompt", "input", "messages")


def clustered(plan: Plan) -> bool:
    """Whether any signal reads cells of prompts.

    >>> clustered(Plan("support"))
    False
    """
    return any(COLUMN in _read(signal) for signal in plan.signals)


def _read(signal: Signal) -> Iterator[str]:
    """Columns that a signal's definition names."""
    yield from signal.labels
    for field in fields(signal.sli):  # type: ignore[arg-type]  # every SLI is a dataclass
        value = getattr(signal.sli, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Expression):
                yield from one.columns
            elif isinstance(one, str):
                yield one


def cluster_of(request: Asked) -> str:
    """The cell of the last text that a user says in a request; empty where nobody says any.

    Not of the whole conversation: what the application says every time would hide what people ask.
    """
    try:
        given = {name: decode(request.fields[name]) for name in _ASKED if name in request.fields}
    except UNREADABLE:  # the surface says so in its own words
        return ""
    said = context_of(given, ("user",))
    return cell(said[-1]) if said else ""

