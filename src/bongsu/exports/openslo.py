"""A policy's promises as OpenSLO v1: a service, and for each objective an SLO with its indicator and burn alerts.

What OpenSLO cannot say goes into ``bongsu.dev/`` annotations that ``bongsu import openslo`` reads again: the SQL that
is counted, an alert's tier and clear time. Queries name the counters of ``names``. Alerts on thresholds, and what is
not about promises at all (routes, guards, playbooks, tests), have no form here: ``left_out`` lists the former.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from bongsu import registry
from bongsu.alert import Burn, Rule, Signal
from bongsu.exports.names import SERVICE, decimal, distinct, metric
from bongsu.exports.prometheus import Exact, dump, signal_of
from bongsu.exports.promql import where
from bongsu.policy.model import Policy
from bongsu.quantity import MINUTE, show_duration
from bongsu.slis.ratio import Ratio
from bongsu.slo import Objective, reachable_factor

Entry = dict[str, Any]
OURS = "bongsu.dev/"
SAID_OF_OBJECTIVES = ("name", "signal", "target", "window", "created")
SAID_OF_ALERTS = ("name", "when", "hold", "clear_hold", "tier", "to")
USUAL_TIER = {"page": "major", "ticket": "minor"}


def openslo(policy: Policy) -> str:
    """Several documents, in the order a reader needs them. Raises ``ExportError`` where two signals share a metric."""
    distinct(policy.plan.signals)
    promised = {o.signal for o in policy.plan.objectives}
    documents = [_service(policy),
                 *(_sli(policy, s) for s in policy.plan.signals if s.key in promised),
                 *(_slo(policy, o) for o in policy.plan.objectives),
                 *(_policy(r) for r in _burns(policy)),
                 *(_target(policy, name) for name in dict.fromkeys(n for r in _burns(policy) for n in r.to))]
    header = "".join(f"# Not exported: {line}\n" for line in left_out(policy))
    return header + "---\n".join(dump(document) for document in documents)


def left_out(policy: Policy) -> list[str]:
    """What this form cannot say, and why."""
    promised = {o.signal for o in policy.plan.objectives}
    lines = [f"signal {s.name}: no objective promises it" for s in policy.plan.signals if s.key not in promised]
    lines += [f"alert {r.name}: OpenSLO has burn-rate conditions only" for r in policy.plan.rules
              if not isinstance(r.when, Burn)]
    things: list[tuple[str, Any, tuple[str, ...]]]
    things = [(f"objective {o.name}", o, SAID_OF_OBJECTIVES) for o in policy.plan.objectives]
    things += [(f"alert {r.name}", r, SAID_OF_ALERTS) for r in _burns(policy)]
    for name in dict.fromkeys(n for r in _burns(policy) for n in r.to):
        channel: Any = policy.channels[name]
        things.append((f"channel {name}", channel, (fields(channel)[0].name,)))
    return lines + [f"{what}: its setting '{field}'" for what, thing, said in things for field in _set(thing, said)]


def _set(thing: Any, said: Sequence[str]) -> list[str]:
    """Settings that are not as usual and have no form here; one that is new to bongsu is not lost unseen either."""
    usual = {f.name: f.default_factory() if f.default_factory is not MISSING else f.default for f in fields(thing)}
    return [name for name, value in usual.items() if name not in said and getattr(thing, name) != value]


def _burns(policy: Policy) -> list[Rule]:
    return [r for r in policy.plan.rules if isinstance(r.when, Burn)]


def _document(kind: str, name: str, spec: Entry, annotations: dict[str, str] | None = None) -> Entry:
    said = {OURS + key: value for key, value in (annotations or {}).items() if value}
    return {"apiVersion": "openslo/v1", "kind": kind,
            "metadata": {"name": name, **({"annotations": said} if said else {})}, "spec": spec}


def _service(policy: Policy) -> Entry:
    base = policy.plan.base
    return _document("Service", policy.service.name, {}, {"base-window": show_duration(base) if base != MINUTE else ""})


def _sli(policy: Policy, signal: Signal) -> Entry:
    assert isinstance(signal.sli, Ratio)
    queries = {part: {"metricSource": {"type": "Prometheus", "spec": {
        "query": metric(signal.name, part) + where(**{SERVICE: policy.service.name})}}} for part in ("bad", "total")}
    return _document("SLI", signal.name, {"ratioMetric": {"counter": True, **queries}}, {
        "bad": signal.sli.bad.text, "total": signal.sli.total.text if signal.sli.total else "",
        "labels": ", ".join(signal.labels), "origin": signal.origin if signal.origin != "live" else ""})


def _slo(policy: Policy, objective: Objective) -> Entry:
    alerts = [{"alertPolicyRef": r.name} for r in _burns(policy)
              if isinstance(r.when, Burn) and r.when.objective.name == objective.name]
    return _document("SLO", objective.name, {
        "service": policy.service.name, "indicatorRef": signal_of(policy, objective.signal).name,
        "timeWindow": [{"duration": show_duration(objective.window), "isRolling": True}],
        "budgetingMethod": "Occurrences", "objectives": [{"target": Exact(decimal(objective.target))}],
        **({"alertPolicies": alerts} if alerts else {})})


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
