"""An OpenSLO objective over time slices as ours: ``good`` and ``slice``.

    ratioMetric       a slice is good if ``timeSliceTarget`` of its events are: our bad share is at most the rest
    thresholdMetric   a slice is good if its one value is ``op value``; there is no share of one value, so a
                      ``timeSliceTarget`` of 1 only

``value`` is a bare number: a share, milliseconds, or whole units of the currency, as the signal's unit is.
"""

from __future__ import annotations

from bongsu import policy
from bongsu.exports.names import decimal
from bongsu.exports.units import written
from bongsu.imports.draft import Signal, text
from bongsu.imports.form import Form
from bongsu.policy.fault import PolicyError, quoted
from bongsu.policy.scalar import read_number
from bongsu.quantity import MINUTE, Duration, parse_duration

OPERATORS = {"lte": "<=", "gte": ">=", "lt": "<", "gt": ">"}


def slices(goal: Form, signal: Signal | None, currency: str) -> tuple[str, Duration | None]:
    """(what a slice's value must be, how long a slice is); empty and None where the form is wrong."""
    every = goal.read("timeSliceWindow", _length, True)
    share = goal.read("timeSliceTarget", read_number, signal is not None and signal.kind == "ratio")
    if signal is None or signal.kind == "ratio":
        for key in ("op", "value"):
            goal.refuse(key, "a ratio's slice is judged by timeSliceTarget")
        if share is None or not 0 < share <= 1:
            if share is not None:
                goal.fault("timeSliceTarget", "a share above 0 and up to 1", quoted(goal.text("timeSliceTarget")))
            return "", None
        return f"<= {decimal((1 - share) * 100)}%", every
    if share is not None and share != 1:
        goal.fault("timeSliceTarget", "1, or nothing", quoted(goal.text("timeSliceTarget")),
                   "a slice has one value here, so no share of its points can be good")
    op = goal.choice("op", OPERATORS, True)
    value = goal.read("value", lambda one: written(read_number(one), _unit(signal, currency)), True)
    return (f"{OPERATORS[op]} {value}", every) if op and value else ("", None)


def whole(goal: Form) -> None:
    """An objective over occurrences has none of this."""
    for key in ("timeSliceTarget", "timeSliceWindow"):
        goal.refuse(key, "it belongs to budgetingMethod Timeslices")


def _length(written: str) -> Duration:
    """A duration; OpenSLO also allows a bare number, of minutes."""
    if written.isdigit():
        return Duration(int(written) * MINUTE)
    return parse_duration(written)


def _unit(signal: Signal, currency: str) -> str:
    """What the policy measures such a signal in; a signal that it cannot read is said to be wrong later."""
    settings = ", ".join(f"{key}: {value}" for key, value in signal.settings().items())
    made = (f"bongsu: 1\nservice: {{name: x}}\nsettings: {{currency: {text(currency)}}}\n"
            f"signals: {{x: {{{settings}}}}}\n")
    try:
        return policy.parse(made, "", {}).plan.signals[0].unit
    except PolicyError:
        return ""

