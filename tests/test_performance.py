"""Performance on labels that came later: equal to scikit-learn, additive, and silent where labels are few."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evaldata
from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.event import Event
from bongsu.expression import ExpressionError, read
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY
from bongsu.room.joining import Joining
from bongsu.runners.duckdb import Counter
from bongsu.slis.performance import Performance
from bongsu.slo import beyond
from bongsu.sources.trace import open_trace
from bongsu.stores import arrow
from bongsu.stores.log import EventLog

MEASURES = ("accuracy", "precision", "recall", "f1", "auc")
SKLEARN = {"accuracy": 0.758, "precision": 0.635, "recall": 0.7257142857142858, "f1": 0.6773333333333333,
           "auc": 0.8280153846153848, "mae": 2.2085, "rmse": 2.711918140357485}
"""scikit-learn 1.9.1 on the same rows; the area's exactly so on scores in thousandths."""


def classified(n: int = 1000) -> list[Event]:
    rows = []
    for i in range(n):
        score = i * 7919 % 997 / 997
        label = int((i * 104729 + 31) % 1009 / 1009 < score**2 * 0.9 + 0.05)
        rows.append(Event(id=f"p{i}", time=i, kind="prediction", score=score, prediction=str(int(score >= 0.6)),
                          label=str(label)))
    return rows


def measured(events: list[Event], sli: Performance) -> dict[str, int]:
    counter = Counter([Signal("s", sli, key="s")], 60)
    try:
        return Cells(60, counter.count(arrow.table(events))).vector("s", 0, 2**62)
    finally:
        counter.close()


@pytest.mark.req("D5")
@pytest.mark.parametrize("measure", MEASURES)
def test_a_classifier_is_measured_as_scikit_learn_does(measure):
    sli = Performance(measure)
    vector = measured(classified(), sli)
    assert float(sli.value(vector)) == pytest.approx(SKLEARN[measure], abs=1e-15 if measure != "auc" else 1e-12)
    found = sli.evidence(vector)
    assert found.n == 1000
    assert found.low < found.value < found.high


@pytest.mark.req("D5")
@pytest.mark.parametrize("measure", ["mae", "rmse"])
def test_a_regression_is_measured_as_scikit_learn_does(measure):
    events = [Event(id=f"p{i}", time=i, kind="prediction", prediction=repr(10 * math.sqrt(i) + (i % 5) * 1.25),
                    label=repr(10 * math.sqrt(i) + i % 7)) for i in range(1000)]
    sli = Performance(measure)
    vector = measured(events, sli)
    assert float(sli.value(vector)) == pytest.approx(SKLEARN[measure], rel=1e-6)
    found = sli.evidence(vector)
    assert found.low < found.value < found.high
    asked = Performance(measure, of=read("score * 2", "number"))
    assert measured(events, asked).get("n", 0) == 0, "no score, no error"


@pytest.mark.req("D5")
def test_an_interval_of_f1_is_that_of_the_share_that_both_claim():
    """F* = 40 / 60; Clopper and Pearson at 99 % is 0.4932 to 0.8129, and 2F / (1 + F) of these."""
    found = Performance("f1").evidence({"tp": 40, "said": 50, "true": 50, "n": 1000})
    assert float(found.value) == 0.8
    assert [round(float(x), 4) for x in (found.low, found.high)] == F1_INTERVAL
    nothing = Performance("f1").evidence({"tp": 0, "said": 50, "true": 50, "n": 1000})
    assert (nothing.value, nothing.low) == (0, 0)
    assert 0 < nothing.high < Fraction(1, 8)


F1_INTERVAL = [0.6606, 0.8968]


@pytest.mark.req("D5")
@pytest.mark.parametrize("measure", ["f1", "rmse"])
def test_intervals_hold_the_truth_nearly_as_often_as_they_say(measure):
    """At alpha 5 % over 400 samples; 2.2 % is four standard errors of 5 %, and both methods are approximate."""
    draw, inside, sli = random.Random(5), 0, Performance(measure, alpha=Fraction(5, 100))
    for _ in range(400):
        if measure == "f1":
            kinds = draw.choices(("tp", "fp", "fn", "tn"), (0.2, 0.1, 0.05, 0.65), k=300)
            tp, true = kinds.count("tp"), 0.4 / 0.55
            vector = {"tp": tp, "said": tp + kinds.count("fp"), "true": tp + kinds.count("fn"), "n": 300}
        else:
            errors, true = [draw.gauss(0, 2) for _ in range(300)], 2.0
            vector = {"n": 300, "square": sum(round(e * e * 10**6) for e in errors)}
            for e in errors:
                at = f"e{narrow(round(abs(e) * 10**6))}"
                vector[at] = vector.get(at, 0) + 1
        found = sli.evidence(vector)
        inside += float(found.low) <= true <= float(found.high)
    assert 0.91 <= inside / 400 <= 0.99


def narrow(value: int, bits: int = 4) -> int:
    shift = max(0, value.bit_length() - 1 - bits)
    return (shift << bits) + (value >> shift)


@pytest.mark.req("D5")
@pytest.mark.parametrize(("measure", "few", "many"), [
    ("f1", {"tp": 20, "said": 30, "true": 30, "n": 60}, {"tp": 2000, "said": 3000, "true": 3000, "n": 6000})])
def test_an_alarm_on_f1_needs_the_effect_and_the_interval(measure, few, many):
    sli, limit = Performance(measure), Fraction(7, 10)
    assert sli.value(few) == sli.value(many) < limit
    assert not beyond(sli.evidence(few), "<", limit)
    assert beyond(sli.evidence(many), "<", limit)


VECTORS = st.dictionaries(st.sampled_from(["pos1", "pos5", "pos9", "neg1", "neg4", "neg9"]), st.integers(0, 9))


