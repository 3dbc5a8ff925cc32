"""Packs: one line puts ready thresholds in force, and each is exact on both sides of its boundary."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold, filled, looks, reach, read_threshold
from bongsu.cell import Cell, Cells
from bongsu.cli import cli
from bongsu.drift import Bins, Reference
from bongsu.exports.prometheus import left_out
from bongsu.packs import PACKS
from bongsu.policy import Policy, PolicyError, parse
from bongsu.policy.explain import explain
from bongsu.policy.extend import read_pack
from bongsu.quantity import DAY, MINUTE, Duration
from bongsu.slis.count import Count
from bongsu.slo import beyond
from packkit import HEAD, fires


def policy(text: str) -> Policy:
    return parse(HEAD + text, "p.yaml", {})


def rules(text: str) -> dict[str, object]:
    return {rule.name: rule for rule in policy(text).plan.rules}


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy(text)
    return [str(fault) for fault in caught.value.faults]


# ---- the five thresholds ----


@pytest.mark.req("D14")
@pytest.mark.parametrize(("blocked", "alarm"), [(10, False), (11, True)])
def test_more_than_ten_blocked_calls_a_day_alarm(blocked: int, alarm: bool) -> None:
    events = [f'at: "00:00:{n:02}", blocked: true' for n in range(blocked)]
    assert fires("guard_blocks", "default", *events) is alarm


@pytest.mark.req("D14")
@pytest.mark.parametrize(("cost", "alarm"), [(4800, False), (4801, True)])
def test_a_token_above_120_percent_of_its_target_alarms(cost: int, alarm: bool) -> None:
    """A token may cost 4,000 nano-dollars: 4,800 is the threshold itself, and a single nano-dollar more is above it."""
    each = f'at: "00:00:01..00:00:30", every: 1s, cost: {cost}, input_tokens: 1, output_tokens: 0'
    assert fires("cpt", "{default: {cpt_target: 0.000004 USD}}", each) is alarm


@pytest.mark.req("D14")
def test_a_single_dear_call_is_no_rise_of_the_cost_per_token() -> None:
    dear = 'at: "00:00:40", cost: 9000000, input_tokens: 100, output_tokens: 100'
    usual = 'at: "00:00:01..00:00:30", every: 1s, cost: 400000, input_tokens: 80, output_tokens: 20'
    assert not fires("cpt", "{default: {cpt_target: 0.000004 USD}}", dear)
    assert not fires("cpt", "{default: {cpt_target: 0.000004 USD}}", usual, dear)


@pytest.mark.req("D14")
@pytest.mark.parametrize(("bad", "alarm"), [(11, False), (40, True)])
def test_unsupported_answers_alarm_once_they_are_more_than_chance(bad: int, alarm: bool) -> None:
    """11 of 200 are 5.5 %, which a true 5 % gives in every third hour."""
    events = [f'at: "00:00:01", grounding_score: {0.1 if n < bad else 0.9}' for n in range(200)]
    assert fires("mismatch", "default", *events) is alarm


@pytest.mark.req("D14")
def test_a_few_unsupported_answers_are_no_rate_yet() -> None:
    events = [f'at: "00:00:{n:02}", grounding_score: 0.1' for n in range(50)]
    assert not fires("mismatch", "default", *events)


FULL = """extends: PACK
features: {age: number}
references: {train: {file: train.parquet}}
"""


def enters(pack: str, alert: str, vector: dict[str, int], *bins: Bins) -> bool:
    """Whether a pack's threshold is crossed, and proven so, by these sums."""
    when = rules(FULL.replace("PACK", pack))[alert].when
    sli = when.signal.sli.against(Reference("train", "v1", bins, 1000)) if bins else when.signal.sli
    return beyond(sli.evidence(vector, looks(when.over)), when.op, when.enter, when.sure)


