"""What is read of the text that was asked last, and of the answer, as columns of the event: its cell, and how much of
it is in new words.

Only where the policy has a signal that reads them, and from the text as it came: aliases would be words, too. Of the
text itself nothing stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from bongsu.engine import Plan
from bongsu.event import TEXTS, TextColumns
from bongsu.novelty import Known
from bongsu.policy.asks import asks
from bongsu.prompt import cell
from bongsu.web.asked import Asked
from bongsu.web.grounded import context_of
from bongsu.web.halves import UNREADABLE, decode

_ASKED = ("prompt", "input", "messages")


def clustered(plan: Plan) -> frozenset[str]:
    """The texts whose cells any signal reads.

    >>> clustered(Plan("support"))
    frozenset()
    """
    return frozenset(one.text for one in TEXTS if any(asks(signal, one.cells) for signal in plan.signals))


def asked_last(request: Asked) -> str:
    """The last text that a user says in a request; empty where nobody says any.

    Not the whole conversation: what the application says every time would hide what people ask.
    """
    try:
        given = {name: decode(request.fields[name]) for name in _ASKED if name in request.fields}
    except UNREADABLE:  # the surface says so in its own words
        return ""
    said = context_of(given, ("user",))
    return said[-1] if said else ""


def read_of(text: str, of: TextColumns, clusters: frozenset[str],
            known: Mapping[str, Known]) -> Mapping[str, str | float | None]:
    """The columns of an event that has this text."""
    cells = {of.cells: cell(text)} if of.text in clusters else {}
    return cells if of.text not in known else {**cells, **known[of.text].columns(text, of)}
