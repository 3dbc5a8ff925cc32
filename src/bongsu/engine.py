"""One tick: (plan, cells, state, now) -> (state, decisions). No clock, no I/O.

A month replays in seconds, a game day runs on a virtual clock, and yesterday's decisions can be reproduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from bongsu.alert import TIERS, Burn, Phase, Reading, Rule, Signal, State, Threshold, read_burn, read_threshold, step
from bongsu.cell import Cells, Labels
from bongsu.incident import Incident, cause, identify
from bongsu.quantity import MINUTE, Duration
from bongsu.response import Playbook
from bongsu.slo import Objective, Standing, standing


@dataclass(frozen=True)
class Plan:
    """The part of the policy that judges: what is counted, promised, alerted on, and done."""

    service: str
    base: Duration = MINUTE
    signals: tuple[Signal, ...] = ()
    objectives: tuple[Objective, ...] = ()
    rules: tuple[Rule, ...] = ()
    playbooks: tuple[Playbook, ...] = ()
    stale_after: Duration = Duration(5 * MINUTE)

    def longest_window(self) -> Duration:
        """How far back cells are needed."""
        windows: list[int] = [o.reach for o in self.objectives]
        windows += [r.when.over for r in self.rules if isinstance(r.when, Threshold)]
        return Duration(max(windows, default=self.base))


def born(plan: Plan, created: Mapping[str, int]) -> Plan:
    """The plan with each objective's birthday: it is not judged on time before that."""
    objectives = {o.name: replace(o, created=created[o.name]) for o in plan.objectives}

    def linked(rule: Rule) -> Rule:
        if not isinstance(rule.when, Burn):
            return rule
        return replace(rule, when=replace(rule.when, objective=objectives[rule.when.objective.name]))

    return replace(plan, objectives=tuple(objectives.values()), rules=tuple(map(linked, plan.rules)))


Instance = tuple[str, Labels]
"""An alert and the label values it is about."""


@dataclass(frozen=True)
class EngineState:
    """All the engine remembers between ticks. ``watermark``: every event up to here has been counted."""

    watermark: int = 0
    alerts: Mapping[Instance, State] = field(default_factory=dict)
    incidents: Mapping[Instance, Incident] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """An alert went from one phase to another."""

    alert: str
    labels: Labels
    before: Phase
    after: Phase
    value: Fraction | None
    at: int
    cause: str


@dataclass(frozen=True)
class Opened:
    """A new incident; ``playbooks`` begin."""

    incident: Incident
    playbooks: tuple[str, ...]


@dataclass(frozen=True)
class Changed:
    """An incident was cleared, reopened or closed."""

    incident: Incident


@dataclass(frozen=True)
class Undo:
    """A playbook's reversible steps are to be taken back."""

    incident: Incident
    playbook: str


Decision = Moved | Opened | Changed | Undo


def tick(plan: Plan, cells: Cells, state: EngineState, now: int) -> tuple[EngineState, tuple[Decision, ...]]:
    """Judge every alert of the plan at ``now``. Decisions are in the order of the plan, each with its reason."""
    alerts, incidents = dict(state.alerts), dict(state.incidents)
    decisions: list[Decision] = []
    for rule in plan.rules:
        for labels, reading in _readings(rule, cells, state, now):
            key = (rule.name, labels)
            before = alerts.get(key, State(since=now))
            after = alerts[key] = step(rule, before, reading, now)
            if after.phase == before.phase:
                continue
            why = cause(rule, after.value, labels)
            decisions.append(Moved(rule.name, labels, before.phase, after.phase, after.value, now, why))
            decisions += _storyboard(plan, rule, key, before, after, incidents, why, now)
    decisions += _undo_what_is_due(plan, incidents, now)
    return replace(state, alerts=alerts, incidents=incidents), tuple(decisions)


def _readings(rule: Rule, cells: Cells, state: EngineState, now: int) -> Iterator[tuple[Labels, Reading]]:
    if isinstance(rule.when, Burn):
        yield (), read_burn(cells, rule.when, now, state.watermark)
    elif not rule.by:
        yield (), read_threshold(cells, rule.when, now)
    else:
        places = [rule.when.signal.labels.index(name) for name in rule.by]
        groups: dict[Labels, list[Labels]] = {}
        for labels in cells.labels(rule.when.signal.key):
            groups.setdefault(tuple(labels[i] for i in places), []).append(labels)
        for group, members in groups.items():
            yield group, read_threshold(cells, rule.when, now, members)


def _storyboard(plan: Plan, rule: Rule, key: Instance, before: State, after: State,
                incidents: dict[Instance, Incident], why: str, now: int) -> Iterator[Decision]:
    """What a change of phase means for the alert's incident."""
    incident = incidents.get(key)
    if after.phase == "firing" and before.phase in ("ok", "pending"):
        if incident is not None and incident.phase == "cleared":
            incidents[key] = replace(incident, phase="open", cleared=None, reopened=incident.reopened + 1)
            yield Changed(incidents[key])
            return
        incidents[key] = Incident(identify(plan.service, rule.name, key[1], after.fired), plan.service, rule.name,
                                  key[1], rule.tier, now, why)
        yield Opened(incidents[key], tuple(p.name for p in plan.playbooks if p.alert == rule.name))
    elif after.phase == "ok" and before.phase in ("firing", "clearing") and incident is not None:
        incidents[key] = replace(incident, phase="cleared", cleared=now)
        yield Changed(incidents[key])


def _undo_what_is_due(plan: Plan, incidents: dict[Instance, Incident], now: int) -> Iterator[Decision]:
    """Take back what a cleared incident did, all at once, when its slowest playbook allows; then close it."""
    for key, incident in list(incidents.items()):
        if incident.phase != "cleared" or incident.cleared is None:
            continue
        mine = [p for p in plan.playbooks if p.alert == incident.alert and p.undo_after is not None]
        if now - incident.cleared < max((p.undo_after or 0 for p in mine), default=0):
            continue
        closed = replace(incident, phase="closed", closed=now)
        del incidents[key]
        yield from (Undo(closed, p.name) for p in mine)
        yield Changed(closed)


def standings(plan: Plan, cells: Cells, state: EngineState, now: int) -> list[Standing]:
    """Every objective judged at ``now``."""
    return [standing(cells, objective, now, state.watermark) for objective in plan.objectives]


def paging(plan: Plan, state: EngineState) -> list[str]:
    """The alerts that stop a deploy: burn alerts that page, and whatever is severe."""
    stopping = {rule.name for rule in plan.rules
                if TIERS[rule.tier] == "P0" or (TIERS[rule.tier] == "P1" and isinstance(rule.when, Burn))}
    return sorted({name for (name, _), alert in state.alerts.items()
                   if alert.phase in ("firing", "clearing") and name in stopping})
