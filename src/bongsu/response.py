"""Playbook + incident -> steps, holds, undo: the pure part of the durable engine.

A step is written down before it is carried out. A worker claims it with a lease and a fence; if it dies, the lease
runs out and another may claim it, with the same idempotency key and a higher fence. Each step ends with exactly one
recorded outcome. All steps of a run begin at once: a slow channel never delays a fail-over.

State of a step:

    waiting -> running -> done -> undo_waiting -> undo_running -> undone
                  |  \\-> failed (refused, or given up)
                  \\----> unknown (the worker died mid-effect and the action may not be repeated)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from bongsu.alert import Tier
from bongsu.ports import Action
from bongsu.quantity import HOUR, SECOND, Duration

StepState = Literal["waiting", "running", "done", "failed", "unknown", "undo_waiting", "undo_running", "undone"]


@dataclass(frozen=True)
class Playbook:
    """What to do when an alert fires, and when to take it back.

    ``undo_after`` counts from the moment the alert clears; None means a person takes it back.
    """

    name: str
    alert: str
    steps: tuple[Action, ...]
    undo_after: Duration | None = Duration(0)


@dataclass(frozen=True)
class Step:
    """One step of one run, as recorded. ``key`` is the idempotency key given to the outside."""

    key: str
    run: str
    incident: str
    n: int
    kind: str
    state: StepState = "waiting"
    attempts: int = 0
    fence: int = 0
    next_at: int = 0
    lease_until: int = 0
    begun: int = 0


URGENCY: dict[Tier, int] = {"severe": 0, "major": 1, "minor": 2, "info": 3}
"""What is carried out first: the lower the sooner. What changes traffic protects somebody, and goes with the severe."""
LEASE = Duration(30 * SECOND)
FIRST_RETRY = Duration(1 * SECOND)
LONGEST_RETRY = Duration(5 * 60 * SECOND)
GIVE_UP = Duration(24 * HOUR)


def urgency(tier: Tier, *, traffic: bool = False) -> int:
    """How soon a step is carried out among those that are due.

    >>> urgency("minor"), urgency("minor", traffic=True)
    (2, 0)
    """
    return 0 if traffic else URGENCY[tier]


def run_id(incident: str, playbook: str) -> str:
    return f"{incident}/{playbook}"


def begin(playbook: Playbook, incident: str, now: int) -> tuple[Step, ...]:
    """The steps of a run, all waiting."""
    run = run_id(incident, playbook.name)
    return tuple(
        Step(f"{run}/{n}", run, incident, n, action.kind, next_at=now, begun=now)
        for n, action in enumerate(playbook.steps)
    )


def claim(step: Step, action: Action, now: int) -> Step:
    """Take a step: a higher fence, a new lease. A step that died mid-effect and may not be repeated becomes unknown."""
    died = step.state in ("running", "undo_running")
    if died and action.on_unknown == "never":
        return replace(step, state="unknown", fence=step.fence + 1)
    state: StepState = "undo_running" if step.state.startswith("undo_") else "running"
    return replace(step, state=state, fence=step.fence + 1, attempts=step.attempts + 1, lease_until=now + LEASE)


def succeed(step: Step) -> Step:
    return replace(step, state="undone" if step.state == "undo_running" else "done")


def refuse(step: Step) -> Step:
    return replace(step, state="failed")


def retry(step: Step, now: int, after: int | None = None) -> Step:
    """Wait and try again: twice as long each time, as long as the outside asked, and for a day at most."""
    if now - step.begun >= GIVE_UP:
        return refuse(step)
    backoff = min(FIRST_RETRY * 2 ** min(step.attempts - 1, 20), LONGEST_RETRY)
    state: StepState = "undo_waiting" if step.state == "undo_running" else "waiting"
    return replace(step, state=state, next_at=now + max(backoff, after or 0))


def overtaken(step: Step, tier: Tier, now: int) -> Step | None:
    """A severe notice that was not sent before its incident was over: one message says that it began and ended.

    None for any other step: what is not severe and already over when its turn comes is not told at all.
    """
    if step.kind == "notify" and tier == "severe" and step.state == "waiting" and step.attempts == 0:
        return replace(step, state="undo_waiting", next_at=now, begun=now)
    return None


def undo(step: Step, now: int) -> Step | None:
    """Ask for a step to be taken back; None where there is nothing to take back (yet, or any more).

    A step that still waits never happens; one now running is asked again when it is done. A notice that failed, or of
    which nobody knows, may have been heard: that it is over is told all the same.
    """
    if step.state == "done" or (step.kind == "notify" and step.state in ("failed", "unknown")):
        return replace(step, state="undo_waiting", attempts=0, next_at=now, begun=now)
    if step.state == "waiting" and step.attempts == 0:
        return replace(step, state="undone")
    return None
