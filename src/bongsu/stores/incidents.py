"""What the engine decided: its memory, alert moves, incidents, and the runs they begin or take back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, desc, select

from bongsu.engine import Changed, Decision, EngineState, Moved, Opened, Plan, Undo, latching
from bongsu.incident import Incident
from bongsu.notice import Tell
from bongsu.postmortem import Debt
from bongsu.response import run_id
from bongsu.stores import schema
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.gates import GateStore, latch_fired
from bongsu.stores.postmortems import keep_debt
from bongsu.stores.runs import TELL, begin_run, begin_tell, take_back_run
from bongsu.stores.saved import dump, dump_engine, load, load_engine

ENGINE = "engine"
ACK = "ack/"
"""Notes that say who acknowledged an incident."""


@dataclass(frozen=True)
class Entry:
    """One line of an incident's storyboard. ``what`` is ``alert``, ``begun`` or ``outcome``."""

    at: int
    what: str
    about: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class IncidentStore(GateStore):
    """Table family: engine, moved, incident, run, verdict."""

    _kept: str | None = None

    def engine_state(self) -> EngineState:
        """What the engine remembered when it last committed."""
        with self.reading() as connection:
            text = connection.scalar(select(schema.engine.c.body).where(schema.engine.c.name == ENGINE))
        return EngineState() if text is None else load_engine(text)

    def commit(self, state: EngineState, decisions: Sequence[Decision], plan: Plan, policy_hash: str, now: int) -> bool:
        """Keep a tick: state, decisions, their runs and their audit records, in one transaction.

        False, and nothing is written, where nothing changed.
        """
        text = dump_engine(state)
        if not decisions and text == self._kept:
            return False
        with self.writing() as transaction:
            upsert(transaction.connection, schema.engine, [{"name": ENGINE, "body": text}])
            for decision in decisions:
                _keep(transaction, decision, plan, policy_hash, now)
            latch_fired(transaction, decisions, latching(plan), now, policy_hash)
        self._kept = text
        return True

    def take_back(self, incident: str, playbook: str, actor: str, reason: str, now: int, policy: str = "") -> int:
        """A person takes a run back; returns how many steps that asked. Audited."""
        with self.writing() as transaction:
            asked = take_back_run(transaction, run_id(incident, playbook), actor, now, policy)
            transaction.audit(actor, "playbook.undo", run_id(incident, playbook), reason, {"steps": asked}, now, policy)
        return asked

    def keep_verdict(self, id: str, service: str, stage: str, decision: str, body: Mapping[str, Any],  # noqa: A002
                     at: int, actor: str = "gate", policy: str = "") -> bool:
        """Keep what the gate said, audited; False where this very verdict is kept already."""
        table = schema.verdict
        with self.writing() as transaction:
            if transaction.execute(select(table.c.id).where(table.c.id == id)).first() is not None:
                return False
            transaction.execute(table.insert(), {"id": id, "at": at, "service": service, "stage": stage,
                                                 "decision": decision, "body": dump(body)})
            excuse = body.get("data", {}).get("override")
            detail = {"verdict": id} | ({"override": excuse["id"]} if excuse else {})
            transaction.audit(actor, f"gate.{decision}", f"{service}/{stage}", id, detail, at, policy)
        return True

    def verdict(self, id: str) -> dict[str, Any] | None:  # noqa: A002
        with self.reading() as connection:
            text = connection.scalar(select(schema.verdict.c.body).where(schema.verdict.c.id == id))
        return None if text is None else dict(load(text))

    # ---- what the cockpit asks ----

    def incidents(self, limit: int = 100, phase: str = "") -> list[Incident]:
        """The latest incidents, newest first; of one phase if given."""
        query = select(schema.incident).order_by(desc("opened"), schema.incident.c.id).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query.where(schema.incident.c.phase == phase) if phase else query)
            return [incident_of(row) for row in rows]

    def incident(self, id: str) -> Incident | None:  # noqa: A002
        with self.reading() as connection:
            row = connection.execute(select(schema.incident).where(schema.incident.c.id == id)).first()
        return None if row is None else incident_of(row)

    def timeline(self, id: str) -> list[Entry]:  # noqa: A002
        """Everything that happened to an incident, in order: moves of its alert, steps begun, their outcomes."""
        with self.reading() as connection:
            row = connection.execute(select(schema.incident).where(schema.incident.c.id == id)).first()
            if row is None:
                return []
            entries = [*_moves(connection, incident_of(row)), *_effects(connection, id)]
        return sorted(entries, key=lambda entry: entry.at)