@pytest.mark.req("D14")
@pytest.mark.parametrize(("bad", "alarm"), [(50_000, False), (51_000, True)])
def test_more_than_five_percent_of_unsupported_answers_alarm(bad: int, alarm: bool) -> None:
    """A million answers make the interval narrow enough for a tenth of a point."""
    assert enters("default", "mismatch", {"bad": bad, "total": 1_000_000}) is alarm


@pytest.mark.req("D14")
@pytest.mark.parametrize(("moved", "alarm"), [(239, False), (240, True)])
def test_a_feature_whose_psi_is_above_a_quarter_alarms(moved: int, alarm: bool) -> None:
    """Two equal bins: 739 and 261 of a thousand are a PSI of 0.2487, 740 and 260 one of 0.2510."""
    bins = Bins("features.age", "number", (500_000, 500_000, 0), (0.0,))
    vector = {"features.age:0": 500_000 + moved * 1000, "features.age:1": 500_000 - moved * 1000}
    assert enters("{default: {reference: train}}", "psi", vector, bins) is alarm


@pytest.mark.req("D14")
@pytest.mark.parametrize(("more", "alarm"), [(30_000, False), (31_000, True)])
def test_false_positive_rates_more_than_three_points_apart_alarm(more: int, alarm: bool) -> None:
    """With a hundred million people a group the interval is narrow enough for a tenth of a point."""
    vector = {"fp=A": 100_000, "tn=A": 900_000, "fp=B": 100_000 + more, "tn=B": 900_000 - more}
    vector = {part: 100 * n for part, n in vector.items()}
    assert enters("{default: {group: group}}", "fpr_gap", vector) is alarm


@pytest.mark.req("D15")
@pytest.mark.parametrize(("chosen", "alarm"), [(400_000, False), (390_000, True)])
def test_an_impact_ratio_below_four_fifths_alarms(chosen: int, alarm: bool) -> None:
    vector = {"yes=A": 500_000, "no=A": 500_000, "yes=B": chosen, "no=B": 1_000_000 - chosen}
    assert enters("{finance: {group: group}}", "impact", vector) is alarm


@pytest.mark.req("D15")
@pytest.mark.parametrize(("bad", "alarm"), [(10_000, False), (10_500, True)])
def test_medical_answers_may_be_unsupported_in_one_of_a_hundred(bad: int, alarm: bool) -> None:
    assert enters("health", "mismatch", {"bad": bad, "total": 1_000_000}) is alarm


@pytest.mark.req("D15")
@pytest.mark.parametrize(("score", "alarm"), [(0.6, True), (0.7, False)])
def test_a_medical_answer_counts_as_unsupported_below_seven_tenths(score: float, alarm: bool) -> None:
    assert fires("mismatch", "health", *[f'at: "00:00:01", grounding_score: {score}'] * 200) is alarm


@pytest.mark.req("D15")
def test_a_pack_on_top_of_another_makes_it_stricter() -> None:
    """Of entries with one name the pack that is named last counts."""
    assert rules("extends: [default, health]\n")["mismatch"].when.enter == Fraction(1, 100)
    assert rules("extends: [health, default]\n")["mismatch"].when.enter == Fraction(5, 100)


# ---- by volume ----


@pytest.mark.req("D14")
@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 300))
def test_a_window_by_volume_is_the_shortest_that_holds_so_many_events(counts: list[int], volume: int) -> None:
    """Whole base windows, and never longer than 'over'."""
    signal = Signal("calls", Count(), key="calls")
    cells = Cells(MINUTE, [Cell("calls", (), i * MINUTE, "n", n) for i, n in enumerate(counts) if n])
    now, most = len(counts) * MINUTE, 50
    rule = Threshold(signal, ">", Fraction(0), Duration(most * MINUTE), "<=", Fraction(0), volume=volume)
    long_enough = [k for k in range(1, most) if sum(counts[-k:]) >= volume]
    assert filled(cells, rule, now) == MINUTE * (long_enough[0] if long_enough else most)


