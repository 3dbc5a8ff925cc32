"""A recorded trace judged on a virtual clock: what would have been alerted, and done?

The same counting and the same ticks as live; only the clock is the trace's own. A month replays in seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bongsu.alert import Threshold
from bongsu.cell import Cell, Cells
from bongsu.engine import Changed, Decision, EngineState, Moved, Opened, Plan, Undo, born, standings, tick
from bongsu.event import Event
from bongsu.incident import show
from bongsu.notice import Tell
from bongsu.postmortem import Debt
from bongsu.quantity import show_duration, show_share
from bongsu.runners.labelled import LabelledCounter


@dataclass
class Replay:
    """What a replay found: decisions with their (virtual) time, and where everything stood at the end."""

    plan: Plan
    cells: Cells
    events: int = 0
    ticks: int = 0
    first: int = 0
    last: int = 0
    decisions: list[tuple[int, Decision]] = field(default_factory=list)
    state: EngineState = field(default_factory=EngineState)


def run(plan: Plan, batches: Iterable[list[Event]], progress: Callable[[int], None] = lambda n: None) -> Replay:
    """Count all events, then tick at every base window from the first event until everything has calmed down.

    Recorded events have an origin of their own (``replay``); the plan's signals are read as if they were live. A label
    counts where its event is of the same batch, as if it had been known with it.
    """
    plan = replace(plan, signals=tuple(replace(s, origin="any") for s in plan.signals))
    counter, cells = LabelledCounter(plan.signals, plan.base), Cells(plan.base)
    out = Replay(plan, Cells(plan.base))
    for batch in batches:
        times = [event.time for event in batch]
        out.first = min(times) if not out.events else min(out.first, *times)
        out.last = max(out.last, *times)
        out.events += len(batch)
        cells.add(counter.count(batch))
        progress(out.events)
    if out.events:
        _tick_through(out, sorted(cells, key=lambda cell: cell.start))
    return out


def _tick_through(out: Replay, cells: Sequence[Cell]) -> None:
    out.plan = plan = born(out.plan, {o.name: out.first for o in out.plan.objectives})
    now = -(-out.first // plan.base) * plan.base
    # Whatever is still firing when the trace ends gets the time to clear: silence alone ends most alerts.
    windows = [r.when.over + r.when.delay for r in plan.rules if isinstance(r.when, Threshold)]
    end = out.last + plan.base + 2 * max(windows, default=0)
    known = 0
    while now <= end:
        # As live: at ``now`` only what has happened by then is known.
        upto = bisect_left(cells, now, known, key=lambda cell: cell.start)
        out.cells.add(cells[known:upto])
        known = upto
        out.state, decisions = tick(plan, out.cells, replace(out.state, watermark=now), now)
        out.decisions += [(now, decision) for decision in decisions]
        out.ticks += 1
        now += plan.base


def when(at: int) -> str:
    """An instant for people, in UTC."""
    return datetime.fromtimestamp(at / 10**6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def words(decision: Decision) -> str:
    """A decision as one line."""
    match decision:
        case Moved():
            return f"alert {decision.alert}: {decision.before} -> {decision.after}; {decision.cause}"
        case Opened():
            return f"incident {decision.incident.id} opens; begins {', '.join(decision.playbooks) or 'nothing'}"
        case Changed():
            return f"incident {decision.incident.id} is {decision.incident.phase}"
        case Undo():
            return f"playbook {decision.playbook} is taken back"
        case Debt():
            return f"postmortem of {decision.incident} is due: {show_share(decision.share)} of {decision.objective}"
        case Tell():
            about = ", ".join(k.incident for k in decision.firing or decision.resolved)
            return f"{decision.channel} is told ({decision.why}): {about} {decision.state}"


def report(out: Replay) -> dict[str, Any]:
    """Everything found, as plain values for people and machines."""
    begin, end = out.first, out.last + 1
    span = (begin // out.plan.base * out.plan.base, end)
    return {
        "events": out.events, "ticks": out.ticks, "cells": out.cells.digest(),
        "from": when(out.first), "to": when(out.last), "span": show_duration((end - begin) // 10**6 * 10**6),
        "signals": {s.name: show(s.sli.value(out.cells.vector(s.key, *span)), s.unit) for s in out.plan.signals},
        "objectives": {
            s.objective.name: "no data" if s.budget.remaining is None else f"{show_share(s.budget.remaining)} left"
            for s in standings(out.plan, out.cells, out.state, end)
        },
        "decisions": [{"at": when(at), "what": type(d).__name__.lower(), "text": words(d)} for at, d in out.decisions],
    }