@given(a=VECTORS, b=VECTORS)
def test_an_area_is_the_share_of_pairs_ranked_right_and_taking_back_is_exact(a, b):
    sli = Performance("auc")
    both = {part: a.get(part, 0) + b.get(part, 0) for part in {*a, *b}}
    pos = [int(p[3:]) for p, n in both.items() if p.startswith("pos") for _ in range(n)]
    neg = [int(p[3:]) for p, n in both.items() if p.startswith("neg") for _ in range(n)]
    plain = (sum(Fraction((p > q) * 2 + (p == q), 2) for p in pos for q in neg) / (len(pos) * len(neg))
             if pos and neg else None)
    assert sli.value(both) == plain
    assert sli.value({part: n - b.get(part, 0) for part, n in both.items()}) == sli.value(a)


def test_too_few_labels_or_of_one_class_only_are_insufficient_not_zero():
    assert Performance("accuracy").evidence({}).insufficient == ""
    few = Performance("accuracy").evidence({"n": 29, "right": 29})
    assert (few.value, few.insufficient) == (None, "30 labels are needed, 29 came")
    one_class = Performance("auc").evidence({"n": 100, "pos5": 100})
    assert (one_class.value, bool(one_class.insufficient)) == (None, True)
    sure = Performance("accuracy").evidence({"n": 100, "right": 90})
    assert float(sure.low) < 0.9 < float(sure.high) < 1
    less_sure = Performance("accuracy").evidence({"n": 100, "right": 90}, looks=100)
    assert less_sure.low < sure.low


def test_expressions_choose_and_read_numbers():
    assert read("CASE WHEN label = '1' THEN score ELSE 0 END", "number").kind == "number"
    assert read("TRY_CAST(label AS DOUBLE) > 3").columns == ("label",)
    for wrong in ("TRY_CAST(label AS INTEGER) > 3", "CASE label WHEN 'a' THEN 1 END > 0",
                  "CASE WHEN score THEN 1 END > 0", "CASE WHEN blocked THEN 1 ELSE 'a' END > 0"):
        with pytest.raises(ExpressionError):
            read(wrong)


def test_a_policy_declares_it_and_is_told_what_is_wrong():
    policy = """
bongsu: 1
service: {name: s}
signals: {quality: {kind: performance, measure: recall, positive: fraud, labels: [model]}}
alerts: {worse: {when: quality < 0.8, over: 1h, by: [model]}}
"""
    signal = parse(policy, "p.yaml", {}).plan.signals[0]
    assert signal.sli == Performance("recall", "fraud")
    with pytest.raises(PolicyError, match="recal"):
        parse(policy.replace("recall", "recal"), "p.yaml", {})


# ---- real data, with labels that come later ----

GOLDEN = {
    ("car_loan", "repaid", "reference"): (0.94536, 0.9584098880908636, 0.9296824368114064, 0.9438276174027469,
                                          0.971438009058486),
    ("car_loan", "repaid", "analysis"): (0.93048, 0.9454094292803971, 0.9138151582986889, 0.9293438490934223,
                                         0.966347736616033),
    ("california", "clf_target", "reference"): (0.6704389574759945, 0.9776357827476039, 0.4940796555435953,
                                                0.656417590275295, 0.9079415179034716),
    ("california", "clf_target", "analysis"): (0.5886783284742468, 0.9833506763787722, 0.2190034762456547,
                                               0.3582259287338893, 0.8402458783370228),
}
"""scikit-learn 1.9.1: accuracy, precision, recall, F1, area."""


@pytest.mark.req("D5")
@pytest.mark.parametrize(("name", "target", "period"), GOLDEN)
def test_after_the_join_real_models_measure_as_scikit_learn_says(name, target, period, tmp_path):
    table = evaldata.table(f"tabular_{name}_delayed.parquet")
    pq.write_table(table.filter(pc.equal(table["period"], period)), tmp_path / "part.parquet")
    columns = {"time": "timestamp", "prediction": "y_pred", "score": "y_pred_proba", "label": target}
    whole = [e for b in open_trace(tmp_path / "part.parquet", columns, {"kind": "prediction"}).batches() for e in b]
    predictions = [_without_label(e) for e in whole]
    labels = [Event(id=f"{e.id}/l", time=e.time + 30 * DAY, kind="label", call=e.id, label=e.label, origin="replay")
              for e in whole]
    wrong_first = [Event(id=f"{e.id}/w", time=e.time + DAY, kind="label", call=e.id, label="0", origin="replay")
                   for e in whole[::7]]
    random.Random(5).shuffle(labels)
    signals = [Signal(m, Performance(m), origin="any", key=m) for m in MEASURES]
    joining = Joining(signals, 3600 * 10**6)
    cells = Cells(3600 * 10**6)
    with EventLog(tmp_path / "log.db") as log:
        for sent in (labels[:1000], predictions, wrong_first, labels[1000:]):
            after = log.last_position()
            for i in range(0, len(sent), 5000):
                log.append(sent[i : i + 5000])
            tables: list[pa.Table] = [t for _, t in log.read(after, columns=joining.columns)]
            cells.add(joining.count(log, tables, after, log.last_position(), lambda c, t: c.count(t)))
    joining.close()
    for signal, expected in zip(signals, GOLDEN[name, target, period], strict=True):
        value = signal.sli.value(cells.vector(signal.key, 0, 2**62))
        # Scores are held in thousandths: 12,500 scores differ finer than that, and ties then count half.
        assert float(value) == pytest.approx(expected, abs=1e-4 if signal.key == "auc" else 1e-15)


def _without_label(event: Event) -> Event:
    return Event(id=event.id, time=event.time, kind=event.kind, origin=event.origin, score=event.score,
                 prediction=event.prediction)
