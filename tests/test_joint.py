"""Numbers together: a relation that changes is found where every column stays as it was, and chance is not."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import evaldata
from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.cli import cli
from bongsu.drift import Joint, Reference, distance
from bongsu.event import Event
from bongsu.joint import MOST_COLUMNS, MOST_SUMS, blocks, directions, inverted
from bongsu.policy import load
from bongsu.policy.signals import explain_signal
from bongsu.quantity import DAY, MINUTE
from bongsu.references import compared
from bongsu.runners.duckdb import Counter
from bongsu.slis.drift import Drift
from bongsu.slis.joint import JointDrift
from bongsu.slo import beyond
from bongsu.sources.columns import bins_of, checked, counts_of, kind_of, referred
from bongsu.sources.joint import counts_along, joined
from bongsu.stores import arrow
from bongsu.stores.saved import dump
from bongsu.stores.saved import load as restore

TENTH = Fraction(1, 10)
Rows = dict[str, list[float | None]]


def normal(n: int, correlation: float, seed: int, columns: Sequence[str] = ("a", "b")) -> Rows:
    """Standard normal columns; the second goes with the first, the others with none."""
    draw = random.Random(seed)
    out: Rows = {name: [draw.gauss(0, 1) for _ in range(n)] for name in columns}
    a, b = (out[name] for name in columns[:2])
    out[columns[1]] = [correlation * x + (1 - correlation**2) ** 0.5 * y  # type: ignore[operator]
                       for x, y in zip(a, b, strict=True)]
    return out


def chunked(rows: Rows) -> dict[str, pa.ChunkedArray]:
    return {name: pa.chunked_array([pa.array(values, pa.float64())]) for name, values in rows.items()}


def made(rows: Rows) -> Joint:
    joint = joined(chunked(rows))
    assert joint is not None
    return joint


def sli_of(joint: Joint, **more: object) -> JointDrift:
    return JointDrift("r", **more).against(Reference("r", "v", (), joint.rows, joint=joint))  # type: ignore[arg-type]


def vector(joint: Joint, rows: Rows) -> dict[str, int]:
    return {f"{i}:{k}": n for i, counts in enumerate(counts_along(joint, chunked(rows))) for k, n in enumerate(counts)}


def alarms(joint: Joint, rows: Rows) -> bool:
    found = sli_of(joint).evidence(vector(joint, rows), 24)
    return beyond(found, ">", TENTH)


# ---- directions ----


def test_directions_are_each_column_beside_the_others_and_a_few_together():
    found = list(directions(["a", "b", "c"], [[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]]))
    assert [name for name, _ in found] == ["a | others", "b | others", "c | others", "a + b", "a + c", "b + c"]
    beside = dict(found)["a | others"]
    assert [round(w, 4) for w in beside] == [1.6301, -1.2912, 0.0]


def test_any_two_columns_are_together_in_a_sum_and_sums_are_few():
    for d in range(2, MOST_COLUMNS + 1):
        found = blocks(d)
        assert len(found) <= MOST_SUMS
        assert {(i, j) for b in found for i in b for j in b if i < j} == {(i, j) for j in range(d) for i in range(j)}
    many = [f"e{i}" for i in range(100)]
    signed = list(directions(many, []))
    assert all(set(weights) == {1.0, -1.0} for _, weights in signed)
    assert signed == list(directions(many, []))


@given(st.lists(st.lists(st.floats(-2, 2), min_size=4, max_size=4), min_size=4, max_size=4))
def test_an_inverse_takes_back_its_matrix(rows):
    square = [[sum(x * y for x, y in zip(a, b, strict=True)) + (i == j) for j, b in enumerate(rows)]
              for i, a in enumerate(rows)]
    back = inverted(square)
    for i in range(4):
        for j in range(4):
            assert sum(square[i][k] * back[k][j] for k in range(4)) == pytest.approx(float(i == j), abs=1e-6)


# ---- what is found, and what is not ----


@pytest.mark.req("D1")
def test_a_correlation_that_turns_is_found_while_every_column_stays_as_it_was():
    reference, other = normal(4000, 0.8, 1), normal(1000, -0.2, 2)
    joint = made(reference)
    assert alarms(joint, other)
    assert not alarms(joint, normal(1000, 0.8, 3))
    bins = [bins_of(chunked(reference)[c], f"features.{c}", "number") for c in "ab"]
    alone = Drift("r", ("features.a", "features.b")).against(referred("r", bins, 4000, "file"))
    now = {f"{b.column}:{i}": n for b in bins for i, n in enumerate(counts_of(chunked(other)[b.column[-1]], b))}
    assert not beyond(alone.evidence(now, 24), ">", TENTH), "the columns alone show nothing"


@pytest.mark.req("D1")
def test_a_correlation_that_comes_up_among_eight_unrelated_columns_is_found():
    names = tuple("abcdefgh")
    joint = made(normal(4000, 0.0, 4, names))
    found = sli_of(joint).evidence(vector(joint, normal(2000, 0.9, 5, names)), 24)
    assert beyond(found, ">", TENTH)
    assert found.about == "a + b"
    assert not alarms(joint, normal(2000, 0.0, 6, names))


def test_the_distances_of_fixed_rows_are_these():
    """From 500 and 300 rows without any randomness: a Weyl sequence, the second column bound to the first or not."""
    def rows(n: int, bound: bool) -> Rows:
        a = [i * 0.6180339887498949 % 1 for i in range(n)]
        b = [i * 0.4142135623730951 % 1 for i in range(n)]
        return {"a": list(a), "b": [(x + y) / 2 for x, y in zip(a, b, strict=True)] if bound else list(b)}
    joint = made(rows(500, True))
    found = counts_along(joint, chunked(rows(300, False)))
    values = [round(distance(way.bins, now).value, 6) for way, now in zip(joint.directions, found, strict=True)]
    assert [way.bins.column for way in joint.directions] == ["a | others", "b | others", "a + b"]
    assert values == GOLDEN
    same = counts_along(joint, chunked(rows(500, True)))
    assert [tuple(now) for now in same] == [way.bins.counts for way in joint.directions]


GOLDEN = [0.472124, 0.718576, 0.022999]
"""The same by NumPy from the definitions (quantiles, inverse, bins), to six digits."""


@pytest.mark.req("D1")
def test_when_nothing_changed_it_alarms_in_less_than_a_window_of_a_hundred():
    """400 windows of 500 events of six related columns against 8,000: at alpha 1 % a look, 4 are expected at most."""
    draw, names = random.Random(7), tuple("abcdef")
    pool = normal(28_000, 0.7, 8, names)
    joint = made({name: values[:8000] for name, values in pool.items()})
    sli, fired = sli_of(joint), 0
    for _ in range(400):
        at = draw.sample(range(8000, 28_000), 500)
        drawn = {name: [values[i] for i in at] for name, values in pool.items()}
        fired += sli.evidence(vector(joint, drawn)).significant
    assert fired <= 8, "twice what is expected"


def test_one_outlier_moves_one_count_of_each_direction():
    rows = normal(1000, 0.5, 9)
    joint = made(rows)
    before = counts_along(joint, chunked(rows))
    after = counts_along(joint, chunked({name: [*values, 1e12] for name, values in rows.items()}))
    for was, now in zip(before, after, strict=True):
        assert sum(abs(x - y) for x, y in zip(was, now, strict=True)) == 1


def test_too_few_events_are_said_to_be_too_few():
    joint = made(normal(1000, 0.5, 10))
    few = sli_of(joint).evidence(vector(joint, normal(199, -0.9, 11)))
    assert (few.value, few.insufficient) == (None, "200 events are needed, 199 came")
    nothing = JointDrift("r").against(Reference("r", "v", (), 10))
    assert "no two numeric features" in nothing.evidence({}).insufficient
    assert JointDrift("r").parts() == {}
    assert joined(chunked({"a": [1.0] * 50, "b": [float(i) for i in range(50)]})) is None


def test_what_is_missing_counts_as_the_mean_and_rows_without_anything_count_nowhere():
    joint = made(normal(1000, 0.5, 12))
    counts = counts_along(joint, chunked({"a": [None, 0.1, None], "b": [None, None, 0.2]}))
    assert [sum(now) for now in counts] == [2] * len(joint.directions)


# ---- counted as events are ----


VALUES = st.one_of(st.none(), st.floats(-5, 5), st.sampled_from([-1e300, 1e300, 0.0]))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(VALUES, VALUES, st.integers(0, 5)), max_size=25), st.integers(1, 3))
def test_events_are_counted_as_rows_are_and_add_up_in_any_cut_and_order_and_take_back_exactly(rows, cut):
    joint = made({f"features.{k}": v for k, v in normal(300, 0.6, 13).items()})
    signal = Signal("s", sli_of(joint), key="s")
    events = [Event(id=str(i), time=at * MINUTE, kind="prediction",
                    features={k: v for k, v in (("a", a), ("b", b)) if v is not None})
              for i, (a, b, at) in enumerate(rows)]
    counter = Counter([signal], MINUTE)
    try:
        whole, parts = Cells(MINUTE, counter.count(arrow.table(events))), Cells(MINUTE)
        for i in reversed(range(cut)):
            parts.add(counter.count(arrow.table(events[i::cut])))
    finally:
        counter.close()
    expected = vector(joint, {"features.a": [a for a, _, _ in rows], "features.b": [b for _, b, _ in rows]})
    assert whole.vector("s", 0, DAY) == {part: n for part, n in expected.items() if n}
    assert parts.digest() == whole.digest()
    parts.add(cell._replace(n=-cell.n) for cell in whole)
    assert list(parts) == []


# ---- references, policy, command line ----


def test_directions_are_part_of_the_version_of_a_reference_and_are_checked_where_they_come_in():
    joint = made(normal(500, 0.5, 14))
    plain, one = referred("r", [], 500, "f"), referred("r", [], 500, "f", joint=joint)
    assert plain.version != one.version != referred("r", [], 500, "f", joint=made(normal(500, 0.4, 14))).version
    assert checked(restore(dump(one), Reference)) == one
    wrong = replace(joint.directions[0], terms=((7, 1.0),))
    with pytest.raises(ValueError, match="one of their columns"):
        checked(replace(one, joint=replace(joint, directions=(wrong,))))
    unknown = replace(joint.columns[0], mean=float("nan"))
    with pytest.raises(ValueError, match="finite numbers of every column"):
        checked(replace(one, joint=replace(joint, columns=(unknown, joint.columns[1]))))


def written(path: Path, rows: Rows) -> str:
    pq.write_table(pa.table({"time": list(range(len(rows["a"]))), **rows}), path)
    return str(path)


@pytest.mark.req("D1")
def test_a_policy_alarms_on_numbers_together_and_its_explanation_names_the_direction(tmp_path):
    written(tmp_path / "past.parquet", normal(3000, 0.8, 15))
    (tmp_path / "p.yaml").write_text("""
