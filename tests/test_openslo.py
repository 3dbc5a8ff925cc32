"""OpenSLO and Sloth, in and out: what is honoured comes through exactly, what is not is refused at its place."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bongsu.alert import Burn
from bongsu.engine import Plan
from bongsu.exports.openslo import left_out
from bongsu.exports.openslo import openslo as written
from bongsu.imports.openslo import openslo
from bongsu.imports.sloth import sloth
from bongsu.policy import Policy, PolicyError, parse
from bongsu.quantity import DAY
from bongsu.verbs.exchange import export, import_
from promkit import burning, policy

pytestmark = pytest.mark.req("A2", "A3")

SLO = """apiVersion: openslo/v1
kind: SLO
metadata:
  name: grounded
  annotations: {bongsu.dev/bad: grounding_score < 0.5, bongsu.dev/total: grounding_score IS NOT NULL, team: bots}
spec:
  description: answers have a source
  service: bot
  indicator:
    metadata: {name: ungrounded}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(ungrounded_total)'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(judged_total)'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: grounded, target: 0.95}]
  alertPolicies: [fast]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast, annotations: {bongsu.dev/tier: severe, bongsu.dev/clear-for: 5m}}
spec:
  alertWhenBreaching: true
  conditions: [{conditionRef: quick}]
  notificationTargets: [{targetRef: ops}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: quick}
spec:
  severity: page
  condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 2m}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: ops, annotations: {bongsu.dev/url: secret://env/OPS}}
spec: {target: slack}
"""

ALPHA = """apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: grounded, annotations: {bongsu.dev/bad: grounding_score < 0.5}}
spec:
  service: bot
  budgetingMethod: Occurrences
  timeWindows: [{unit: Week, count: 4, isRolling: true}]
  objectives:
  - target: 0.95
    ratioMetrics:
      incremental: true
      good: {source: prometheus, queryType: promql, query: good_total}
      total: {source: prometheus, queryType: promql, query: judged_total}
"""

SLOTH = """version: prometheus/v1
service: bot
labels: {owner: bots}
slos:
- name: available
  objective: 99.9
  description: it answers
  sli:
    events:
      error_query: sum(rate(errors[{{.window}}]))
      total_query: sum(rate(requests[{{ .window }}]))
  alerting:
    name: BotErrors
    annotations: {bongsu_bad: outcome = 'error', runbook: see the wiki}
    page_alert: {labels: {severity: critical}}
    ticket_alert: {disable: true}
