"""A signal that is new, or newly defined, counts what is still there: the lake's older events, then the log's.

Files of the lake are named by the positions of the log that they hold. Those that begin before the log does are read
whole, and the log from where the last of them ends: so each event counts once. What needs labels is joined by the log
alone, as far back as it keeps what may have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bongsu.stores.arrow import conform
from bongsu.stores.lake import files
from bongsu.stores.log import EventLog


def stored(log: EventLog, lake: Path, upto: int, since: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Every event to position ``upto`` that log or lake still has, as tables of ``columns``, one in memory at a time.

    Of the lake only days that were not over at ``since`` (microseconds).
    """
    first = next((position for position, _ in log.read(0, 1, columns)), upto + 1)
    older = [one for one in files(lake, since) if one.first < first and one.last <= upto]
    for one in older:
        yield _read(one.path, columns)
    after = max((one.last for one in older), default=0)
    for position, table in log.read(after, columns=columns):
        if position > upto:
            return
        yield table


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    with pq.ParquetFile(path) as file:
        there = [name for name in file.schema_arrow.names if name in columns]
        table = file.read(columns=there)
    if pa.types.is_timestamp(table.schema.field("time").type):
        table = table.set_column(table.column_names.index("time"), "time", table["time"].cast(pa.int64()))
    return conform(table, columns)
