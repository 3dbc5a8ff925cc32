"""What people ask a running bongsu, answered: the board, storyboards, verdicts, and one call explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bongsu.alert import TIERS, Burning, Rule, State, wanting
from bongsu.allow import finds_alone, grant
from bongsu.composite import composite
from bongsu.event import OTEL, Event
from bongsu.gate import Verdict
from bongsu.incident import Incident, measured, residual
from bongsu.postmortem import sentence
from bongsu.quantity import HOUR, SECOND, Duration, show_duration, show_share
from bongsu.room.advice import ADVICE
from bongsu.room.board import (
    ActionRow,
    AlertRow,
    AllowedRow,
    Board,
    BurnRow,
    CompositeRow,
    ObjectiveRow,
    ResidualRow,
    Storyboard,
    TimelineRow,
)
from bongsu.room.control import CALLS, Control, View
from bongsu.room.gatedesk import GateDesk, instant
from bongsu.room.noticedesk import NoticeDesk
from bongsu.room.saving import proposals
from bongsu.slo import Standing, reachable_factor, shown_pairs
from bongsu.stores.log import EventLog
from bongsu.stores.postmortems import Postmortem
from bongsu.stores.runs import TELL
from bongsu.stores.steps import Shown

LATEST = 20
IN_FORCE = ("done", "undo_waiting", "undo_running")
NOT_ALONE = ("the guard, shown this text by itself, does not find exactly this text; the entry has force only if what "
             "it finds in a call is equal to it, so give the words that it found and no others")


class ControlDesk:
    """Reads the control process's memory and stores; changes only through the store's audited methods."""

    def __init__(self, control: Control) -> None:
        self.control, self.store, self.gates = control, control.store, GateDesk(control)
        self.notices = NoticeDesk(control)
        self._made: tuple[tuple[int, int], Board] | None = None

    def board(self) -> Board:
        """The board, made at most once a second and revision: many may be looking."""
        now = (self.control.revision, self.control.now // SECOND)
        if self._made is None or self._made[0] != now:
            self._made = now, self._make()
        return self._made[1]

    def _make(self) -> Board:
        control, view = self.control, self.control.view()
        verdict = control.verdict("")
        incidents = tuple(self._storyboard(i, view) for i in self.store.incidents(LATEST))
        routes = {name: route.resolve(str(view.changes.get(f"route/{name}", route.primary)))
                  for name, route in control.policy.routes.items()}
        return Board(
            now=view.now, service=control.plan.service, environment=control.policy.service.environment,
            policy=control.policy.hash, watermark=view.watermark, automation=view.automation, gate=verdict.decision,
            gate_reasons=gate_reasons(verdict), routes=routes, troubles=view.troubles,
            objectives=tuple(objective_row(one, control.plan.base) for one in view.standings),
            alerts=tuple(alert_row(*one, view.burning.get(one[0].name)) for one in view.alerts), incidents=incidents,
            audit_size=self._audit_size(), calls_total=self._calls(0), allowed=self.allowed(),
            versions=control.rollout.rows(), composite=composite_row(view.standings),
            upstreams=control.upstreams.rows(),
        )

    def verdict(self, stage: str) -> Mapping[str, Any]:
        """The gate's answer, on the record; one that cannot be recorded allows nothing."""
        return self.gates.verdict(stage)

    def verdict_for(self, service: str, stage: str) -> Mapping[str, Any]:
        if service != self.control.plan.service:
            raise KeyError(service)
        return self.verdict(stage)

    def incident(self, incident: str) -> Storyboard | None:
        found = self.store.incident(incident)
        return None if found is None else self._storyboard(found, self.control.view())

    def explain(self, call: str) -> Mapping[str, Any] | None:
        """Everything known about one call: its facts, its masked content, and what was alerted and done around it."""
        with EventLog(self.control.folder.events) as log:
            event = log.find(call)
            related, labels = log.related(call), log.labels_of(call)
        if event is None:
            return None
        around = [i for i in self.store.incidents(1000)
                  if i.opened <= event.time + HOUR and (i.closed is None or i.closed >= event.time)]
        content = next((e for e in related if e.kind == "content"), None)
        return {
            "call": call, "at": instant(event.time), "facts": _facts(event),
            "opentelemetry": {OTEL[name]: value for name, value in _facts(event).items() if name in OTEL},
            "labels": [{"name": k.label.name, "label": k.label.label, "annotator": k.annotator,
                        "at": instant(k.label.at), "known": instant(k.known)} for k in labels],
            "guards": msgspec.to_builtins(event.verdicts),
            "content": "not kept" if content is None else {"prompt": content.prompt, "reply": content.reply},
            "cost": None if event.cost is None else f"{event.cost / 10**9:.9f} {event.currency}",
            "incidents": [self._around(i, event.time) for i in around],
        }

    def _around(self, incident: Incident, at: int) -> dict[str, Any]:
        """An incident as one call saw it: was it open already, and what was done about it?"""
        return {"id": incident.id, "alert": incident.alert, "phase": incident.phase, "opened": instant(incident.opened),
                "cause": incident.cause, "during": incident.opened <= at,
                "actions": [f"{s.words}: {s.step.state}" for s in self.store.steps(incident.id)]}

    def set_automation(self, on: bool, actor: str, reason: str) -> None:
        self.store.set_automation(on, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revision += 1
        self.control.decided()

    def undo(self, incident: str, actor: str, reason: str) -> bool:
        runs = {s.step.run.partition("/")[2] for s in self.store.steps(incident)}
        playbooks = {run for run in runs if not run.startswith(TELL)}
        now, policy = self.control.clock(), self.control.policy.hash
        asked = sum(self.store.take_back(incident, name, actor, reason, now, policy) for name in sorted(playbooks))
        self.control.release(incident)
        self.control.revision += 1
        self.control.decided()
        return asked > 0

    def allow(self, guard: str, text: str, lasting: str, reason: str, actor: str) -> Mapping[str, Any]:
        """Only the hash of the text leaves this method; gateways heed the entry once control has published it."""
        control, guards = self.control, self.control.policy.guards
        now, token = control.clock(), control.tokens.mark
        entry = grant(guards, guard, text, lasting, reason, actor, now, token)
        self.store.allow(entry, now, control.policy.hash)
        control.revision += 1
        alone = any(finds_alone(g, text) for g in guards if g.name == guard)
        return {"id": entry.id, "guard": guard, "until": entry.until, "notice": "" if alone else NOT_ALONE}

    def allowed(self) -> tuple[AllowedRow, ...]:
        return tuple(AllowedRow(e.id, e.guard, e.until, e.by, e.reason) for e in self.store.allowed())

    def disallow(self, entry: str, actor: str, reason: str) -> bool:
        gone = self.store.disallow(entry, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revision += gone
        return gone

    def audit_tail(self, n: int) -> list[dict[str, Any]]:
        records = [msgspec.to_builtins(record) for record in reversed(self.store.trail(n))]
        return [record | {"at": instant(record["time"])} for record in records]

    def checkpoint(self) -> str:
        self.store.checkpoint(self.control.clock(), force=True)
        return self.store.checkpoints()[-1] if self.store.checkpoints() else ""

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Not ready while events cannot be stored, or the engine stands still.

        Anybody may ask, so it says what is wrong and never where: what a store said of its files is on the board.
        """
        behind = (self.control.clock() - self.control.engine.watermark) // SECOND
        well = not self.control.troubles and behind < max(10, self.control.plan.stale_after // SECOND)
        return well, {"policy": self.control.policy.hash, "behind_s": behind,
                      "troubles": [ADVICE[name] for name in self.control.troubles]}

    def revision(self) -> int:
        return self.control.revision

    def _audit_size(self) -> int:
        latest = self.store.trail(1)
        return latest[0].seq + 1 if latest else 0

    # ---- one incident ----

    def _storyboard(self, incident: Incident, view: View) -> Storyboard:
        rules = {rule.name: rule for rule in self.control.plan.rules}
        rule, steps = rules.get(incident.alert), self.store.steps(incident.id)
        muted_by, next_notice = self.notices.of(incident)
        postmortems = self.store.postmortems_of(incident.id)
        in_force = tuple(s.words for s in steps if s.traffic and s.step.state in IN_FORCE)
        return Storyboard(
            id=incident.id, alert=incident.alert, labels=_labels(rule, incident.labels), tier=incident.tier,
            priority=TIERS[incident.tier], phase=incident.phase, opened=incident.opened, cleared=incident.cleared,
            closed=incident.closed, reopened=incident.reopened, cause=incident.cause,
            actions=tuple(map(action_row, steps)), residual=self._residual(rule, incident, in_force, view),
            timeline=tuple(TimelineRow(e.at, e.what, e.text) for e in self.store.timeline(incident.id)),
            acknowledged_by=self.store.asked().acks.get(incident.id, ""), muted_by=muted_by, next_notice=next_notice,
            proposals=(*self._proposals(rule, incident), *self._postmortems(postmortems)),
            owed=any(not one.written for one in postmortems),
        )

    def _proposals(self, rule: Rule | None, incident: Incident) -> tuple[str, ...]:
        """What would save how much, as things are now."""
        if rule is None or incident.phase != "open":
            return ()
        control = self.control
        with control.lock:
            return tuple(proposals(control.policy, rule, incident.labels, control.cells, control.now))

    def _postmortems(self, every: Sequence[Postmortem]) -> Iterator[str]:
        """That one is due, or where it can be read."""
        for one in every:
            yield f"postmortem: {one.url}" if one.written else sentence(one.incident, one.objective,
                                                                        self.control.plan.gate.postmortem)

    def _residual(self, rule: Rule | None, incident: Incident, in_force: tuple[str, ...], view: View) -> ResidualRow:
        calls = self._calls(incident.opened, incident.closed)
        if rule is None:
            return ResidualRow("none", "the alert is no longer in the policy", "", "", in_force, calls)
        states = {(r.name, labels): state for r, labels, state in view.alerts}
        state = states.get((incident.alert, incident.labels), State())
        left = residual(rule, state.value, in_force, list(view.standings), view.burning.get(rule.name),
                        (state.low, state.high))
        # what fires now is another incident's
        exposure = "none" if incident.phase == "closed" and left.exposure == "exposed" else left.exposure
        return ResidualRow(exposure, left.value, left.against, left.budget, left.in_force, calls)

    def _calls(self, since: int, until: int | None = None) -> int:
        end = self.control.now + 2 * self.control.plan.base if until is None else until
        with self.control.lock:
            return sum(self.control.cells.vector(CALLS.key, since, end).values())


def gate_reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why the gate says what it says; first the override that lets deploys go on in spite of the rest."""
    excuse = verdict.excuse
    said = () if excuse is None else (f"override {excuse.id} by {excuse.author}, approved by {excuse.approver}, "
                                      f"until {instant(excuse.expires)}: {excuse.reason}",)
    return (*said, *(reason.text for reason in verdict.reasons))


def action_row(shown: Shown) -> ActionRow:
    step = shown.step
    state: Any = step.state
    if shown.held:
        state = "undo_held" if step.state.startswith("undo_") else "held"
    return ActionRow(step.run.split("/")[1], step.kind, shown.words, state, step.attempts, step.begun, shown.why)


def alert_row(rule: Rule, labels: tuple[str, ...], state: State, burning: Burning | None = None) -> AlertRow:
    if rule.nodata:
        value, against = "no data" if state.value else "data", "no data"
    else:
        value, against = measured(rule, state.value, None if state.value is None else burning,
                                  (state.low, state.high))
    if state.data == "insufficient":
        value = "insufficient data"
    why = "" if rule.nodata or state.data == "seen" else wanting(rule)
    return AlertRow(rule.name, _labels(rule, labels), rule.tier, TIERS[rule.tier], state.phase, state.since,
                    why or value, against, "unbound" if why else state.data)


def objective_row(standing: Standing, base: Duration) -> ObjectiveRow:
    objective, budget = standing.objective, standing.budget
    burns = []
    for pair in shown_pairs(objective, base):
        burn = standing.burn.get(pair.long)
        factor = reachable_factor(pair.factor(objective.window), objective.target)
        shown = None if burn is None else float(burn)
        burns.append(BurnRow(show_duration(pair.long), shown, float(factor), pair.severity))
    return ObjectiveRow(
        name=objective.name, target=show_share(objective.target, 4), window=show_duration(objective.window),
        current="no data" if standing.current is None else show_share(standing.current, 3),
        remaining=None if budget.remaining is None else float(budget.remaining), bad=budget.bad, total=budget.total,
        exhausted=budget.exhausted, warming=standing.warming, coverage=float(standing.coverage), burns=tuple(burns),
        projected=None if standing.projected is None else float(standing.projected),
    )


def composite_row(standings: Sequence[Standing]) -> CompositeRow | None:
    """None where there is nothing to be seen together."""
    seen = composite(standings)
    if seen.objectives < 2:
        return None
    share, least, left = (None if x is None else float(x) for x in (seen.share, seen.worst_remaining, seen.remaining))
    return CompositeRow(seen.objectives, seen.known, seen.within, share, seen.worst, least, left,
                        seen.consumed is not None and seen.consumed >= 1)


def _labels(rule: Rule | None, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(rule.by if rule else (), values, strict=False))


def _facts(event: Event) -> dict[str, Any]:
    """The columns that say something."""
    facts: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in facts.items() if name not in ("prompt", "reply", "verdicts")}
