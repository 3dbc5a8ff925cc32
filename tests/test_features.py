"""Features: what a model was given, by name. Stored by type, asked for as declared, masked before they are kept."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.event import Event, columns
from bongsu.expression import ExpressionError, feature, read
from bongsu.policy import PolicyError, parse
from bongsu.policy.rehearse import rehearse
from bongsu.runners.duckdb import Counter
from bongsu.slis.count import Count
from bongsu.slis.mean import Mean
from bongsu.sources.trace import open_trace
from bongsu.stores import arrow
from bongsu.stores.lake import Lake
from bongsu.stores.log import EventLog

KNOWN = columns({"age": "number", "sex": "text", "vip": "bool", "나이": "number"})
NAMES = st.from_regex(r"[^\W\d]\w{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.booleans()
SECTION = """
bongsu: 1
service: {name: shop}
features: {age: number, sex: text}
"""


def loan(n: int, /, **features) -> Event:
    return Event(id=f"p{n}", time=n, kind="prediction", features=features)


def totals(counter: Counter, *events: Event) -> dict[str, int]:
    return Cells(60_000_000, counter.count(arrow.table(events))).vector("k", 0, 60_000_000)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=5))
def test_an_event_comes_back_with_its_features_exactly(given):
    events = [loan(i, **features) for i, features in enumerate(given)]
    assert arrow.events(arrow.unpack(arrow.pack(arrow.table(events)))) == events


def test_what_is_missing_or_no_number_is_as_if_it_had_not_been_sent():
    kept = arrow.events(arrow.table([loan(1, a=None, b=math.nan, c=1.5)]))
    assert kept[0].features == {"c": 1.5}


def test_a_feature_has_a_column_only_where_an_event_has_it():
    table = arrow.table([loan(1, age=41), loan(2, age="old", sex="f")])
    assert table.column_names[-3:] == ["features.age", "features.age.text", "features.sex.text"]
    assert table["features.age"].to_pylist() == [41.0, None]
    assert arrow.table([loan(3)]).schema == arrow.SCHEMA


@pytest.mark.parametrize(("features", "words"), [
    ({"no name": 1}, "a feature's name of letters, digits and '_', came 'no name'"),
    ({"x": 10**400}, "feature 'x': expected a number, a text or a truth"),
    ({f"f{i}": 1 for i in range(513)}, "at most 512 features, came 513"),
])
def test_a_feature_that_cannot_be_kept_is_named(features, words):
    with pytest.raises(arrow.Unstorable, match="event 'p1'") as caught:
        arrow.table([loan(1, **features)])
    assert words in str(caught.value)


def test_an_expression_asks_for_a_feature_as_it_is_declared():
    asked = read("features.age > 40 AND features.sex = 'f' AND features.vip AND features.나이 > 1", "bool", KNOWN)
    assert set(asked.columns) == {"features.age", "features.sex.text", "features.vip.bool", "features.나이"}
    assert '"features.sex.text" = \'f\'' in asked.tree().sql("duckdb")
    assert feature("age", "text").columns == ("features.age.text",)


@pytest.mark.parametrize("text", ["features.agee > 1", "features.Age > 1", "age > 1", "other.age > 1", "features > 1",
                                  "features.age.text = 'a'", "x.features.age > 1"])
def test_what_is_no_declared_feature_is_an_error_with_its_place(text):
    with pytest.raises(ExpressionError, match="a column of the event"):
        read(text, "bool", KNOWN)


def test_a_value_of_another_type_is_not_known():
    counter = Counter([Signal("age", Mean(read("features.age", "number", KNOWN)), key="k")], 60_000_000)
    found = totals(counter, loan(1, age=40), loan(2, age="41"), loan(3, age=True), loan(4))
    high, low = divmod(40_000_000**2, 2**32)
    assert found == {"sum": 40_000_000, "per": 1, "n": 1, "xx0": low, "xx1": high}
    assert totals(counter, loan(1, sex="f")) == {}
    strays = Counter([Signal("stray", Count(read("features.age IS NULL", "bool", KNOWN)), key="k")], 60_000_000)
    assert totals(strays, loan(1, age=40), loan(2, age="41")) == {"n": 1}


def test_a_signal_is_split_by_a_text_feature():
    counter = Counter([Signal("n", Count(), ("features.sex",), key="k")], 60_000_000)
    table = arrow.table([loan(1, sex="f"), loan(2, sex="m"), loan(3, sex="f"), loan(4, sex=1)])
    assert {c.labels: c.n for c in counter.count(table)} == {("f",): 2, ("m",): 1, ("",): 1}


def test_the_log_reads_only_the_features_it_is_asked_for_and_the_lake_has_all(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append([loan(1, age=41.5, sex="f")])
        log.append([loan(2, income=9.0)])
        asked = [table for _, table in log.read(columns=("id", "features.age", "features.sex.text"))]
        assert arrow.joined(asked).to_pydict() == {"id": ["p1", "p2"], "features.age": [41.5, None],
                                                   "features.sex.text": ["f", None]}
        whole = arrow.joined([table for _, table in log.read()])
    assert arrow.events(whole) == [loan(1, age=41.5, sex="f"), loan(2, income=9.0)]
    files = Lake(tmp_path / "lake").write(whole, 1, 2)
    stored = pa.parquet.read_table(files[0])
    assert stored["features.age"].to_pylist() == [41.5, None]
    assert stored["features.income"].to_pylist() == [None, 9.0]


def test_a_trace_has_features_where_it_says_so(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("time,years,features.sex,empty\n1,41,f,\n2,old,m,\n")
    trace = open_trace(path, {"features.age": "years", "features.gone": "empty"}, {"features.site": "a"})
    first, second = next(trace.batches())
    assert first.features == {"age": 41.0, "sex": "f", "site": "a"}
    assert second.features == {"age": "old", "sex": "m", "site": "a"}


def test_a_policy_declares_features_and_its_tests_say_them():
    policy = parse(SECTION + """
