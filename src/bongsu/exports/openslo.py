"""A policy's promises as OpenSLO v1: a service, and for each objective an SLO with its indicator and burn alerts.

What OpenSLO cannot say goes into ``bongsu.dev/`` annotations that ``bongsu import openslo`` reads again: the SQL that
is counted, what a time slice without data is, an alert's tier and clear time. Queries name the counters of ``names``.
Alerts on thresholds, and what is not about promises at all (routes, guards, playbooks, tests), have no form here:
``left_out`` lists the former.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any

from bongsu import registry
from bongsu.alert import Burn, Rule, Signal
from bongsu.exports.names import SERVICE, decimal, distinct, metric
from bongsu.exports.prometheus import Exact, dump, signal_of
from bongsu.exports.promql import countable, measured, where
from bongsu.exports.units import bare
from bongsu.expression import Expression
from bongsu.policy.model import Policy
from bongsu.policy.setting import Setting, settings
from bongsu.quantity import MINUTE, Duration, show_duration
from bongsu.slis.ratio import Ratio
from bongsu.slo import Objective, Slices, reachable_factor

Entry = dict[str, Any]
OURS = "bongsu.dev/"
SAID_OF_OBJECTIVES = ("name", "signal", "target", "window", "created", "calendar", "slices", "gate")
SAID_OF_ALERTS = ("name", "when", "hold", "clear_hold", "tier", "to")
OPERATORS = {"lte": "<=", "gte": ">=", "lt": "<", "gt": ">"}
CALENDARS = {"week": "1w", "month": "1M", "quarter": "1Q", "year": "1Y"}
NEW_YEAR, MONDAY = "2026-01-01 00:00:00", "2026-01-05 00:00:00"
"""Where windows of the calendar begin: any such moment says the same."""
USUAL_TIER = {"page": "major", "ticket": "minor"}


def openslo(policy: Policy) -> str:
    """Several documents, in the order a reader needs them. Raises ``ExportError`` where two signals share a metric."""
    distinct(policy.plan.signals)
    goals, burns = _goals(policy), _burns(policy)
    promised = {o.signal for o in goals}
    documents = [_service(policy),
                 *(_sli(policy, s) for s in policy.plan.signals if s.key in promised),
                 *(_slo(policy, o) for o in goals),
                 *(_policy(r) for r in burns),
                 *(_target(policy, name) for name in dict.fromkeys(n for r in burns for n in r.to))]
    header = "".join(f"# Not exported: {line}\n" for line in left_out(policy))
    return header + "---\n".join(dump(document) for document in documents)


def left_out(policy: Policy) -> list[str]:
    """What this form cannot say, and why."""
    goals, burns = _goals(policy), _burns(policy)
    promised = {o.signal for o in policy.plan.objectives}
    lines = [f"signal {s.name}: no objective promises it" for s in policy.plan.signals if s.key not in promised]
    lines += [f"objective {o.name}: {why}" for o in policy.plan.objectives if (why := _unsayable(policy, o))]
    lines += [f"alert {r.name}: its objective is not exported" if isinstance(r.when, Burn) and not r.nodata else
              f"alert {r.name}: OpenSLO has burn-rate conditions only" for r in policy.plan.rules if r not in burns]
    things: list[tuple[str, Any, tuple[str, ...]]]
    things = [(f"objective {o.name}", o, SAID_OF_OBJECTIVES) for o in goals]
    things += [(f"alert {r.name}", r, SAID_OF_ALERTS) for r in burns]
    for name in dict.fromkeys(n for r in burns for n in r.to):
        channel: Any = policy.channels[name]
        things.append((f"channel {name}", channel, (fields(channel)[0].name,)))
    return lines + [f"{what}: its setting '{field}'" for what, thing, said in things for field in _set(thing, said)]


def _goals(policy: Policy) -> list[Objective]:
    return [o for o in policy.plan.objectives if not _unsayable(policy, o)]


def _unsayable(policy: Policy, objective: Objective) -> str:
    """Why OpenSLO has no words for an objective; empty where it has."""
    signal, slices = signal_of(policy, objective.signal), objective.slices
    if slices and isinstance(signal.sli, Ratio) and (slices.op != "<=" or not 0 <= slices.limit < 1):
        return "timeSliceTarget can only say of a ratio's slice that its bad share is at most a limit below 100%"
    if slices and not isinstance(signal.sli, Ratio) and not countable(signal.sli):
        return f"no query of another system gives a signal of kind {signal.sli.kind}"
    for setting in settings(type(signal.sli)):
        if _written(setting, getattr(signal.sli, setting.attribute)) is None:
            return f"the setting '{setting.key}' of its signal {signal.name} is no single text"
    return ""


def _set(thing: Any, said: Sequence[str]) -> list[str]:
    """Settings that are not as usual and have no form here; one that is new to bongsu is not lost unseen either."""
    usual = {f.name: f.default_factory() if f.default_factory is not MISSING else f.default for f in fields(thing)}
    return [name for name, value in usual.items() if name not in said and getattr(thing, name) != value]


def _burns(policy: Policy) -> list[Rule]:
    """The burn alerts of the objectives that are exported; one about missing data is another kind of alert."""
    names = {o.name for o in _goals(policy)}
    return [r for r in policy.plan.rules
            if isinstance(r.when, Burn) and not r.nodata and r.when.objective.name in names]


def _document(kind: str, name: str, spec: Entry, annotations: dict[str, str] | None = None) -> Entry:
    said = {OURS + key: value for key, value in (annotations or {}).items() if value}
    return {"apiVersion": "openslo/v1", "kind": kind,
            "metadata": {"name": name, **({"annotations": said} if said else {})}, "spec": spec}


def _service(policy: Policy) -> Entry:
    base = policy.plan.base
    return _document("Service", policy.service.name, {}, {
        "base-window": show_duration(base) if base != MINUTE else "",
        "currency": policy.currency if policy.currency != "USD" else ""})


def _sli(policy: Policy, signal: Signal) -> Entry:
    shared = {"labels": ", ".join(signal.labels), "origin": signal.origin if signal.origin != "live" else ""}
    if not isinstance(signal.sli, Ratio):
        every = next(o.slices.every for o in _goals(policy) if o.signal == signal.key and o.slices)
        spec = {"thresholdMetric": _source(measured(policy.service.name, signal, every))}
        return _document("SLI", signal.name, spec, {"kind": signal.sli.kind, **_settings(signal), **shared})
    queries = {part: _source(metric(signal.name, part) + where(**{SERVICE: policy.service.name}))
               for part in ("bad", "total")}
    return _document("SLI", signal.name, {"ratioMetric": {"counter": True, **queries}}, {**_settings(signal), **shared})


def _settings(signal: Signal) -> dict[str, str]:
    """A kind's own settings as they are written; those without a value are left out."""
    found = {setting.key: _written(setting, getattr(signal.sli, setting.attribute))
             for setting in settings(type(signal.sli))}
    return {key: text for key, text in found.items() if text}


