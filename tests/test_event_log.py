"""The event log: all of a batch or none of it, every event once, and the way back exact."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.event import COLUMNS, Event, Verdict
from bongsu.sources.spool import SpoolReader, SpoolWriter
from bongsu.stores import arrow
from bongsu.stores.faults import DiskFull, LogError
from bongsu.stores.log import EventLog

INT64 = st.integers(-(2**63), 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VERDICTS = st.builds(Verdict, guard=st.text(), on=st.sampled_from(["input", "output"]), act=st.text(),
                     kinds=st.lists(st.text(), max_size=2).map(tuple), took_us=INT64)


def field_values():
    by_type = {str: st.text(), int: INT64, bool: st.booleans(), bool | None: st.none() | st.booleans(), float: FINITE,
               int | None: st.none() | INT64, float | None: st.none() | FINITE, str | None: st.none() | st.text(),
               tuple[Verdict, ...]: st.lists(VERDICTS, max_size=2).map(tuple)}
    fields = {f.name: by_type.get(f.type, st.text()) for f in msgspec.structs.fields(Event)}
    fields["features"] = st.dictionaries(st.sampled_from(["age", "sex", "나이"]), FINITE | st.text() | st.booleans())
    fields["time"] = st.integers(0, arrow.YEAR_10000 - 1)
    fields["origin"] = st.sampled_from(["live", "redteam", "replay", "evaluation"])
    return fields


FIELDS = field_values()
EVENTS = st.fixed_dictionaries({"id": FIELDS.pop("id"), "time": FIELDS.pop("time")}, optional=FIELDS).map(
    lambda values: Event(**values))


def some(n: int, start: int = 0, **more) -> list[Event]:
    return [Event(id=f"e{i}", time=i, service="bot", **more) for i in range(start, start + n)]


def everything(log: EventLog) -> list[Event]:
    return [e for _, table in log.read() for e in arrow.events(table)]


@given(events=st.lists(EVENTS, max_size=5))
def test_an_event_comes_back_exactly_as_it_was(events):
    table = arrow.table(events)
    assert table.select(arrow.NAMES).schema == arrow.SCHEMA
    assert arrow.events(table) == events
    assert arrow.events(arrow.unpack(arrow.pack(table))) == events


def test_an_unset_text_is_null_and_a_prompt_may_be_empty_or_unknown():
    table = arrow.table([Event(id="a", time=1, prompt=""), Event(id="b", time=2, model="m", latency_ms=float("nan"))])
    assert table["model"].to_pylist() == [None, "m"]
    assert table["prompt"].to_pylist() == ["", None]
    assert table["kind"].to_pylist() == ["call", "call"]
    assert table["latency_ms"].to_pylist() == [None, None], "what is not a number is not a measurement"
    assert table["verdicts"].to_pylist() == [None, None]


def test_a_table_of_another_version_is_read_with_what_it_has():
    old = pa.table({"id": ["a"], "time": [5], "colour": ["red"]})
    assert arrow.events(old) == [Event(id="a", time=5)]
    assert arrow.conform(old).schema == arrow.SCHEMA
    assert arrow.SCHEMA.names == list(COLUMNS)


def test_batches_are_read_by_position_in_order(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        assert log.last_position() == 0
        for k in range(5):
            assert log.append(some(10, k * 10)).position == k + 1
        assert [p for p, _ in log.read(0, 1)] == [1]
        assert [p for p, _ in log.read(1, 2)] == [2, 3]
        assert [t.column_names for _, t in log.read(4, columns=("id", "cost"))] == [["id", "cost"]]
        assert [p for p, _ in log.read(3)] == [4, 5]
        assert list(log.read(5)) == []
        assert log.last_position() == 5
        assert everything(log) == some(50)


def test_an_event_that_comes_twice_is_kept_once(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append(some(10))
        mixed = log.append([*some(3, 5), *some(3, 9), *some(3, 9)])
        assert (mixed.position, mixed.n, mixed.duplicates) == (2, 2, 7)
        again = log.append(some(10))
        assert (again.position, again.n, again.duplicates) == (None, 0, 10)
        assert everything(log) == some(12)
        assert log.last_position() == 2


@given(st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=8))
def test_any_order_of_repeats_keeps_the_first_of_each(tmp_path_factory, batches):
    with EventLog(tmp_path_factory.mktemp("log") / "log.db") as log:
        for batch in batches:
            log.append([Event(id=str(i), time=i) for i in batch])
        kept = [e.time for e in everything(log)]
        assert kept == list(dict.fromkeys(i for batch in batches for i in batch))


def test_events_and_marks_move_together_or_not_at_all(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append(some(2), {"a": 10, "b": 5})
        log.append([], {"b": 7})
        assert log.marks() == {"a": 10, "b": 7}
        with pytest.raises(sqlite3.Error):
            log.append(some(2, 2), {"a": object()})
        assert log.marks() == {"a": 10, "b": 7}
        assert everything(log) == some(2)
        log.append(some(2, 2), {"a": 20})
        log.forget_marks(["b"])
        assert log.marks() == {"a": 20}
        assert everything(log) == some(4)


def test_an_event_no_column_can_hold_is_named_and_stops_no_other(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        bad = [Event(id="huge", time=1, input_tokens=2**63), Event(id="early", time=-1),
               Event(id="nano", time=1_790_000_000_000_000_000)]
        appended = log.append([*some(2), *bad, *some(2, 2)], {"a": 1})
        assert everything(log) == some(4)
        assert log.marks() == {"a": 1}
        assert "'huge', column 'input_tokens': expected a value that fits int64, came '9223372036854775808'" \
            in appended.refused[0]
        assert ["microseconds since 1970" in r for r in appended.refused] == [False, True, True]


def test_an_event_is_found_by_id_and_its_content_by_call(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        call = Event(id="c1", time=5, model="big")
        content = Event(id="c1-content", time=6, kind="content", call="c1", prompt="안녕", reply="")
        log.append([*some(3), call])
        log.append([content, *some(3, 3)])
        assert log.find("c1") == call
        assert log.find("nobody") is None
        assert log.related("c1") == [content]
        assert log.related("c2") == []


def test_retention_forgets_whole_batches_their_ids_and_gives_the_disk_back(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        for k in range(20):
            log.append(some(500, k * 500, prompt="x" * 200, call=f"c{k}"))
        before = log.size()
        assert log.drop_before(7_250) == 7_000, "a batch goes when its newest event is too old"
        after = log.size()
        assert (before.events, after.events, after.batches) == (10_000, 3_000, 6)
        assert after.bytes < before.bytes / 2
        assert log.find("e10") is None
        assert log.related("c3") == []
        assert log.last_position() == 20
        assert log.append(some(1)).position == 21, "positions are never used again"
        assert log.drop_before(0) == 0


def test_a_full_disk_changes_nothing_and_the_log_goes_on_when_there_is_room(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append(some(10), {"a": 1})
        pages = log._db.execute("PRAGMA page_count").fetchone()[0]
        log._db.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(DiskFull, match=r"5000 events not taken, nothing was changed.*free space"):
            log.append(some(5000, 10, prompt="x"), {"a": 2})
        assert everything(log) == some(10)
        assert log.marks() == {"a": 1}
        log._db.execute("PRAGMA max_page_count = 1000000")
        log.append(some(5000, 10), {"a": 2})
        assert log.size().events == 5010


def test_a_file_that_is_no_log_is_refused_with_what_to_do(tmp_path):
    junk, foreign, newer = tmp_path / "junk.db", tmp_path / "foreign.db", tmp_path / "newer.db"
    junk.write_bytes(b"not a database at all" * 100)
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    EventLog(newer).close()
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for path, words in ((junk, "restore it"), (foreign, "path of its own"), (newer, "newer bongsu")):
        with pytest.raises(LogError, match=words):
            EventLog(path)


def test_a_damaged_batch_is_named(tmp_path):
    with EventLog(tmp_path / "log.db", most_handed=0) as log:
        log.append(some(10))
        log._db.execute("UPDATE batch SET data = x'00ff00ff00ff'")
        with pytest.raises(LogError, match=r"batch 1 cannot be read.*restore"):
            list(log.read(0))


def test_a_backup_is_a_log_of_that_moment(tmp_path):
    with EventLog(tmp_path / "log.db") as log:
        log.append(some(10), {"a": 1})
        log.backup(tmp_path / "copy.db")
        log.append(some(10, 10))
        with pytest.raises(LogError, match="does not exist yet"):
            log.backup(tmp_path / "copy.db")
    with EventLog(tmp_path / "copy.db") as copy:
        assert everything(copy) == some(10)
        assert copy.marks() == {"a": 1}
        assert copy.append(some(1)).duplicates == 1


def test_a_reader_sees_what_another_connection_commits(tmp_path):
    with EventLog(tmp_path / "log.db") as writer, EventLog(tmp_path / "log.db") as reader:
        writer.append(some(3))
        assert everything(reader) == some(3)


INGEST = """
import sys
from pathlib import Path
from bongsu.sources.spool import SpoolReader
from bongsu.stores.log import EventLog
log, reader = EventLog(Path(sys.argv[1])), SpoolReader(Path(sys.argv[2]))
print("ready", flush=True)
while True:
    batch = reader.read(log.marks(), 3000)
    if batch.events:
        log.append(batch.events, batch.marks)
    reader.discard(log.marks())