signals:
  old: {kind: ratio, bad: features.age > 65, total: features.age IS NOT NULL, labels: [features.sex]}
alerts:
  many_old: {when: old > 10%, evidence: value, over: 1m, by: [features.sex]}
tests:
  - name: the old
    events: [{at: 00:00, features.age: 70, features.sex: f}, {at: 00:00, features.age: 20, features.sex: m}]
    expect: [{alert: many_old, state: firing, at: 00:01}]
""", "p.yaml", {})
    assert policy.features == {"age": "number", "sex": "text"}
    assert rehearse(policy, lambda events, plan: Counter(plan.signals, plan.base).count(arrow.table(events))) == []


def test_another_type_of_a_feature_is_another_signal():
    text = "bongsu: 1\nservice: {name: a}\nfeatures: {x: KIND}\nsignals: {s: {kind: count, of: features.x IS NULL}}"
    keys = {parse(text.replace("KIND", kind), "p", {}).plan.signals[0].key for kind in ("text", "number", "number")}
    assert len(keys) == 2


@pytest.mark.parametrize(("more", "words"), [
    ("signals: {s: {kind: count, of: features.agee > 1}}", "'features.agee'; did you mean 'features.age'?"),
    ("signals: {s: {kind: count, labels: [features.age]}}",
     "a feature of type text, came 'features.age' of type number"),
    ("signals: {s: {kind: count, labels: [features.sx]}}", "did you mean 'features.sex'?"),
    ("signals: {s: {kind: count}}\ntests: [{name: a, events: [{at: 00:00, features.nobody: 1}], expect: []}]",
     "a column of the event, came 'features.nobody'"),
])
def test_what_is_wrong_with_features_in_a_policy_is_said(more, words):
    with pytest.raises(PolicyError) as caught:
        parse(SECTION + more, "p.yaml", {})
    assert words in "\n".join(map(str, caught.value.faults))


def test_features_that_differ_only_in_case_are_refused():
    with pytest.raises(PolicyError, match="names that differ in more than case"):
        parse("bongsu: 1\nservice: {name: a}\nfeatures: {x: text, X: number}", "p.yaml", {})
