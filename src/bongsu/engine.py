"""One tick: (plan, cells, state, now) -> (state, decisions). No clock, no I/O.

A month replays in seconds, a game day runs on a virtual clock, and yesterday's decisions can be reproduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from bongsu.alert import (
    TIERS,
    Burn,
    Phase,
    Reading,
    Rule,
    Signal,
    State,
    Threshold,
    absence,
    reach,
    read_apart,
    read_burn,
    step,
)
from bongsu.cell import Cells, Labels
from bongsu.gate import Terms
from bongsu.incident import Incident, cause, identify
from bongsu.notice import Alarm, Asked, Book, Manners, Tell
from bongsu.notice import plan as who_is_told
from bongsu.postmortem import Debt, about, sentence, taken
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
    gate: Terms = field(default_factory=Terms)
    notices: Manners = field(default_factory=Manners)

    def longest_window(self) -> Duration:
        """How far back cells are needed."""
        windows: list[int] = [o.reach for o in self.objectives]
        windows += [reach(r.when) for r in self.rules if isinstance(r.when, Threshold)]
        return Duration(max(windows, default=self.base))


def born(plan: Plan, created: Mapping[str, int]) -> Plan:
    """The plan with each objective's birthday: it is not judged on time before that."""
    objectives = {o.name: replace(o, created=created[o.name]) for o in plan.objectives}

    def linked(rule: Rule) -> Rule:
        if not isinstance(rule.when, Burn):
            return rule
        return replace(rule, when=replace(rule.when, objective=objectives[rule.when.objective.name]))

    return replace(plan, objectives=tuple(objectives.values()), rules=tuple(map(linked, plan.rules)))


MOST_DOUBLINGS = 6
NOTHING = Asked()

Instance = tuple[str, Labels]
"""An alert and the label values it is about."""


@dataclass(frozen=True)
class EngineState:
    """All the engine remembers between ticks. ``watermark``: every event up to here has been counted.

    ``owed`` are the postmortems due of incidents that are not closed: (incident, objective).
    """

    watermark: int = 0
    alerts: Mapping[Instance, State] = field(default_factory=dict)
    incidents: Mapping[Instance, Incident] = field(default_factory=dict)
    book: Book = field(default_factory=dict)
    owed: frozenset[tuple[str, str]] = frozenset()


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
    """A playbook's reversible steps are to be taken back; those of all its incident's playbooks if none is named."""

    incident: Incident
    playbook: str = ""


Decision = Moved | Opened | Changed | Undo | Debt | Tell


def tick(plan: Plan, cells: Cells, state: EngineState, now: int,
         released: frozenset[str] = frozenset(), asked: Asked = NOTHING) -> tuple[EngineState, tuple[Decision, ...]]:
    """Judge every alert of the plan at ``now``. Decisions are in the order of the plan, each with its reason.

    ``released`` are incidents whose actions a person took back: nothing keeps them from closing once they are clear.
    ``asked`` is what people asked for: silences and acknowledgements.
    """
    alerts, incidents = dict(state.alerts), dict(state.incidents)
    decisions: list[Decision] = list(_forget_what_is_gone(plan, alerts, incidents, now))
    for rule in plan.rules:
        for labels, reading in _readings(rule, cells, state, now):
            key = (rule.name, labels)
            reading = absence(reading) if rule.nodata else reading
            before = alerts.get(key, State(since=now))
            after = alerts[key] = step(rule, before, reading, now)
            if after.phase == before.phase:
                continue
            why = cause(rule, after.value, labels, reading.about, reading.burning, (after.low, after.high))
            decisions.append(Moved(rule.name, labels, before.phase, after.phase, after.value, now, why))
            decisions += _storyboard(plan, rule, key, before, alerts, incidents, why, now)
    debts = list(_debts(plan, cells, incidents, state.owed, now))
    owed = state.owed | {(debt.incident, debt.objective) for debt in debts}
    decisions += [*debts, *_undo_what_is_due(plan, alerts, incidents, now, released)]
    book, tells = who_is_told(plan.notices, plan.service, _alarms(plan, incidents), state.book, asked, now)
    told = [_reminding(tell, owed, plan.gate.postmortem) for tell in tells] if owed else tells
    alive = {incident.id for incident in incidents.values()}
    return (replace(state, alerts=alerts, incidents=incidents, book=book,
                    owed=frozenset(one for one in owed if one[0] in alive)), (*decisions, *told))


def _debts(plan: Plan, cells: Cells, incidents: Mapping[Instance, Incident], owed: frozenset[tuple[str, str]],
           now: int) -> Iterator[Debt]:
    """The postmortems that are due since now."""
    charged = {rule.name: (rule, found) for rule in plan.rules if (found := about(rule, plan.objectives))}
    for incident in incidents.values():
        rule, objectives = charged.get(incident.alert, (None, []))
        for objective in objectives:
            if rule is None or (incident.id, objective.name) in owed:
                continue
            share = taken(cells, objective, rule, incident, now, _members(rule, cells, incident.labels))
            if share is not None and share > plan.gate.postmortem:
                yield Debt(incident.id, objective.name, share)


def _members(rule: Rule, cells: Cells, group: Labels) -> list[Labels] | None:
    """The combinations of label values that one of a rule's groups is made of; None for all."""
    if not rule.by or isinstance(rule.when, Burn):
        return None
    places = [rule.when.signal.labels.index(name) for name in rule.by]
    return [labels for labels in cells.labels(rule.when.signal.key) if tuple(labels[i] for i in places) == group]


