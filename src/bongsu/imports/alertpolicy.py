"""An OpenSLO alert policy as a burn alert of an objective, and its targets as channels."""

from __future__ import annotations

from fractions import Fraction

from bongsu import registry
from bongsu.exports.names import decimal
from bongsu.imports.draft import Alert, Channel, Draft, Objective
from bongsu.imports.form import OURS, Form
from bongsu.imports.library import Library, metadata
from bongsu.policy.fault import quoted
from bongsu.policy.scalar import read_number
from bongsu.quantity import MINUTE, Duration, parse_duration, show_duration, show_number, show_share
from bongsu.slo import Pair, Severity, fitted, pairs, reachable, reachable_factor

TIERS: dict[str, tuple[str, ...]] = {"page": ("major", "severe"), "ticket": ("minor", "info")}
"""Severity -> the tiers it may be; the first unless an annotation says otherwise."""


def alert(form: Form, library: Library, draft: Draft, objective: str) -> tuple[str, Alert] | None:
    """(name, alert) that an alert policy means for an objective."""
    form.text("apiVersion"), form.text("kind")
    meta = metadata(form, ("tier", "clear-for"))
    spec = form.form("spec", True)
    form.close()
    if spec is None:
        return None
    notes = [*meta.notes, *spec.kept("description")]
    spec.choice("alertWhenBreaching", ("true",), hint="an alert that is not told when it fires is none")
    spec.choice("alertWhenResolved", ("true",), hint="whoever was told is told of the end, always")
    spec.choice("alertWhenNoData", ("false",), hint="without data an alert keeps its state; it does not fire")
    holder = spec.single("conditions", "condition")
    condition = library.inline_or_named("AlertCondition", holder, "conditionRef") if holder else None
    targets = [target(item, library, draft) for item in spec.forms("notificationTargets")]
    spec.close()
    severity, hold, more = _condition(condition, draft.objectives.get(objective), draft.base or MINUTE)
    allowed = TIERS[severity]
    tier = meta.own.choice(f"{OURS}tier", allowed, hint=f"a {severity} is {' or '.join(allowed)}") or allowed[0]
    clear = meta.own.read(f"{OURS}clear-for", parse_duration) or Duration(0)
    return meta.name, Alert(objective, tier, tuple(filter(None, targets)), Duration(hold), clear, "",
                            tuple(notes + more))


def _condition(form: Form | None, goal: Objective | None, base: Duration) -> tuple[Severity, int, list[str]]:
    """(severity, ``for``, what is only kept)."""
    if form is None:
        return "page", 0, []
    form.text("apiVersion"), form.text("kind")
    meta = metadata(form)
    spec = form.form("spec", True)
    form.close()
    if spec is None:
        return "page", 0, []
    notes = [*meta.notes, *spec.kept("description")]
    severity: Severity = "ticket" if spec.choice("severity", ("page", "ticket"), True) == "ticket" else "page"
    inner = spec.form("condition", True)
    spec.close()
    if inner is None:
        return severity, 0, notes
    inner.choice("kind", ("burnrate",), True)
    inner.choice("op", ("gt",), True, "a budget burns too fast above a rate, not below it or at it")
    threshold = inner.read("threshold", read_number, True)
    window = inner.read("lookbackWindow", parse_duration, True)
    hold = inner.read("alertAfter", parse_duration) or 0
    inner.close()
    if goal is not None and threshold is not None and window is not None:
        notes.append(f"condition: burn > {decimal(threshold)} over {show_duration(window)}")
        _in_table(inner, threshold, window, _table(goal, severity, base), goal)
    return severity, hold, notes


def _table(goal: Objective, severity: Severity, base: Duration) -> list[Pair]:
    """The rows that a burn alert of this severity will watch, in whole base windows as the policy has them."""
    table = (fitted(p, base, goal.every) for p in pairs(goal.window) if p.severity == severity)
    return [p for p in table if p is not None]


def _in_table(form: Form, threshold: Fraction, window: Duration, table: list[Pair], goal: Objective) -> None:
    """A threshold and window that bongsu does not watch are faults: another alert would fire than was promised."""
    if not reachable(threshold, goal.target):
        form.fault("threshold", f"a rate that can be reached (at {show_share(goal.target)} a budget burns at most "
                   f"{show_number(1 / (1 - goal.target), 2)}x)", quoted(decimal(threshold)))
        return
    rows = [(decimal(reachable_factor(p.factor(goal.window), goal.target)), p.long) for p in table]
    if (decimal(threshold), window) not in rows:
        known = " or ".join(f"{factor} over {show_duration(long)}" for factor, long in rows) or "none fits its window"
        form.fault("threshold", f"a row of the table that bongsu watches ({known})",
                   f"{decimal(threshold)} over {show_duration(window)}")


def target(holder: Form, library: Library, draft: Draft) -> str:
    """The name of the channel that a notification target means."""
    form = library.inline_or_named("AlertNotificationTarget", holder, "targetRef")
    if form is None:
        return ""
    form.text("apiVersion"), form.text("kind")
    meta = metadata(form, ("url",))
    spec = form.form("spec", True)
    form.close()
    if spec is None:
        return ""
    kind = spec.choice("target", registry.kinds("channels"), True)
    notes = (*meta.notes, *spec.kept("description"))
    spec.close()
    url = meta.own.text(f"{OURS}url")
    if not url:
        form.source.fault(form.place, f"the annotation {OURS}url, a secret reference to the {kind or 'channel'}",
                          "nothing", f"add it to metadata.annotations, as in {OURS}url: secret://env/OPS_{kind.upper()}")
    elif kind and meta.name:
        draft.add("channels", meta.name, Channel(kind, url, notes), form.place)
    return meta.name
