"""Label values without end: what comes out is bounded by the seats, who came first keeps a row, totals stay exact."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.alert import Signal
from bongsu.cell import MOST_GROUPS, MOST_LABELS, OTHER, Cell, Cells, Seats
from bongsu.drift import text_bins
from bongsu.event import Event
from bongsu.expression import read
from bongsu.quantity import MINUTE
from bongsu.runners.duckdb import Counter
from bongsu.slis.count import Count
from bongsu.slis.drift import Drift
from bongsu.slis.gap import Gap
from bongsu.slis.mean import Mean
from bongsu.slis.quantile import Quantile
from bongsu.slis.ratio import Ratio
from bongsu.sources.columns import referred
from bongsu.stores.arrow import table
from intakekit import ADMIN, site
from peoplekit import fetch

SIGNALS = (
    Signal("calls", Count(), ("user",), key="calls"),
    Signal("blocks", Count(read("blocked")), ("user",), key="blocks"),
    Signal("failures", Ratio(read("status >= 500")), ("model", "user"), key="failures"),
    Signal("cost", Mean(read("latency_ms", "number")), ("user",), key="cost"),
    Signal("p95", Quantile(read("latency_ms", "number"), Fraction(95, 100)), ("user",), key="p95"),
    Signal("fair", Gap("group", "selection_rate"), key="fair"),
    Signal("fair by model", Gap("group", "selection_rate"), ("model",), key="fair by model"),
    Signal("all", Count(), key="all"),
)
MOST, GROUPS = 3, 2
EVENTS = st.lists(st.builds(
    lambda at, user, model, group, blocked, status, said: (at, user, model, group, blocked, status, said),
    st.integers(0, 4), st.sampled_from("abcdefgh "), st.sampled_from("mn"), st.sampled_from("xyzw "), st.booleans(),
    st.sampled_from([200, 500, None]), st.sampled_from(["1", "0"])), max_size=40)


def events(rows: list[tuple[int, str, str, str, bool, int | None, str]]) -> list[Event]:
    return [Event(id=f"e{i}", time=at * MINUTE, user=user.strip(), model=model, group=group.strip(), blocked=blocked,
                  status=status, prediction=said, latency_ms=float(len(user) + at))
            for i, (at, user, model, group, blocked, status, said) in enumerate(rows)]


def folded(batches: list[list[Event]]) -> Cells:
    cells, counter = Cells(MINUTE), Counter(SIGNALS, MINUTE)
    try:
        for batch in batches:
            cells.add(counter.count(table(batch), Seats(cells, MOST, GROUPS)))
    finally:
        counter.close()
    return cells


def without_seats(batch: list[Event]) -> Cells:
    counter = Counter(SIGNALS, MINUTE)
    try:
        return Cells(MINUTE, counter.count(table(batch)))
    finally:
        counter.close()


def together(cells: Cells, signal: str) -> dict[str, int]:
    """Sums over all labels and groups."""
    out: dict[str, int] = {}
    for part, n in cells.vector(signal, 0, 10 * MINUTE).items():
        name = part.partition("=")[0]
        out[name] = out.get(name, 0) + n
    return out


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.lists(st.integers(1, 10), max_size=6))
def test_rows_are_no_more_than_seats_however_the_log_is_cut_and_totals_are_exact(rows, cuts) -> None:  # type: ignore[no-untyped-def]
    given_all = events(rows)
    batches, at = [], 0
    for size in cuts:
        batches.append(given_all[at:at + size])
        at += size
    batches.append(given_all[at:])
    found, whole, free = folded(batches), folded([given_all]), without_seats(given_all)
    assert list(found) == list(whole)
    for signal in SIGNALS:
        apart = [one for one in found.labels(signal.key) if set(one) != {OTHER}]
        assert len(apart) <= (MOST if signal.labels else 1)
        assert len(found.groups(signal.key) - {OTHER}) <= GROUPS
        assert together(found, signal.key) == together(free, signal.key)
        for one in apart if not isinstance(signal.sli, Gap) else ():
            assert found.vector(signal.key, 0, 10 * MINUTE, [one]) == free.vector(signal.key, 0, 10 * MINUTE, [one])


def test_who_came_first_has_a_row_and_keeps_it_while_others_come() -> None:
    first = events([(0, user, "m", "", False, 200, "1") for user in "abc"])
    flood = [Event(id=f"f{i}", time=MINUTE, user=f"u{i}", model="m") for i in range(2000)]
    again = [Event(id=f"g{i}", time=2 * MINUTE, user=user, model="m") for i, user in enumerate("cab")]
    cells = folded([first, flood, again])
    assert cells.labels("calls") == [(OTHER,), ("a",), ("b",), ("c",)]
    assert cells.vector("calls", 0, 3 * MINUTE, [("c",)]) == {"n": 2}
    assert cells.vector("calls", 0, 3 * MINUTE, [(OTHER,)]) == {"n": 2000}
    assert cells.vector("all", 0, 3 * MINUTE) == {"n": 2006}


def test_a_signal_that_counts_few_has_seats_of_its_own_whoever_fills_those_of_others() -> None:
    many = [Event(id=f"f{i}", time=0, user=f"u{i:04}", blocked=i == 1500) for i in range(2000)]
    cells = folded([many])
    assert cells.labels("blocks") == [("u1500",)]
    assert cells.labels("calls") == [(OTHER,), ("u0000",), ("u0001",), ("u0002",)]


def test_values_that_parts_are_split_by_are_capped_and_an_event_without_one_stays_in_none() -> None:
    many = [Event(id=f"f{i}", time=0, group=f"g{i}" if i % 2 else "", prediction="1") for i in range(200)]
    cells = folded([many])
    assert cells.groups("fair") == {"g1", "g3", OTHER}
    assert cells.vector("fair", 0, MINUTE) == {"yes=g1": 1, "yes=g3": 1, f"yes={OTHER}": 98}


def test_categories_beyond_those_of_a_reference_come_out_as_one_number() -> None:
    bins = text_bins("model", {"a": 3, OTHER: 2}, 0)
    sli = Drift("r", ("model",)).against(referred("r", [bins], 5, "test"))
    counter = Counter([Signal("d", sli, key="d")], MINUTE)
    try:
        many = [Event(id=f"e{i}", time=0, kind="prediction", model=("a", OTHER, f"n{i}")[i % 3]) for i in range(300)]
        cells = Cells(MINUTE, counter.count(table(many)))
    finally:
        counter.close()
    assert cells.vector("d", 0, MINUTE) == {"model:0": 100, "model:1": 100, "model:2": 100}


@pytest.mark.req("O5")
def test_a_flood_of_users_fills_their_seats_and_no_more_and_the_cockpit_says_so(tmp_path: Path) -> None:
    policy = """