def _reminding(tell: Tell, owed: frozenset[tuple[str, str]], most: Fraction) -> Tell:
    """The notice, saying also that a postmortem is due."""
    mine = {known.incident for known in (*tell.firing, *tell.resolved)}
    lines = tuple(sentence(*one, most) for one in sorted(owed) if one[0] in mine)
    return replace(tell, proposals=(*tell.proposals, *lines)) if lines else tell


def _alarms(plan: Plan, incidents: Mapping[Instance, Incident]) -> list[Alarm]:
    """Every alert whose incident is not closed: people hear that it is over when what was done is taken back too."""
    rules = {rule.name: rule for rule in plan.rules}
    return [Alarm(one.alert, one.labels, rule.tier, rule.to, one.id, one.opened, one.cause, rule.by,
                  _subject(plan, rule)) for one in incidents.values() for rule in [rules[one.alert]]]


def _subject(plan: Plan, rule: Rule) -> str:
    """The objective that an alert is about, or the signal where no objective is made of it."""
    if isinstance(rule.when, Burn):
        return rule.when.objective.name
    signal = rule.when.signal
    return next((o.name for o in plan.objectives if o.signal == signal.key), signal.name)


def _readings(rule: Rule, cells: Cells, state: EngineState, now: int) -> Iterator[tuple[Labels, Reading]]:
    if isinstance(rule.when, Burn):
        yield (), read_burn(cells, rule.when, now, state.watermark)
    else:
        yield from read_apart(cells, rule.when, rule.by, now)


def _forget_what_is_gone(plan: Plan, alerts: dict[Instance, State], incidents: dict[Instance, Incident],
                         now: int) -> Iterator[Decision]:
    """An alert that left the policy leaves nothing behind: its incident is closed and its actions are taken back."""
    names = {rule.name for rule in plan.rules}
    for key in [key for key in alerts if key[0] not in names]:
        del alerts[key]
    for key in [key for key in incidents if key[0] not in names]:
        closed = replace(incidents.pop(key), phase="closed", closed=now)
        yield Undo(closed)
        yield Changed(closed)


def _storyboard(plan: Plan, rule: Rule, key: Instance, before: State, alerts: dict[Instance, State],
                incidents: dict[Instance, Incident], why: str, now: int) -> Iterator[Decision]:
    """What a change of phase means for the alert's incident."""
    incident, after = incidents.get(key), alerts[key]
    if after.phase == "firing" and before.phase in ("ok", "pending"):
        if incident is not None and incident.phase == "cleared":
            incidents[key] = replace(incident, phase="open", cleared=None, reopened=incident.reopened + 1)
            yield Changed(incidents[key])
            return
        soon = after.closed and now - after.closed <= 2 * _patience(plan, rule.name, after)
        alerts[key] = replace(after, rebounds=after.rebounds + 1 if soon else 0)
        incidents[key] = Incident(identify(plan.service, rule.name, key[1], after.fired), plan.service, rule.name,
                                  key[1], rule.tier, now, why)
        yield Opened(incidents[key], tuple(p.name for p in plan.playbooks if p.alert == rule.name))
    elif after.phase == "ok" and before.phase in ("firing", "clearing") and incident is not None:
        incidents[key] = replace(incident, phase="cleared", cleared=now)
        yield Changed(incidents[key])


def _patience(plan: Plan, alert: str, state: State) -> int:
    """How long an alert must be clear before its actions are taken back: its slowest playbook's time, doubled each time
    it came back soon after. A fail-over makes its own signal look well; only taking it back shows whether it is.
    """
    slowest = max((p.undo_after or 0 for p in plan.playbooks if p.alert == alert), default=0)
    return slowest << min(state.rebounds, MOST_DOUBLINGS)


def _undo_what_is_due(plan: Plan, alerts: dict[Instance, State], incidents: dict[Instance, Incident], now: int,
                      released: frozenset[str]) -> Iterator[Decision]:
    """Take back what a cleared incident did, all at once, when its slowest playbook allows; then close it.

    What only a person may take back keeps its incident open for them.
    """
    for key, incident in list(incidents.items()):
        if incident.phase != "cleared" or incident.cleared is None:
            continue
        mine = [p for p in plan.playbooks if p.alert == incident.alert]
        kept = any(p.undo_after is None for p in mine) and incident.id not in released
        if kept or now - incident.cleared < _patience(plan, incident.alert, alerts[key]):
            continue
        closed = replace(incident, phase="closed", closed=now)
        del incidents[key]
        alerts[key] = replace(alerts[key], closed=now)
        yield from (Undo(closed, p.name) for p in mine if p.undo_after is not None)
        yield Changed(closed)


def standings(plan: Plan, cells: Cells, state: EngineState, now: int) -> list[Standing]:
    """Every objective judged at ``now``."""
    return [standing(cells, objective, now, state.watermark) for objective in plan.objectives]


def latching(plan: Plan) -> frozenset[str]:
    """The alerts whose denial stays after they are over, until a person clears it: severe ones and those named."""
    return frozenset(rule.name for rule in plan.rules if TIERS[rule.tier] == "P0" or rule.name in plan.gate.latch)


def paging(plan: Plan, state: EngineState) -> list[str]:
    """The alerts that stop a deploy: all that latch, and burn alerts that page (of objectives the gate looks at)."""
    stopping = latching(plan) | {rule.name for rule in plan.rules if TIERS[rule.tier] == "P1"
                                 and isinstance(rule.when, Burn) and rule.when.objective.gate}
    return sorted({name for (name, _), alert in state.alerts.items()
                   if alert.phase in ("firing", "clearing") and name in stopping})
