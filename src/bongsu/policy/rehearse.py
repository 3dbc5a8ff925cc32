"""A policy's own ``tests:`` on a virtual clock: events happen, base window by base window, and expectations are asked.

A test begins with nothing behind it: every window is cold, objectives are created as it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bongsu.alert import Burn
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Opened, Plan, Undo, tick
from bongsu.event import Event
from bongsu.policy.declare import Expectation, TestDecl
from bongsu.policy.model import Policy
from bongsu.policy.scalar import Moment as Offset
from bongsu.policy.scalar import Span, show_moment

Count = Callable[[Sequence[Event], Plan], Iterable[Cell]]
"""How events are counted: the embedded runner, or any other."""

START = 1_767_225_600 * 10**6
"""2026-01-01; any instant would do."""


@dataclass(frozen=True)
class Failure:
    """An expectation that was not met, as a sentence with its place."""

    path: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.text}"


@dataclass(frozen=True)
class Moment:
    """What stood at one tick: ``at`` since the test began, the phases of each alert, what began and what was undone."""

    at: int
    alerts: dict[str, frozenset[str]]
    begun: frozenset[str]
    undone: frozenset[str]

    def meets(self, e: Expectation) -> bool:
        """An alert split by labels is ok when all of it is, and in another state when any of it is."""
        if e.playbook:
            return e.playbook in (self.begun if e.state == "begun" else self.undone)
        phases = self.alerts.get(e.alert, frozenset())
        return not phases - {"ok"} if e.state == "ok" else e.state in phases


def rehearse(policy: Policy, count: Count) -> list[Failure]:
    """Every expectation of every test that was not met."""
    return [failure for test in policy.tests for failure in _judge(policy, test, list(timeline(policy, test, count)))]


def events(policy: Policy, test: TestDecl) -> Iterator[Event]:
    """The events of a test, each with an id of its own."""
    for i, happening in enumerate(test.events):
        moments = ([happening.at.begin] if happening.every is None
                   else range(happening.at.begin, happening.at.end, happening.every))
        for n, moment in enumerate(moments):
            columns = {"service": policy.service.name, "currency": policy.currency, **happening.columns}
            yield Event(id=f"{test.name}/{i}/{n}", time=_start(policy.plan) + moment, **columns)


def timeline(policy: Policy, test: TestDecl, count: Count) -> Iterator[Moment]:
    """Tick after tick until the last event and the last expectation are past."""
    base, start = policy.plan.base, _start(policy.plan)
    plan = _born(policy.plan, start)
    counted = sorted(count(list(events(policy, test)), plan), key=lambda cell: cell.start)
    batches = {begin: list(cells) for begin, cells in groupby(counted, key=lambda cell: cell.start)}
    last = max([0, *(h.at.end for h in test.events), *(_span(e, base).end for e in test.expect)])
    cells, state = Cells(base), EngineState(watermark=start)
    for at in range(0, _up(last, base) + base + 1, base):
        now = start + at
        cells.add(batches.get(now - base, ()))
        state, decisions = tick(plan, cells, replace(state, watermark=now), now)
        phases: dict[str, set[str]] = {}
        for (alert, _), held in state.alerts.items():
            phases.setdefault(alert, set()).add(held.phase)
        yield Moment(at, {alert: frozenset(seen) for alert, seen in phases.items()},
                     frozenset(p for d in decisions if isinstance(d, Opened) for p in d.playbooks),
                     frozenset(d.playbook for d in decisions if isinstance(d, Undo)))


def _judge(policy: Policy, test: TestDecl, moments: list[Moment]) -> Iterator[Failure]:
    for e in test.expect:
        span = _span(e, policy.plan.base)
        inside = [m for m in moments if span.begin <= m.at <= span.end]
        if any(m.meets(e) for m in inside) == e.never:
            yield Failure(policy.path, e.place.line, e.place.column,
                          f"test '{test.name}': expected {_wanted(e)}, came {_seen(e, inside, moments)}")


def _wanted(e: Expectation) -> str:
    what = f"alert {e.alert}" if e.alert else f"playbook {e.playbook}"
    when = (f"at {show_moment(e.at)}" if e.at is not None else "" if e.between is None
            else f"between {show_moment(e.between.begin)} and {show_moment(e.between.end)}")
    return f"{what} {'never ' if e.never else ''}{e.state} {when}"


def _seen(e: Expectation, inside: list[Moment], moments: list[Moment]) -> str:
    """What happened instead: an alert's states in the span in order, or when the playbook did move."""
    if e.playbook:
        found = [f"{word} at {show_moment(m.at)}" for m in moments
                 for word, names in (("begun", m.begun), ("undone", m.undone)) if e.playbook in names]
        return ", ".join(found) or "neither begun nor undone in the whole test"
    states = groupby(inside, key=lambda m: " and ".join(sorted(m.alerts.get(e.alert, {"ok"}))))
    return ", then ".join(f"{state} from {show_moment(next(run).at)}" for state, run in states) or "no tick"


def _span(e: Expectation, base: int) -> Span:
    """The ticks an expectation is about: a moment is judged at the first tick that has seen it."""
    if e.between is not None:
        return e.between
    at = Offset(_up(e.at or 0, base))
    return Span(at, at)


def _start(plan: Plan) -> int:
    return _up(START, plan.base)


def _up(value: int, base: int) -> int:
    return -(-value // base) * base


def _born(plan: Plan, start: int) -> Plan:
    """The plan with its objectives created at the start of the test."""
    rules = tuple(replace(r, when=replace(r.when, objective=replace(r.when.objective, created=start)))
                  if isinstance(r.when, Burn) else r for r in plan.rules)
    return replace(plan, objectives=tuple(replace(o, created=start) for o in plan.objectives), rules=rules)