bongsu: 1
service: {name: a}
signals:
  mine: {kind: count, labels: [user]}
  fair: {kind: gap, group: group, measure: selection_rate}
"""
    wanted = 2500
    with site(tmp_path, policy) as one:
        one.post([{"id": f"e{i}", "time": one.now, "user": f"user {i}", "group": f"g{i}", "prediction": "1"}
                  for i in range(wanted)])
        one.cycle()
        key = {s.name: s.key for s in one.control.plan.signals}
        cells = one.control.cells
        assert len(cells.labels(key["mine"])) == MOST_LABELS + 1
        assert len(cells.groups(key["fair"])) == MOST_GROUPS + 1
        assert cells.vector(key["mine"], 0, one.now + MINUTE) == {"n": wanted}
        other = cells.vector(key["mine"], 0, one.now + MINUTE, [(OTHER,)])
        assert other == {"n": wanted - MOST_LABELS}
        assert any("too many label values" in line and "mine" in line for line in one.control.remarks())
        stored = [cell for cell in one.store.cells() if cell.signal == key["mine"]]
        assert len(stored) == MOST_LABELS + 1
        said = fetch(f"{one.url}/metrics", ADMIN).text
        assert f'bongsu_label_values{{service="a",signal="mine"}} {MOST_LABELS}' in said
        assert 'bongsu_label_values_beyond{service="a",signal="mine"} 1' in said
        assert f'bongsu_label_values{{service="a",signal="fair"}} {MOST_GROUPS}' in said


def test_a_signal_that_is_new_counts_an_old_flood_within_its_seats(tmp_path: Path) -> None:
    head = "bongsu: 1\nservice: {name: a}\n"
    with site(tmp_path, head) as one:
        one.post([{"id": f"e{i}", "time": one.now, "user": f"user {i}"} for i in range(1500)])
        one.cycle()
    with site(tmp_path, head + "signals: {mine: {kind: count, labels: [user]}}") as two:
        [key] = [s.key for s in two.control.plan.signals if s.name == "mine"]
        assert len(two.control.cells.labels(key)) == MOST_LABELS + 1
        assert two.control.cells.vector(key, 0, two.now + MINUTE) == {"n": 1500}


def test_cells_of_nobody_apart_leave_all_seats_free() -> None:
    assert Seats(Cells(MINUTE, [Cell("a", (OTHER, OTHER), 0, "n", 1)]), 2).free("a") == 2
