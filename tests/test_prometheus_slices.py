"""Time slices and calendar windows in Prometheus: the real promtool counts the slices that the engine counts."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bongsu.cell import Cell, Cells
from bongsu.exports.names import decimal, metric
from bongsu.exports.prometheus import left_out, rules
from bongsu.exports.promql import where
from bongsu.exports.promtest import rules_test
from bongsu.policy import Policy
from bongsu.quantity import HOUR, MINUTE, Duration
from bongsu.room.desk import objective_row
from bongsu.slo import budget, counts, standing
from bongsu.verbs.exchange import export
from promkit import needs_promtool, passes, policy

pytestmark = pytest.mark.req("A2", "A3", "O8")

KINDS = [
    ("{kind: ratio, bad: blocked}", "target: 90%, good: '<= 12.5%', slice: 5m", "tier: major, for: 2m"),
    ("{kind: mean, sum: cost, labels: [model]}", "target: 95%, good: '< 0.02 USD', slice: 10m, nodata: bad",
     "tier: severe, clear_for: 3m"),
    ("{kind: sum, of: cost}", "target: 90%, good: '<= 0.5 USD', slice: 10m, nodata: bad", "tier: major"),
    ("{kind: count, of: blocked}", "target: 90%, good: '<= 30', slice: 10m, nodata: good", "tier: major"),
    ("{kind: quantile, of: latency_ms, q: 95%}", "target: 95%, good: '< 800ms', slice: 15m", "tier: major"),
]


@needs_promtool
@pytest.mark.parametrize(("signal", "goal", "alert"), KINDS, ids=["ratio", "mean", "sum", "count", "quantile"])
def test_slices_of_every_kind_of_signal_alert_and_are_spent_in_prometheus_as_they_are_here(
    signal: str, goal: str, alert: str, tmp_path: Path
) -> None:
    made = policy(f"  gauge: {signal}\nobjectives:\n  gauge: {{signal: gauge, window: 2d, {goal}}}\n"
                  f"alerts:\n  gauge: {{burn: gauge, {alert}}}\n")
    assert left_out(made) == []
    text = rules_test(made)
    assert "# No test" not in text
    assert [list(one)[-1] for one in yaml.safe_load(text)["tests"]] == ["alert_rule_test", "promql_expr_test"]
    passes(tmp_path, rules(made), text)


def sliced(nodata: str, target: str = "90%", slice_: str = "5m", window: str = "2h") -> Policy:
    return policy(f"objectives:\n  psi: {{signal: failures, target: {target}, window: {window}, good: '<= 10%', "
                  f"slice: {slice_}, nodata: {nodata}}}\n")


Story = list[tuple[int, int, int]]
"""(minutes, events a minute, tenths of them bad), one after the other."""
BOUNDED = settings(max_examples=3, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                   suppress_health_check=list(HealthCheck))


def counted(made: Policy, story: Story) -> tuple[Cells, list[dict[str, str]], int]:
    """The same counts as cells, and as the counters of Prometheus."""
    minutes = [{"total": n, "bad": n * tenths // 10} for length, n, tenths in story for _ in range(length)]
    key = made.plan.signals[0].key
    held = Cells(MINUTE, [Cell(key, (), i * MINUTE, part, n) for i, adds in enumerate(minutes) for part, n in
                          adds.items()])
    series = []
    for part in ("bad", "total"):
        values, at = ["0"], 0
        for adds in minutes:
            at += adds[part]
            values.append(str(at))
        series.append({"series": metric("failures", part) + where(service="bot"), "values": " ".join(values)})
    return held, series, len(minutes)


def asked(made: Policy, story: Story) -> dict[str, Any]:
    """What is left of the budget and the share of bad slices, at the end and on the way there."""
    goal = made.plan.objectives[0]
    held, series, length = counted(made, story)
    questions = []
    for minute in sorted({length // 3, length // 2, length - 1, length}):
        spent, _ = budget(held, goal, minute * MINUTE)
        bad, total = counts(held, goal, minute * MINUTE, goal.window)
        for name, value in (("slo:period_error_budget_remaining:ratio", spent.remaining),
                            ("slo:sli_error:ratio_rate2h", Fraction(bad, total) if total else None)):
            questions.append({
                "expr": f"count(abs({name} - ({decimal(value or Fraction(0))})) < 1e-9 * (1 + abs({name})))",
                "eval_time": f"{minute}m", "exp_samples": [] if value is None else [{"labels": "{}", "value": 1}]})
    return {"interval": "1m", "input_series": series, "promql_expr_test": questions}


@needs_promtool
@pytest.mark.parametrize("nodata", ["exclude", "bad", "good"])
def test_random_slices_with_silences_between_them_are_judged_alike(nodata: str) -> None:
    """Minutes without an event are in it: a slice without a value is left out, bad or good, as the policy says."""
    made = sliced(nodata)
    segment = st.tuples(st.integers(1, 40), st.sampled_from([0, 10, 600]), st.sampled_from([0, 2, 10]))

    @BOUNDED
    @given(st.lists(st.lists(segment, min_size=3, max_size=6), min_size=4, max_size=4))
    def judged(stories: list[Story]) -> None:
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m",
                    "tests": [asked(made, story) for story in stories]}
        with tempfile.TemporaryDirectory() as folder:
            passes(Path(folder), rules(made), document)

    judged()


@needs_promtool
@pytest.mark.parametrize(("bad", "left"), [
    (36, Fraction(0)), pytest.param(37, Fraction(-1, 36), marks=pytest.mark.real)])
def test_a_window_of_720_slices_has_720_of_them_and_36_may_be_bad(bad: int, left: Fraction, tmp_path: Path) -> None:
    """G8, in minutes. PromQL written by hand counts 721, since a closed window has the edge of one slice more."""
    made = sliced("exclude", "95%", "1m", "12h")
    story = [(730 - bad, 60, 0), (bad, 60, 10)]
    _, series, length = counted(made, story)
    passes(tmp_path, rules(made), {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": series, "promql_expr_test": [
            {"expr": f"count(abs(slo:period_error_budget_remaining:ratio - ({decimal(left)})) < 1e-9)",
             "eval_time": f"{length}m", "exp_samples": [{"labels": "{}", "value": 1}]}]}]})


def test_a_calendar_windows_budget_is_left_out_by_name_and_its_alerts_are_not(tmp_path: Path) -> None:
    made = policy("objectives:\n  month: {signal: failures, target: 99%, window: month, time_zone: Asia/Seoul}\n"
                  "alerts:\n  month: {burn: month, tier: major}\n")
    why = ("objective month: what is left of its budget: no range of PromQL begins with the month in Asia/Seoul; its "
           "burn alerts are exported")
    assert left_out(made) == [why]
    text = rules(made)
    assert text.startswith(f"# Not exported: {why}\n")
    recorded = {rule["record"] for rule in yaml.safe_load(text)["groups"][0]["rules"] if "record" in rule}
    assert not {name for name in recorded if "period_" in name or name.endswith("30d")}
    assert "# No test for the budget of objective month" in rules_test(made)
    file = tmp_path / "bot.yaml"
    file.write_text("bongsu: 1\nservice: {name: bot}\nsignals: {f: {kind: ratio, bad: blocked}}\n"
                    "objectives: {m: {signal: f, target: 99%, window: month}}\n")
    told = CliRunner().invoke(export, ["prometheus", str(file)])
    assert told.exit_code == 0
    assert "not exported: objective m: what is left of its budget" in told.stderr


@needs_promtool
def test_burn_alerts_of_a_calendar_window_page_and_clear_in_prometheus_as_they_do_here(tmp_path: Path) -> None:
    made = policy("objectives:\n  month: {signal: failures, target: 99%, window: month, time_zone: Asia/Seoul}\n"
                  "alerts:\n  month: {burn: month, tier: major}\n")
    passes(tmp_path, rules(made), rules_test(made))


def test_an_hourly_gauge_records_no_window_in_which_no_slice_fits() -> None:
    text = rules(sliced("exclude", "95%", "1h", "30d"))
    recorded = {rule["record"] for rule in yaml.safe_load(text)["groups"][0]["rules"]}
    assert "slo:sli_error:ratio_rate2h" in recorded
    assert "slo:sli_error:ratio_rate1h" not in recorded


def test_a_gauges_burn_is_shown_over_windows_in_which_slices_fit() -> None:
    made = sliced("exclude", "95%", "1h", "30d")
    story = [(60 * 30, 60, 0), (60 * 8, 60, 10)]
    held, _, length = counted(made, story)
    found = standing(held, made.plan.objectives[0], length * MINUTE, length * MINUTE)
    assert set(found.burn) == {2 * HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR}
    assert found.burn[Duration(6 * HOUR)] == 20, "all of six hours are bad, and one of twenty may be"
    assert [row.window for row in objective_row(found, MINUTE).burns] == ["6h", "1d", "3d"]


def test_kinds_of_signals_that_prometheus_cannot_count_are_left_out_by_name() -> None:
    made = policy("  skew: {kind: calibration}\nobjectives:\n"
                  "  skew: {signal: skew, target: 95%, window: 30d, good: '<= 0.1', slice: 1h}\n"
                  "alerts:\n  off: {when: skew > 0.2, over: 1d}\n  skew: {burn: skew}\n")
    why = "a signal of kind calibration is no counter of Prometheus"
    assert left_out(made) == [f"objective skew: {why}", f"alert off: {why}", f"alert skew: {why}"]
    assert yaml.safe_load(rules(made)) == {"groups": []}
    assert yaml.safe_load(rules_test(made))["tests"] == []
