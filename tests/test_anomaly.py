"""A window against its own seasonal past: the day's rhythm is no anomaly, a break of it is."""

from __future__ import annotations

import json
from fractions import Fraction
from math import pi, sin
from statistics import median

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Rule, Signal, Threshold, reach, read_threshold
from bongsu.cell import Cell, Cells
from bongsu.cli import cli
from bongsu.engine import Plan
from bongsu.expression import read
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.season import choose
from bongsu.slis.anomaly import Anomaly

CALLS = Anomaly(season="week")
ROLLING = Anomaly()
WEEKS = 5


def rule(sli=CALLS, op=">", limit=6) -> Threshold:
    return Threshold(Signal("s", sli, key="s"), op, Fraction(limit), HOUR, "<=" if op == ">" else ">=", Fraction(limit))


def rhythm(hour: int) -> int:
    """Calls of an hour: busy by day, weekends half; a little different each week, and the same every run."""
    day = 1000 + 900 * sin(2 * pi * (hour % 24 - 6) / 24)
    return int(day * (0.5 if hour // 24 % 7 >= 5 else 1) * (1 + (hour * 37 % 11 - 5) / 200)) + 20


def history(hours: int, last: int | None = None) -> Cells:
    counts = [rhythm(h) for h in range(hours)]
    if last is not None:
        counts[-1] = last
    return Cells(MINUTE, [Cell("s", (), h * HOUR, "n", n) for h, n in enumerate(counts)])


@pytest.mark.req("A3")
def test_days_nights_and_weekends_are_no_anomaly_but_a_break_of_them_is():
    hours = WEEKS * 168
    for end in range(hours - 168, hours, 7):
        reading = read_threshold(history(end), rule(), end * HOUR)
        assert reading.value is not None
        assert abs(reading.value) < 6
    night = hours - 168 + 3
    busy = read_threshold(history(night, last=rhythm(14)), rule(), night * HOUR)
    assert busy.enter, "a busy hour at three in the night"
    noon = hours - 168 + 13
    assert read_threshold(history(noon, last=rhythm(3)), rule(op="<", limit=-6), noon * HOUR).enter
    silent = read_threshold(history(noon, last=0), rule(op="<", limit=-6), noon * HOUR)
    assert silent.enter, "no calls at all at noon"


def test_a_young_service_has_too_little_past():
    reading = read_threshold(history(100), rule(), 100 * HOUR)
    assert reading.insufficient
    assert read_threshold(Cells(MINUTE), rule(), 100 * HOUR).value is None


def test_cells_are_kept_as_far_back_as_its_past_goes():
    assert reach(rule()) == HOUR + 4 * 7 * DAY + HOUR
    plan = Plan("a", rules=(Rule("r", rule()),))
    assert plan.longest_window() == reach(rule())


def test_totals_and_means_of_a_number_are_read_too():
    def cells(sli):
        parts = []
        for week in range(5):
            n, cost = 10, 1000 + week * 10 if week < 4 else 9000
            parts += [Cell("s", (), week * 7 * DAY + k * HOUR, p, v) for k in range(3) for p, v in
                      (("n", n), ("sum", cost * n))]
        return Cells(MINUTE, parts)
    for statistic in ("total", "mean"):
        sli = Anomaly(read("cost", "number"), statistic, season="week")
        assert read_threshold(cells(sli), rule(sli), 4 * 7 * DAY + 2 * HOUR).enter


def steady(hours: int, *last: int) -> Cells:
    """About 10,000 calls an hour, without any rhythm; then the last ones."""
    counts = [*(10_000 + (h * 7919 % 401 - 200) for h in range(hours)), *last]
    return Cells(MINUTE, [Cell("s", (), h * HOUR, "n", n) for h, n in enumerate(counts)])


@pytest.mark.req("A3")
def test_without_a_season_a_window_is_read_beside_the_three_days_before_it():
    sli = rule(ROLLING, limit=4)
    assert reach(sli) == HOUR + 72 * HOUR
    for hours in range(100, 172):
        reading = read_threshold(steady(hours), sli, hours * HOUR)
        assert reading.value is not None
        assert not reading.enter
    assert read_threshold(steady(99, 12_000), sli, 100 * HOUR).enter
    assert read_threshold(steady(99, 8_000), rule(ROLLING, "<", -4), 100 * HOUR).enter
    assert read_threshold(steady(36), sli, 36 * HOUR).insufficient, "fewer than half of 72 windows of past"
    assert read_threshold(steady(37), sli, 37 * HOUR).value is not None


def test_its_past_is_24_to_288_windows_however_long_a_window_is():
    assert [len(ROLLING.shifts(Duration(over))) for over in (MINUTE, HOUR // 4, HOUR, DAY)] == [288, 288, 72, 24]
    assert list(Anomaly(past=Duration(2 * DAY)).shifts(Duration(HOUR)))[-1] == 48 * HOUR


def test_a_level_that_moved_is_no_anomaly_for_ever():
    """After a step it alarms at once, and is quiet when half of its past is of the new level."""
    moved = steady(100, *[20_000] * 73)
    said = [read_threshold(moved, rule(ROLLING, limit=4), h * HOUR).enter for h in range(101, 173)]
    assert said[0]
    assert not any(said[36:])


@given(st.lists(st.integers(1, 10**6), min_size=24, max_size=72), st.integers(1, 10**6), st.randoms())
def test_the_order_of_the_past_does_not_matter_and_more_is_never_less_unusual(past, now, chance):
    vectors = [{"n": n} for n in past]
    found = ROLLING.beside({"n": now}, vectors)
    chance.shuffle(vectors)
    assert ROLLING.beside({"n": now}, vectors) == found
    assert ROLLING.beside({"n": now + 10**6}, vectors).value > found.value
    assert (found.value > 0) == (now > median(past))


@pytest.mark.parametrize("season", ["none", "day", "week"])
def test_what_has_jumped_before_must_jump_more_to_alarm_again(season):
    """Eleven windows of 100 events and one of 400 deviate by 82.9; without that one chance gives 10."""
    sli, calm = Anomaly(season=season), [{"n": 100}] * 11
    assert sli.beside({"n": 400}, [*calm, {"n": 100}]).value == 30
    again = sli.beside({"n": 400}, [*calm, {"n": 400}]).value
    assert float(again) == pytest.approx(300 / (300 * 11**0.5 / 12))
    assert again < 4.5 < sli.beside({"n": 600}, [*calm, {"n": 400}]).value


@pytest.mark.parametrize(("values", "found"), [
    ([rhythm(h) for h in range(WEEKS * 168)], "week"),
    ([rhythm(h % 24) for h in range(WEEKS * 168)], "day"),
    ([rhythm(h) for h in range(12 * 24)], "day"),
    ([10_000 + h * 7919 % 401 for h in range(WEEKS * 168)], "none"),
    ([rhythm(h) for h in range(40)], "none")])
def test_the_season_is_that_which_predicts_a_recorded_past_best(values, found):
    assert choose(list(map(float, values)), 24).season == found


@pytest.mark.req("A3")
def test_the_command_line_says_which_season_a_recorded_past_has(tmp_path):
    (tmp_path / "p.yaml").write_text("bongsu: 1\nservice: {name: a}\nsignals: {spend: {kind: anomaly, of: cost}}\n")
    with (tmp_path / "past.csv").open("w") as file:
        file.write("at,usd\n")
        file.writelines(f"{h * 3600},{rhythm(h % 24)}\n" for h in range(10 * 24))
    args = ["signal", "season", "spend", str(tmp_path / "past.csv"), "--policy", str(tmp_path / "p.yaml"), "--map",
            "time=at", "--map", "cost=usd", "--unit", "s"]
    said = CliRunner().invoke(cli, args)
    assert (said.exit_code, said.output.splitlines()[0]) == (0, "season: day"), said.output
    found = json.loads(CliRunner().invoke(cli, [*args, "--json"]).output)
    assert found["season"] == "day"
    assert found["errors"]["day"] < 0.1
    args[2] = "spent"
    wrong = CliRunner().invoke(cli, args)
    assert (wrong.exit_code, "a signal of kind anomaly (spend)" in wrong.output) == (2, True)


EVENTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9), st.booleans()), max_size=20)


@pytest.mark.parametrize(("said", "words"), [
    ("back: 1", "2 to 52 seasons, came 1"), ("statistic: mean", "the number that the mean is of"),
    ("season: year", "came 'year'")])
def test_what_is_wrong_with_an_anomaly_in_a_policy_is_said(said, words):
    with pytest.raises(PolicyError) as caught:
        parse("bongsu: 1\nservice: {name: a}\nsignals: {s: {kind: anomaly, " + said + "}}", "p.yaml", {})
    assert words in str(caught.value)


def test_no_promise_is_made_of_what_is_read_beside_its_past():
    with pytest.raises(PolicyError, match="a signal that a slice can be judged by alone"):
        parse("bongsu: 1\nservice: {name: a}\nsignals: {s: {kind: anomaly}}\n"
              "objectives: {o: {signal: s, target: 90%, window: 7d, good: < 6, slice: 1h}}", "p.yaml", {})


def test_a_policy_alerts_on_an_anomaly():
    policy = parse("""
bongsu: 1
service: {name: a}
signals: {spend: {kind: anomaly, of: cost, season: week, labels: [model]}}
alerts: {odd: {when: spend > 6, over: 1h, by: [model]}}
""", "p.yaml", {})
    assert policy.plan.longest_window() == Duration(28 * DAY + 2 * HOUR)
