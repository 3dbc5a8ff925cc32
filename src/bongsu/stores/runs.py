"""A run of a playbook: written down whole before its first effect, taken back step by step."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Update, bindparam, select

from bongsu import registry
from bongsu.incident import Incident, dedup_key
from bongsu.notice import Tell
from bongsu.response import Playbook, Step, begin, overtaken, run_id, undo, urgency
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.saved import Spec, dump, spec_of

OVERTAKEN = "it was over before it could be told: one message says both"
TELL = "tell:"
"""What the names of runs that tell somebody begin with; no playbook can be called so."""


def begin_run(transaction: Transaction, playbook: Playbook, incident: Incident, policy: str, now: int) -> bool:
    """Write the run and its waiting steps; False where it was begun before (a decision that came twice)."""
    run = run_id(incident.id, playbook.name)
    if transaction.execute(select(schema.run.c.id).where(schema.run.c.id == run)).first() is not None:
        return False
    specs = [spec_of(action) for action in playbook.steps]
    transaction.execute(schema.run.insert(), {"id": run, "incident": incident.id, "playbook": playbook.name,
                                              "version": policy, "steps": dump(specs), "begun": now})
    steps = begin(playbook, incident.id, now)
    rows = [{**columns_of(step), "key": step.key, "run": run, "incident": incident.id, "n": step.n, "kind": step.kind,
             "undo_wanted": False, "traffic": action.traffic, "on_unknown": action.on_unknown, "owner": "", "why": "",
             "lane": _lane(incident, spec), "words": action.words(),
             "urgency": urgency(incident.tier, traffic=action.traffic)}
            for step, action, spec in zip(steps, playbook.steps, specs, strict=True)]
    if rows:
        transaction.execute(schema.step.insert(), rows)
    return True


def begin_tell(transaction: Transaction, tell: Tell, once: bool, policy: str, now: int) -> None:
    """Write down that a channel is to be told: a run of one step under the incident the notice is about first.

    It is not taken back: that it is over is a notice of its own, and waits behind this one.
    """
    action = registry.part("actions", "notify")(tell.channel, once)
    name = f"{TELL}{tell.channel}"
    key = f"{tell.channel}/{tell.delivery}"
    run = f"{run_id(tell.incident, name)}/{sha256(key.encode()).hexdigest()[:16]}"
    specs = [replace(spec_of(action), tell=tell)]
    transaction.execute(schema.run.insert(), {"id": run, "incident": tell.incident, "playbook": name,
                                              "version": policy, "steps": dump(specs), "begun": now})
    step = Step(key, run, tell.incident, 0, action.kind, next_at=now, begun=now)
    lane = sha256("\0".join((tell.key, action.kind, tell.channel)).encode()).hexdigest()[:32]
    soon = urgency(tell.tier)
    transaction.execute(_hasten(), {"the_lane": lane, "soon": soon})
    transaction.execute(schema.step.insert(), {
        **columns_of(step), "key": key, "run": run, "incident": tell.incident, "n": 0, "kind": action.kind,
        "undo_wanted": False, "traffic": False, "on_unknown": action.on_unknown, "owner": "", "why": "", "lane": lane,
        "words": action.words(), "urgency": soon})
    transaction.audit("engine", f"notice.{tell.state}", key, tell.why, {
        "channel": tell.channel, "firing": [k.incident for k in tell.firing],
        "resolved": [k.incident for k in tell.resolved], "escalated": tell.escalated}, now, policy)


@cache
def _hasten() -> Update:
    """What stands before an urgent notice of the same group is as urgent: it has to go first."""
    step = schema.step
    return step.update().where(step.c.lane == bindparam("the_lane"), schema.OPEN, schema.WAITS,
                               step.c.urgency > bindparam("soon")).values(urgency=bindparam("soon"))


def _lane(incident: Incident, spec: Spec) -> str:
    """Steps of one lane are carried out one after the other: what a channel is told of one alert keeps its order,
    also from an incident to the next one of the same alert."""
    key = dedup_key(incident.service, incident.alert, incident.labels)
    return sha256("\0".join((key, spec.kind, dump(spec.settings))).encode()).hexdigest()[:32]


def take_back_run(transaction: Transaction, run: str, actor: str, now: int, policy: str) -> int:
    """Ask every step of a run to be undone; returns how many are to be, or never happen now.

    A step that is being carried out, or may have been, is undone once that is known.
    """
    asked, table = 0, schema.step
    query = select(table, schema.incident.c.tier).join(schema.incident, schema.incident.c.id == table.c.incident)
    for row in transaction.execute(query.where(table.c.run == run).order_by(table.c.ordinal)).all():
        step = step_of(row)
        if _undone_before(transaction, step):
            continue
        if (late := overtaken(step, row.tier, now)) is not None:
            write_step(transaction, step, late)
            keep_outcome(transaction, step, "do", "overtaken", {}, OVERTAKEN, now)
            transaction.audit(actor, "step.overtaken", step.key, OVERTAKEN, {"kind": step.kind}, now, policy)
            asked += 1
            continue
        after = undo(step, now)
        if after is None:
            if step.state not in ("waiting", "running"):
                continue
            transaction.execute(table.update().where(table.c.key == step.key).values(undo_wanted=True))
        else:
            write_step(transaction, step, after)
            if after.state == "undone":
                keep_outcome(transaction, step, "do", "cancelled", {}, "taken back before it began", now)
                transaction.audit(actor, "step.cancelled", step.key, "taken back before it began",
                                  {"kind": step.kind}, now, policy)
        asked += 1
    return asked


def _undone_before(transaction: Transaction, step: Step) -> bool:
    """Whether it is on record how taking it back ended: that happens once."""
    table = schema.outcome
    return transaction.execute(select(table.c.step).where(table.c.step == step.key, table.c.way == "undo")
                               ).first() is not None


def step_of(row: Any) -> Step:
    """The step a row of its table holds."""
    return Step(row.key, row.run, row.incident, row.n, row.kind, row.state, row.attempts, row.fence, row.next_at,
                row.lease_until, row.begun)


def columns_of(step: Step) -> dict[str, Any]:
    """The columns that a transition may change."""
    return {"state": step.state, "attempts": step.attempts, "fence": step.fence, "next_at": step.next_at,
            "lease_until": step.lease_until, "begun": step.begun}


def write_step(transaction: Transaction, before: Step, after: Step, **more: Any) -> bool:
    """Change a step from what it was; False where it is no longer that (another worker was first)."""
    was = {"was_key": before.key, "was_fence": before.fence, "was_state": before.state}
    return bool(transaction.execute(_update(tuple(more)), {**columns_of(after), **more, **was}).rowcount)


@cache
def _update(more: tuple[str, ...]) -> Update:
    """Built once: SQLAlchemy takes longer to build a statement than SQLite to carry it out."""
    table = schema.step
    names = ("state", "attempts", "fence", "next_at", "lease_until", "begun", *more)
    return table.update().where(
        table.c.key == bindparam("was_key"), table.c.fence == bindparam("was_fence"),
        table.c.state == bindparam("was_state")).values({name: bindparam(name) for name in names})


def keep_outcome(transaction: Transaction, step: Step, way: str, result: str, detail: Any, why: str, now: int) -> None:
    """The one outcome of a way of a step; the table's key refuses a second."""
    transaction.execute(schema.outcome.insert(), {
        "step": step.key, "way": way, "result": result, "detail": dump(detail), "why": why, "at": now,
        "attempt": step.attempts, "fence": step.fence})
