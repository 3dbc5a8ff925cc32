"""Exported rules, run by the real promtool."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from bongsu.exports.names import ExportError
from bongsu.exports.prometheus import left_out, rules
from bongsu.exports.promql import staircase
from bongsu.exports.promtest import rules_test
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.policy import load
from bongsu.slo import significant
from promkit import burning, needs_promtool, passes, policy, promtool

pytestmark = [pytest.mark.req("A2", "A3")]

KINDS = """  cpt: {kind: mean, sum: cost, per: input_tokens + output_tokens, labels: [model]}
  score: {kind: mean, sum: grounding_score}
  blocks: {kind: count, of: blocked}
  spend: {kind: sum, of: cost, labels: [model]}
  waited: {kind: sum, of: latency_ms}
  latency: {kind: quantile, of: latency_ms, q: 95%}
  hourly: {kind: rate, of: blocked, per: 1h}
  often: {kind: rate, of: blocked, calls: 1000, out_of: "kind = 'call'"}
  stopped: {kind: ratio, bad: blocked}
alerts:
  hourly: {when: hourly > 300, over: 20m, clear: < 100}
  rarely: {when: hourly < 300, over: 20m}
  often: {when: often > 40, over: 20m, clear: < 30, min_events: 100}
  stopped: {when: stopped > 5%, over: 20m, clear: < 4%}
  few: {when: stopped < 5%, over: 20m}
  exactly: {when: stopped > 5%, over: 20m, evidence: value}
  cost: {when: cpt > 120% of 0.000004 USD, over: 10m, clear: < 110%, for: 3m, clear_for: 5m, tier: major, by: [model]}
  ungrounded: {when: score < 0.5, over: 10m, clear: "> 0.6"}
  blocks: {when: blocks > 10, over: 20m, clear: < 1, tier: severe, text: "see {{runbook}}"}
  spend: {when: spend > 1.10 USD, over: 1h, clear: <= 1 USD, for: 2m, tier: major, by: [model]}
  waited: {when: waited >= 90.5s, over: 15m, clear: < 60s, clear_for: 4m, min_events: 20}
  slow: {when: latency > 5s, over: 30m, clear: < 4s, for: 5m}
  share: {when: failures >= 20%, over: 1h, clear: < 10%, min_events: 50}
