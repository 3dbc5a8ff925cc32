"""One tick: from numbers to an incident, its actions, and their undoing; on a virtual clock."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from bongsu.actions.block import Block
from bongsu.alert import Burn, Rule, Signal, Threshold, read_burn
from bongsu.cell import Cell, Cells
from bongsu.engine import Changed, Decision, EngineState, Moved, Opened, Plan, Undo, paging, tick
from bongsu.expression import read
from bongsu.incident import cause, measured, residual
from bongsu.quantity import DAY, MINUTE, Duration
from bongsu.response import Playbook
from bongsu.slis.quantile import SCALE, Quantile, bucket
from bongsu.slis.ratio import Ratio
from bongsu.slo import PAIRS_30D, Objective
from worlds import BLOCKS, burn_rule, minutes
from worlds import objective as goal

RULE = Rule("burst", Threshold(BLOCKS, ">", Fraction(10), Duration(5 * MINUTE), "<=", Fraction(2)), tier="severe")
PLAN = Plan("bot", rules=(RULE,), signals=(BLOCKS,),
            playbooks=(Playbook("stop", "burst", (Block("injection"),), Duration(3 * MINUTE)),))


def live(counts: dict[int, int], until: int, plan: Plan = PLAN) -> list[tuple[int, Decision]]:
    """Blocks a minute -> every decision with its minute."""
    cells, state, out = Cells(MINUTE), EngineState(), []
    for m in range(1, until):
        cells.add([Cell("blocks", (), (m - 1) * MINUTE, "n", counts.get(m - 1, 0))])
        state = replace(state, watermark=m * MINUTE)
        state, decisions = tick(plan, cells, state, m * MINUTE)
        out += [(m, d) for d in decisions]
    return out


def kinds(decisions: list[tuple[int, Decision]]) -> list[tuple[int, str]]:
    return [(m, f"{type(d).__name__}:{d.incident.phase}" if isinstance(d, Changed) else type(d).__name__)
            for m, d in decisions]


@pytest.mark.req("D12", "A3")
def test_an_alert_opens_an_incident_clears_it_and_undoes_it_in_its_time() -> None:
    assert kinds(live({10: 20}, 30)) == [
        (11, "Moved"), (11, "Opened"), (16, "Moved"), (16, "Changed:cleared"), (19, "Undo"), (19, "Changed:closed")]


def test_firing_again_before_the_undo_is_the_same_incident_and_begins_nothing_twice() -> None:
    decisions = live({10: 20, 16: 20}, 40)
    assert [k for _, k in kinds(decisions)].count("Opened") == 1
    assert (17, "Changed:open") in kinds(decisions)
    assert len({d.incident.id for _, d in decisions if isinstance(d, (Opened, Changed, Undo))}) == 1
    assert [m for m, d in decisions if isinstance(d, Undo)] == [25]


def test_a_second_episode_after_closing_is_a_new_incident() -> None:
    decisions = live({5: 20, 25: 20}, 45)
    assert len({d.incident.id for _, d in decisions if isinstance(d, Opened)}) == 2


def test_replaying_the_same_month_names_the_same_incidents() -> None:
    assert live({10: 20, 16: 20}, 40) == live({10: 20, 16: 20}, 40)


@pytest.mark.req("D14")
def test_a_strict_operator_does_not_fire_at_equality() -> None:
    assert live({10: 10}, 20) == []
    assert live({10: 11}, 20) != []


def test_the_cause_says_what_was_measured_over_how_long_against_what() -> None:
    opened = next(d for _, d in live({10: 20}, 20) if isinstance(d, Opened))
    assert opened.incident.cause == "blocks is 20 over 5m, alert at > 10"
    assert opened.playbooks == ("stop",)


def test_the_cause_of_a_delayed_alert_says_how_long_ago_its_window_ended() -> None:
    signal = Signal("failing", Ratio(read("outcome = 'error'")), key="failing", unit="share")
    when = Threshold(signal, ">", Fraction(1, 10), MINUTE, "<=", Fraction(1, 20), delay=DAY)
    assert cause(Rule("failing", when), Fraction(1, 2), ()) == (
        "failing is 50% over 1m that ended 1d ago, alert at > 10%")


def test_an_alert_split_by_a_label_has_one_state_machine_a_value() -> None:
    signal = Signal("failing", Ratio(read("outcome = 'error'")), ("model",), key="failing", unit="share")
    rule = Rule("failing", Threshold(signal, ">", Fraction(1, 10), MINUTE, "<=", Fraction(1, 20)), by=("model",))
    cells = Cells(MINUTE, [Cell("failing", ("good",), 0, "total", 100), Cell("failing", ("poor",), 0, "total", 100),
                           Cell("failing", ("poor",), 0, "bad", 50)])
    state, decisions = tick(Plan("bot", rules=(rule,)), cells, EngineState(MINUTE), MINUTE)
    assert [(d.labels, d.after) for d in decisions if isinstance(d, Moved)] == [(("poor",), "firing")]
    assert cause(rule, Fraction(1, 2), ("poor",)) == "failing [model=poor] is 50% over 1m, alert at > 10%"
    assert state.alerts["failing", ("good",)].phase == "ok"


def test_without_data_an_alert_keeps_its_state() -> None:
    signal = Signal("failing", Ratio(read("outcome = 'error'")), key="failing")
    rule = Rule("failing", Threshold(signal, ">", Fraction(1, 10), MINUTE, "<=", Fraction(1, 20)))
    plan = Plan("bot", rules=(rule,))
    cells = Cells(MINUTE, [Cell("failing", (), 0, "total", 10), Cell("failing", (), 0, "bad", 10)])
    state, _ = tick(plan, cells, EngineState(), MINUTE)
    state, decisions = tick(plan, cells, state, 60 * MINUTE)
    assert decisions == ()
    assert state.alerts["failing", ()].phase == "firing"
    assert state.alerts["failing", ()].data == "none"


@pytest.mark.parametrize(("tier", "stops"), [("severe", True), ("major", False), ("minor", False)])
def test_only_a_severe_threshold_alert_stops_a_deploy(tier: str, stops: bool) -> None:
    plan = replace(PLAN, rules=(replace(RULE, tier=tier),))  # type: ignore[arg-type]
    cells = Cells(MINUTE, [Cell("blocks", (), 0, "n", 20)])
    state, _ = tick(plan, cells, EngineState(MINUTE), MINUTE)
    assert (paging(plan, state) == ["burst"]) is stops


@pytest.mark.parametrize(("value", "in_force", "exposure"), [
    (20, (), "exposed"), (20, ("guard on",), "contained"), (3, ("guard on",), "contained"),
    (3, (), "none"), (10, (), "none"),
])
def test_residual_risk_tells_contained_from_exposed(value: int, in_force: tuple[str, ...], exposure: str) -> None:
    assert residual(RULE, Fraction(value), in_force, []).exposure == exposure


def test_a_burn_that_fires_by_a_factor_within_reach_is_exposed() -> None:
    """At a target of 80 % nothing burns faster than 5x: 14.4x and 6x are out of reach, and 4.5x is used."""
    objective = Objective("available", "failures", Fraction(80, 100), Duration(30 * DAY))
    rule = Rule("burning", Burn(objective, tuple(p for p in PAIRS_30D if p.severity == "page")), tier="major")
    left = residual(rule, Fraction(5), (), [])
    assert (left.exposure, left.against) == ("exposed", "> 4.5x")


@pytest.mark.parametrize(("spans", "now", "fires", "shown", "exposure"), [
    (((30, 100, 0), (20, 100, 100), (10, 100, 0)), 60, False, "33.3x over 1h and 0x over 5m", "none"),  # it is over
    (((40, 100, 0), (20, 100, 100)), 60, True, "33.3x over 1h and 100x over 5m", "exposed"),
    (((57, 1, 0), (2, 1, 1), (1, 1, 0)), 60, False, "3.3x over 1h and 40x over 5m", "none"),
    (((50, 0, 0), (8, 1, 0), (2, 1, 1)), 60, False, "20x over 1h and 40x over 5m, which may be chance", "exposed"),
    (((55, 100, 100), (5, 0, 0)), 60, False, "100x over 1h and no data over 5m", "none"),
    (((360, 100, 8),), 360, True, "8x over 6h and 8x over 30m", "exposed"),  # the fast pair is far from firing
])
def test_a_burn_is_shown_by_the_pair_of_windows_that_decides(spans: tuple[tuple[int, int, int], ...], now: int,
                                                              fires: bool, shown: str, exposure: str) -> None:
    """The long window alone would read "ok, 100x (alert at > 14.4x)"."""
    cells, rule = Cells(MINUTE), burn_rule(goal("0.99", 30 * DAY))
    cells.add(minutes(*spans))
    assert isinstance(rule.when, Burn)
    reading = read_burn(cells, rule.when, now * MINUTE, now * MINUTE)
    factor = "6" if "6h" in shown else "14.4"
    assert (reading.enter, *measured(rule, reading.value, reading.burning)) == (fires, shown, f"both > {factor}x")
    left = residual(rule, reading.value, (), [], reading.burning)
    assert (left.exposure, left.value, left.against) == (exposure, shown, f"both > {factor}x")
    assert cause(rule, reading.value, (), "", reading.burning) == (
        f"available burns its error budget {shown}, as fast as its 99% target allows; alert at both > {factor}x")


def rule_with(undo_after: int | None) -> Plan:
    return replace(PLAN, playbooks=(replace(PLAN.playbooks[0], undo_after=undo_after),))  # type: ignore[arg-type]


@pytest.mark.req("A3")
def test_an_alert_that_comes_back_soon_after_its_actions_were_taken_back_makes_them_stay_longer_each_time() -> None:
    bursts = dict.fromkeys(range(5, 200), 20)
    cells, state, undone, force = Cells(MINUTE), EngineState(), [], False
    for m in range(1, 200):
        # The action hides its own cause: while it is in force nothing is blocked.
        cells.add([Cell("blocks", (), (m - 1) * MINUTE, "n", 0 if force else bursts.get(m - 1, 0))])
        state, decisions = tick(PLAN, cells, replace(state, watermark=m * MINUTE), m * MINUTE)
        for decision in decisions:
            force = isinstance(decision, Opened) or (force and not isinstance(decision, Undo))
            if isinstance(decision, Undo):
                undone.append(m)
    waits = [b - a for a, b in pairwise(undone)]
    assert waits == sorted(waits)
    assert waits[-1] >= 2 * waits[0]
    assert len(undone) <= 6


def test_an_alert_that_left_the_policy_closes_its_incident_and_takes_back_what_it_did() -> None:
    cells = Cells(MINUTE, [Cell("blocks", (), 0, "n", 20)])
    state, _ = tick(PLAN, cells, EngineState(MINUTE), MINUTE)
    state, decisions = tick(Plan("bot"), cells, state, 2 * MINUTE)
    assert [type(d).__name__ for d in decisions] == ["Undo", "Changed"]
    assert isinstance(decisions[1], Changed)
    assert decisions[1].incident.phase == "closed"
    assert (state.alerts, state.incidents) == ({}, {})


def test_what_only_a_person_may_take_back_keeps_its_incident_until_they_did() -> None:
    plan = rule_with(None)
    decisions = live({10: 20}, 60, plan)
    assert kinds(decisions)[-1] == (16, "Changed:cleared")
    cells = Cells(MINUTE, [Cell("blocks", (), 0, "n", 20)])
    state, opened = tick(plan, cells, EngineState(MINUTE), MINUTE)
    incident = next(d.incident for d in opened if isinstance(d, Opened))
    state, _ = tick(plan, cells, state, 10 * MINUTE)
    state, closing = tick(plan, cells, state, 11 * MINUTE, frozenset({incident.id}))
    assert [d.incident.phase for d in closing if isinstance(d, Changed)] == ["closed"]


def test_a_quantile_of_too_few_events_is_insufficient_data() -> None:
    slow = Signal("slow", Quantile(read("latency_ms", "number"), Fraction(1, 2)), key="slow", unit="ms")
    rule = Rule("slow", Threshold(slow, ">", Fraction(1), MINUTE, "<=", Fraction(1), min_events=3, evidence="value"))
    cells = Cells(MINUTE, [Cell("slow", (), 0, f"b{bucket(5 * SCALE)}", 2)])
    state, _ = tick(Plan("bot", rules=(rule,)), cells, EngineState(), MINUTE)
    assert (state.alerts["slow", ()].phase, state.alerts["slow", ()].data) == ("ok", "insufficient")
    cells.add([Cell("slow", (), 0, f"b{bucket(5 * SCALE)}", 1)])
    state, _ = tick(Plan("bot", rules=(rule,)), cells, EngineState(), MINUTE)
    assert state.alerts["slow", ()].phase == "firing"
