"""Our evaluator against the real promtool: the same random counts, judged by both, must be judged alike.

Left out are exact ties, where the two round differently, and nothing else: counters are sampled on the minute, so no
sample lies half in a window, although windows of Prometheus 2.42 are closed on both sides.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bongsu.alert import Burn, Rule, Signal, Threshold
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, tick
from bongsu.exports.names import decimal, metric
from bongsu.exports.prometheus import rules
from bongsu.exports.promql import span, where
from bongsu.policy import Policy
from bongsu.quantity import MINUTE
from bongsu.slo import Budget, burn, counts, reachable_factor, standing
from promkit import burning, needs_promtool, passes, policy

pytestmark = [needs_promtool, pytest.mark.req("A2", "A3", "O8")]

Minutes = list[dict[str, int]]
"""What each minute added to each part."""

segment = st.tuples(st.integers(1, 40), st.sampled_from([0, 1, 3, 20, 137, 600]), st.sampled_from([0, 1, 2, 5, 10]))
story = st.lists(segment, min_size=2, max_size=6)
BOUNDED = settings(max_examples=6, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                   suppress_health_check=list(HealthCheck))


def told(segments: list[tuple[int, int, int]]) -> Minutes:
    """(minutes, events a minute, tenths of them bad), one after the other."""
    return [{"total": total, "bad": total * tenths // 10} for n, total, tenths in segments for _ in range(n)]


def cells(signal: Signal, minutes: Minutes) -> Cells:
    return Cells(MINUTE, [Cell(signal.key, (), i * MINUTE, part, n)
                          for i, adds in enumerate(minutes) for part, n in adds.items()])


def series(signal: Signal, minutes: Minutes) -> list[dict[str, str]]:
    out = []
    for part in signal.sli.parts():
        values, at = ["0"], 0
        for adds in minutes:
            at += adds.get(part, 0)
            values.append(str(at))
        out.append({"series": metric(signal.name, part) + where(service="bot"), "values": " ".join(values)})
    return out


def phases(made: Policy, held: Cells, length: int) -> list[bool]:
    rule, state, out = made.plan.rules[0], EngineState(), [False]
    for minute in range(1, length + 1):  # at minute 0 each counter has one sample, and so no increase yet
        now = minute * MINUTE
        state, _ = tick(Plan("bot", MINUTE, rules=(rule,)), held, replace(state, watermark=now), now)
        out.append(state.alerts[rule.name, ()].phase in ("firing", "clearing"))
    return out


def ties(rule: Rule, held: Cells, length: int) -> set[int]:
    """Minutes at which a value equals its threshold to the last digit."""
    found = set()
    for minute in range(length + 1):
        now = minute * MINUTE
        if isinstance(rule.when, Threshold):
            value = rule.when.signal.sli.value(held.vector(rule.when.signal.key, *held.window(now, rule.when.over)))
            found |= {minute} if value in (rule.when.enter, rule.when.exit) else set()
            continue
        goal = rule.when.objective
        for pair in rule.when.pairs:
            factor = reachable_factor(pair.factor(goal.window), goal.target)
            if factor in {burn(*counts(held, goal, now, w), goal.target) for w in (pair.long, pair.short)}:
                found.add(minute)
    return found


def compared(made: Policy, signal: Signal, minutes: Minutes, extra: list[dict[str, Any]]) -> dict[str, Any]:
    """A promtool test that asks of every minute up to the first tie what the engine says of it."""
    held, rule = cells(signal, minutes), made.plan.rules[0]
    seen = phases(made, held, len(minutes))
    end = min(ties(rule, held, len(minutes)), default=len(minutes) + 1)  # a state outlives the tie that made it
    asked = [{"expr": f'count(ALERTS{{alertname="{rule.name}", alertstate="firing"}})', "eval_time": f"{minute}m",
              "exp_samples": [{"labels": "{}", "value": 1}] if firing else []}
             for minute, firing in enumerate(seen[:end])]
    return {"interval": "1m", "input_series": series(signal, minutes), "promql_expr_test": asked + extra}


def alike(made: Policy, tests: list[dict[str, Any]]) -> None:
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    with tempfile.TemporaryDirectory() as folder:
        passes(Path(folder), rules(made), document)


def standing_of(made: Policy, minutes: Minutes) -> list[dict[str, Any]]:
    """Budget remaining and current burn at the end, to nine digits; absent where nothing was counted."""
    goal, signal, end = made.plan.objectives[0], made.plan.signals[0], len(minutes) * MINUTE
    found = standing(cells(signal, minutes), goal, end, end)
    short = min(found.burn, default=goal.window)
    asked = {"slo:period_error_budget_remaining:ratio": found.budget.remaining,
             "slo:current_burn_rate:ratio": found.burn[short],
             f"slo:sli_error:ratio_rate{span(goal.window)}": None if found.current is None else 1 - found.current}
    return [{"expr": f"count(abs({name} - ({decimal(value or Fraction(0))})) < 1e-9 * (1 + abs({name})))",
             "eval_time": f"{len(minutes)}m",
             "exp_samples": [] if value is None else [{"labels": "{}", "value": 1}]}
            for name, value in asked.items()]


@pytest.mark.real
@pytest.mark.parametrize("target", ["99%", "99.9%", "90%"])
def test_burn_alerts_and_budgets_of_random_traffic_are_judged_alike(target: str) -> None:
    made = burning(target, "30d")

    @BOUNDED
    @given(st.lists(story, min_size=4, max_size=4))
    def judged(stories: list[list[tuple[int, int, int]]]) -> None:
        tests = []
        for segments in stories:
            minutes = told(segments)
            tests.append(compared(made, made.plan.signals[0], minutes, standing_of(made, minutes)))
        alike(made, tests)

    judged()


@pytest.mark.real
def test_little_traffic_is_judged_alike() -> None:
    """At 50 % ten bad of ten are more than bad luck and nine of nine are not: the staircase decides."""
    made = burning("50%", "30d")

    @BOUNDED
    @given(st.lists(st.tuples(st.integers(31, 60), st.integers(1, 7), st.integers(5, 30)), min_size=6, max_size=6))
    def judged(stories: list[tuple[int, int, int]]) -> None:
        tests = []
        for quiet, bad_every, length in stories:
            trickle = [{"total": n, "bad": n} for i in range(length) for n in [int(i % bad_every == 0)]]
            minutes = [*told([(quiet, 0, 0)]), *trickle, *told([(8, 0, 0)])]
            tests.append(compared(made, made.plan.signals[0], minutes, []))
        alike(made, tests)

    judged()


@pytest.mark.parametrize("alert", [
    "when: failures > 25%, over: 10m, clear: < 15%, for: 2m, clear_for: 3m",
    "when: failures >= 35%, over: 5m, min_events: 30",
    "when: blocks > 100, over: 15m, clear: < 20, clear_for: 2m",
    "when: blocks < 50, over: 10m, clear: '>= 90', for: 1m",
    "when: spend > 1.1 USD, over: 15m, clear: < 0.3 USD, clear_for: 2m",
    "when: waited >= 7300ms, over: 10m, clear: < 1s, for: 1m, min_events: 30",
])
def test_threshold_alerts_of_random_traffic_are_judged_alike(alert: str) -> None:
    made = policy("  blocks: {kind: count, of: blocked}\n  spend: {kind: sum, of: cost}\n"
                  f"  waited: {{kind: sum, of: latency_ms}}\nalerts:\n  a: {{{alert}}}\n")
    when = made.plan.rules[0].when
    assert isinstance(when, Threshold)

    @BOUNDED
    @given(st.lists(story, min_size=4, max_size=4))
    def judged(stories: list[list[tuple[int, int, int]]]) -> None:
        tests = []
        for segments in stories:
            minutes = told(segments)
            if when.signal.name == "blocks":
                minutes = [{"n": adds["bad"]} for adds in minutes]
            elif when.signal.name in ("spend", "waited"):  # nano-units of money, and millionths of a millisecond
                minutes = [{"n": adds["total"], "sum": adds["bad"] * 2_345_678} for adds in minutes]
            tests.append(compared(made, when.signal, minutes, []))
        alike(made, tests)

    judged()


def test_the_goldens_of_the_burn_alert_hold_in_promtool(tmp_path: Path) -> None:
    """G1, G2 and G3 at 99 % over 30 days with 600 events a minute; G2 with our vote of half a window."""
    made = burning()
    stories = {"G1": [(400, 600, 0), (12, 600, 10)], "G2": [(60, 600, 0), (12, 600, 10)],
               "G3": [(400, 600, 0), (10, 600, 10), (8, 600, 0)]}
    expected = {"G1": (409, 412), "G2": (69, 72), "G3": (409, 414)}
    tests = []
    for name, segments in stories.items():
        first, last = expected[name]
        length = sum(n for n, _, _ in segments)
        tests.append({"interval": "1m", "input_series": series(made.plan.signals[0], told(segments)),
                      "promql_expr_test": [
                          {"expr": 'count(ALERTS{alertstate="firing"})', "eval_time": f"{minute}m",
                           "exp_samples": [{"labels": "{}", "value": 1}] if first <= minute <= last else []}
                          for minute in range(length + 1)]})
    passes(tmp_path, rules(made), {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests})


MONTH_S = 30 * 24 * 60 * 60


def rival(good: int, bad: int, target: float) -> tuple[float, bool]:
    """(burn, exhausted) as agent-sre computes them: its budget is ``1 - target`` *events*, each bad event spends a
    whole one, and the error rate is divided by that budget per *second* of the window."""
    budget = 1 - target
    return (bad / (good + bad)) / (budget / MONTH_S), bad >= budget


def test_the_nearest_rivals_arithmetic_is_not_ours() -> None:
    """999 good and 1 bad on a 5 % budget: 98 % is left and it burns at 0.02; the rival says exhausted, 51,840."""
    its_burn, its_exhausted = rival(999, 1, 0.95)
    assert (round(its_burn), its_exhausted) == (51_840, True)
    ours = Budget(1000, 1, Fraction(95, 100))
    assert ours.remaining == Fraction(98, 100)
    assert not ours.exhausted
    assert burn(1, 1000, Fraction(95, 100)) == Fraction(2, 100)


def test_promtool_says_98_percent_too(tmp_path: Path) -> None:
    made = burning("95%", "30d")
    minutes = [{"total": 100, "bad": 0}] * 9 + [{"total": 100, "bad": 1}]
    passes(tmp_path, rules(made), {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": series(made.plan.signals[0], minutes),
         "promql_expr_test": [{"expr": "count(abs(slo:period_error_budget_remaining:ratio - 0.98) < 1e-9)",
                               "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": 1}]},
                              {"expr": "count(abs(slo:period_burn_rate:ratio - 0.02) < 1e-9)",
                               "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": 1}]}]}]})


def test_targets_of_one_service_are_judged_each_on_its_own() -> None:
    made = policy("objectives:\n  strict: {signal: failures, target: 99%, window: 30d}\n"
                  "  loose: {signal: failures, target: 90%, window: 30d}\n")
    held = cells(made.plan.signals[0], [*told([(10, 600, 0)]), {"total": 600, "bad": 120}])
    strict, loose = (standing(held, goal, 11 * MINUTE, 11 * MINUTE).budget for goal in made.plan.objectives)
    assert (strict.exhausted, loose.exhausted) == (True, False)


def test_burn_is_what_the_rule_of_a_policy_holds() -> None:
    """The comparison above is about burn alerts: a policy that gave something else would compare nothing."""
    assert isinstance(burning().plan.rules[0].when, Burn)
