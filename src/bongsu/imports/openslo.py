"""OpenSLO (v1 and v1alpha) as a policy.

What is honoured: SLO, SLI, Service, AlertPolicy, AlertCondition, AlertNotificationTarget and DataSource (it is named in
a comment); rolling and calendar windows; Occurrences, and Timeslices of a ratio or a threshold metric; one burn-rate
condition an alert policy. Our annotations:

    SLI or SLO           bongsu.dev/bad, bongsu.dev/total (SQL over events), bongsu.dev/labels, bongsu.dev/origin;
                         for a threshold metric bongsu.dev/kind and that kind's settings
    SLO                  bongsu.dev/nodata (exclude, bad or good), bongsu.dev/gate
    AlertPolicy          bongsu.dev/tier (severe, major, minor, info), bongsu.dev/clear-for
    notification target  bongsu.dev/url (a secret reference); its ``target`` is a kind of channel
    Service              bongsu.dev/base-window, bongsu.dev/currency

OpenSLO has no word for alerts over several windows. A condition is honoured if its threshold and window are a row of
bongsu's table for the objective; the alert then watches every row of its severity, that one among them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from bongsu.imports import alertpolicy, indicator
from bongsu.imports.draft import Alert, Draft, Objective, Signal
from bongsu.imports.form import OURS, Form, Source
from bongsu.imports.library import Library, Meta, metadata
from bongsu.imports.slices import slices, whole
from bongsu.imports.window import Span, old_window, window
from bongsu.policy.fault import NOWHERE, Misfit, quoted
from bongsu.policy.node import Node, Table, Text
from bongsu.policy.scalar import read_number
from bongsu.quantity import parse_duration

METHODS = {"Occurrences": False, "Timeslices": True}
"""Budgeting method -> whether it is of time slices."""
METHOD = "an average of ratios lets a quiet night weigh like a busy day; use Occurrences, or Timeslices"
OF_SLO = ("nodata", "gate")


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
        if ("SLI", name := metadata(form, indicator.spoken()).name) not in library.used:
            draft.notes.append(f"SLI {name} is used by no SLO: not imported")
    for kind in ("AlertPolicy", "AlertCondition", "AlertNotificationTarget"):
        draft.notes += [f"{kind} {name} is used by no SLO: not imported"
                        for k, name in library.objects if k == kind and (k, name) not in library.used]
    if not draft.objectives and not source.faults:
        source.fault(NOWHERE, "at least one SLO", "none")
    return draft.finish(f"Imported from {path} (OpenSLO). Signals are SQL over events; queries are kept as comments.")


def _service(form: Form, draft: Draft) -> None:
    meta = metadata(form, ("base-window", "currency"))
    spec = form.form("spec")
    if spec is not None:
        draft.notes += [f"service {line}" for line in spec.kept("description")]
        spec.close()
    form.close()
    draft.serve(meta.name, form.place)
    draft.notes += [f"service {line}" for line in meta.notes]
    draft.base = meta.own.read(f"{OURS}base-window", parse_duration) or draft.base
    draft.currency = meta.own.read(f"{OURS}currency", _currency) or draft.currency


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise Misfit("a currency code of three capitals such as USD", quoted(text))
    return text


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
    meta = metadata(form, (*indicator.spoken(), *OF_SLO))
    spec = form.form("spec", True)
    form.close()
    if spec is None:
        return []
    draft.serve(spec.text("service", True), spec.place)
    method = spec.choice("budgetingMethod", METHODS, True, METHOD)
    notes = (*meta.notes, *spec.kept("description"))
    span = old_window(spec) if old else window(spec)
    goals = spec.forms("objectives", True)
    signal = _old_signal(spec, goals, meta, draft) if old else _signal(spec, meta, library, draft)
    promise = Promise(meta.name, signal, span, METHODS.get(method, False), notes, *_manner(meta, method))
    names = promise.objectives(goals, draft)
    wanted = []
    for node in () if old else spec.nodes("alertPolicies"):
        found = _policy(node, spec, library)
        wanted += [(found, name, meta.name) for name in names] if found else []
    spec.close()
    return wanted


def _manner(meta: Meta, method: str) -> tuple[str, str]:
    """(what a slice without data is, whether it decides about deploys), as the annotations say."""
    nodata = meta.own.choice(f"{OURS}nodata", ("exclude", "bad", "good"))
    if nodata and not METHODS.get(method, True):
        meta.own.refuse(f"{OURS}nodata", "it is about time slices; use budgetingMethod: Timeslices")
    return nodata, meta.own.choice(f"{OURS}gate", ("true", "false"))


@dataclass(frozen=True)
class Promise:
    """What all objectives of one SLO have in common. ``signal`` is None where it could not be read."""

    name: str
    signal: tuple[str, Signal] | None
    span: Span | None
    sliced: bool
    notes: tuple[str, ...]
    nodata: str
    gate: str

    def objectives(self, goals: list[Form], draft: Draft) -> list[str]:
        """The names under which they were added."""
        names = []
        for i, goal in enumerate(goals):
            name = self.name if len(goals) == 1 else f"{self.name}-{i + 1}"
            made = self.objective(goal, draft.currency or "USD")
            if made is not None:
                draft.add("objectives", name, made, goal.place)
                names.append(name)
        return names

    def objective(self, goal: Form, currency: str) -> Objective | None:
        signal = self.signal[1] if self.signal else None
        good, every = "", None
        if self.sliced:
            good, every = slices(goal, signal, currency)
        else:
            whole(goal)
            if signal is not None and signal.kind != "ratio":
                goal.fault("op", "a budgetingMethod of Timeslices", "Occurrences of a threshold metric",
                           "bongsu has one value for a time slice; say its length in timeSliceWindow")
        target, notes = _target(goal)
        if target is None or self.signal is None or self.span is None or (self.sliced and not good):
            return None
        return Objective(self.signal[0], target, self.span.length, (*self.notes, *notes), self.span.unit or "",
                         self.span.zone, good, every, self.nodata, self.gate)


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


def _signal(spec: Form, meta: Meta, library: Library, draft: Draft) -> tuple[str, Signal] | None:
    """The indicator's signal, by its name."""
    if spec.has("indicatorRef"):
        spec.refuse("indicator", "an SLO has one indicator")
        form = library.find("SLI", spec, "indicatorRef")
        if form is not None:
            form.text("apiVersion"), form.text("kind")
    else:
        form = spec.form("indicator", True)
    if form is None:
        return None
    own = metadata(form, indicator.spoken(), needed=spec.has("indicatorRef"))
    inner = form.form("spec", True)
    form.close()
    found = indicator.signal(inner, (own.own, meta.own)) if inner else None
    return _named(own.name or meta.name, found, form, draft)


def _old_signal(spec: Form, goals: list[Form], meta: Meta, draft: Draft) -> tuple[str, Signal] | None:
    """v1alpha: ratios stand beside the targets, a threshold metric under ``indicator``."""
    if spec.has("indicator"):
        form = spec.form("indicator", True)
        metric = form.form("thresholdMetric", True) if form else None
        if form is None or metric is None:
            return None
        form.close()
        return _named(meta.name, indicator.measured((meta.own,), form, indicator.old_query(metric)), form, draft)
    notes: list[str] = []
    for goal in goals:
        ratio = goal.form("ratioMetrics", True)
        notes += indicator.old_queries(ratio) if ratio else []
    return _named(meta.name, indicator.counted((meta.own,), goals[0], notes), goals[0], draft) if goals else None


def _named(name: str, found: Signal | None, form: Form, draft: Draft) -> tuple[str, Signal] | None:
    if found is None:
        return None
    draft.add("signals", name, found, form.place)
    return name, found


def _target(goal: Form) -> tuple[Fraction | None, list[str]]:
    """The share that must be good, and what is only kept."""
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
