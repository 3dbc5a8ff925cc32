"""The lake: closed events as Parquet, for everyone else; partitioned by date (UTC) and service.

``date=2026-11-22/service=support-bot/events-FIRST-LAST.parquet``: the layout Hive, Spark, DuckDB and pyarrow read as
columns. A file is named by the positions of the event log it holds, so writing a range again replaces it and nothing
is there twice. It is complete or not there: written aside, synced, renamed.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

NOBODY = "__HIVE_DEFAULT_PARTITION__"
DAY = 86_400_000_000
_FILE = re.compile(r"events-(\d{20})-(\d{20})\.parquet")
_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_LONGEST_NAME = 255


class LakeError(Exception):
    """The lake cannot take this; the message says what is in the way."""


class Lake:
    """A folder of Parquet files with one writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, table: pa.Table, first_position: int, last_position: int) -> list[Path]:
        """Write the events of the log's batches first..last (inclusive), a file a date and service.

        Files whose positions lie within this range are replaced by it: after a crash, write again from the position
        you last noted, to wherever the log has come since.
        """
        days = pc.divide(table["time"], DAY)
        table = table.set_column(table.column_names.index("time"), "time", table["time"].cast(_TIMESTAMP))
        keys = pa.table({"day": days, "service": table["service"]})
        written = []
        found = keys.group_by(["day", "service"]).aggregate([]).to_pylist()
        for key in found:
            service = key["service"]
            same = pc.is_null(keys["service"]) if service is None else pc.equal(keys["service"], service)
            here = pc.and_(pc.equal(days, key["day"]), pc.fill_null(same, False))
            part = table if len(found) == 1 else table.filter(here)
            folder = self.folder / f"date={date(1970, 1, 1) + timedelta(key['day'])}" / f"service={_safe(service)}"
            written.append(_replace(folder, part, first_position, last_position))
        return sorted(written)

    def drop_before(self, time: int) -> int:
        """Retention: delete the dates that were over before ``time`` (microseconds); how many files that was."""
        gone = 0
        for path in sorted(self.folder.iterdir()):
            match = _DATE.fullmatch(path.name)
            if match and date.fromisoformat(match[1]) < day_of(time):
                gone += len(list(path.rglob("*.parquet")))
                shutil.rmtree(path)
        if gone:
            _sync(self.folder)
        return gone

    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*.parquet"))


class File(NamedTuple):
    """One file, and which positions of the log it holds."""

    first: int
    last: int
    path: Path


def files(folder: Path, since: int = 0) -> list[File]:
    """The files of every day that was not over at ``since`` (microseconds), in order of position."""
    found = []
    for day in folder.glob("date=*"):
        match = _DATE.fullmatch(day.name)
        if match and date.fromisoformat(match[1]) >= day_of(max(0, since)):
            found += [File(int(name[1]), int(name[2]), path) for path in day.rglob("*.parquet")
                      if (name := _FILE.fullmatch(path.name))]
    return sorted(found)


_TIMESTAMP = pa.timestamp("us", tz="UTC")


def day_of(time: int) -> date:
    """The date (UTC) whose folder an event's ``time`` falls in.

    >>> day_of(0), day_of(DAY - 1)
    (datetime.date(1970, 1, 1), datetime.date(1970, 1, 1))
    """
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).date()


def _safe(service: str | None) -> str:
    """A service as part of a path: everything but letters, digits and _.-~ as %XX, which readers turn back."""
    if service is None:
        return NOBODY
    name = quote(service, safe="")
    if len(f"service={name}") > _LONGEST_NAME:
        raise LakeError(f"service {service[:40]!r}…: expected a name of at most {_LONGEST_NAME - 8} bytes once encoded "
                        f"for a path, came {len(name)}; give the service a shorter name")
    return name


def _replace(folder: Path, part: pa.Table, first: int, last: int) -> Path:
    missing = [p for p in (folder, folder.parent) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events-{first:020d}-{last:020d}.parquet"
    old = _covered(folder, first, last)
    aside = folder / f".{path.name}.new"
    try:
        with aside.open("wb") as file:
            pq.write_table(part, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    for other in old:
        if other != path:
            other.unlink()
    for changed in (folder, *(p.parent for p in missing)):
        _sync(changed)
    return path


def _covered(folder: Path, first: int, last: int) -> list[Path]:
    """Files this range replaces; one that it only touches would leave events twice, so that is refused."""
    covered = []
    for path in folder.iterdir():
        match = _FILE.fullmatch(path.name)
        if match is None or int(match[2]) < first or int(match[1]) > last:
            continue
        if int(match[1]) < first or int(match[2]) > last:
            raise LakeError(f"lake {path}: expected positions apart from {first}..{last} or within it; "
                            f"write again from position {min(first, int(match[1]))}")
        covered.append(path)
    return covered


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
