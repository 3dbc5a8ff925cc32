"""From how many events on a threshold can be proven: said of a signal, and pointed out when a policy is checked."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold
from bongsu.cell import Cells
from bongsu.cli import cli
from bongsu.drift import Bins, Reference
from bongsu.expression import read
from bongsu.policy import load
from bongsu.policy.powered import unproven
from bongsu.policy.signals import explain_signal
from bongsu.ports import Sli
from bongsu.power import power, spread
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.references import compared
from bongsu.slis.calibration import Calibration
from bongsu.slis.count import Count
from bongsu.slis.drift import Drift
from bongsu.slis.gap import Gap
from bongsu.slis.mean import Mean
from bongsu.slis.performance import Performance
from bongsu.slis.quantile import Quantile, bucket
from bongsu.slis.rate import Rate
from bongsu.slis.ratio import Ratio
from bongsu.slo import beyond


def drift(rows: int = 100_000, columns: int = 1, least: int = 1, measure: Any = "psi") -> Drift:
    bins = tuple(Bins(f"features.x{i}", "number", (*[rows // 10] * 10, 0), tuple(map(float, range(9))))
                 for i in range(columns))
    sli = Drift("r", tuple(b.column for b in bins), measure=measure, min_events=least)
    return sli.against(Reference("r", "v", bins, rows))  # type: ignore[return-value]


def rule(sli: Sli, op: Any, limit: str, over: Duration = DAY, volume: int = 0, evidence: Any = None) -> Threshold:
    back: Any = {">": "<=", "<": ">="}[op]
    return Threshold(Signal("s", sli, key="s", unit=sli.unit), op, Fraction(limit), over, back, Fraction(limit),
                     volume=volume, evidence=evidence)


@pytest.mark.req("D1")
@pytest.mark.parametrize(("sli", "over", "quantile"), [
    (drift(), DAY, 21.666), (drift(), HOUR, 30.092), (drift(columns=10), DAY, 27.877), (drift(1000), DAY, 21.666)])
def test_a_psi_is_provable_from_where_the_null_s_quantile_is_below_it(sli: Drift, over: Duration,
                                                                      quantile: float) -> None:
    """Yurdakul: (1/n + 1/m) chi-square, 9 degrees; the quantiles at 1 %, 1 % / 24 and 1 % / 10 are those of tables (the
    second and third of R's qchisq). 1 / (0.25 / 21.666 - 1 / 100,000) is 86.7."""
    found = power(rule(sli, ">", "0.25", over))
    assert found is not None
    assert found.near
    n = 1 / (0.25 / quantile - 1 / sum(sli.bins[0].counts))
    assert found.events == pytest.approx(n, abs=1.01)


@given(st.lists(st.integers(0, 40), min_size=10, max_size=10).filter(sum), st.sampled_from(["psi", "kl", "js", "chi2"]),
       st.sampled_from(["0.1", "0.25", "0.5", "30"]))
def test_a_window_of_as_many_events_whose_distance_is_beyond_the_threshold_does_fire(counts: list[int], measure: Any,
                                                                                   limit: str) -> None:
    when = rule(drift(measure=measure), ">", limit)
    found, n = power(when), sum(counts)
    shown = when.signal.sli.evidence({f"features.x0:{i}": c for i, c in enumerate(counts)})
    assert found is not None
    if found.events is not None and n >= found.events and shown.value > when.enter * Fraction(101, 100):
        assert when.holds(shown)


def test_no_number_of_events_makes_up_for_a_reference_of_few_rows() -> None:
    found = power(rule(drift(60), ">", "0.25"))
    assert found is not None
    assert found.events is None
    assert found.from_few is not None
    assert 21.666 / 60 < found.from_few < 10 * 21.666


@given(st.sampled_from([Ratio(read("blocked")), Rate(read("blocked"), calls=1)]), st.integers(1, 19),
       st.sampled_from([">", "<"]), st.sampled_from([DAY, HOUR, MINUTE]), st.integers(0, 10**4))
def test_a_share_that_far_off_is_proven_by_so_many_events_and_by_fewer_than_the_least_nothing_is(
    sli: Sli, twentieths: int, op: Any, over: Duration, more: int,
) -> None:
    when = rule(sli, op, f"{twentieths}/20", over)
    found = power(when)
    assert found is not None
    assert found.events is not None
    assert found.least is not None
    n = found.events + found.events // 20 + 20 + more
    k = -(-found.at * n // 1) if op == ">" else found.at * n // 1
    part = "bad" if sli.kind == "ratio" else "n"
    assert when.holds(sli.evidence({part: int(k), "total": n}, {DAY: 1, HOUR: 24, MINUTE: 1440}[over]))
    few = found.least - 1
    assert not few or not when.holds(sli.evidence({part: few if op == ">" else 0, "total": few},
                                                  {DAY: 1, HOUR: 24, MINUTE: 1440}[over]))


def test_twice_a_share_is_twice_as_far_from_where_nothing_is_wrong() -> None:
    ways = {limit: power(rule(Ratio(read("blocked")), op, limit)) for op, limit in
            ((">", "0.05"), (">", "0.8"), ("<", "0.95"), ("<", "0.1"))}
    assert {limit: str(one.at) for limit, one in ways.items() if one} == {
        "0.05": "1/10", "0.8": "9/10", "0.95": "9/10", "0.1": "1/20"}


def test_a_gap_takes_thousands_of_each_group_and_its_own_condition_says_how_many() -> None:
    when = rule(Gap("group", "fpr"), ">", "0.03", Duration(7 * DAY))
    found = power(when)
    assert found is not None
    assert (found.at, found.near) == (Fraction(6, 100), False)
    for n, holds in ((found.events or 0, True), ((found.events or 0) * 9 // 10, False)):
        k = n // 2
        high, low = round(k * 0.53), round(k * 0.47)
        shown = when.signal.sli.evidence({"fp=a": high, "tn=a": k - high, "fp=b": low, "tn=b": k - low})
        assert beyond(shown, ">", when.enter) is holds


@pytest.mark.parametrize("when", [
    rule(Count(), ">", "10"), rule(Count(), ">", "10", evidence="interval"), rule(Rate(per=HOUR), ">", "10"),
    rule(Mean(read("cost", "number")), ">", "10"), rule(Ratio(read("blocked")), ">", "0.05", evidence="value"),
    rule(Drift("r"), ">", "0.25"), rule(drift(measure="wasserstein"), ">", "0.25")])
def test_of_what_needs_no_proof_or_cannot_be_foretold_nothing_is_said(when: Threshold) -> None:
    assert power(when) is None


@pytest.mark.parametrize(("op", "limit"), [(">", "0"), ("<", "1")])
def test_a_threshold_at_an_end_is_proven_by_a_value_between_it_and_the_other(op: Any, limit: str) -> None:
    for sli in (Ratio(read("blocked")), Rate(read("blocked"), calls=1)):
        found = power(rule(sli, op, limit))
        assert found is not None
        assert (found.at, found.least) == (Fraction(1, 2), 1)
        assert found.events is not None


POLICY = """
bongsu: 1
service: {name: a}
features: {age: number}
references: {past: {file: FILE}}
signals:
  moved: {kind: drift, reference: past, columns: [features.age], min_events: LEAST}
  bad: {kind: ratio, bad: blocked}
alerts:
  moved: {when: moved > LIMIT, over: 1h, tier: major}
  bad: {when: bad > 5%, over: 1h, VOLUMEtier: major}
"""


def policy_at(folder: Path, rows: int, limit: str = "0.25", least: int = 100, volume: str = "") -> Path:
    (folder / "past.csv").write_text("age\n" + "".join(f"{i % 97}\n" for i in range(rows)))
    path = folder / "policy.yaml"
    path.write_text(POLICY.replace("FILE", str(folder / "past.csv")).replace("LIMIT", limit)
                    .replace("LEAST", str(least)).replace("VOLUME", volume))
    return path


@pytest.mark.parametrize(("made", "en", "ko"), [
    ({"rows": 5000}, "", ""),
    ({"rows": 40}, ":10: note: alert moved: its reference has too few rows: no number of events proves a value just "
     "beyond 0.25; 100, the smallest sample, only one beyond 1.", "알림 moved: 기준 분포의 행이 너무 적어"),
    ({"rows": 5000, "least": 20}, "alert moved: 124 events prove a value just beyond 0.25; 20, the smallest sample, "
     "only one beyond 1.5", "알림 moved: 이벤트 124건이면 0.25 기준을 갓 넘은 값이 입증되지만, 최소 표본 20건으로는"),
    ({"rows": 5000, "volume": "volume: 2, "}, "alert bad: it can never fire: 2 events, the most of its window, prove "
     "nothing", "알림 bad: 절대 발생할 수 없습니다. 창에 담기는 최대 2건으로는"),
    ({"rows": 5000, "volume": "volume: 150, "}, "alert bad: the 150 events of its window do not prove a value of 10%",
     "알림 bad: 창에 담기는 이벤트 150건으로는 10% 값이 입증되지 않습니다")])
def test_a_policy_that_is_checked_hears_of_alerts_that_hardly_or_never_fire(tmp_path: Path, made: dict[str, Any],
                                                                           en: str, ko: str) -> None:
    path = policy_at(tmp_path, **made)
    for language, wanted in (("en", en), ("ko", ko)):
        ran = CliRunner().invoke(cli, ["check", str(path), "--json", "--lang", language])
        assert ran.exit_code == 0, ran.output
        notices = json.loads(ran.output)["notices"]
        assert len(notices) == bool(wanted)
        assert all(wanted in line for line in notices)


@pytest.mark.parametrize(("when", "volume", "en", "ko"), [
    ("> 0%", "", "", ""), ("> 0%", "volume: 150, ", "", ""), ("< 100%", "", "", ""),
    (">= 100%", "", "alert bad: it can never fire: no number of events proves a value of 100% or beyond",
     "알림 bad: 절대 발생할 수 없습니다. 이벤트가 아무리 많아도 100%에 이르거나 이를 넘은 값은 입증되지 않습니다"),
    ("<= 0%", "", "alert bad: it can never fire: no number of events proves a value of 0% or beyond",
     "알림 bad: 절대 발생할 수 없습니다. 이벤트가 아무리 많아도 0%에"),
    (">= 100%", "volume: 150, ", "alert bad: it can never fire: 150 events, the most of its window, prove nothing",
     "최대 150건으로는")])
def test_a_note_on_an_end_of_a_share_is_true_with_and_without_a_volume(tmp_path: Path, when: str, volume: str, en: str,
                                                                       ko: str) -> None:
    path = policy_at(tmp_path, 5000, volume=volume)
    path.write_text(path.read_text().replace("bad > 5%", f"bad {when}"))
    for language, wanted in (("en", en), ("ko", ko)):
        ran = CliRunner().invoke(cli, ["check", str(path), "--json", "--lang", language])
        notices = json.loads(ran.output)["notices"]
        assert len(notices) == bool(wanted), notices
        assert all(wanted in line for line in notices)


@pytest.mark.parametrize(("language", "moved", "bad"), [
    ("en", "124 events prove a value just beyond 0.25; 100, the smallest sample, only one beyond 0.3",
     "about 315 events prove a value of 10%; fewer than 3 prove none"),
    ("ko", "이벤트 124건이면 0.25 기준을 갓 넘은 값이 입증됨; 최소 표본 100건으로는 0.3",
     "이벤트 약 315건이면 10% 값이 입증됨; 3건 미만으로는 아무것도 입증되지 않음")])
def test_an_explained_signal_says_from_how_many_events_its_alerts_can_prove_anything(
    tmp_path: Path, language: Any, moved: str, bad: str,
) -> None:
    policy = compared(load(policy_at(tmp_path, 5000), {}))
    for signal, wanted in zip(policy.plan.signals, (moved, bad), strict=True):
        words = explain_signal(policy, policy.plan.rules, signal, Cells(MINUTE), DAY, language).words
        assert any(wanted in line for line in words), words
    assert not list(unproven(policy))


def test_a_note_is_at_the_place_of_its_alert_also_of_one_from_a_pack(tmp_path: Path) -> None:
    policy = compared(load(policy_at(tmp_path, 40), {}))
    (note,) = unproven(policy)
    assert (note.path, policy.places["moved"].line) == (policy.path, note.line)
    assert [one.line for one in unproven(replace(policy, places={}))] == [1]


@pytest.mark.req("D11")
@given(st.sampled_from(["50/100", "9/10", "95/100", "99/100"]), st.sampled_from([">", "<"]),
       st.sampled_from([DAY, HOUR]), st.integers(0, 200))
def test_a_quantile_is_proven_where_the_share_of_events_above_its_threshold_is(
        q: str, op: Any, over: Duration, more: int) -> None:
    sli = Quantile(read("latency_ms", "number"), Fraction(q))
    when, looks = rule(sli, op, "1000", over), {DAY: 1, HOUR: 24}[over]
    found = power(when)
    assert found is not None
    assert found.events is not None
    assert found.least is not None
    n = found.events + found.events // 20 + 20 + more
    above = int(-(-found.at * n // 1) if op == ">" else found.at * n // 1)
    below, beyond = f"b{bucket(10**8)}", f"b{bucket(10**10)}"
    assert when.holds(sli.evidence({below: n - above, beyond: above}, looks))
    few = found.least - 1
    assert not few or not when.holds(sli.evidence({beyond if op == ">" else below: few}, looks))


@pytest.mark.req("D5")
@pytest.mark.parametrize(("measure", "vector"), [
    ("accuracy", lambda n, k: {"right": k, "n": n}), ("recall", lambda n, k: {"tp": k, "true": n, "n": n}),
    ("precision", lambda n, k: {"tp": k, "said": n, "n": n}),
    ("auc", lambda n, k: {"pos700": k // 2, "pos200": n // 2 - k // 2, "neg400": n - n // 2, "n": n})])
def test_performance_takes_as_many_labels_as_its_own_condition_says(measure: Any, vector: Any) -> None:
    when = rule(Performance(measure), "<", "0.7", Duration(7 * DAY))
    found = power(when)
    assert found is not None
    assert found.at == (Fraction(6, 10) if measure == "auc" else Fraction(4, 10))
    n = (found.events or 0) + 2
    assert when.holds(when.signal.sli.evidence(vector(n, int(found.at * n))))
    fewer = n * 4 // 5
    assert fewer < 30 or not when.holds(when.signal.sli.evidence(vector(fewer, int(found.at * fewer))))


@pytest.mark.req("D5")
def test_a_calibration_error_has_a_null_so_one_just_beyond_its_threshold_is_proven_by_enough_labels() -> None:
    """A score of 0.5 that comes true in n halves, off by 0.05: 10 bins, each with n/10 * 0.05^2 / (p (1 - p))."""
    found = power(rule(Calibration(), ">", "0.05", Duration(7 * DAY)))
    assert found is not None
    assert found.near
    spreads = [p * (1 - p) for p in ((i + 0.5) / 10 for i in range(10))]
    statistic = (found.events or 0) / 10 * 0.05**2 * sum(1 / one for one in spreads)
    assert statistic == pytest.approx(23.209, rel=0.1), "the 99 % quantile of chi-square with ten degrees"
    assert power(rule(Calibration("brier"), ">", "0.05")) is None


@pytest.mark.req("D10")
@given(st.lists(st.integers(1, 2000), min_size=20, max_size=200).filter(lambda values: len({*values}) > 1))
def test_of_a_mean_what_came_says_how_many_more_such_events_prove_twice_its_threshold(costs: list[int]) -> None:
    sli = Mean(read("cost", "number"))
    when = rule(sli, ">", str(Fraction(sum(costs), 2 * len(costs))))
    vector = {"sum": sum(costs), "n": len(costs), "per": len(costs), "xx0": sum(cost * cost for cost in costs)}
    found = sli.evidence(vector)
    assert found.value == 2 * when.enter
    assert found.low is not None
    told = spread(when, found)
    assert told is not None
    at, events = told
    assert at == found.value
    assert when.holds(found) is (events <= found.n), "so many events are enough exactly where these are"
    assert spread(when, sli.evidence({})) is None


@pytest.mark.req("D10")
def test_of_a_mean_below_nothing_a_value_beyond_its_threshold_is_named() -> None:
    sli = Mean(read("cost", "number"))
    found = sli.evidence({"sum": -300, "n": 100, "per": 100, "xx0": 2000})
    for op, beyond_it in ((">", Fraction(-5, 2)), ("<", Fraction(-10))):
        told = spread(rule(sli, op, "-5"), found)
        assert told is not None
        assert told[0] == beyond_it


@pytest.mark.req("D10")
def test_an_area_below_one_half_can_be_proven_too() -> None:
    found = power(rule(Performance("auc"), "<", "0.4"))
    assert found is not None
    assert found.least is not None
