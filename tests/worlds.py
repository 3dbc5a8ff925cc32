"""Small worlds for tests: cells from counts a minute, and rules to judge them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from bongsu.alert import Burn, Rule, Signal, State, Threshold, step
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, tick
from bongsu.expression import read
from bongsu.quantity import MINUTE, Duration
from bongsu.slis.count import Count
from bongsu.slis.ratio import Ratio
from bongsu.slo import Objective, pairs

FAILURES = Signal("failures", Ratio(read("outcome = 'error'")), key="failures")
BLOCKS = Signal("blocks", Count(read("blocked")), key="blocks")


def minutes(*spans: tuple[int, int, int], signal: str = "failures") -> list[Cell]:
    """(how many minutes, total a minute, bad a minute), one span after the other from minute 0."""
    cells, at = [], 0
    for length, total, bad in spans:
        for _ in range(length):
            cells += [Cell(signal, (), at, "total", total), Cell(signal, (), at, "bad", bad)]
            at += MINUTE
    return cells


def objective(target: str, window: int, created: int = 0) -> Objective:
    return Objective("available", "failures", Fraction(target), Duration(window), created)


def burn_rule(goal: Objective, severity: str = "page") -> Rule:
    return Rule("burn", Burn(goal, tuple(p for p in pairs(goal.window) if p.severity == severity)), tier="major")


def phases(rules: Iterable[Rule], cells: Cells, at: Iterable[int], service: str = "bot") -> list[Mapping[str, str]]:
    """The phase of every rule at each instant, ticking in order; the watermark is the tick's own time."""
    plan, state, seen = Plan(service, rules=tuple(rules)), EngineState(), []
    for now in at:
        state, _ = tick(plan, cells, EngineState(now, state.alerts, state.incidents), now)
        seen.append({name: alert.phase for (name, _), alert in state.alerts.items()})
    return seen


def walk(rule: Rule, readings: Iterable[object], every: int = MINUTE) -> list[State]:
    """States of one rule over readings at 0, 1, 2… intervals."""
    state, out = State(), []
    for i, reading in enumerate(readings):
        state = step(rule, state, reading, i * every)  # type: ignore[arg-type]
        out.append(state)
    return out


def gauge(enter: str, leave: str) -> Threshold:
    return Threshold(BLOCKS, ">", Fraction(enter), MINUTE, "<=", Fraction(leave))
