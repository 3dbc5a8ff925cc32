"""What the state database forgets, and what it must not.

Of a run that is over for long enough go its steps and their outcomes, unless its incident is still open, a step of it
may still do something, or a change that it made is in force. Of the moves of an alert stay those of incidents that are
not forgotten, and the last one: so what an alert was at any kept moment can still be said. Incidents stay, as a line
each; the audit log says of everything that it happened.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, exists, or_, select

from bongsu.stores import schema

CHANNELS = "channel/"
"""Notes of channels: which message, issue or thread an alert has outside."""
MOST_RUNS = 500
"""In one transaction: others wait for it."""


def forget_notes(connection: Connection, now: int, before: int) -> int:
    """What channels remember of an alert. What they remembered before its time was kept counts from now on."""
    note = schema.note
    channels = note.c.key.startswith(CHANNELS, autoescape=True)
    connection.execute(note.update().where(channels, note.c.at == 0).values(at=now))
    return connection.execute(note.delete().where(channels, note.c.at < before)).rowcount


def forget_verdicts(connection: Connection, before: int) -> int:
    return connection.execute(schema.verdict.delete().where(schema.verdict.c.at < before)).rowcount


def forget_runs(connection: Connection, before: int) -> int:
    """Runs of incidents that closed before, with their steps and outcomes; at most ``MOST_RUNS``, returns how many."""
    run, step, outcome = schema.run, schema.step, schema.outcome
    runs = list(connection.execute(_runs_over(before).limit(MOST_RUNS)).scalars())
    steps = select(step.c.key).where(step.c.run.in_(runs))
    for statement in (delete(outcome).where(outcome.c.step.in_(steps)), delete(step).where(step.c.run.in_(runs)),
                      delete(run).where(run.c.id.in_(runs))):
        connection.execute(statement)
    return len(runs)


def _runs_over(before: int) -> Any:
    run, step, outcome, change = schema.run, schema.step, schema.outcome, schema.change
    late = exists().where(outcome.c.step == step.c.key, outcome.c.at >= before)
    in_force = exists().where(change.c.owner == step.c.key)
    needed = exists().where(step.c.run == run.c.id, or_(schema.OPEN, late, in_force))
    return (select(run.c.id).join(schema.incident, schema.incident.c.id == run.c.incident)
            .where(run.c.begun < before, schema.incident.c.closed < before, ~needed).order_by(run.c.begun))


def forget_moves(connection: Connection, before: int) -> int:
    """Moves of alerts from before, but the last of each, and those of incidents that were open since."""
    move, later, incident = schema.moved, schema.moved.alias(), schema.incident
    overtaken = exists().where(later.c.alert == move.c.alert, later.c.labels == move.c.labels,
                               later.c.at < before, later.c.seq > move.c.seq)
    told = exists().where(and_(incident.c.alert == move.c.alert, incident.c.labels == move.c.labels,
                               incident.c.opened <= move.c.at),
                          or_(incident.c.closed.is_(None), incident.c.closed >= before))
    return connection.execute(delete(move).where(move.c.at < before, overtaken, ~told)).rowcount
