"""OpenSLO (v1 and v1alpha) as a policy.

What is honoured: SLO, SLI, Service, AlertPolicy, AlertCondition, AlertNotificationTarget and DataSource (it is named in
a comment); rolling windows; Occurrences; one burn-rate condition an alert policy. Our annotations:

    SLI or SLO           bongsu.dev/bad, bongsu.dev/total (SQL over events), bongsu.dev/labels, bongsu.dev/origin
    AlertPolicy          bongsu.dev/tier (severe, major, minor, info), bongsu.dev/clear-for
    notification target  bongsu.dev/url (a secret reference); its ``target`` is a kind of channel
    Service              bongsu.dev/base-window

OpenSLO has no word for alerts over several windows. A condition is honoured if its threshold and window are a row of
bongsu's table for the objective; the alert then watches every row of its severity, that one among them.
"""

from __future__ import annotations

from fractions import Fraction

from bongsu.imports import alertpolicy, indicator
from bongsu.imports.draft import Alert, Draft, Objective
from bongsu.imports.form import OURS, Form, Source
from bongsu.imports.library import Library, Meta, metadata
from bongsu.policy.fault import NOWHERE, Misfit, quoted
from bongsu.policy.node import Node, Table, Text
from bongsu.policy.scalar import read_number
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND, Duration, parse_duration

UNITS = {"Second": SECOND, "Minute": MINUTE, "Hour": HOUR, "Day": DAY, "Week": Duration(7 * DAY)}
METHOD = "bongsu counts occurrences; a share of time slices is another promise"


def openslo(text: str, path: str) -> str:
    """The text of a policy. Raises ``PolicyError`` with every fault, at its line and column of the OpenSLO file."""
    source = Source(path)
    library, draft = Library(source), Draft(source)
    library.read(text)
    for form in library.of("Service"):
        _service(form, draft)
    for form in library.of("DataSource"):
        _data_source(form, draft)
    wanted: list[tuple[Form, str, str]] = []
    for form in library.of("SLO"):
        wanted += _slo(form, library, draft)
    _alerts(wanted, library, draft)
    for form in library.of("SLI"):
        if ("SLI", name := metadata(form, indicator.ANNOTATIONS).name) not in library.used:
            draft.notes.append(f"SLI {name} is used by no SLO: not imported")
    for kind in ("AlertPolicy", "AlertCondition", "AlertNotificationTarget"):
        draft.notes += [f"{kind} {name} is used by no SLO: not imported"
                        for k, name in library.objects if k == kind and (k, name) not in library.used]
    if not draft.objectives and not source.faults:
        source.fault(NOWHERE, "at least one SLO", "none")
    return draft.finish(f"Imported from {path} (OpenSLO). Signals are SQL over events; queries are kept as comments.")


def _service(form: Form, draft: Draft) -> None:
    meta = metadata(form, ("base-window",))
    spec = form.form("spec")
    if spec is not None:
        draft.notes += [f"service {line}" for line in spec.kept("description")]
        spec.close()
    form.close()
    draft.serve(meta.name, form.place)
    draft.notes += [f"service {line}" for line in meta.notes]
    draft.base = meta.own.read(f"{OURS}base-window", parse_duration) or draft.base


def _data_source(form: Form, draft: Draft) -> None:
    meta = metadata(form)
    spec = form.form("spec", True)
    form.close()
    if spec is not None:
        spec.choice("type", ("Prometheus", "prometheus"), True, "only queries of Prometheus are kept")
        spec.kept("connectionDetails")  # may hold a credential, so it is named and not copied
        draft.notes.append(f"DataSource {meta.name} is not asked: bongsu counts its own events")
        spec.kept("description")
        spec.close()


def _slo(form: Form, library: Library, draft: Draft) -> list[tuple[Form, str, str]]:
    """Signal and objectives of one SLO; (alert policy, objective, fallback name) for each alert it wants."""
    old = form.text("apiVersion") == "openslo/v1alpha"
    meta = metadata(form, indicator.ANNOTATIONS)
    spec = form.form("spec", True)
    form.close()
    if spec is None:
        return []
    draft.serve(spec.text("service", True), spec.place)
    spec.choice("budgetingMethod", ("Occurrences",), True, METHOD)
    notes = (*meta.notes, *spec.kept("description"))
    window = _old_window(spec) if old else _window(spec)
    goals = spec.forms("objectives", True)
    signal = _old_signal(goals, meta, draft) if old else _signal(spec, meta, library, draft)
    names = []
    for i, goal in enumerate(goals):
        name = meta.name if len(goals) == 1 else f"{meta.name}-{i + 1}"
        target, more = _target(goal)
        if target is not None and window and signal:
            draft.add("objectives", name, Objective(signal, target, window, (*notes, *more)), goal.place)
            names.append(name)
    wanted = []
    for node in () if old else spec.nodes("alertPolicies"):
        found = _policy(node, spec, library)
        wanted += [(found, name, meta.name) for name in names] if found else []
    spec.close()
    return wanted