"""


def faults(text: str, read: Any = openslo) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read(text, "x.yaml")
    return [str(fault) for fault in caught.value.faults]


def place(text: str, part: str) -> str:
    before = text[: text.index(part)]
    return f"x.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def judged(made: Policy) -> Plan:
    """What a policy judges by, without what OpenSLO has no word for."""
    return replace(made.plan, playbooks=())


def test_an_openslo_file_becomes_a_policy_that_means_the_same() -> None:
    made = openslo(SLO, "x.yaml")
    plan = parse(made, "bot.yaml", {}).plan
    goal, rule = plan.objectives[0], plan.rules[0]
    assert (plan.service, goal.name, goal.target, goal.window) == ("bot", "grounded", Fraction(95, 100), 30 * DAY)
    assert (plan.signals[0].name, plan.signals[0].sli.bad.text) == ("ungrounded", "grounding_score < 0.5")
    assert isinstance(rule.when, Burn)
    assert (rule.tier, rule.to, rule.hold, rule.clear_hold) == ("severe", ("ops",), 120_000_000, 300_000_000)
    for kept in ("# bad query: sum(ungrounded_total)", "# total query: sum(judged_total)", "# team: bots",
                 "# description: answers have a source", "# displayName: grounded"):
        assert kept in made, "what is not honoured is kept as a comment"


def test_v1alpha_is_read_too() -> None:
    made = openslo(ALPHA, "x.yaml")
    goal = parse(made, "bot.yaml", {}).plan.objectives[0]
    assert (goal.target, goal.window) == (Fraction(95, 100), 28 * DAY)
    assert "# good query: good_total" in made


def test_a_sloth_file_becomes_a_policy_that_means_the_same() -> None:
    made = sloth(SLOTH, "x.yaml")
    plan = parse(made, "bot.yaml", {}).plan
    assert (plan.objectives[0].target, plan.objectives[0].window) == (Fraction(999, 1000), 30 * DAY)
    assert [(r.name, r.tier) for r in plan.rules] == [("available-page", "major")], "the ticket alert is disabled"
    for kept in ("# error_query: sum(rate(errors[{{.window}}]))", "# owner: bots", "# runbook: see the wiki",
                 "# name: BotErrors", "# severity: critical", "# description: it answers"):
        assert kept.replace("# owner", "# labels: owner").split(": ", 1)[1] in made


WRONG = [
    ("target: 0.95}", "target: 0.95, compositeWeight: 2}", "compositeWeight", "weigh objectives into one"),
    ("op: gt", "op: lte", "lte", "expected spec.condition.op: gt"),
    ("op: gt", "op: lt", "lt,", "expected spec.condition.op: gt"),
    ("op: gt", "op: gte", "gte", "expected spec.condition.op: gt"),
    ("threshold: 14.4", "threshold: 25", "25", "a rate that can be reached"),
    ("threshold: 14.4", "threshold: 2", "2, lookback", "a row of the table that bongsu watches"),
    ("[{duration: 30d, isRolling: true}]", "[{duration: 30d, isRolling: true}, {duration: 7d, isRolling: true}]",
     "{duration: 7d", "expected one time window"),
    ("[{conditionRef: quick}]", "[{conditionRef: quick}, {conditionRef: quick}]", "{conditionRef: quick}]",
     "expected one condition"),
    ("isRolling: true", "isRolling: false", "false", "needs 'calendar'"),
    ("30d, isRolling: true", "1M, isRolling: true, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
     "true, cal", "rolling or of the calendar"),
    ("30d, isRolling: true", "1M, calendar: {startTime: 2026-01-15 00:00:00, timeZone: UTC}", "2026-01-15",
     "first moment of a month, such as 2026-01-01 00:00:00"),
    ("30d, isRolling: true", "1w, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}", "2026-01-01",
     "first moment of a week, such as 2025-12-29 00:00:00"),
    ("30d, isRolling: true", "1Q, calendar: {startTime: 2026-02-01 00:00:00, timeZone: UTC}", "2026-02-01",
     "first moment of a quarter"),
    ("30d, isRolling: true", "1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Asia/Soul}", "Asia/Soul",
     "did you mean 'Asia/Seoul'"),
    ("30d, isRolling: true", "2M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}", "2M",
     "such windows of the calendar are honoured"),
    ("duration: 30d", "duration: 1M", "1M", "months differ in length"),
    ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", "{displayName", "'timeSliceWindow' of objectives"),
    ("budgetingMethod: Occurrences", "budgetingMethod: RatioTimeslices", "RatioTimeslices", "an average of ratios"),
    ("target: 0.95}", "target: 0.95, timeSliceTarget: 0.9}", "timeSliceTarget", "belongs to budgetingMethod"),
    ("grounding_score < 0.5,", "grounding_score < 0.5, bongsu.dev/nodata: bad,", "bongsu.dev/nodata",
     "it is about time slices"),
    ("grounding_score < 0.5,", "grounding_score < 0.5, bongsu.dev/kind: mean,", "mean", "this indicator is a ratio"),
    ("target: 0.95", "target: 1", "1}", "a target above 0 and below all of it"),
    ("target: 0.95", "target: 0.95, targetPercent: 95", "{displayName", "either 'target' or 'targetPercent'"),
    ("bongsu.dev/bad: grounding_score < 0.5", "bongsu.dev/risk: hallucination", "{counter", None),
    ("bongsu.dev/bad: grounding_score < 0.5", "bongsu.dev/bad: grounding_scor < 0.5", "grounding_scor <",
     "did you mean 'grounding_score'"),
    ("bongsu.dev/bad", "bongsu.dev/bat", "bongsu.dev/bat", "did you mean 'bongsu.dev/bad'"),
    ("service: bot", "service: bot\n  plugin: x", "plugin", "expected a key of spec"),
    ("alertPolicies: [fast]", "alertPolicies: [slow]", "slow]", "the name of an object of kind AlertPolicy"),
    ("target: slack", "target: pigeon", "pigeon", "expected spec.target"),
    ("url: secret://env/OPS", "url: https://hooks.example.com/T0000AAAA1111BBBB2222",
     "apiVersion: openslo/v1\nkind: AlertN", "a secret reference"),
    ("alertWhenBreaching: true", "alertWhenNoData: true", "true\n  cond", "without data an alert keeps its state"),
    ("kind: AlertPolicy", "kind: AlertPolicies", "AlertPolicies", "did you mean 'AlertPolicy'"),
    ("openslo/v1\nkind: SLO", "openslo/v2\nkind: SLO", "openslo/v2", "openslo/v1 or openslo/v1alpha"),
]


@pytest.mark.parametrize(("old", "new", "at", "words"), WRONG, ids=[new[:40] for _, new, _, _ in WRONG])
def test_what_cannot_be_honoured_is_refused_at_its_place(old: str, new: str, at: str, words: str | None) -> None:
    assert old in SLO
    text = SLO.replace(old, new, 1)
    found = faults(text)
    if words is None:  # without SQL nothing can be counted: the hint says what to add
        assert any("the annotation bongsu.dev/bad" in f and "metadata.annotations" in f for f in found)
        return
    assert any(f.startswith(place(text, at) + ":") and words in f for f in found), found


def test_a_raw_ratio_needs_its_type() -> None:
    text = SLO.replace("        bad: {metric", "        raw: {metric").replace(
        "        total: {metricSource: {type: Prometheus, spec: {query: 'sum(judged_total)'}}}\n", "")
    assert any("'rawType' of " in f for f in faults(text))
    assert "# raw failure: sum(ungrounded_total)" in openslo(
        text.replace("counter: true", "counter: true\n        rawType: failure"), "x.yaml")


@pytest.mark.parametrize(("old", "new", "at", "words"), [
    ("  sli:\n", "  sli:\n    plugin: {id: x}\n", "plugin", "a plugin's code is not run"),
    ("objective: 99.9", "objective: 100", "100", "below 100"),
    ("errors[{{.window}}]", "errors[5m]", "sum(rate(errors", "a query over {{.window}}"),
    ("bongsu_bad: outcome = 'error', ", "", "{runbook", "bongsu_bad"),
    ("bongsu_bad: ", "bongsu_bat: ", "bongsu_bat", "an annotation that bongsu honours"),
    ("version: prometheus/v1", "version: prometheus/v2", "prometheus/v2", "prometheus/v1"),
    ("  description: it", "  colour: it", "colour", "expected a key of slos"),
])
def test_what_sloth_has_and_we_cannot_honour_is_refused_at_its_place(old: str, new: str, at: str, words: str) -> None:
    assert old in SLOTH
    text = SLOTH.replace(old, new, 1)
    found = faults(text, sloth)
    assert any(f.startswith(place(text, at) + ":") and words in f for f in found), found


def test_what_openslo_has_no_word_for_is_listed() -> None:
    made = policy("  calls: {kind: count}\nalerts:\n  busy: {when: calls > 5, over: 5m}\n")
    assert left_out(made) == ["signal failures: no objective promises it", "signal calls: no objective promises it",
                              "alert busy: OpenSLO has burn-rate conditions only"]
    assert written(made).startswith("# Not exported: signal failures")


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
SQL = st.sampled_from(["outcome = 'error'", "grounding_score < 0.5", "blocked AND status >= 500",
                       "model IN ('a: b', '#c')", "coalesce(error, '') <> ''", "error LIKE '%\"${X}%'"])


GAUGES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "quantile", "of": "latency_ms", "q": "99.5%", "labels": ["route"]}, "< 1m30s"),
    ({"kind": "mean", "sum": "grounding_score"}, ">= 0.25"),
    ({"kind": "mean", "sum": "cost", "per": "output_tokens"}, "<= 0.000004 EUR"),
    ({"kind": "sum", "of": "cost"}, "<= 12.5 EUR"),
    ({"kind": "count"}, "> 3"), ({"kind": "count", "of": "blocked"}, "<= 10"),
]
"""A signal that is no ratio, and a limit in its unit."""
CALENDARS = [{"window": "30d"}, {"window": "month", "time_zone": "Asia/Seoul"}, {"window": "week"},
             {"window": "quarter", "time_zone": "America/New_York", "nodata": "bad"}, {"window": "year"}]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    signals = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    goals = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    alerts = draw(st.lists(NAMES, max_size=3, unique=True))
    gauges = {f"{name}.g": draw(st.sampled_from(GAUGES)) for name in draw(st.lists(NAMES, max_size=3, unique=True))}
    promises: dict[str, Any] = {n: {"signal": draw(st.sampled_from(signals)), "target": draw(st.sampled_from(
        ["99.9%", "99.95%", "95%", "90%", "99.123456%", "50%"])), **draw(st.sampled_from(
            [*({"window": w} for w in ("1h", "12h", "7d", "28d", "30d", "90d")), {"window": "30d", "gate": False},
             {"window": "month", "good": "<= 12.5%", "slice": "5m", "nodata": "good"}]))} for n in goals}
    for name, (_, good) in gauges.items():
        promises[name] = {"signal": name, "target": "95%", "good": good, "slice": "1h",
                          **draw(st.sampled_from(CALENDARS))}
    document: dict[str, Any] = {
        "bongsu": 1, "service": {"name": draw(NAMES)}, "settings": {"currency": "EUR"},
        "signals": {n: {"kind": "ratio", "bad": draw(SQL), **draw(st.sampled_from(
            [{}, {"total": "NOT blocked"}, {"labels": ["model", "route"]}, {"origin": "redteam"}]))} for n in signals}
            | {n: deepcopy(kind) for n, (kind, _) in gauges.items()},
        "objectives": promises,
        "channels": {"ops": {"slack": "secret://env/OPS"}, "sec": {"webhook": "secret://file//run/secrets/hook"}},
        "alerts": {n: {"burn": draw(st.sampled_from([*goals, *gauges])), "tier": draw(st.sampled_from(
            ["severe", "major", "minor", "info"])), **draw(st.sampled_from(
                [{}, {"for": "3m"}, {"clear_for": "90s"}, {"to": ["ops"]}, {"to": ["sec", "ops"]}]))} for n in alerts}}
    return parse(yaml.safe_dump(document, sort_keys=False), "bot.yaml", {})


def test_what_is_exported_is_imported_again_and_means_the_same() -> None:
    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(policies())
    def again(made: Policy) -> None:
        back = parse(openslo(written(made), "x.yaml"), "bot.yaml", {})
        promised = {o.signal for o in made.plan.objectives}
        expected = replace(judged(made), signals=tuple(s for s in made.plan.signals if s.key in promised))
        assert set(judged(back).signals) == set(expected.signals)
        assert replace(judged(back), signals=(), rules=()) == replace(expected, signals=(), rules=())
        assert {r.name: r for r in back.plan.rules} == {r.name: r for r in expected.rules}
        told = {name for r in made.plan.rules for name in r.to}
        assert back.channels == {name: made.channels[name] for name in made.channels if name in told}

    again()


def test_the_verbs_write_and_read(tmp_path: Any) -> None:
    file, out = tmp_path / "slo.yaml", tmp_path / "out"
    file.write_text(SLO)
    read = CliRunner().invoke(import_, ["openslo", str(file)])
    assert read.exit_code == 0, read.output
    (tmp_path / "bot.yaml").write_text(read.stdout)
    made = CliRunner().invoke(export, ["prometheus", str(tmp_path / "bot.yaml"), "-o", str(out), "--sloth-compat"])
    assert made.exit_code == 0, made.output
    assert sorted(p.name for p in out.iterdir()) == ["rules.yml", "rules_test.yml"]
    shown = CliRunner().invoke(export, ["openslo", str(tmp_path / "bot.yaml")])
    assert parse(openslo(shown.stdout, "y.yaml"), "y", {}).plan == parse(read.stdout, "x", {}).plan
    file.write_text(SLO.replace("op: gt", "op: lte"))
    refused = CliRunner().invoke(import_, ["openslo", str(file)])
    assert refused.exit_code == 2
    assert f"{file}:34:35: expected spec.condition.op: gt" in refused.stderr
    assert refused.stdout == ""


def test_an_exported_burn_alert_names_a_row_that_its_own_import_takes() -> None:
    """At 90 % 14.4x could never fire, so 9x is written, and 14.4x would be refused."""
    text = written(burning("90%"))
    assert "threshold: 9\n" in text
    assert any("a rate that can be reached" in f for f in faults(text.replace("threshold: 9\n", "threshold: 14.4\n")))
