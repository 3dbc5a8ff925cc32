"""Guards that look at a sample of the calls: what they find is made an estimate of all calls, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold, read_evidence, read_threshold
from bongsu.cell import Cells
from bongsu.event import Event
from bongsu.exports.prometheus import left_out
from bongsu.policy import parse
from bongsu.policy.signals import explain_signal
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.runners.duckdb import Counter
from bongsu.sampling import Sampling, said
from bongsu.split import sampled
from bongsu.stores.arrow import table

POLICY = """
bongsu: 1
service: {name: a}
upstreams: {main: {url: "http://127.0.0.1:9/v1", model: m}}
routes: {shop: {primary: main}}
guards:
  grounded: {check: grounding, on: output, act: flag, timeout: 1s, fails: open, sample: 10%}
  attacks: {check: pattern, on: input, act: block, timeout: 1s, fails: closed}
  codes: {check: pii, on: [input, output], act: flag, timeout: 1s, fails: closed, sample: 50%}
signals:
  loose: {kind: count, of: "grounding_score < 0.5"}
  hourly: {kind: rate, of: "grounding_score < 0.5", per: 1h}
  of_calls: {kind: rate, of: "grounding_score < 0.5", calls: 1000}
  share: {kind: ratio, bad: "grounding_score < 0.5", total: "kind = 'call'"}
  attacked: {kind: count, of: injection_findings > 0}
  blocks: {kind: count, of: blocked}
alerts:
  many: {when: loose > 1000, over: 1d, tier: minor}
