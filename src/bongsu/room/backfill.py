"""A signal that is new, or newly defined, counts what is still there: the lake's older events, then the log's.

Files of the lake are named by the positions of the log that they hold. Where the log has no longer all of those, the
files are read, and those positions are left out of the log: so each event counts once, in whatever order the log let
go. What needs labels is joined by the log alone, as far back as it keeps what may have one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bongsu.alert import Signal
from bongsu.cell import Cell, Cells
from bongsu.room.joining import Count, Joining, batches
from bongsu.runners.duckdb import Counter, reads_label
from bongsu.stores.arrow import conform
from bongsu.stores.lake import LakeError, files
from bongsu.stores.log import EventLog

AT_ONCE = 64
"""Batches of the log that are joined with their labels together."""


def past(fresh: Sequence[Signal], base: int, log: EventLog, lake: Path, upto: int, since: int,
         count: Count) -> dict[str, Cells]:
    """The cells of each of these signals, by key, of every event to position ``upto``; of the lake those of days that
    were not over at ``since`` (microseconds)."""
    counted = {s.key: Cells(base) for s in fresh}
    if plain := [s for s in fresh if not reads_label(s)]:
        with closing(Counter(plain, base)) as counter:
            for table in stored(log, lake, upto, since, counter.columns):
                _sort(count(counter, table), counted)
    with closing(Joining(filter(reads_label, fresh), base)) as joining:
        after = 0
        for tables, last in batches(log.kept(upto, joining.columns) if joining else iter(()), AT_ONCE):
            _sort(joining.count(log, tables, after, last, count), counted)
            after = last
        _sort(joining.count(log, (), after, upto, count), counted)  # labels whose own batches are gone
    return counted


def stored(log: EventLog, lake: Path, upto: int, since: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Every event to position ``upto`` that log or lake still has, as tables of ``columns``, one in memory at a time,
    in order of position.

    Of the lake only days that were not over at ``since`` (microseconds). LakeError names a file that cannot be read.
    """
    there, after = log.positions(upto), 0
    older = (one for one in files(lake, since) if one.last <= upto)
    for (first, last), held in groupby(older, key=lambda one: (one.first, one.last)):
        if bisect_right(there, last) - bisect_left(there, first) == last - first + 1:
            continue
        yield from _between(log, after, first, columns)
        for one in held:
            yield _read(one.path, columns)
        after = max(after, last)
    yield from _between(log, after, upto + 1, columns)


def _between(log: EventLog, after: int, before: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    for position, table in log.read(after, columns=columns):
        if position >= before:
            return
        yield table


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            there = [name for name in file.schema_arrow.names if name in columns]
            table = file.read(columns=there)
        if pa.types.is_timestamp(table.schema.field("time").type):
            table = table.set_column(table.column_names.index("time"), "time", table["time"].cast(pa.int64()))
        return conform(table, columns)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise LakeError(f"lake {path}: expected a Parquet file of events, came one that cannot be read ({error}); "
                        "restore it from a backup, or move it away") from error


def _sort(cells: Iterable[Cell], into: Mapping[str, Cells]) -> None:
    """Each signal's cells to where they are added up."""
    for cell in cells:
        into[cell.signal].add([cell])