def _policy(node: Node, spec: Form, library: Library) -> Form | None:
    """An alert policy by its bare name, by reference, or in place."""
    if isinstance(node, Text):
        holder = Form(spec.source, Table(node.place, ((Text(node.place, "alertPolicyRef"), node),)), "alertPolicies")
    elif isinstance(node, Table):
        holder = Form(spec.source, node, "alertPolicies")
    else:
        spec.fault("alertPolicies", "names of alert policies, or alert policies", "a list in a list")
        return None
    return library.inline_or_named("AlertPolicy", holder, "alertPolicyRef")


def _alerts(wanted: list[tuple[Form, str, str]], library: Library, draft: Draft) -> None:
    """One alert for each objective that a policy is for; the policy's own name where there is one only."""
    for form, objective, _ in wanted:
        made = alertpolicy.alert(form, library, draft, objective)
        if made is not None and made[0]:
            alone = sum(other.node is form.node for other, _, _ in wanted) == 1
            alert: Alert = made[1]
            draft.add("alerts", made[0] if alone else f"{made[0]}-{objective}", alert, form.place)


def _signal(spec: Form, meta: Meta, library: Library, draft: Draft) -> str:
    """The name of the indicator's signal."""
    if spec.has("indicatorRef"):
        spec.refuse("indicator", "an SLO has one indicator")
        form = library.find("SLI", spec, "indicatorRef")
        if form is not None:
            form.text("apiVersion"), form.text("kind")
    else:
        form = spec.form("indicator", True)
    if form is None:
        return ""
    own = metadata(form, indicator.ANNOTATIONS, needed=spec.has("indicatorRef"))
    inner = form.form("spec", True)
    form.close()
    found = indicator.signal(inner, (own.own, meta.own)) if inner else None
    name = own.name or meta.name
    if found is not None:
        draft.add("signals", name, found, form.place)
    return name if found else ""


def _old_signal(goals: list[Form], meta: Meta, draft: Draft) -> str:
    notes: list[str] = []
    for goal in goals:
        ratio = goal.form("ratioMetrics", True)
        notes += indicator.old_queries(ratio) if ratio else []
    found = indicator.counted((meta.own,), goals[0], notes) if goals else None
    if found is not None:
        draft.add("signals", meta.name, found, goals[0].place)
    return meta.name if found else ""


def _target(goal: Form) -> tuple[Fraction | None, list[str]]:
    """The share that must be good, and what is only kept."""
    for key in ("timeSliceTarget", "timeSliceWindow"):
        goal.refuse(key, METHOD)
    for key in ("compositeWeight", "indicator", "indicatorRef"):
        goal.refuse(key, "bongsu does not weigh objectives into one; write an SLO for each")
    notes = goal.kept("displayName", "op", "value")
    if goal.has("target") == goal.has("targetPercent"):
        goal.source.fault(goal.place, "either 'target' or 'targetPercent'",
                          "both" if goal.has("target") else "neither")
    share, percent = goal.read("target", read_number), goal.read("targetPercent", read_number)
    goal.close()
    found: Fraction | None = share if share is not None else percent / 100 if percent is not None else None
    if found is not None and not 0 < found < 1:
        key = "target" if share is not None else "targetPercent"
        goal.fault(key, "a target above 0 and below all of it", quoted(goal.text(key)),
                   "a promise without an error budget cannot be kept")
        return None, notes
    return found, notes


def _window(spec: Form) -> Duration | None:
    form = spec.single("timeWindow", "time window")
    if form is None:
        return None
    form.refuse("calendar", "bongsu's windows roll")
    form.choice("isRolling", ("true",), True, "bongsu's windows roll")
    found: Duration | None = form.read("duration", _duration, True)
    form.close()
    return found


def _duration(text: str) -> Duration:
    if text[-1] in "MQY":
        raise Misfit("a duration in m, h, d or w", quoted(text), "months differ in length; say how many days")
    return parse_duration(text)


def _old_window(spec: Form) -> Duration | None:
    form = spec.single("timeWindows", "time window")
    if form is None:
        return None
    form.refuse("calendar", "bongsu's windows roll")
    form.choice("isRolling", ("true",), True, "bongsu's windows roll")
    unit = form.choice("unit", UNITS, True, "other units differ in length")
    count = form.read("count", read_number, True)
    form.close()
    if count is not None and (count <= 0 or count.denominator != 1):
        form.fault("count", "a whole number above zero", quoted(form.text("count")))
        return None
    return Duration(int(count) * UNITS[unit]) if unit and count is not None else None
