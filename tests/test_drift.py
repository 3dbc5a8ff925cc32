"""Drift: golden values, bins that stay, references that cannot judge, and no alarm where chance would do."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from math import log, sqrt
from statistics import NormalDist

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Rule, Signal, State, Threshold, read_threshold, step
from bongsu.cell import Cells
from bongsu.drift import Bins, Reference, chi_square, distance, js, kl, number_bins, psi, shares, text_bins, wasserstein
from bongsu.event import Event
from bongsu.incident import cause
from bongsu.language.sentences import say
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, MINUTE
from bongsu.runners.duckdb import Counter
from bongsu.slis.drift import Drift
from bongsu.sources.columns import bins_of, counts_of
from bongsu.stores import arrow

N = 1000
REF = [NormalDist().inv_cdf((i + 0.5) / N) for i in range(N)]
CUR = [0.25 + 1.2 * x for x in REF]
BINS = number_bins("features.x", REF, 0)
LETTERS = text_bins("features.abc", {"a": 500, "b": 300, "c": 200}, 0)
FOUR = Bins("f", "text", (10, 20, 30, 40, 0, 0), categories=("a", "b", "c", "d"))


def placed(bins: Bins, values) -> list[int]:
    counts = [0] * len(bins.counts)
    for value in values:
        counts[bins.place(value)] += 1
    return counts


NOW = placed(BINS, CUR)
ABCD = placed(LETTERS, ["a"] * 400 + ["b"] * 300 + ["c"] * 250 + ["d"] * 50)


def test_bins_are_the_deciles_of_the_reference():
    expected = [-1.284406, -0.843409, -0.525839, -0.254642, -0.001253, 0.252053, 0.522963, 0.839837, 1.278708]
    assert [round(edge, 6) for edge in BINS.edges] == expected
    assert BINS.counts == (*[100] * 10, 0)
    assert NOW == [101, 80, 78, 78, 80, 84, 89, 98, 116, 196, 0]


@pytest.mark.req("D1")
@pytest.mark.parametrize(("bins", "now", "measure", "smoothing", "value"), [
    (BINS, NOW, "psi", "half", 0.0901279), (BINS, NOW, "psi", "none", 0.0909573),
    (LETTERS, ABCD, "psi", "half", 0.2636503), (LETTERS, ABCD, "psi", "floor", 0.3435805),
    (BINS, NOW, "kl", "none", 0.0486588), (BINS, NOW, "js", "none", 0.1271945),
    (LETTERS, ABCD, "js", "none", 0.1761353),
    (FOUR, [40, 30, 20, 10, 0, 0], "psi", "none", 0.9128696), (FOUR, [40, 30, 20, 10, 0, 0], "kl", "none", 0.4564348),
    (FOUR, [40, 30, 20, 10, 0, 0], "js", "none", 0.3918682),
    (FOUR, [40, 30, 20, 10, 0, 0], "wasserstein", "none", 0.4),
])
def test_golden_values(bins, now, measure, smoothing, value):
    found = distance(bins, now, measure, smoothing)
    assert found.value == pytest.approx(value, abs=6e-8)


def test_golden_values_of_the_plain_functions():
    p, q = [c / N for c in BINS.counts[:-1]], [c / N for c in NOW[:-1]]
    assert kl(p, q) == pytest.approx(0.0422985, abs=6e-8)
    assert js(p, q) == pytest.approx(0.1271945, abs=6e-8)
    assert js([0.5, 0.3, 0.2, 0], [0.4, 0.3, 0.25, 0.05]) == pytest.approx(0.1761353, abs=6e-8)
    assert js([0.5, 0.3, 0.2, 0], [0.4, 0.3, 0.25, 0.05]) * sqrt(log(2)) == pytest.approx(0.1466423, abs=6e-8)
    assert psi(shares([100, 0]), shares([50, 50])) == pytest.approx(2.625, abs=6e-4)


def test_wasserstein_from_bins_is_near_the_exact_one():
    """0.2701993 from the values; deciles know less, and it is called approximate."""
    assert wasserstein(BINS, NOW) == pytest.approx(0.27, abs=0.06)


@pytest.mark.req("D1")
def test_one_outlier_moves_one_count():
    """A peer that cuts its bins anew sees PSI fall from 0.115 to 0.002 here."""
    before = distance(BINS, NOW, "psi").value
    after = distance(BINS, placed(BINS, [*CUR, 1000.0]), "psi").value
    assert abs(after - before) < 0.002
    assert after > before


@pytest.mark.parametrize(("values", "why"), [
    ([3.0] * 100, "it is 3 throughout"), ([], "it has no values"),
    ([0.0] * 950 + [i / 7 for i in range(1, 51)], "its deciles collapse into 2 bins; 5 or more are needed")])
def test_a_degenerate_reference_is_unsuitable(values, why):
    bins = number_bins("features.x", sorted(values), 0)
    assert bins.unsuitable == why
    sli = Drift("r").against(Reference("r", "v", (bins,), len(values)))
    assert sli.parts() == {}
    assert sli.evidence({"features.x:0": 5000}).value is None


def test_few_distinct_numbers_have_a_bin_each():
    bins = number_bins("x", [0.0] * 90 + [1.0] * 10, 5)
    assert (bins.edges, bins.counts, bins.unsuitable) == ((0.0, 1.0), (90, 10, 0, 5), "")


def test_categories_beyond_fifty_are_counted_with_the_unseen():
    bins = text_bins("x", {f"c{i:02d}": 100 - i for i in range(60)}, 1)
    assert len(bins.categories) == 50
    assert bins.counts[-2:] == (sum(range(41, 51)), 1)
    assert text_bins("x", {str(i): 1 for i in range(200)}, 0).unsuitable.startswith("most of its 200 values")


NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60)


@given(NUMBERS, NUMBERS)
def test_columns_and_plain_values_agree_on_every_bin(reference, current):
    bins = bins_of(pa.chunked_array([reference], pa.float64()), "x", "number")
    assert bins == number_bins("x", sorted(reference), 0)
    assert sum(bins.counts) == len(reference)
    assert counts_of(pa.chunked_array([current], pa.float64()), bins) == placed(bins, current)
    for low, high in pairwise(bins.edges):
        assert low < high
        assert bins.place(high) == bisect_left(bins.edges, high)


COUNTS = st.lists(st.integers(0, 300), min_size=4, max_size=4).filter(lambda c: sum(c) > 0)


@given(COUNTS, COUNTS, st.sampled_from(["psi", "kl", "js", "chi2", "wasserstein"]))
def test_a_distance_is_zero_of_itself_never_negative_and_as_likely_as_a_probability(a, b, measure):
    bins = Bins("x", "text", tuple(a), categories=("p", "q"))
    same, other = distance(bins, a, measure), distance(bins, b, measure)
    assert same.value == pytest.approx(0, abs=1e-6)
    assert same.p == pytest.approx(1)
    assert other.value >= -1e-12
    assert 0 <= other.p <= 1


def test_the_chi_square_of_two_samples():
    assert chi_square([(100, b) for b in [101, 80, 78, 78, 80, 84, 89, 98, 116, 196]]) == pytest.approx(44.67, abs=0.5)


# ---- as a signal ----


def signal(columns=("features.x",), bins=(BINS,), version="v1", **more) -> Signal:
    sli = Drift("r", columns, **more).against(Reference("r", version, tuple(bins), N))
    return Signal("drift", sli, key=f"d.{version}")


def people(values, start=0, **more) -> list[Event]:
    return [Event(id=f"p{start + i}", time=start + i, kind="prediction",
                  features={} if v is None else {"x": v}, **more) for i, v in enumerate(values)]


def counted(one: Signal, *batches) -> dict[str, int]:
    counter, cells = Counter([one], MINUTE), Cells(MINUTE)
    for events in batches:
        cells.add(counter.count(arrow.table(events)))
    counter.close()
    return cells.vector(one.key, 0, MINUTE)


def test_events_fall_in_the_bins_of_the_reference_exactly():
    on_edges = [*CUR, *BINS.edges, None, "stray", True]
    vector = counted(signal(), people(on_edges))
    expected = placed(BINS, [*CUR, *BINS.edges, None, None, None])
    assert [vector.get(f"features.x:{i}", 0) for i in range(len(BINS.counts))] == expected


def test_categories_and_truths_and_other_columns_are_counted_too():
    truth = text_bins("features.vip", {"true": 3, "false": 7}, 0, "bool")
    scores = number_bins("score", [i / 100 for i in range(100)], 0)
    one = signal(("features.abc", "features.vip", "score"), (LETTERS, truth, scores))
    events = [Event(id="1", time=1, kind="prediction", score=0.005, features={"abc": "a", "vip": True}),
              Event(id="2", time=2, kind="prediction", features={"abc": "zz", "vip": False}),
              Event(id="3", time=3, kind="call", latency_ms=1.0), Event(id="4", time=4, kind="call", score=5.0)]
    assert counted(one, events) == {
        "features.abc:0": 1, "features.abc:3": 1, "features.abc:4": 1,  # a, one never seen, missing
        "features.vip:1": 1, "features.vip:0": 1, "features.vip:3": 1, "score:0": 1, "score:9": 1, "score:10": 1}


def rule(one: Signal, limit="0.25") -> Threshold:
    return Threshold(one, ">", Fraction(limit), DAY, "<=", Fraction(limit))


def window(one: Signal, values) -> Cells:
    return Cells(MINUTE, Counter([one], MINUTE).count(arrow.table(people(values))))


@pytest.mark.req("D14")
def test_psi_above_a_quarter_alarms_on_both_sides_of_the_boundary():
    one = signal()
    shifted = [x + 0.6 for x in REF]
    found = read_threshold(window(one, shifted), rule(one), MINUTE)
    assert found.value is not None
    assert found.value > Fraction(25, 100)
    assert found.enter
    at_the_value = read_threshold(window(one, shifted), rule(one, str(found.value)), MINUTE)
    assert not at_the_value.enter, "the threshold is strict"
    mild = read_threshold(window(one, CUR), rule(one), MINUTE)
    assert (mild.enter, mild.leave) == (False, True)


def test_a_large_value_of_few_events_is_no_alarm_and_too_few_are_insufficient():
    one = signal(min_events=20)
    few = [x for x in REF if -1.2 < x < 1.2][::32]
    found = read_threshold(window(one, few), rule(one, "0.05"), MINUTE)
    assert found.value is not None
    assert found.value > Fraction(5, 100)
    assert not found.enter
    scarce = read_threshold(window(one, few[:10]), rule(one, "0.05"), MINUTE)
    assert scarce.insufficient
    assert step(Rule("d", rule(one)), State(), scarce, MINUTE).data == "insufficient"


def test_of_many_columns_the_one_that_surely_moved_is_told():
    other = number_bins("features.y", REF, 0)
    one = signal(("features.x", "features.y"), (BINS, other))
    events = [Event(id=str(i), time=i, kind="prediction", features={"x": x + 1, "y": x}) for i, x in enumerate(REF)]
    found = one.sli.evidence(counted(one, events))
    assert (found.about, found.significant, found.n) == ("features.x", True, N)


def test_the_cause_of_an_alert_says_which_column_moved():
    one = signal()
    reading = read_threshold(window(one, [x + 0.6 for x in REF]), rule(one), MINUTE)
    why = cause(Rule("moved", rule(one)), reading.value, (), reading.about)
    assert "(features.x) over 1d, alert at > 0.25" in why
    assert "(features.x)" in say(why, "ko")
    assert "알림 기준" in say(why, "ko")


def test_without_a_reference_it_counts_nothing_and_says_so():
    sli = Drift("r", ("features.x",))
    assert (sli.parts(), sli.evidence({}).insufficient) == ({}, "no reference of the policy's types is registered yet")
    lacking = sli.against(Reference("r", "v", (LETTERS,), 1))
    assert lacking.evidence({}).insufficient == "reference r has no column features.x"


HEAD = "bongsu: 1\nservice: {name: a}\nfeatures: {x: number}\n"


@pytest.mark.parametrize(("more", "words"), [
    ("signals: {s: {kind: drift, reference: r}}", "a reference (none is declared), came 'r'"),
    ("references: {r: {file: a.csv}}\nsignals: {s: {kind: drift, reference: r, columns: features.y}}",
     "did you mean 'features.x'?"),
    ("references: {r: {}}", "expected one of 'file', 'window' and 'model_version', came none"),
    ("references: {r: {file: a, window: b}}", "came file and window"),
    ("references: {r: {window: yesterday}}", "a span such as 2026-11-01..2026-11-08, came 'yesterday'"),
    ("references: {r: {file: a.csv}}\nsignals: {s: {kind: drift, reference: r, measure: ks}}", "came 'ks'"),
])
def test_what_is_wrong_with_drift_in_a_policy_is_said(more, words):
    with pytest.raises(PolicyError) as caught:
        parse(HEAD + more, "p.yaml", {})
    assert words in str(caught.value)