def _written(setting: Setting, value: Any) -> str | None:
    """A setting as a text; None for one that a single text cannot hold."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction):
        return f"{decimal(value * 100)}%"
    if isinstance(value, int) and setting.type == Duration:
        return show_duration(value)
    return str(value) if isinstance(value, str | int | Expression) else None


def _source(query: str) -> Entry:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _slo(policy: Policy, objective: Objective) -> Entry:
    alerts = [{"alertPolicyRef": r.name} for r in _burns(policy)
              if isinstance(r.when, Burn) and r.when.objective.name == objective.name]
    signal, slices = signal_of(policy, objective.signal), objective.slices
    return _document("SLO", objective.name, {
        "service": policy.service.name, "indicatorRef": signal.name,
        "timeWindow": [_window(objective)], "budgetingMethod": "Timeslices" if slices else "Occurrences",
        "objectives": [{**(_slices(signal, slices) if slices else {}), "target": Exact(decimal(objective.target))}],
        **({"alertPolicies": alerts} if alerts else {})}, {
        "nodata": slices.nodata if slices and slices.nodata != "exclude" else "",
        "gate": "" if objective.gate else "false"})


def _slices(signal: Signal, slices: Slices) -> Entry:
    every = {"timeSliceWindow": show_duration(slices.every)}
    if isinstance(signal.sli, Ratio):
        return {"timeSliceTarget": Exact(decimal(1 - slices.limit)), **every}
    op = next(name for name, sign in OPERATORS.items() if sign == slices.op)
    return {"op": op, "value": Exact(bare(slices.limit, signal.unit)), "timeSliceTarget": Exact("1"), **every}


def _window(objective: Objective) -> Entry:
    if objective.calendar is None:
        return {"duration": show_duration(objective.window), "isRolling": True}
    unit, zone = objective.calendar.unit, objective.calendar.zone
    return {"duration": CALENDARS[unit], "isRolling": False,
            "calendar": {"startTime": MONDAY if unit == "week" else NEW_YEAR, "timeZone": zone}}


def _policy(rule: Rule) -> Entry:
    """The condition names the fastest row of the table; the others follow from the objective."""
    assert isinstance(rule.when, Burn)
    objective, pair = rule.when.objective, rule.when.pairs[0]
    rate = decimal(reachable_factor(pair.factor(objective.window), objective.target))
    condition = {"kind": "burnrate", "op": "gt", "threshold": Exact(rate), "lookbackWindow": show_duration(pair.long),
                 "alertAfter": show_duration(rule.hold)}
    spec: Entry = {"alertWhenBreaching": True, "alertWhenResolved": True, "alertWhenNoData": False, "conditions": [
        {"kind": "AlertCondition", "metadata": {"name": rule.name},
         "spec": {"severity": pair.severity, "condition": condition}}]}
    if rule.to:
        spec["notificationTargets"] = [{"targetRef": name} for name in rule.to]
    return _document("AlertPolicy", rule.name, spec, {
        "tier": rule.tier if rule.tier != USUAL_TIER[pair.severity] else "",
        "clear-for": show_duration(rule.clear_hold) if rule.clear_hold else ""})


def _target(policy: Policy, name: str) -> Entry:
    channel = policy.channels[name]
    kind = next(k for k in registry.kinds("channels") if registry.part("channels", k) is type(channel))
    first = fields(channel)[0].name  # type: ignore[arg-type]  # every part is a dataclass
    return _document("AlertNotificationTarget", name, {"target": kind}, {"url": getattr(channel, first)})
