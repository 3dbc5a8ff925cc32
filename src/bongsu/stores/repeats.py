"""Events that say again what another said: found as they come, in the event log's own transaction.

What must be distinct is some columns of an event together. Of each event a hash of them (64 bits) and its time are kept
on disk, so memory does not grow; an event repeats another where one with the same values came before it whose time is
at most ``within`` away. That is exact for events that come no more than ``LATE`` after their time; two different values
are taken for the same once in 10^19 pairs. A crash neither forgets nor repeats: what is known moves with the batch.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.label import APART
from bongsu.quantity import DAY

COLUMN = "repeats"
LATE = DAY
_TABLE = """
CREATE TABLE IF NOT EXISTS distinct_value (name TEXT NOT NULL, hash INTEGER NOT NULL, time INTEGER NOT NULL,
                                           PRIMARY KEY (name, hash, time)) WITHOUT ROWID"""
_BEFORE = "SELECT 1 FROM distinct_value WHERE name = ? AND hash = ? AND time BETWEEN ? AND ? LIMIT 1"


class Distinct(NamedTuple):
    """What must be distinct: stored ``columns``, for ``within`` microseconds; ``name`` is a digest of both."""

    name: str
    columns: tuple[str, ...]
    within: int


def marked(db: sqlite3.Connection, table: pa.Table, asked: Sequence[Distinct]) -> pa.Table:
    """New events, saying of each ``Distinct`` that they have a value for whether they repeat (``NAME=1``) or not."""
    if not asked or not table.num_rows:
        return table
    db.execute(_TABLE)
    said: list[list[str]] = [[] for _ in range(table.num_rows)]
    times = table["time"].to_pylist()
    about = pc.invert(pc.is_in(table["kind"], pa.array(APART))).to_pylist()
    for one in asked:
        given = [table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
                 for name in one.columns]
        for row, values in enumerate(zip(*given, strict=True)):
            if about[row] and any(value is not None for value in values):
                again = _again(db, one, _hash(values), times[row])
                said[row].append(f"{one.name}={again:d}")
    made = pa.array([" ".join(names) or None for names in said], pa.string())
    return table.set_column(table.column_names.index(COLUMN), COLUMN, made)


def _again(db: sqlite3.Connection, one: Distinct, number: int, time: int) -> bool:
    found = db.execute(_BEFORE, (one.name, number, time - one.within, time + one.within)).fetchone()
    db.execute("INSERT OR IGNORE INTO distinct_value VALUES (?, ?, ?)", (one.name, number, time))
    return found is not None


def _hash(values: Sequence[object]) -> int:
    """64 bits, signed as SQLite has them; a text and a number that look alike differ."""
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), "big", signed=True)


def forget(db: sqlite3.Connection, asked: Sequence[Distinct], now: int) -> None:
    """Forget what no event that comes in time can repeat, and all that nobody asks any more."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'distinct_value'").fetchone():
        return
    for one in asked:
        db.execute("DELETE FROM distinct_value WHERE name = ? AND time < ?", (one.name, now - one.within - LATE))
    marks = ", ".join("?" * len(asked))
    db.execute(f"DELETE FROM distinct_value WHERE name NOT IN ({marks})", [one.name for one in asked])  # noqa: S608
