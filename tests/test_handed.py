"""Batches handed over as they were stored: the same that the log would read, and nothing that it would not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.stores import arrow, labels
from bongsu.stores.handed import Handed
from bongsu.stores.log import EventLog
from test_event_log import EVENTS, some

BATCHES = st.lists(st.lists(EVENTS, max_size=4, unique_by=lambda event: event.id), max_size=5)
MOST = (0, 5000, 1 << 20)
"""Bytes that may wait: nothing, a batch or two, all of them."""


@pytest.fixture(params=MOST)
def log(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db", request.param) as log:
        yield log


@given(batches=BATCHES, most=st.sampled_from(MOST), columns=st.sampled_from((arrow.NAMES, ("time", "model", "id"))))
def test_what_is_handed_over_is_what_the_log_reads(batches, most, columns):
    with TemporaryDirectory() as name, EventLog(Path(name) / "log.db", most) as log:
        for batch in batches:
            log.append(batch)
        with EventLog(log.path) as other:
            read = list(other.read(columns=columns))
        assert [(position, table) for position, table in log.read(columns=columns)] == read
        assert list(log.read(columns=columns)) == read, "read again, from the disk"


def test_a_batch_is_read_whoever_read_it_before(log):
    for k in range(4):
        log.append(some(2, 2 * k))
    assert [position for position, _ in log.read(limit=2)] == [1, 2]
    assert [position for position, _ in log.read()] == [1, 2, 3, 4]
    assert [arrow.events(table) for _, table in log.read(2)] == [some(2, 4), some(2, 6)]


def test_a_batch_that_was_not_stored_is_not_handed_over(log, monkeypatch):
    log.append(some(1))

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(labels, "note", fail)
        with pytest.raises(RuntimeError):
            log.append(some(3))
    assert [table.num_rows for _, table in log.read()] == [1]
    log.append([Event(id="other", time=9)])  # it has the position that the other would have had
    assert [table["id"].to_pylist() for _, table in log.read(1)] == [["other"]]


def test_a_batch_that_is_forgotten_is_not_handed_over(log):
    log.append(some(3))
    log.append(some(3, 100))
    assert log.drop_before(50) == 3
    assert [table["time"].to_pylist() for _, table in log.read()] == [[100, 101, 102]]


def test_no_more_waits_than_there_is_room_for():
    table = pa.table({"n": pa.array(range(100), pa.int64())})
    handed = Handed(2 * table.get_total_buffer_size())
    for position in (1, 2, 3):
        handed.put(position, table)
    assert handed.take(3) is None, "there was no room"
    for position in (4, 5, 6):
        handed.put(position, table)
    assert handed.take(5) is table, "who takes a batch has passed those before it"
    assert handed.take(5) is None
    handed.put(7, table)
    handed.put(8, table)
    assert [handed.take(position) is table for position in (6, 7, 8)] == [False, True, True]