def incident_of(row: Any) -> Incident:
    """The incident a row of its table holds."""
    return Incident(row.id, row.service, row.alert, tuple(load(row.labels)), row.tier, row.opened, row.cause, row.phase,
                    row.cleared, row.closed, row.reopened)


# ---- one decision, kept ----


def _keep(transaction: Transaction, decision: Decision, plan: Plan, policy: str, now: int) -> None:
    if isinstance(decision, Moved):
        _keep_move(transaction, decision, policy)
        return
    if isinstance(decision, Tell):
        begin_tell(transaction, decision, decision.channel in plan.notices.once, policy, now)
        return
    if isinstance(decision, Debt):
        keep_debt(transaction, decision, policy, now)
        return
    incident = decision.incident
    if isinstance(decision, Undo):
        named = decision.playbook
        why = "the alert is clear" if named else "the alert left the policy"
        for run in [run_id(incident.id, named)] if named else _runs(transaction, incident.id):
            asked = take_back_run(transaction, run, "engine", now, policy)
            transaction.audit("engine", "playbook.undo", run, why, {"steps": asked}, now, policy)
        return
    row = {**asdict(incident), "labels": dump(incident.labels), "policy": policy}
    upsert(transaction.connection, schema.incident, [row])
    if isinstance(decision, Changed):
        if incident.phase == "closed":
            transaction.execute(schema.note.delete().where(schema.note.c.key == ACK + incident.id))
        reopened = incident.phase == "open"
        transaction.audit("engine", "incident.reopened" if reopened else f"incident.{incident.phase}", incident.id,
                          incident.cause, {"alert": incident.alert, "reopened": incident.reopened}, now, policy)
        return
    _keep_opening(transaction, decision, plan, policy, now)


def _runs(transaction: Transaction, incident: str) -> list[str]:
    query = select(schema.run.c.id).where(schema.run.c.incident == incident,
                                        ~schema.run.c.playbook.startswith(TELL)).order_by(schema.run.c.id)
    return list(transaction.execute(query).scalars())


def _keep_move(transaction: Transaction, move: Moved, policy: str) -> None:
    value = None if move.value is None else f"{move.value.numerator}/{move.value.denominator}"
    transaction.execute(schema.moved.insert(), {
        "alert": move.alert, "labels": dump(move.labels), "before": move.before, "after": move.after, "value": value,
        "at": move.at, "cause": move.cause})
    transaction.audit("engine", f"alert.{move.after}", "/".join((move.alert, *move.labels)), move.cause,
                      {"before": move.before, "after": move.after, "value": value}, move.at, policy)


def _keep_opening(transaction: Transaction, opened: Opened, plan: Plan, policy: str, now: int) -> None:
    incident = opened.incident
    transaction.audit("engine", "incident.open", incident.id, incident.cause,
                      {"alert": incident.alert, "labels": list(incident.labels), "tier": incident.tier,
                       "playbooks": list(opened.playbooks)}, now, policy)
    playbooks = {playbook.name: playbook for playbook in plan.playbooks}
    for name in opened.playbooks:
        begin_run(transaction, playbooks[name], incident, policy, now)


# ---- the storyboard ----


def _moves(connection: Connection, incident: Incident) -> list[Entry]:
    table = schema.moved
    query = select(table).where(table.c.alert == incident.alert, table.c.labels == dump(incident.labels),
                                table.c.at >= incident.opened).order_by(table.c.seq)
    if incident.closed is not None:
        query = query.where(table.c.at <= incident.closed)
    return [Entry(row.at, "alert", row.alert, row.cause, {
        "before": row.before, "after": row.after, "value": None if row.value is None else Fraction(row.value)})
        for row in connection.execute(query)]


def _effects(connection: Connection, incident: str) -> list[Entry]:
    step, outcome, run = schema.step, schema.outcome, schema.run
    begun = connection.execute(
        select(step.c.key, step.c.words, step.c.kind, step.c.traffic, run.c.begun).join(run, run.c.id == step.c.run)
        .where(step.c.incident == incident).order_by(step.c.ordinal))
    entries = [Entry(row.begun, "begun", row.key, row.words, {"kind": row.kind, "traffic": row.traffic})
               for row in begun]
    ended = connection.execute(
        select(outcome, step.c.words, step.c.kind).join(step, step.c.key == outcome.c.step)
        .where(step.c.incident == incident).order_by(outcome.c.at))
    return entries + [Entry(row.at, "outcome", row.step, row.words, {
        "way": row.way, "result": row.result, "why": row.why, "kind": row.kind, "detail": load(row.detail)})
        for row in ended]