"""
CALLS, TRUE_SHARE = 20_000, 10
"""One call in ten is not grounded."""
PARSED = parse(POLICY, "policy.yaml", {})
SIGNALS = {signal.name: signal for signal in PARSED.plan.signals}


def happened(share_at: Callable[[int], Fraction], calls: int = CALLS) -> list[Event]:
    """Calls of a day; of those in the sample it is known whether the answer was grounded."""
    out = []
    for i in range(calls):
        at, share = i * DAY // calls, share_at(i)
        inside = sampled(f"call-{i}", "grounded", share)
        score = (0.1 if sampled(f"call-{i}", "truth", Fraction(1, TRUE_SHARE)) else 0.9) if inside else None
        out.append(Event(id=f"call-{i}", time=at, grounding_score=score,
                         sampled=said("grounded", share if inside else Fraction(0))))
    return out


TRUTH = sum(sampled(f"call-{i}", "truth", Fraction(1, TRUE_SHARE)) for i in range(CALLS))


def cells_of(events: Sequence[Event], signals: Sequence[Signal] = tuple(SIGNALS.values())) -> Cells:
    counter = Counter(signals, MINUTE)
    try:
        return Cells(MINUTE, counter.count(table(events)))
    finally:
        counter.close()


@pytest.fixture(scope="module", params=["a tenth", "a tenth, later a half"])
def cells(request: Any) -> Cells:
    half = Fraction(1, 2) if "half" in request.param else Fraction(1, 10)
    return cells_of(happened(lambda i: Fraction(1, 10) if i < CALLS // 2 else half))


@pytest.mark.req("D7")
@pytest.mark.parametrize(("name", "true"), [
    ("loose", TRUTH), ("hourly", TRUTH / 24), ("of_calls", 1000 * TRUTH / CALLS), ("share", TRUTH / CALLS)])
def test_what_a_sample_shows_is_an_estimate_of_all_calls_also_where_the_share_was_changed(
    cells: Cells, name: str, true: float,
) -> None:
    found = read_evidence(cells, SIGNALS[name], Duration(DAY), DAY)
    assert found.low < true < found.high
    assert float(found.value) == pytest.approx(true, rel=0.15)
    assert found.high > found.value > found.low > 0


def test_an_interval_of_a_tenth_is_about_as_wide_as_a_tenth_of_the_events_makes_it(cells: Cells) -> None:
    sampled_, whole = SIGNALS["loose"], replace(SIGNALS["loose"].sli, sampling=None)
    found = read_evidence(cells, sampled_, Duration(DAY), DAY)
    of_all = whole.evidence({"n": TRUTH})
    assert found.n < TRUTH, "it says how many events it rests on"
    assert 1.5 < (found.high - found.low) / (of_all.high - of_all.low) < 4


@given(st.lists(st.sampled_from([1, 2, 4, 5, 10, 20, 100]), min_size=1, max_size=60), st.floats(1, 5))
def test_a_total_adds_up_whatever_the_shards_and_holds_its_estimate(times: list[int], z: float) -> None:
    one = Sampling("g", Fraction(1, times[0]))
    vector = {"n": len(times), "w": 1000 * sum(times), "ww": 1000 * sum(t * t for t in times)}
    value, low, high = one.total(vector, z)
    assert value == sum(times)
    assert 0 <= low <= value <= high
    if len(set(times)) == 1:
        n = len(times)
        assert high - low == pytest.approx(times[0] * (Sampling("g", Fraction(1)).total(
            {"n": n, "w": 1000 * n, "ww": 1000 * n}, z)[2] - Sampling("g", Fraction(1)).total(
            {"n": n, "w": 1000 * n, "ww": 1000 * n}, z)[1]))


def test_nothing_found_in_a_sample_is_no_proof_that_there_was_nothing() -> None:
    found = SIGNALS["loose"].sli.evidence({})
    assert found.value == 0
    assert found.high == pytest.approx(10 * float(replace(SIGNALS["loose"].sli, sampling=None).evidence({}).high))


def test_an_alarm_on_an_estimated_total_wants_its_interval_beyond_and_a_plain_count_does_not() -> None:
    events = happened(lambda _: Fraction(1, 10), 5000)  # 500 are loose, so some 50 are seen
    cells = cells_of(events)
    near, far = (Threshold(SIGNALS["loose"], ">", Fraction(limit), Duration(DAY), "<=", Fraction(limit))
                 for limit in (400, 100))
    assert read_threshold(cells, near, DAY).value > 400
    assert not read_threshold(cells, near, DAY).enter
    assert read_threshold(cells, far, DAY).enter
    assert SIGNALS["loose"].sli.proof == "alarm"
    assert SIGNALS["blocks"].sli.proof == "never", "what was blocked was blocked"


def test_only_what_one_guard_alone_finds_in_a_sample_is_made_an_estimate() -> None:
    found = {name: getattr(one.sli, "sampling", None) for name, one in SIGNALS.items()}
    assert found["loose"] == Sampling("grounded", Fraction(1, 10))
    assert found["blocks"] is None
    assert found["attacked"] is None, "a guard that looks at every call finds it"
    doubled = POLICY.replace("  codes:", "  rare: {check: pattern, on: output, act: flag, timeout: 1s, fails: open, "
                             "sample: 20%}\n  codes:")
    policy = parse(doubled, "policy.yaml", {})
    attacked = next(one for one in policy.plan.signals if one.name == "attacked")
    assert attacked.sli.sampling is None, "of two guards nobody knows which found it"
    words = explain_signal(policy, policy.plan.rules, attacked, Cells(MINUTE), DAY).words
    assert any("found by attacks (100% of the calls), rare (20% of the calls)" in line for line in words)


def test_a_signal_keeps_its_key_where_no_guard_samples_and_has_another_where_one_begins_to() -> None:
    without = {one.name: one.key for one in parse(POLICY.replace(", sample: 10%", ""), "p.yaml", {}).plan.signals}
    larger = {one.name: one.key for one in parse(POLICY.replace("10%", "20%"), "p.yaml", {}).plan.signals}
    assert without["blocks"] == SIGNALS["blocks"].key
    assert without["loose"] != SIGNALS["loose"].key
    assert larger["loose"] == SIGNALS["loose"].key, "each event says its share, so what was counted still holds"


def test_a_total_of_a_sample_whose_parts_changed_is_counted_anew_and_a_share_is_not(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of before the weights of all looked at were kept would bound nothing found by today's weight."""
    monkeypatch.setattr(Sampling, "edition", 1)
    before = {one.name: one.key for one in parse(POLICY, "p.yaml", {}).plan.signals}
    parts = {name: one.sli.parts().keys() for name, one in SIGNALS.items()}
    changed = {name for name, one in SIGNALS.items() if before[name] != one.key}
    assert changed == {name for name in SIGNALS if "s" in parts[name] and "ww" in parts[name]} != set()


