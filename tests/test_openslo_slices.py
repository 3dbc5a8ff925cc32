"""OpenSLO's time slices and calendar windows as ours; and files of every kind, maimed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bongsu.alert import Burn
from bongsu.exports.openslo import left_out
from bongsu.exports.openslo import openslo as written
from bongsu.imports.openslo import openslo
from bongsu.imports.sloth import sloth
from bongsu.period import Calendar
from bongsu.policy import Fault, PolicyError, parse
from bongsu.quantity import HOUR, MINUTE
from promkit import policy
from test_openslo import ALPHA, SLO, SLOTH, faults, place

pytestmark = pytest.mark.req("A2", "A3")

SLICED = SLO.replace("budgetingMethod: Occurrences", "budgetingMethod: Timeslices").replace(
    "target: 0.95}", "target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 1m}").replace(
    "duration: 30d, isRolling: true", "duration: 1M, calendar: {startTime: 2026-03-01 00:00:00, timeZone: Asia/Seoul}")
GAUGE = """apiVersion: openslo/v1
kind: SLO
metadata:
  name: fast
  annotations: {bongsu.dev/kind: quantile, bongsu.dev/of: latency_ms, bongsu.dev/q: 95%, bongsu.dev/nodata: bad}
spec:
  service: bot
  indicator:
    spec:
      thresholdMetric: {metricSource: {type: Prometheus, spec: {query: 'p95'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Timeslices
  objectives: [{op: lte, value: 800, target: 0.95, timeSliceTarget: 1, timeSliceWindow: 1h}]
"""
OLD_GAUGE = """apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: cheap, annotations: {bongsu.dev/kind: mean, bongsu.dev/sum: cost}}
spec:
  service: bot
  indicator: {thresholdMetric: {source: prometheus, queryType: promql, query: cost_mean}}
  budgetingMethod: Timeslices
  timeWindows: [{unit: Quarter, count: 1, calendar: {startTime: 2026-04-01 00:00:00, timeZone: Europe/Berlin}}]
  objectives: [{op: lt, value: 0.5, target: 0.95, timeSliceWindow: 5}]
"""


def test_time_slices_of_a_ratio_in_a_month_of_seoul_become_ours() -> None:
    """A slice of which nine tenths must be good is one of which a tenth may be bad."""
    goal = parse(openslo(SLICED, "x.yaml"), "bot.yaml", {}).plan.objectives[0]
    assert goal.slices is not None
    assert (goal.slices.every, goal.slices.op, goal.slices.limit) == (MINUTE, "<=", Fraction(1, 10))
    assert goal.calendar == Calendar("month", "Asia/Seoul")
    assert goal.target == Fraction(99, 100)


def test_a_threshold_metric_is_judged_slice_by_slice_in_its_own_unit() -> None:
    plan = parse(made := openslo(GAUGE, "x.yaml"), "bot.yaml", {}).plan
    slices = plan.objectives[0].slices
    assert slices is not None
    assert (slices.sli.kind, slices.every, slices.op, slices.limit, slices.nodata) == (
        "quantile", HOUR, "<=", 800, "bad"), "800 is milliseconds, since latency_ms is"
    assert "# p95" in made
    goal = parse(openslo(OLD_GAUGE, "x.yaml"), "bot.yaml", {}).plan.objectives[0]
    assert goal.slices is not None
    assert (goal.slices.limit, goal.slices.op, goal.slices.every) == (Fraction(5 * 10**8), "<", 5 * MINUTE)
    assert goal.calendar == Calendar("quarter", "Europe/Berlin")


@pytest.mark.parametrize(("window", "every", "target", "allowed"), [
    ("1w", "1m", "0.9995", Fraction("5.04")), ("2w", "1m", "0.95", Fraction("1008"))])
def test_the_examples_of_openslo_leave_as_many_slices_as_it_says(
    window: str, every: str, target: str, allowed: Fraction
) -> None:
    """G9: 5.04 one-minute slices of a week at 99.95 %; 16.8 hours of two weeks at 95 %."""
    text = GAUGE.replace("30d", window).replace("timeSliceWindow: 1h", f"timeSliceWindow: {every}").replace(
        "0.95", target, 1)
    goal = parse(openslo(text, "x.yaml"), "bot.yaml", {}).plan.objectives[0]
    assert goal.slices is not None
    assert goal.allowed * (goal.window // goal.slices.every) == allowed


@pytest.mark.parametrize(("old", "new", "at", "words"), [
    ("budgetingMethod: Timeslices", "budgetingMethod: Occurrences", "lte", "bongsu has one value for a time slice"),
    ("timeSliceTarget: 1,", "timeSliceTarget: 0.9,", "0.9,", "a slice has one value here"),
    ("op: lte", "op: eq", "eq", "expected objectives.op"),
    ("value: 800", "value: -1", "-1", "zero or more"),
    ("value: 800", "value: 0.00001", "0.00001", "down to a thousandth"),
    ("op: lte, ", "", "{value", "'op' of objectives"),
    ("bongsu.dev/kind: quantile, ", "", "{metricSource: {type: Prometheus, spec: {query: 'p95'", "bongsu.dev/kind"),
    ("bongsu.dev/kind: quantile", "bongsu.dev/kind: ratio", "ratio", "use ratioMetric"),
    ("bongsu.dev/q: 95%", "bongsu.dev/sum: cost", "bongsu.dev/sum", "a quantile has no such setting"),
    ("bongsu.dev/of: latency_ms, ", "", "{bongsu.dev/kind", "'bongsu.dev/of' of"),
    ("latency_ms", "latency_sm", "apiVersion", "did you mean"),
])
def test_a_threshold_that_cannot_be_honoured_is_refused_at_its_place(old: str, new: str, at: str, words: str) -> None:
    assert old in GAUGE
    text = GAUGE.replace(old, new, 1)
    found = faults(text)
    assert any(words in f for f in found), found
    if at != "apiVersion":
        assert any(f.startswith(place(text, at) + ":") and words in f for f in found), found


@pytest.mark.req("G7")
def test_a_burn_alert_that_long_slices_starve_is_refused_or_left_out() -> None:
    """A window that holds too few slices to be judged could never fire."""
    goal = "signal: failures, target: 95%, window: 30d, good: <= 1%"
    made = policy(f"objectives:\n  psi: {{{goal}, slice: 1h}}\nalerts:\n  psi: {{burn: psi, tier: major}}\n")
    assert isinstance(made.plan.rules[0].when, Burn)
    assert [(p.long // HOUR, p.short // HOUR) for p in made.plan.rules[0].when.pairs] == [(6, 2)]
    assert any("slices of 1h are too long for a burn alert over 1h" in note.text for note in made.notices)
    with pytest.raises(PolicyError, match=r"expected an objective with slices that page .*\(1h30m or less\).*1d"):
        policy(f"objectives:\n  psi: {{{goal}, slice: 1d}}\nalerts:\n  psi: {{burn: psi, tier: major}}\n")


def test_what_openslo_cannot_say_of_slices_is_left_out_by_name() -> None:
    made = policy("objectives:\n  busy: {signal: failures, target: 95%, window: 30d, good: '> 1%', slice: 1h}\n"
                  "alerts:\n  busy: {burn: busy}\n")
    assert left_out(made) == ["objective busy: timeSliceTarget can only say of a ratio's slice that its bad share is "
                              "at most a limit below 100%", "alert busy: its objective is not exported"]
    assert "kind: SLO\n" not in written(made)


@pytest.mark.parametrize(("text", "read"), [
    (SLO, openslo), (ALPHA, openslo), (SLOTH, sloth), (SLICED, openslo), (GAUGE, openslo), (OLD_GAUGE, openslo)])
def test_a_maimed_file_is_read_or_refused_and_never_crashes(text: str, read: Any) -> None:
    """Lines lost, doubled or with another value: a sound policy comes out, or faults with places."""
    lines = text.splitlines()
    values = ["", "[]", "{}", "-1", "null", "'", "a: b: c", "1e99", "환각", "[{}]", "0", "{a: 1}", "[a, [b]]"]

    @settings(max_examples=150, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, len(lines) - 1), st.sampled_from(["lose", "double", *values])),
                    min_size=1, max_size=3))
    def survives(changes: list[tuple[int, str]]) -> None:
        maimed = list(lines)
        for i, change in changes:
            key = lines[i].partition(":")[0]
            maimed[i] = {"lose": "", "double": f"{lines[i]}\n{lines[i]}"}.get(change, f"{key}: {change}")
        faults: list[Fault] = []
        made = ""
        try:
            made = read("\n".join(maimed), "x.yaml")
        except PolicyError as error:
            faults = error.faults
        assert bool(faults) != bool(made), "it is refused with its faults, or made"
        assert all(f.line <= 2 * len(lines) + 1 for f in faults)
        if made:
            parse(made, "bot.yaml", {})

    survives()
