"""Ids of events that the log has forgotten, in its database: compact, and as long as their times are believed.

What others send may be sent again at any time, and its time is believed for longer (``settings.ingest.behind``) than
the log keeps events. So the ids of such events stay when their batch goes: sorted texts, a block for each day (UTC)
of events and each sweep, 16 to 22 bytes an id. Only an event of a day that has blocks is looked up, so what comes in
time costs nothing. An event that is sent again has the id and the time that it had.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.quantity import DAY
from bongsu.stores import arrow

TABLES = """
CREATE TABLE past (day INTEGER NOT NULL, position INTEGER NOT NULL, ids BLOB NOT NULL, PRIMARY KEY (day, position));
"""
"""``position`` is that of the newest batch whose ids are in a block. A batch may go in parts, what its labels say first
and its predictions later: the ids of both are in one block."""


def remember(db: sqlite3.Connection, gone: pa.Table, position: int, believed: int) -> None:
    """Keep the ids of events (``id``, ``time``) that go, where their day is not over before ``believed``."""
    days = pc.divide(gone["time"], DAY)
    for day in sorted(pc.unique(days).to_pylist()):
        if (day + 1) * DAY > believed:
            kept = db.execute("SELECT ids FROM past WHERE day = ? AND position = ?", (day, position)).fetchone()
            parts = [gone["id"].filter(pc.equal(days, day)), *([] if kept is None else [arrow.plain(kept[0])["id"]])]
            ids = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
            block = pa.table({"id": ids.take(pc.sort_indices(ids))})
            db.execute("INSERT OR REPLACE INTO past VALUES (?, ?, ?)", (day, position, arrow.pack(block, "zstd")))


def known(db: sqlite3.Connection, table: pa.Table) -> pa.Array | None:
    """Where events (``id``, ``time``) are remembered; None for nowhere, which is the rule."""
    days = pc.unique(pc.divide(table["time"], DAY)).to_pylist()
    found: pa.Array | None = None
    blocks = db.execute("SELECT ids FROM past WHERE day IN (SELECT value FROM json_each(?))", (json.dumps(days),))
    for (data,) in blocks:
        here = pc.is_in(table["id"], arrow.plain(data)["id"].combine_chunks()).combine_chunks()
        found = here if found is None else pc.or_(found, here)
    return found


def forget(db: sqlite3.Connection, believed: int) -> int:
    """Drop the days that were over before ``believed``, for nothing of them is taken any more; how many blocks."""
    return db.execute("DELETE FROM past WHERE (day + 1) * ? <= ?", (DAY, believed)).rowcount
