"""Data quality and calibration: what is counted, exactly, and what would alarm."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold, read_threshold
from bongsu.cell import Cell, Cells
from bongsu.event import Event, columns
from bongsu.expression import read
from bongsu.policy import PolicyError, parse
from bongsu.quantity import DAY, MINUTE, SECOND, Duration
from bongsu.runners.duckdb import Counter
from bongsu.slis.calibration import Calibration
from bongsu.slis.quality import Quality
from bongsu.stores import arrow

KNOWN = columns({"age": "number", "plan": "text", "again": "bool", "updated": "number"})
AT = 1_790_000_000


def col(*names):
    return tuple(read(f"features.{name}" if name in ("age", "plan", "again", "updated") else name, "any", KNOWN)
                 for name in names)


def row(n, kind="prediction", score=None, label="", **features):
    return Event(id=f"e{n}", time=AT * SECOND, kind=kind, score=score, label=label, features=features)


ROWS = [row(1, age=41, plan="gold", again=False, updated=AT - 10), row(2, age="41", plan="silver", again=True),
        row(3, age=-1, updated=AT - 7200), row(4, plan="gold", age=130), row(5, "call"), row(6, "guard"),
        row(7, "call", age=None, plan="zzz")]


@cache
def counter_of(*slis):
    """Made once: compiling costs more than counting."""
    return Counter([Signal(f"q{i}", sli, key="q" if i == 0 else f"q{i}") for i, sli in enumerate(slis)], MINUTE)


def counted(sli, events):
    cells = Cells(MINUTE, counter_of(sli).count(arrow.table(events)))
    return cells.vector("q", 0, (AT + 60) * SECOND)


@pytest.mark.req("D2")
@pytest.mark.parametrize(("sli", "bad", "total"), [
    (Quality("null", col("age")), 0, 4),
    (Quality("null", col("age", "plan")), 2, 5),
    (Quality("type", col("age")), 1, 4),
    (Quality("schema", col("age", "plan")), 3, 5),
    (Quality("range", col("age"), low=0.0, high=120.0), 2, 3),
    (Quality("range", col("age"), low=0.0), 1, 3),
    (Quality("category", col("plan"), allowed=("gold", "o'silver")), 2, 4),
    (Quality("duplicate", col("again")), 1, 2),
    (Quality("freshness", col("updated"), within=Duration(60 * MINUTE)), 1, 2),
    (Quality("null", col("score"), of=read("kind = 'call'")), 2, 2),
])
def test_what_is_bad_is_counted_out_of_what_it_is_about(sli, bad, total):
    assert counted(sli, ROWS) == {k: v for k, v in {"bad": bad, "total": total}.items() if v}


def world(bad, total):
    return Cells(MINUTE, [Cell("q", (), 0, "bad", bad), Cell("q", (), 0, "total", total)])


def test_a_null_rate_alarms_when_its_lower_bound_is_beyond_the_threshold():
    over = Threshold(Signal("q", Quality("null", col("age")), key="q"), ">", Fraction(5, 100), DAY, "<=",
                     Fraction(5, 100))
    assert [read_threshold(world(*c), over, MINUTE).enter for c in ((2, 20), (10, 100), (100, 1000))] == [
        False, False, True]
    assert read_threshold(world(0, 0), over, MINUTE).value is None


def test_a_promise_can_be_made_of_quality():
    policy = parse("""
bongsu: 1
service: {name: a}
features: {age: number}
signals: {missing: {kind: quality, measure: "null", columns: features.age}}
objectives: {complete: {signal: missing, target: 99%, window: 1d}}
""", "p.yaml", {})
    assert policy.plan.objectives[0].signal == policy.plan.signals[0].key


@pytest.mark.parametrize(("said", "words"), [
    ("measure: range, columns: features.age", "expected low or high beside 'range'"),
    ("measure: range, columns: features.plan, low: 1", "a column of type number, came 'features.plan' of type text"),
    ("measure: category, columns: features.plan", "expected allowed beside 'category'"),
    ("measure: schema, columns: features.age, allowed: [a]", "settings of measure schema, came 'allowed'"),
    ("measure: type, columns: score", "a feature, came 'score' of type number"),
    ("measure: duplicate, columns: features.age", "a column of type bool"),
    ("measure: schema, columns: features.age + 1", "a single column"),
    ("measure: schema, columns: features.agee", "did you mean 'features.age'?"),
])
def test_what_is_wrong_with_quality_in_a_policy_is_said(said, words):
    if words == "a single column":
        said = said.replace("features.age + 1", "features.age + score")
    with pytest.raises(PolicyError) as caught:
        parse("bongsu: 1\nservice: {name: a}\nfeatures: {age: number, plan: text}\n"
              "signals: {s: {kind: quality, " + said + "}}", "p.yaml", {})
    assert words in str(caught.value)


# ---- calibration ----

SCORED = st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=80)


def scored(pairs):
    return [row(i, score=s / 1000, label="1" if y else "0") for i, (s, y) in enumerate(pairs)]


@settings(deadline=None, max_examples=20)
@given(SCORED)
def test_calibration_is_that_of_the_definition(pairs):
    bins: dict[int, list[tuple[Fraction, bool]]] = {}
    for s, y in pairs:
        bins.setdefault(min(9, s // 100), []).append((Fraction(s, 1000), y))
    ece = sum(abs(sum(y for _, y in b) - sum(s for s, _ in b)) for b in bins.values()) / Fraction(len(pairs))
    brier = sum((Fraction(s, 1000) - y) ** 2 for s, y in pairs) / len(pairs)
    vector = counted(Calibration("ece"), [*scored(pairs), row(900, score=0.5), row(901, score=1.5, label="1")])
    assert Calibration("ece").value(vector) == ece
    assert Calibration("brier").value(vector) == brier


def test_a_score_that_keeps_its_word_is_not_significant_and_one_that_does_not_is():
    honest = [(s * 100 + 50, i < s + 0.5) for s in range(10) for i in range(10)] * 5
    boastful = [(950, i % 2 == 0) for i in range(500)]
    sli = Calibration(min_events=100)
    good, bad = (sli.evidence(counted(sli, scored(pairs))) for pairs in (honest, boastful))
    assert (good.significant, bad.significant) == (False, True)
    assert bad.value == Fraction(45, 100)
    assert sli.evidence(counted(sli, scored(boastful[:50]))).insufficient == "100 labelled events are needed, 50 came"