bongsu: 1
service: {name: s}
features: {a: number, b: number}
references: {past: {file: past.parquet}}
signals: {together: {kind: joint_drift, reference: past}, alone: {kind: drift, reference: past}}
alerts: {together: {when: together > 0.1, over: 1d, tier: major}, alone: {when: alone > 0.1, over: 1d}}
""")
    now = written(tmp_path / "now.parquet", normal(1000, 0.0, 16))
    args = ["evaluate", now, "--policy", str(tmp_path / "p.yaml"), "--map", "features.a=a", "--map", "features.b=b",
            "--set", "kind=prediction", "--json"]
    result = CliRunner().invoke(cli, args)
    found = {one["signal"]: one for one in json.loads(result.output)["signals"]}
    assert found["together"]["breached"], result.output
    assert not found["alone"]["breached"]
    policy = compared(load(tmp_path / "p.yaml", {}))
    signal = next(one for one in policy.plan.signals if one.name == "together")
    for language, words in (("en", "all numeric features together"), ("ko", "결합 분포 거리")):
        told = explain_signal(policy, policy.plan.rules, signal, Cells(MINUTE), 0, language)
        assert words in told.words[0]
        assert any("version" in line or "버전" in line for line in told.words)


@pytest.mark.req("D1")
def test_the_command_line_compares_numbers_together(tmp_path):
    paths = [written(tmp_path / "ref.parquet", normal(2000, 0.8, 17)),
             written(tmp_path / "cur.parquet", normal(2000, 0.0, 18))]
    args = ["drift", *paths, "--column", "a", "--column", "b"]
    found = json.loads(CliRunner().invoke(cli, [*args, "--json"]).output)
    assert found["alarms"] == ["__joint__"]
    assert found["joint"]["psi"] > 0.25
    assert found["joint"]["p"] < 1e-6
    plain = CliRunner().invoke(cli, [*args, "--html", str(tmp_path / "page.html")])
    assert plain.exit_code == 1
    assert f"numbers together: {found['joint']['about']}" in plain.output
    assert f"numbers together: {found['joint']['about']}" in (tmp_path / "page.html").read_text()
    without = CliRunner().invoke(cli, [*args, "--no-joint", "--json"])
    assert (without.exit_code, json.loads(without.output)["joint"]) == (0, None)


@pytest.mark.req("D1")
@pytest.mark.parametrize("quiet", [True, False])
def test_the_car_loans_are_found_together_from_their_change_point_on_and_never_before(quiet):
    """NannyML's set, ten chunks of the analysis: five before the change point, five after; none in the reference."""
    table = evaldata.table("tabular_car_loan_delayed.parquet")
    names = [c for c in ("car_value", "debt_to_income_ratio", "driver_tenure", "loan_length")
             if kind_of(table.schema.field(c).type) == "number"]
    reference, later = (table.filter(pc.equal(table["period"], p)) for p in ("reference", "analysis"))
    joint = joined({c: reference[c] for c in names})
    assert joint is not None
    rows = reference if quiet else later
    size = rows.num_rows // 10
    found = []
    for i in range(10):
        counts = counts_along(joint, {c: rows.slice(i * size, size)[c] for c in names})
        now = {f"{k}:{b}": n for k, way in enumerate(counts) for b, n in enumerate(way)}
        found.append(beyond(sli_of(joint).evidence(now, 24), ">", TENTH))
    assert found == ([False] * 10 if quiet else [False] * 5 + [True] * 5)