def test_a_drift_is_looked_at_by_volume_as_well_as_by_day() -> None:
    read = policy(FULL.replace("PACK", "{default: {reference: train}}"))
    (psi,) = [rule for rule in read.plan.rules if rule.name == "psi"]
    assert (psi.when.volume, psi.when.over) == (10_000, DAY)
    assert any("1 day or 10000 events, whichever is shorter" in line for line in explain(read, "en"))
    assert any("이벤트 10000건이" in line for line in explain(read, "ko"))


# ---- one line, and what can be said beside it ----


def test_one_line_is_enough_and_what_is_left_out_is_said() -> None:
    read = policy("extends: default\n")
    assert {"mismatch", "guard_blocks"} <= {rule.name for rule in read.plan.rules}
    assert "cpt" not in {rule.name for rule in read.plan.rules}
    assert ("p.yaml:3:10: note: pack default: 'cost' is left out; give it cpt_target (what a token should cost, such "
            "as 0.000004 USD) under extends") in [str(note) for note in read.notices]
    assert any("mismatch" in line and "pack default" in line for line in explain(read, "en"))
    assert any("mismatch" in line and "팩 default" in line for line in explain(read, "ko"))


@pytest.mark.parametrize("extends", ["default", "[default]", "{default: {}}", "[{default: {}}]", "\n  default:\n"])
def test_a_pack_is_named_in_any_of_these_ways(extends: str) -> None:
    assert "guard_blocks" in rules(f"extends: {extends}\n")


def test_the_policy_replaces_single_settings_of_a_packs_entry() -> None:
    own = "alerts:\n  guard_blocks: {tier: severe, when: guard_blocks > 100}\n"
    rule = rules("extends: default\n" + own)["guard_blocks"]
    assert (rule.tier, rule.when.enter, rule.when.over) == ("severe", 100, 86_400_000_000)


def test_an_entry_that_says_its_kind_is_the_policys_own() -> None:
    read = policy("extends: default\nsignals:\n  mismatch: {kind: ratio, bad: blocked}\n")
    (signal,) = [s for s in read.plan.signals if s.name == "mismatch"]
    assert (str(signal.sli.bad), signal.sli.total, signal.labels) == ("blocked", None, ())


def test_a_part_can_be_left_out() -> None:
    read = policy("extends: {default: {without: [blocks]}}\n")
    assert "guard_blocks" not in {rule.name for rule in read.plan.rules}
    assert "guard_blocks" not in {signal.name for signal in read.plan.signals}


def test_a_parameter_that_is_a_list_goes_where_a_list_goes() -> None:
    text = "extends: {default: {to: [a, b]}}\nchannels: {a: {slack: secret://env/X}, b: {slack: secret://env/Y}}\n"
    assert rules(text)["guard_blocks"].to == ("a", "b")


@pytest.mark.parametrize(("text", "said"), [
    ("extends: defautl\n", "p.yaml:3:10: expected a pack ("),
    ("extends: {default: {cpt: 1}}\n", "expected a parameter of pack default ("),
    ("extends: {default: {without: cots}}\n", "expected a part of pack default ("),
    ("extends: {default: yes}\n", "p.yaml:3:20: expected a mapping of parameters of pack default, came a text"),
    ("extends: [[default]]\n", "p.yaml:3:11: expected the name of a pack, came a list"),
    ("extends: {default: {to: opss}}\nchannels: {ops: {slack: secret://env/X}}\n",
     "p.yaml:3:25: expected a channel (ops), came 'opss'; did you mean 'ops'?"),
    ("extends: {default: {cpt_target: cheap}}\n", "pack:default:"),
])
def test_a_mistake_is_told_where_it_was_made(text: str, said: str) -> None:
    told = faults(text)
    assert len(told) == 1
    assert said in told[0]


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_uses_no_parameter_that_it_does_not_declare_or_need(name: str) -> None:
    """Inside a longer text a parameter must be given: its part needs it, or it has a default."""
    pack = read_pack(name)
    text = PACKS[name].read_text(encoding="utf-8")
    for part in pack.parts:
        assert part.about, part.name
        assert set(part.needs) <= set(pack.parameters)
    assert set(pack.defaults) <= set(pack.parameters)
    for parameter in pack.parameters:
        assert f"${{with.{parameter}}}" in text


