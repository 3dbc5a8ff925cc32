"""The golden numbers: checked against promtool, Prometheus and the published tables where those are right."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from bongsu.alert import Reading, Rule
from bongsu.cell import Cell, Cells
from bongsu.expression import read
from bongsu.period import Calendar
from bongsu.quantity import DAY, HOUR, MINUTE, Duration, parse_money, parse_share
from bongsu.slis.mean import Mean
from bongsu.slo import (
    Budget,
    Objective,
    Slices,
    burn,
    coverage,
    pairs,
    projected,
    reachable,
    reachable_factor,
    significant,
    standing,
    tail,
)
from worlds import burn_rule, gauge, minutes, objective, phases, walk

pytestmark = pytest.mark.req("A2", "A3")


def firing(cells: Cells, goal_created: int, start: int, length: int, severity: str = "page") -> list[str]:
    """Phase of the 99 % / 30 d burn alert at start, start+1… minutes (ticking from minute 1 on)."""
    goal = objective("99/100", 30 * DAY, goal_created)
    seen = phases([burn_rule(goal, severity)], cells, [m * MINUTE for m in range(start, start + length)])
    return [s["burn"] for s in seen]


def test_g1_after_400_clean_minutes_an_outage_pages_at_the_9th_minute() -> None:
    cells = Cells(MINUTE, minutes((400, 600, 0), (20, 600, 600)))
    assert firing(cells, 0, 400, 12) == ["ok"] * 9 + ["firing"] * 3


def test_g2_a_cold_start_pages_at_the_9th_minute_too_since_long_windows_do_not_vote() -> None:
    cells = Cells(MINUTE, minutes((60, 600, 0), (20, 600, 600)))
    assert firing(cells, 0, 60, 12) == ["ok"] * 9 + ["firing"] * 3


def test_g3_a_ten_minute_outage_fires_until_4_minutes_after_its_end() -> None:
    cells = Cells(MINUTE, minutes((400, 600, 0), (10, 600, 600), (20, 600, 0)))
    assert firing(cells, 0, 409, 8) == ["firing"] * 6 + ["ok"] * 2


def test_g4_ten_percent_errors_page_after_216_minutes_and_not_at_exact_equality() -> None:
    cells = Cells(MINUTE, minutes((400, 600, 0), (300, 600, 60)))
    seen = firing(cells, 0, 400, 220)
    assert seen[216] == "ok"
    assert seen[217] == "firing"
    assert "firing" not in seen[:217]


def test_g5_a_budget_spent_to_the_last_request_is_exhausted() -> None:
    budget = Budget(1_000_000, 1000, parse_share("99.9%"))
    assert budget.exhausted
    assert budget.remaining == 0
    assert 1 - 1000 / ((1 - 0.999) * 1_000_000) > 0, "floats would open the gate"


@pytest.mark.parametrize("target", [".003", ".005", ".006", ".01", ".02", ".05", ".1"])
def test_g6_cost_at_exactly_110_percent_reaches_the_threshold(target: str) -> None:
    base = parse_money(f"0{target} USD")
    cost = Fraction(11, 10) * base.amount
    assert cost >= parse_share("110%") * base.amount


def test_g7_a_quiet_night_weighs_by_its_requests_not_by_its_minutes() -> None:
    cells = Cells(MINUTE, minutes((60, 1000, 0), (60, 1, 1)))
    goal = objective("99/100", 30 * DAY)
    budget = standing(cells, goal, 120 * MINUTE, 120 * MINUTE).budget
    assert Fraction(budget.bad, budget.total) == Fraction(60, 60_060)


@pytest.mark.parametrize(("bad", "total", "target", "min_bad", "expected"), [
    (1, 10, "999/1000", 1, False), (3, 10, "99/100", 3, True),
    (5, 100, "999/1000", 3, True), (2, 10, "99/100", 3, False),
])
def test_g11_low_traffic_alerts_only_on_more_than_bad_luck(
    bad: int, total: int, target: str, min_bad: int, expected: bool
) -> None:
    assert significant(bad, total, Fraction(target), min_bad) is expected


def test_g11_tails_are_exact() -> None:
    assert f"{float(tail(1, 10, Fraction(1, 1000))):.5f}" == "0.00996"
    assert f"{float(tail(3, 10, Fraction(1, 100))):.2e}" == "1.14e-04"
    assert f"{float(tail(5, 100, Fraction(1, 1000))):.0e}" == "7e-08"


def readings(values: list[str], enter: str = ".25", leave: str = ".20") -> list[Reading]:
    return [Reading(Fraction(v), Fraction(v) > Fraction(enter), Fraction(v) <= Fraction(leave)) for v in values]


def test_g12_two_thresholds_hold_between_them() -> None:
    values = [".22", ".24", ".26", ".24", ".21", ".23", ".19", ".24", ".26"]
    seen = [s.phase for s in walk(Rule("psi", gauge(".25", ".20")), readings(values))]
    assert seen == ["ok", "ok", "firing", "firing", "firing", "firing", "ok", "ok", "firing"]


def test_g13_for_3m_and_clear_5m_fire_from_8_to_15_and_resolve_at_16() -> None:
    rule = Rule("a", gauge("0", "0"), hold=Duration(3 * MINUTE), clear_hold=Duration(5 * MINUTE))
    states = walk(rule, [Reading(Fraction(v), v > 0, v <= 0) for v in [0] * 5 + [1] * 6 + [0] * 8])
    told = ["on" if s.phase in ("firing", "clearing") else s.phase for s in states]
    assert told[:5] == ["ok"] * 5
    assert told[5:8] == ["pending"] * 3
    assert told[8:16] == ["on"] * 8
    assert told[16] == "ok"


def test_g14_a_value_dancing_on_the_line_makes_one_transition_not_eight() -> None:
    values = [".26", ".24"] * 8
    double = [s.phase for s in walk(Rule("a", gauge(".25", ".20")), readings(values))]
    single = [s.phase for s in walk(Rule("a", gauge(".25", ".25")), readings(values, leave=".25"))]
    assert [sum(a != b for a, b in pairwise(["ok", *seen])) for seen in (double, single)] == [1, 16]


def test_the_burn_table_is_the_workbooks() -> None:
    assert [p.factor(Duration(30 * DAY)) for p in pairs(Duration(30 * DAY))] == [Fraction(72, 5), 6, 3, 1]
    assert [float(p.factor(Duration(28 * DAY))) for p in pairs(Duration(28 * DAY))] == pytest.approx(
        [13.44, 5.6, 2.8, 0.9333], abs=1e-4)
    week = Duration(7 * DAY)
    assert [float(p.factor(week)) for p in pairs(week)] == pytest.approx([13.44, 3.5, 1.4, 0.98])
    assert all(p.short * 12 == p.long for p in pairs(Duration(30 * DAY)))


def test_a_factor_that_no_error_rate_can_reach_is_known_and_replaced() -> None:
    assert not reachable(Fraction(72, 5), Fraction(9, 10))
    assert reachable(Fraction(72, 5), Fraction(95, 100))
    assert reachable_factor(Fraction(72, 5), Fraction(9, 10)) == 9


def test_one_bad_of_a_thousand_on_a_5_percent_budget_leaves_98_percent() -> None:
    assert Budget(1000, 1, Fraction(95, 100)).remaining == Fraction(98, 100)
    assert burn(1, 1000, Fraction(95, 100)) == Fraction(2, 100)


def test_no_traffic_is_undefined_not_zero() -> None:
    assert burn(0, 0, Fraction(99, 100)) is None
    assert Budget(0, 0, Fraction(99, 100)).remaining is None
    assert not Budget(0, 0, Fraction(99, 100)).exhausted


def test_an_overdrawn_budget_shows_how_far() -> None:
    assert Budget(720, 37, Fraction(95, 100)).remaining == 1 - Fraction(37, 36)


def test_bad_events_leave_the_budget_after_the_window() -> None:
    cells = Cells(MINUTE, minutes((10, 100, 100), (100, 100, 0)))
    goal = objective("99/100", HOUR)
    assert standing(cells, goal, 60 * MINUTE, 60 * MINUTE).budget.exhausted
    assert standing(cells, goal, 70 * MINUTE, 70 * MINUTE).budget.bad == 0


def test_an_idle_service_is_covered_and_a_stalled_pipeline_is_not() -> None:
    hour = Duration(HOUR)
    assert coverage(0, 2 * HOUR, 2 * HOUR, hour) == 1
    assert coverage(0, int(1.75 * HOUR), 2 * HOUR, hour) == Fraction(3, 4)
    assert coverage(2 * HOUR, 2 * HOUR, 2 * HOUR, hour) == 1


def psi(*bad: int, n: int = 720, every: int = HOUR, skip: tuple[int, ...] = ()) -> Cells:
    """One reading a slice: 0.3 in bad slices, 0.1 in the others, none in those skipped."""
    return Cells(MINUTE, [Cell("psi", (), i * every, part, value) for i in range(n) if i not in skip
                          for part, value in (("sum", 3 if i in bad else 1), ("per", 10))])


def sliced(target: str, nodata: str = "exclude") -> Objective:
    psi_mean = Mean(read("cost", "number"), read("input_tokens", "number"))
    slices = Slices(psi_mean, HOUR, "<=", Fraction(2, 10), nodata)  # type: ignore[arg-type]
    return Objective("drift", "psi", Fraction(target), Duration(30 * DAY), slices=slices)


@pytest.mark.parametrize(("bad", "left", "exhausted"), [
    (35, Fraction(1, 36), False), (36, 0, True), (37, Fraction(-1, 36), True),
])
def test_g8_hourly_slices_of_30_days_at_95_percent_allow_36_bad_ones(bad: int, left: Fraction, exhausted: bool) -> None:
    cells, now = psi(*range(100, 100 + bad)), 720 * HOUR
    budget = standing(cells, sliced("95/100"), now, now).budget
    assert (budget.total, budget.bad) == (720, bad)
    assert (budget.remaining, budget.exhausted) == (left, exhausted)


@pytest.mark.parametrize(("window", "every", "target", "allowed"), [
    (7 * DAY, MINUTE, "9995/10000", Fraction(504, 100)), (14 * DAY, HOUR, "95/100", Fraction(168, 10)),
])
def test_g9_a_budget_of_slices_is_that_of_the_whole_window(
    window: int, every: int, target: str, allowed: Fraction
) -> None:
    slices = replace(sliced(target).slices, every=Duration(every))  # type: ignore[type-var]
    goal = replace(sliced(target), slices=slices, window=Duration(window))
    young = standing(psi(n=10, every=every), goal, 10 * every, 10 * every).budget
    assert (1 - young.target) * young.total == allowed


@pytest.mark.parametrize(("nodata", "total", "bad", "seen"), [
    ("exclude", 710, 2, Fraction(71, 72)), ("bad", 720, 12, 1), ("good", 720, 2, 1),
])
def test_a_slice_without_data_is_what_the_policy_says(nodata: str, total: int, bad: int, seen: Fraction) -> None:
    cells, now = psi(5, 6, skip=tuple(range(300, 310))), 720 * HOUR
    found = standing(cells, sliced("95/100", nodata), now, now)
    assert (found.budget.total, found.budget.bad, found.coverage) == (total, bad, seen)


def test_a_late_event_changes_the_slice_it_belongs_to() -> None:
    cells, now = psi(), 720 * HOUR
    assert standing(cells, sliced("95/100"), now, now).budget.bad == 0
    cells.add([Cell("psi", (), 40 * HOUR, "sum", 9)])
    assert standing(cells, sliced("95/100"), now, now).budget.bad == 1


def test_g10_a_calendar_budget_shows_to_date_and_projected_and_is_judged_to_date() -> None:
    month = Calendar("month", "Asia/Seoul")
    begin, end = month.span(1_767_193_200_000_000)
    now = begin + (end - begin) // 3
    budget = Budget(1_000_000, 8000, Fraction(99, 100))
    assert budget.consumed == Fraction(8, 10)
    assert projected(budget, month, now) == Fraction(8, 30)


def test_a_calendar_budget_resets_at_local_midnight_and_a_rolling_one_does_not() -> None:
    seoul = Calendar("month", "Asia/Seoul")
    begin, _ = seoul.span(1_767_193_200_000_000)  # 2026-01-01 in Seoul is still December in UTC
    cells = Cells(MINUTE, [Cell("failures", (), begin - HOUR, part, n) for part, n in (("total", 100), ("bad", 50))])
    calendar = replace(objective("99/100", 30 * DAY), calendar=seoul)
    assert standing(cells, calendar, begin - MINUTE, begin).budget.exhausted
    assert standing(cells, calendar, begin + MINUTE, begin).budget.bad == 0
    assert standing(cells, objective("99/100", 30 * DAY), begin + MINUTE, begin).budget.exhausted


def test_a_day_of_daylight_saving_is_23_or_25_hours_long_and_the_window_knows() -> None:
    berlin = Calendar("month", "Europe/Berlin")
    begin, end = berlin.span(1_774_000_000_000_000)  # March 2026
    assert end - begin == 31 * DAY - HOUR
    begin, end = berlin.span(1_792_000_000_000_000)  # October 2026
    assert end - begin == 31 * DAY + HOUR