"""


def something_taken(path: Path) -> None:
    end = time.monotonic() + 60
    with EventLog(path) as log:
        while not log.size().events:
            assert time.monotonic() < end, "nothing was taken within a minute"
            time.sleep(0.01)


def test_kill_9_of_the_ingest_at_any_point_neither_loses_nor_doubles_an_event(tmp_path):
    """Spool to log is exactly once: events and marks are one transaction."""
    spool, path, total = tmp_path / "spool", tmp_path / "log.db", 0
    with SpoolWriter(spool, "w0", roll_bytes=20_000) as writer:
        for run in range(5):
            child = subprocess.Popen([sys.executable, "-c", INGEST, str(path), str(spool)], stdout=subprocess.PIPE)
            assert child.stdout.readline() == b"ready\n"
            until = time.monotonic() + 0.02 + 0.03 * run
            while time.monotonic() < until:
                writer.append(some(5, total))
                total += 5
            if run == 4:  # it may have been killed four times before it took anything
                something_taken(path)
            child.kill()
            child.wait()
            child.stdout.close()
    with EventLog(path) as log:
        taken = log.size().events
        assert taken > 0
        reader = SpoolReader(spool)
        while (batch := reader.read(log.marks())).events:
            assert log.append(batch.events, batch.marks).duplicates == 0
        assert [e.time for e in everything(log)] == list(range(total))
        reader.discard(log.marks())
        assert list(spool.glob("*.spool")) == []
    assert Path(path).exists()


def test_a_batch_that_is_forgotten_while_somebody_reads_is_passed_over_and_not_read_by_half(tmp_path):
    with EventLog(tmp_path / "log.db") as log, EventLog(tmp_path / "log.db") as other:
        log.append([Event(id="p", time=1, kind="prediction", prompt="x"), Event(id="l", time=2, kind="label", call="p",
                                                                               label="1")])
        log.append([Event(id="e1", time=5_000)])
        reading, looked = other.read(), []

        def forget(position: int) -> None:
            if not looked:
                log.drop_before(1_000, 0)
            looked.append(position)

        other._handed.take = forget
        assert [[event.id for event in arrow.events(table)] for _, table in reading] == [["e1"]]
        assert len(looked) == 2
