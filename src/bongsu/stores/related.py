"""Which batches have events about a call: its kept content, its labels, what people decided of it.

Calls that come in order are spans (``stores/spans.py``), the others rows of ``related``. What is said here is where to
look: a batch may have no event about a call all the same.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.stores import spans

TABLES = """
CREATE TABLE related (call TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (call, position)) WITHOUT ROWID;
"""


def note(db: sqlite3.Connection, calls: pa.ChunkedArray, position: int) -> None:
    """That a batch has events about these calls; null is none."""
    named = pc.unique(calls).drop_null()
    ordered = named if spans.ascend(named) else named.take(pc.array_sort_indices(named))
    rest = spans.note(db, "call", ordered, named, position)
    db.execute("INSERT INTO related SELECT value, ? FROM json_each(?)", (position, spans.listed(rest)))


def positions(db: sqlite3.Connection, calls: pa.Array) -> list[int]:
    """Of the batches that may have events about any of these calls, in order."""
    if not len(calls):
        return []
    names = calls if spans.ascend(calls) else calls.take(pc.array_sort_indices(calls))
    found = {position for position, _, _ in spans.near(db, "call", names)}
    if db.execute("SELECT 1 FROM related WHERE call BETWEEN ? AND ? LIMIT 1",
                  (names[0].as_py(), names[-1].as_py())).fetchone():
        found.update(position for (position,) in db.execute(
            "SELECT DISTINCT position FROM json_each(?) CROSS JOIN related ON related.call = value",
            (spans.listed(names),)))
    return sorted(found)


def forget(db: sqlite3.Connection, calls: pa.Array | pa.ChunkedArray, position: int | None = None) -> None:
    """Drop the rows of calls, of one batch or of all, where the batch has gone; a span goes with what it is about."""
    where = "" if position is None else " AND position = ?2"
    db.execute(f"DELETE FROM related WHERE call IN (SELECT value FROM json_each(?1)){where} AND NOT EXISTS "  # noqa: S608
               "(SELECT 1 FROM batch WHERE batch.position = related.position)",
               (spans.listed(calls), *(() if position is None else (position,))))
