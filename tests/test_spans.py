"""Ids in order are one row of the log's index a batch, and what is known of events is as if each had a row."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.stores import arrow, seen, spans
from bongsu.stores.faults import LogError
from bongsu.stores.log import EventLog


def batch(ids: Sequence[str], time: int = 0, **more) -> list[Event]:
    return [Event(id=i, time=time, kind="prediction", **more) for i in ids]


def run(head: str, first: int, n: int, step: int = 1) -> list[str]:
    return [f"{head}{first + i * step:05d}" for i in range(n)]


def drawn(head: str, seed: int, n: int) -> list[str]:
    """Random ids, each time the same, with a common prefix."""
    order = random.Random(seed)
    return [f"{head}{order.getrandbits(64):016x}" for _ in range(n)]


def rows(path: Path, query: str) -> list[tuple]:
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def damage(path: Path, position: int) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE batch SET data = x'00' WHERE position = ?", (position,))
    db.commit()
    db.close()


RUNS = st.builds(run, st.sampled_from(["p-", "l-", "p-7", "", "가나"]), st.integers(0, 60), st.integers(0, 40),
                 st.integers(1, 3))
RANDOM = st.builds(lambda head, seed, n, key: sorted(drawn(head, seed, n), key=key),
                   st.sampled_from(["evt_", "p-", ""]), st.integers(0, 4), st.integers(0, 40),
                   st.sampled_from([None, lambda i: i[::-1]]))
BATCHES = st.lists(st.tuples(st.lists(RUNS | RANDOM, min_size=1, max_size=3),
                             st.randoms(use_true_random=False) | st.none()), max_size=6)


def shuffled(runs: list[list[str]], order: random.Random | None) -> list[str]:
    ids = [i for one in runs for i in one]
    if order is not None:
        order.shuffle(ids)
    return ids


@settings(max_examples=40)
@given(batches=BATCHES, strangers=st.sampled_from([1, 9, seen.STRANGERS]))
def test_every_event_is_kept_once_and_found_where_it_came_first(tmp_path_factory, batches, strangers):
    known: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch, EventLog(tmp_path_factory.mktemp("log") / "log.db") as log:
        patch.setattr(seen, "STRANGERS", strangers)
        for time, (runs, order) in enumerate(batches):
            ids = shuffled(runs, order)
            new = [i for i in dict.fromkeys(ids) if i not in known]
            taken = log.append(batch(ids, time))
            assert (taken.n, taken.duplicates) == (len(new), len(ids) - len(new))
            assert (taken.position is None) == (not new)
            known.update((i, taken.position) for i in new)
        assert {i: p for p, table in log.read() for i in table["id"].to_pylist()} == known
        assert log.size().events == len(known)
        asked = [*reversed(known), "nobody", "p-00001x"]
        assert seen.places(log._db, pa.array(asked)).to_pylist() == [known.get(i) for i in asked]
        assert log.drop_before(len(batches)) == len(known)
        for table in ("span", "seen", "related"):
            assert log._db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
        assert log.append(batch(list(known), 9)).n == len(known), "what is forgotten is new again"


@settings(max_examples=25)
@given(batches=BATCHES)
def test_labels_find_what_they_are_about_whatever_order_its_ids_came_in(tmp_path_factory, batches):
    with EventLog(tmp_path_factory.mktemp("log") / "log.db") as log:
        calls: dict[str, int] = {}
        for n, (runs, order) in enumerate(batches):
            about = list(dict.fromkeys(shuffled(runs, order)))
            log.append([Event(id=f"l{n}/{call}", time=n, kind="label", call=call, label=f"v{n}") for call in about])
            for call in about:
                calls[call] = calls.get(call, 0) + 1
        assert log.orphans() == sum(calls.values())
        log.append(batch(sorted(calls)))
        assert log.orphans() == 0
        position = log.last_position()
        found = log.labels_between(0, position)
        assert found.num_rows == sum(calls.values())
        for call in sorted(calls)[::25]:
            assert len(log.labels_of(call)) == len(log.related(call)) == calls[call]
        assert set(found["place"].to_pylist()) <= {position}
        # All of one event together, the newest last: whoever joins them relies on it.
        told = list(zip(found["call"].to_pylist(), found["at"].to_pylist(), strict=True))
        seen_calls = [call for i, (call, _) in enumerate(told) if i == 0 or told[i - 1][0] != call]
        assert len(seen_calls) == len(calls)
        assert all(a[1] < b[1] for a, b in pairwise(told) if a[0] == b[0])


def test_ids_in_order_are_a_row_a_batch_and_random_ones_a_row_each(tmp_path):
    path, order = tmp_path / "log.db", random.Random(7)
    with EventLog(path) as log:
        for n in range(5):
            log.append(batch([*run("p", n * 100, 100), *run("l", n * 50, 50)]))
        log.append(batch([f"{order.getrandbits(128):032x}" for _ in range(2000)]))
        log.append(batch(run("q", 0, spans.LEAST - 1)))
    assert rows(path, "SELECT of, first, last, position FROM span WHERE position < 3 ORDER BY first") == [
        ("id", "l00000", "l00049", 1), ("id", "l00050", "l00099", 2), ("id", "p00000", "p00099", 1),
        ("id", "p00100", "p00199", 2)]
    assert rows(path, "SELECT count(*) FROM span") == [(10,)]
    assert rows(path, "SELECT count(*) FROM seen") == [(2000 + spans.LEAST - 1,)]


@pytest.mark.parametrize("head", ["evt_", "chatcmpl-", ""])
def test_random_ids_are_rows_and_no_later_batch_opens_theirs_whatever_they_begin_with(tmp_path, head):
    path = tmp_path / "log.db"
    with EventLog(path) as log:
        log.append(batch(drawn(head, 1, 2000)))
        log.append([Event(id=f"l{i:05d}", time=0, kind="label", call=call) for i, call in
                    enumerate(drawn(head, 1, 2000))])
    assert rows(path, "SELECT of, position FROM span") == [("id", 2)]
    assert rows(path, "SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM related)") == [(2000, 2000)]
    damage(path, 1)
    with EventLog(path) as log:
        assert log.append(batch([*drawn(head, 2, 50), *drawn(head, 1, 50)])).n == 50
        assert log.find(drawn(head, 2, 1)[0]) is not None


def test_names_that_grow_with_time_are_spans_though_neighbours_are_not_in_order(tmp_path):
    order, path = random.Random(3), tmp_path / "log.db"
    moments = [i for k in range(0, 400, 10) for i in order.sample(run("p", k, 10), 10)]
    senders = [i for k in range(4) for i in run("q", k, 100, 4)]
    both = [i for pair in zip(run("s", 0, 40), run("t", 0, 40), strict=True) for i in pair]
    with EventLog(path) as log:
        for ids in (moments, senders, both):
            assert log.append(batch(ids)).n == len(ids)
    assert rows(path, "SELECT first, last, position FROM span ORDER BY 1") == [
        ("p00000", "p00399", 1), ("q00000", "q00399", 2), ("s00000", "s00039", 3), ("t00000", "t00039", 3)]
    assert rows(path, "SELECT count(*) FROM seen") == [(0,)]


def test_a_span_that_many_others_come_into_becomes_rows_and_nothing_is_forgotten(tmp_path):
    path, first = tmp_path / "log.db", sorted(drawn("evt_", 1, 500))
    late = [i for i in drawn("evt_", 2, 200) if first[0] < i < first[-1]]
    with EventLog(path) as log:
        log.append(batch([*first, *run("p", 0, 100)]))
        for one in late[: seen.STRANGERS - 1]:
            log.append(batch([one]))
        assert rows(path, "SELECT count(*) FROM span") == [(2,)], "a few always come late"
        assert log.append(batch(first)).n == 0
        log.append(batch([late[seen.STRANGERS]]))
        assert rows(path, "SELECT first FROM span") == [("p00000",)]
        taken = log.append(batch([*first, *late, *run("p", 0, 100)]))
        assert taken.n == len(late) - seen.STRANGERS
        assert log.find(first[250]) is not None
    damage(path, 1)
    with EventLog(path) as log:
        assert log.append(batch(drawn("evt_", 3, 50))).n == 50


def test_few_names_far_apart_are_looked_up_without_reading_all_spans_between(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        for n in range(40):
            log.append(batch(run("p", n * 20, 20)))
        asked = pa.array(["p00000", "p00399", "p00799", "p00800"])
        assert [place for place, _, _ in spans.near(log._db, "id", asked)] == [1, 20, 40]
        assert seen.places(log._db, asked).to_pylist() == [1, 20, 40, None]
        found = log.find("p00399")
        assert found is not None
        assert found.id == "p00399"


def test_a_gap_in_a_span_is_no_event_and_can_be_filled(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append(batch(run("p", 0, 20, 2)))
        assert log.find("p00001") is None
        taken = log.append(batch(run("p", 0, 40)))
        assert (taken.n, taken.duplicates) == (20, 20)
        assert log.append(batch(run("p", 0, 40))).n == 0


def test_what_is_kept_for_its_labels_is_known_and_the_rest_of_its_batch_is_not(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        about = [Event(id=i, time=1, kind="content", call="p00000", prompt="hello") for i in run("c", 0, 20)]
        log.append([*batch(run("p", 0, 20), 1), *about])
        assert log.drop_before(5, labelled=0) == 20
        assert log.find("c00003") is None
        kept = log.find("p00003")
        assert kept is not None
        assert (log.append(batch(run("p", 0, 20), 9)).n, log.append(batch(run("c", 0, 20), 9)).n) == (0, 20)
        assert log.drop_before(5, labelled=5) == 20
        assert log.append(batch(run("p", 0, 20), 9)).n == 20


def test_a_damaged_batch_is_named_by_whoever_needs_its_ids(tmp_path):
    path = tmp_path / "log.db"
    with EventLog(path) as log:
        log.append(batch(run("p", 0, 20)))
    damage(path, 1)
    with EventLog(path) as log:
        with pytest.raises(LogError, match="ids of batch 1 cannot be read"):
            log.append(batch(run("p", 5, 20)))
        assert log.append(batch(run("p", 20, 20))).n == 20, "what is beside it goes on"


def test_a_full_disk_leaves_no_span_behind(tmp_path, monkeypatch):
    with EventLog(tmp_path / "log.db") as log:
        def full(_: pa.Table) -> bytes:
            raise OSError("no room")

        with monkeypatch.context() as broken:
            broken.setattr(arrow, "pack", full)
            with pytest.raises(OSError, match="no room"):
                log.append(batch(run("p", 0, 20)))
        assert log.append(batch(run("p", 0, 20))).n == 20