"""


def expressions(text: str, kind: str) -> dict[str, str]:
    found = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    return {rule[kind]: rule["expr"] for rule in found if kind in rule}


def test_enough_of_a_rate_by_calls_is_enough_calls() -> None:
    (asked,) = [one for one in yaml.safe_load(rules(policy(KINDS)))["groups"][0]["rules"]
                if one.get("labels", {}).get("bongsu_alert") == "often" and "record" in one]
    assert "bongsu_often_total_total" in asked["expr"].rpartition("and")[2]
    assert asked["expr"].endswith(">= 100")


@needs_promtool
def test_alerts_of_every_kind_of_signal_fire_and_clear_in_prometheus_as_they_do_here(tmp_path: Path) -> None:
    plan = policy(KINDS)
    made = rules_test(plan)
    assert "# No test" not in made
    passes(tmp_path, rules(plan), made)


@needs_promtool
@pytest.mark.parametrize(("target", "window", "tier"), [
    ("99.9%", "30d", "major"), ("99%", "7d", "major"), ("90%", "30d", "major"), ("50%", "28d", "severe"),
    ("99%", "1h", "minor"),
])
def test_burn_alerts_page_and_clear_in_prometheus_as_they_do_here(
    target: str, window: str, tier: str, tmp_path: Path
) -> None:
    plan = burning(target, window, f"tier: {tier}, for: 2m, clear_for: 3m")
    passes(tmp_path, rules(plan), rules_test(plan))


@needs_promtool
@pytest.mark.real
def test_ticket_alerts_over_days_agree_too(tmp_path: Path) -> None:
    plan = burning("99%", "30d", "tier: minor")
    passes(tmp_path, rules(plan), rules_test(plan))


@needs_promtool
def test_the_demos_policy_is_exported_whole(tmp_path: Path) -> None:
    plan = load(demo_policy(), DEMO_ENVIRON)
    assert [line.partition(":")[0] for line in left_out(plan)] == ["the interval of alert cost",
                                                                   "the interval of alert slow"]
    passes(tmp_path, rules(plan), rules_test(plan))


@needs_promtool
def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    """The generated tests can fail: turned round, promtool refuses them."""
    plan = burning()
    tests = yaml.safe_load(rules_test(plan))
    firing = next(c for c in tests["tests"][0]["alert_rule_test"] if c["exp_alerts"])
    firing["exp_alerts"] = []
    (tmp_path / "rules.yml").write_text(rules(plan))
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests))
    assert promtool("test", "rules", "rules_test.yml", cwd=tmp_path).returncode != 0


def test_the_names_are_those_that_boards_made_for_sloth_ask_for() -> None:
    text = rules(burning(), sloth_compat=True)
    recorded = expressions(text, "record")
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    assert {f"slo:sli_error:ratio_rate{w}" for w in windows} <= set(recorded)
    assert {"slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days", "slo:current_burn_rate:ratio",
            "slo:period_burn_rate:ratio", "slo:period_error_budget_remaining:ratio", "sloth_slo_info"} <= set(recorded)
    first = yaml.safe_load(text)["groups"][0]["rules"][0]["labels"]
    assert first == {"bongsu_id": "bot-available", "bongsu_service": "bot", "bongsu_slo": "available",
                     "bongsu_window": "5m", "sloth_id": "bot-available", "sloth_service": "bot",
                     "sloth_slo": "available", "sloth_window": "5m"}
    assert "sloth" not in rules(burning())


@pytest.mark.parametrize("target", ["99.9%", "99%", "99.99%", "95%", "99.95%", "90%"])
def test_limits_are_written_as_the_decimals_they_are(target: str) -> None:
    """Sloth writes 14.4 * 0.0009999999999999432 for a target of 99.9 %."""
    text = rules(burning(target))
    assert not [n for n in re.findall(r"\d+\.\d+", text) if len(n) > 8], "a float's tail"
    budget = 1 - Fraction(target.rstrip("%")) / 100
    written = expressions(text, "record")["slo:error_budget:ratio"]
    assert Fraction(written.removeprefix("vector(").removesuffix(")")) == budget
    limits = {Fraction(n) for n in re.findall(r"> (\d\.\d+)", expressions(text, "alert")["available"])}
    assert limits == {min(Fraction(f) * budget, Fraction(9, 10)) for f in ("14.4", "6")}


def test_an_objective_is_one_group_with_its_alerts() -> None:
    groups = yaml.safe_load(rules(burning()))["groups"]
    assert [g["name"] for g in groups] == ["bongsu-bot-available"]
    assert "available" in expressions(rules(burning()), "alert")


@pytest.mark.parametrize(("target", "least"), [("99/100", 2), ("999/1000", 3), ("9/10", 3), ("1/2", 2)])
def test_the_staircase_asks_for_as_many_bad_events_as_the_engine_does(target: str, least: int) -> None:
    goal, steps = Fraction(target), staircase(Fraction(target), least)
    for total in range(130):
        needed = least + sum(total >= n for n in steps) - len(steps) * (total >= 100)
        for bad in (needed - 1, needed):
            assert significant(bad, total, goal, least) == (bad >= needed)


def test_a_sum_is_asked_for_in_its_own_unit_as_an_exact_decimal() -> None:
    """Money adds up in whole nano-units; milliseconds are held in millionths, and are brought back by a decimal."""
    text = rules(policy(KINDS))
    asked = {rule["labels"]["bongsu_alert"]: rule["expr"] for group in yaml.safe_load(text)["groups"]
             for rule in group["rules"] if rule.get("record") == "bongsu:alert_value"}
    assert asked["spend"] == 'round(sum by (model)(increase(bongsu_spend_sum_total{service="bot"}[1h])))'
    assert "> 1100000000" in expressions(text, "alert")["spend"]
    assert '0.000001 * round(sum(increase(bongsu_waited_sum_total{service="bot"}[15m])))' in asked["waited"]
    assert 'round(sum(increase(bongsu_waited_n_total{service="bot"}[15m]))) >= 20' in asked["waited"]


def test_signals_that_would_share_a_metric_are_refused_by_name() -> None:
    plan = policy('  fail-ures: {kind: ratio, bad: "blocked"}\n  fail.ures: {kind: ratio, bad: "fallback"}\n')
    with pytest.raises(ExportError, match=r"signals 'fail-ures' and 'fail\.ures': expected names that differ"):
        rules(plan)


@pytest.mark.parametrize("kind", ["mean, sum", "sum, of"])
def test_a_sum_that_can_fall_is_no_counter_and_is_said_to_be_left_out(kind: str) -> None:
    plan = policy(f"  gain: {{kind: {kind}: output_tokens - input_tokens}}\nalerts:\n"
                  "  gain: {when: gain > 5, over: 5m}\n")
    assert left_out(plan) == ["alert gain: 'output_tokens - input_tokens' can be negative, and a sum that falls is no "
                              "counter"]
    assert rules(plan).startswith("# Not exported: alert gain: ")


def test_a_text_with_braces_is_no_template() -> None:
    assert 'see {{"{{"}}runbook}}' in rules(policy(KINDS))