@pytest.mark.parametrize(("language", "total", "part"), [
    ("en", "guard grounded looks at 10% of the calls: each that it looked at stands for as many more",
     "guard grounded looks at 10% of the calls: only those are counted"),
    ("ko", "grounded 가드는 호출의 10%만 검사: 검사한 호출 하나가",
     "grounded 가드는 호출의 10%만 검사: 검사한 호출만")])
def test_an_explained_signal_says_that_it_is_an_estimate_and_of_which_share(cells: Cells, language: Any, total: str,
                                                                            part: str) -> None:
    def words(name: str) -> str:
        return "\n".join(explain_signal(PARSED, PARSED.plan.rules, SIGNALS[name], cells, DAY, language).words)
    assert total in words("loose")
    assert total in words("hourly")
    assert part in words("share")
    assert part in words("of_calls")
    assert "grounded" not in words("blocks")


def test_prometheus_is_not_given_a_total_that_is_an_estimate() -> None:
    assert [line for line in left_out(PARSED) if "alert many" in line] == [
        "alert many: guard grounded looks at a sample; of what each event stands for there is no counter"]


def test_events_of_before_that_say_no_share_count_for_one_each() -> None:
    old = [Event(id=f"old-{i}", time=i * HOUR, grounding_score=0.1) for i in range(5)]
    found = read_evidence(cells_of(old), SIGNALS["loose"], Duration(DAY), DAY)
    assert (found.value, found.n) == (5, 5)


def tenth(found: int) -> list[Event]:
    """Calls of a tenth, one of ten looked at."""
    return [Event(id=f"t-{i}", time=HOUR + i, grounding_score=0.1 if i < found else 0.9,
                  sampled=said("grounded", Fraction(1, 10))) for i in range(20)]


def loose_of(share: str) -> Signal:
    plan = parse(POLICY.replace(", sample: 10%", share), "p.yaml", {}).plan
    return next(one for one in plan.signals if one.name == "loose")


@pytest.mark.req("D7")
def test_a_sample_that_is_raised_to_all_calls_keeps_the_weights_of_the_past() -> None:
    signal = loose_of(", sample: 100%")
    assert signal.key == SIGNALS["loose"].key
    found = read_evidence(cells_of(tenth(10), [signal]), signal, Duration(DAY), DAY)
    assert found.value == 100
    assert found.low < 100 < found.high
    assert signal.sli.proof == "never", "from now on what is found is all there is"
    plain = loose_of("")
    assert plain.sli.sampling is None
    assert plain.key != signal.key


def test_nothing_found_is_no_more_of_a_proof_where_the_sample_is_larger_now_than_it_was() -> None:
    for share, weight in ((", sample: 50%", 10), (", sample: 10%", 10), (", sample: 5%", 10)):
        signal = loose_of(share)
        found = read_evidence(cells_of(tenth(0), [signal]), signal, Duration(DAY), DAY)
        assert (found.value, found.low) == (0, 0)
        of_one = float(replace(signal.sli, sampling=None).evidence({}).high)
        assert weight * of_one <= float(found.high) <= weight * of_one * 65 / 64, share


@pytest.mark.parametrize("percent", range(1, 101))
def test_rounded_weights_of_one_share_cost_no_event(percent: int) -> None:
    share = Fraction(percent, 100)
    w, ww = round(1000 / share), round(1000 / share**2)
    for n in (1, 2, 7, 100, 5000):
        one, of_all = Sampling("g", share), Sampling("g", Fraction(1))
        found = one.total({"n": n, "w": n * w, "ww": n * ww}, 1.96)
        plain = of_all.total({"n": n, "w": n * 1000, "ww": n * 1000}, 1.96)
        assert [float(x) * float(share) for x in found] == pytest.approx([float(x) for x in plain], rel=2e-3)


def test_one_finding_in_a_sample_is_proof_that_there_was_one() -> None:
    sli = replace(SIGNALS["loose"].sli, sampling=Sampling("grounded", Fraction(3, 10)))
    rule = Threshold(replace(SIGNALS["loose"], sli=sli), ">", Fraction(0), Duration(HOUR), "<=", Fraction(0))
    assert rule.holds(sli.evidence({"n": 1, "w": 3333, "ww": 11111}, 24))
