"""Gaps between groups: exact, with the intervals of the literature, and no alarm where chance would do."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Rule, Signal, State, Threshold, read_threshold, step
from bongsu.cell import Cell, Cells
from bongsu.event import Event
from bongsu.interval import newcombe, quantile, wilson
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.runners.duckdb import Counter
from bongsu.slis.gap import Gap
from bongsu.slo import beyond
from bongsu.stores import arrow

A, B, C = (40, 10, 40, 10), (18, 12, 28, 12), (5, 1, 9, 5)


def matrix(**groups: tuple[int, int, int, int]) -> dict[str, int]:
    """Counts of (tp, fp, tn, fn) a group, and what they say of selection."""
    out = {}
    for g, (tp, fp, tn, fn) in groups.items():
        out |= {f"tp={g}": tp, f"fp={g}": fp, f"tn={g}": tn, f"fn={g}": fn, f"yes={g}": tp + fp, f"no={g}": tn + fn}
    return out


def gap(measure, **more) -> Gap:
    return Gap("group", measure, **{"min_group": 1, **more})


@pytest.mark.req("D6")
@pytest.mark.parametrize(("measure", "value"), [
    ("fpr", "1/5"), ("tpr", "3/10"), ("equalized_odds", "3/10"), ("demographic_parity", "1/5"),
    ("selection_rate", "1/5"), ("impact_ratio", "3/5"), ("accuracy", "2/15")])
def test_gaps_are_those_of_fairlearn(measure, value):
    """Fairlearn 0.12 on the same counts: fpr .2/.3/.1, tpr .8/.6/.5, selection .5/.43/.3, accuracy .8/.657/.7."""
    vector = matrix(A=A, B=B, C=C)
    expected = Fraction(value)
    if measure == "accuracy":
        rates = [Fraction(80, 100), Fraction(46, 70), Fraction(14, 20)]
        expected = max(rates) - min(rates)
    assert gap(measure).value(vector) == expected


def test_a_group_without_negatives_has_no_false_positive_rate():
    """Fairlearn calls it 0 and so makes a gap out of nothing."""
    assert gap("fpr").value(matrix(A=(9, 0, 0, 1), B=(5, 3, 7, 5))) is None
    assert gap("fpr").value(matrix(A=(9, 0, 0, 1), B=(5, 3, 7, 5), C=(1, 2, 8, 1))) == Fraction(1, 10)


def test_small_groups_are_left_out_and_one_group_alone_is_insufficient():
    seen = gap("fpr", min_group=15)
    assert seen.value(matrix(A=A, B=B, C=C)) == Fraction(1, 10)
    found = seen.evidence(matrix(A=A, C=C))
    assert (found.value, found.insufficient) == (None, "two groups of 15 or more are needed, 1 came")
    assert seen.evidence({}).insufficient == ""


def test_the_interval_of_a_gap_is_newcombes():
    z = quantile(0.05)
    assert [round(x, 4) for x in newcombe((56, 70), (48, 80), z)] == [0.0524, 0.3339]
    found = gap("tpr", alpha=Fraction(5, 100)).evidence(matrix(X=(56, 0, 1, 14), Y=(48, 0, 1, 32)))
    assert (found.value, float(found.low), float(found.high)) == (Fraction(1, 5), pytest.approx(0.0524, abs=5e-5),
                                                                  pytest.approx(0.3339, abs=5e-5))
    assert found.about == "X - Y"


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 6))
def test_a_wilson_interval_holds_its_rate_and_stays_within_bounds(rate, z):
    low, high = wilson(*rate, z)
    assert 0 <= low <= rate[0] / rate[1] <= high <= 1


COUNTS = st.dictionaries(st.sampled_from("ABCD"), st.tuples(*[st.integers(0, 200)] * 4), max_size=4)


@given(COUNTS, st.sampled_from(["fpr", "tpr", "accuracy", "selection_rate", "equalized_odds"]), st.integers(1, 1000))
def test_more_looks_never_narrow_an_interval(groups, measure, looks):
    vector, kind = matrix(**groups), gap(measure)
    once, often = kind.evidence(vector), kind.evidence(vector, looks)
    assert once.value == often.value == kind.value(vector)
    if once.value is not None:
        assert often.low <= once.low <= once.value <= once.high <= often.high


def prediction(n: int, group: str, said: str, truth: str, **more) -> Event:
    return Event(id=f"p{n}", time=n, kind="prediction", group=group, prediction=said, label=truth, **more)


def test_events_are_counted_by_group_with_predictions_scores_and_features():
    events = [prediction(1, "f", "1", "0", score=0.9, features={"sex": "x"}), prediction(2, "f", "0", "0", score=0.1),
              prediction(3, "m", "1", "1", score=0.2), prediction(4, "m", "1", ""), prediction(5, "", "1", "0"),
              prediction(6, "f", "1", "0")]
    def count(kind):
        cells = Counter([Signal("s", kind, key="s")], MINUTE).count(arrow.table(events))
        return Cells(MINUTE, cells).vector("s", 0, MINUTE)
    assert count(gap("fpr")) == {"fp=f": 2, "tn=f": 1}
    assert count(gap("tpr")) == {"tp=m": 1}
    assert count(gap("selection_rate")) == {"yes=f": 2, "no=f": 1, "yes=m": 2}
    assert count(gap("selection_rate", cutoff=0.5)) == {"yes=f": 1, "no=f": 1, "no=m": 1}
    assert count(Gap("features.sex", "fpr")) == {"fp=x": 1}


OUTCOMES = st.lists(st.tuples(st.sampled_from(["a", "b", "o'c", ""]), st.sampled_from("01"),
                              st.sampled_from(["0", "1", ""]), st.integers(0, 5)), max_size=30)


def world(per_group: int, rates: dict[str, float]) -> Cells:
    cells = []
    for g, rate in rates.items():
        bad = round(per_group * rate)
        cells += [Cell("s", (), 0, f"fp={g}", bad), Cell("s", (), 0, f"tn={g}", per_group - bad)]
    return Cells(MINUTE, cells)


def weekly(limit: str) -> Threshold:
    signal = Signal("s", Gap("group", "fpr"), key="s", unit="share")
    return Threshold(signal, ">", Fraction(limit), Duration(7 * DAY), "<=", Fraction(limit))


@pytest.mark.req("D14")
def test_a_gap_alarms_when_its_lower_bound_is_beyond_the_threshold_and_not_before():
    over = weekly("0.03")
    true_gap = {"a": 0.10, "b": 0.20}
    small, large = (read_threshold(world(n, true_gap), over, DAY) for n in (100, 1000))
    assert small.value == large.value == Fraction(1, 10)
    assert (small.enter, large.enter) == (False, True)
    assert (small.leave, large.leave) == (True, False), "what is not proven does not keep an alert burning"


def test_the_threshold_is_strict_at_the_bound():
    found = weekly("0").signal.sli.evidence(world(500, {"a": 0.1, "b": 0.2}).vector("s", 0, MINUTE))
    assert found.low is not None
    assert not beyond(found, ">", found.low)
    assert beyond(found, ">=", found.low)
    assert not beyond(found, "<", found.high)


def test_too_little_data_freezes_an_alert_and_is_shown_as_such():
    over = weekly("0.03")
    rule = Rule("bias", over)
    firing = step(rule, State(), read_threshold(world(2000, {"a": 0.1, "b": 0.3}), over, DAY), DAY)
    assert (firing.phase, firing.data) == ("firing", "seen")
    held = step(rule, firing, read_threshold(world(10, {"a": 0.1, "b": 0.3}), over, DAY), DAY + HOUR)
    assert (held.phase, held.data, held.value) == ("firing", "insufficient", None)
    gone = step(rule, held, read_threshold(Cells(MINUTE), over, DAY), DAY + HOUR)
    assert gone.data == "none"


@pytest.mark.parametrize(("said", "words"), [
    ("group: sexx, measure: fpr", "a column to split by"), ("group: group, measure: fprr", "did you mean 'fpr'?"),
    ("group: group, measure: fpr, min_group: 0", "1 or more, came 0"), ("group: group", "the setting 'measure'"),
    ("group: group, measure: fpr, alpha: 100%", "a share above 0% and below 100%"),
    ("group: features.age, measure: fpr", "a feature of type text, came 'features.age' of type number")])
def test_what_is_wrong_with_a_gap_in_a_policy_is_said(said, words):
    with pytest.raises(PolicyError) as caught:
        parse("bongsu: 1\nservice: {name: a}\nfeatures: {age: number}\n"
              "signals: {s: {kind: gap, " + said + "}}", "p.yaml", {})
    assert words in str(caught.value)