@pytest.mark.parametrize("name", PACKS)
def test_packs_are_listed_and_shown(name: str) -> None:
    run = CliRunner()
    listed = json.loads(run.invoke(cli, ["pack", "list", "--json"]).stdout)
    assert name in [one["name"] for one in listed]
    assert run.invoke(cli, ["pack", "show", name]).stdout == PACKS[name].read_text(encoding="utf-8")


@pytest.mark.req("D15", "D12")
@pytest.mark.parametrize(("reviewed", "alarm"), [(19, False), (18, True)])
def test_medical_answers_that_nobody_reviewed_within_a_day_alarm_and_fresh_ones_do_not(
        reviewed: int, alarm: bool) -> None:
    answers = [f'at: "00:00:{n:02}", grounding_score: 0.9' for n in range(20)]
    labels = [f'at: "03:00:00", kind: label, call: boundary/{n}/0, label: fine, name: review' for n in range(reviewed)]
    assert fires("unreviewed", "health", *answers, *labels, within="00:00..25:00:00") is alarm
    assert not fires("unreviewed", "health", *answers, within="00:00..23:00:00"), "a day for the review"


def test_a_window_that_ended_some_time_ago_is_said_to_have() -> None:
    read = policy("extends: health\n")
    (rule,) = [rule for rule in read.plan.rules if rule.name == "unreviewed"]
    assert (rule.when.delay, reach(rule.when)) == (DAY, 8 * DAY)
    assert any("unreviewed over 7 days that ended 1 day ago is above 5%" in line for line in explain(read, "en"))
    assert any("1일 전까지의 7일" in line for line in explain(read, "ko"))
    assert any("its window ends some time ago" in line for line in left_out(policy(
        "signals: {bad: {kind: ratio, bad: blocked}}\nalerts: {bad: {when: bad > 5%, over: 1h, delay: 1h}}\n")))
    assert "settings.retention.cells" in "".join(faults(
        "signals: {bad: {kind: ratio, bad: blocked}}\nalerts: {bad: {when: bad > 5%, over: 399d, delay: 2d}}\n"))


def test_that_a_delayed_alert_has_no_data_is_told_of_now_and_not_of_a_day_ago() -> None:
    read = policy("signals: {bad: {kind: ratio, bad: blocked}}\n"
                  "alerts: {bad: {when: bad > 5%, over: 1h, delay: 1d, nodata: 2h}}\n")
    late, silent = sorted(read.plan.rules, key=lambda rule: rule.name)
    assert isinstance(late.when, Threshold)
    assert isinstance(silent.when, Threshold)
    assert (late.name, late.when.delay) == ("bad", DAY)
    assert (silent.name, silent.when.delay) == ("bad/nodata", 0)



@given(st.lists(st.integers(0, 9), min_size=4, max_size=30), st.integers(0, 20), st.integers(1, 10))
def test_what_a_delayed_alert_reads_is_what_it_would_have_read_then(counts: list[int], back: int, wide: int) -> None:
    signal = Signal("calls", Count(), key="calls")
    cells = Cells(MINUTE, [Cell("calls", (), i * MINUTE, "n", n) for i, n in enumerate(counts) if n])
    now = len(counts) * MINUTE
    rule = Threshold(signal, ">", Fraction(3), Duration(wide * MINUTE), "<=", Fraction(3))
    late = replace(rule, delay=Duration(back * MINUTE))
    assert read_threshold(cells, late, now + back * MINUTE) == read_threshold(cells, rule, now)
