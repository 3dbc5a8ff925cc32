"""The lake holds each event once, in files that are whole, under the names other tools expect."""

from __future__ import annotations

import os

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.event import Event
from bongsu.stores import lake as module
from bongsu.stores.arrow import table
from bongsu.stores.lake import DAY, Lake, LakeError

NAMES = ["bot", "../../etc", "한국어 봇", "a/b=c%d", "", "."]


def some(n: int, service: str = "bot", day: int = 20_000) -> list[Event]:
    return [Event(id=f"{service}-{day}-{i}", time=day * DAY + i, service=service, cost=i) for i in range(n)]


def by_duckdb(folder, what="*") -> list[tuple]:
    with duckdb.connect() as db:
        return db.execute(f"SELECT {what} FROM read_parquet($1, hive_partitioning = true, hive_types_autocast = false)",
                          [f"{folder}/**/*.parquet"]).fetchall()


@pytest.mark.req("O9")
def test_events_lie_by_date_and_service_and_come_back_as_columns(tmp_path):
    events = [e for name in NAMES for e in some(3, name)] + some(2, day=20_001)
    paths = Lake(tmp_path).write(table(events), 1, 7)
    assert len(paths) == len(NAMES) + 1
    assert all(p.resolve().is_relative_to(tmp_path.resolve()) for p in paths), "no name leaves the folder"
    assert tmp_path / "date=2024-10-04/service=bot/events-00000000000000000001-00000000000000000007.parquet" in paths
    expected = sorted((e.id, e.service or None) for e in events)
    assert sorted(by_duckdb(tmp_path, "id, service")) == expected
    read = ds.dataset(tmp_path, partitioning="hive").to_table(["id", "service", "date"]).to_pylist()
    assert sorted((r["id"], r["service"]) for r in read) == expected
    assert {str(r["date"]) for r in read} == {"2024-10-04", "2024-10-05"}


def test_time_is_a_timestamp_there(tmp_path):
    Lake(tmp_path).write(table([Event(id="a", time=1_700_000_000_123_456, service="bot")]), 1, 1)
    path = next(tmp_path.rglob("*.parquet"))
    assert pq.read_table(path)["time"].to_pylist()[0].isoformat() == "2023-11-14T22:13:20.123456+00:00"
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_writing_a_range_again_changes_nothing(tmp_path):
    lake = Lake(tmp_path)
    first = lake.write(table(some(10)), 1, 4)
    assert lake.write(table(some(10)), 1, 4) == first
    assert by_duckdb(tmp_path, "count(*)") == [(10,)]


def test_a_longer_range_after_a_crash_takes_the_place_of_what_it_covers(tmp_path):
    lake = Lake(tmp_path)
    lake.write(table(some(4)), 1, 2)
    lake.write(table(some(3)), 3, 3)
    lake.write(table(some(9)), 1, 5)
    lake.write(table(some(1)), 6, 6)
    assert by_duckdb(tmp_path, "count(*)") == [(10,)]
    assert len(list(tmp_path.rglob("*"))) == 4, "nothing else is left behind"


def test_a_range_that_would_leave_events_twice_is_refused(tmp_path):
    lake = Lake(tmp_path)
    lake.write(table(some(4)), 1, 4)
    with pytest.raises(LakeError, match=r"apart from 3..6 or within it; write again from position 1"):
        lake.write(table(some(4)), 3, 6)
    assert by_duckdb(tmp_path, "count(*)") == [(4,)]


def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    def full(*args, **kw):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        Lake(tmp_path).write(table(some(1)), 1, 1)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps, rename = [], module.Path.rename
    monkeypatch.setattr(os, "fsync", lambda fd: steps.append("sync"))
    monkeypatch.setattr(module.Path, "rename", lambda self, to: (steps.append("rename"), rename(self, to)))
    Lake(tmp_path).write(table(some(1)), 1, 1)
    assert steps[:2] == ["sync", "rename"]
    assert steps[2:] == ["sync"] * 3, "then its folder and the folders that are new"


@pytest.mark.req("O9")
def test_retention_drops_whole_dates(tmp_path):
    lake = Lake(tmp_path)
    lake.write(table([e for day in range(20_000, 20_004) for e in some(2, day=day)]), 1, 1)
    (tmp_path / "notes").mkdir()
    before = lake.size()
    assert lake.drop_before(20_002 * DAY + 5) == 2, "a date that is not over yet stays whole"
    assert lake.drop_before(0) == 0
    assert by_duckdb(tmp_path, "count(*)") == [(4,)]
    assert lake.size() < before
    assert (tmp_path / "notes").exists(), "what is not ours stays"


def test_a_service_whose_name_no_path_can_hold_is_refused_by_name(tmp_path):
    with pytest.raises(LakeError, match="shorter name"):
        Lake(tmp_path).write(table(some(1, "가" * 60)), 1, 1)


@settings(max_examples=30, deadline=None)
@given(names=st.lists(st.text(max_size=12), max_size=5, unique=True))
def test_any_name_of_a_service_comes_back_as_it_was(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("lake")
    events = [Event(id=str(i), time=0, service=name) for i, name in enumerate(names)]
    Lake(folder).write(table(events), 1, 1)
    texts = ds.partitioning(pa.schema([("date", pa.string()), ("service", pa.string())]), flavor="hive")
    back = ds.dataset(folder, partitioning=texts, format="parquet").to_table().to_pylist() if events else []
    assert sorted((r["id"], r["service"] or "") for r in back) == sorted((e.id, e.service) for e in events)
