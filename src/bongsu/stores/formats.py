"""The tables of the event log, and the way to them from those that older versions of bongsu wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import pyarrow as pa

from bongsu.stores import ids, labels, related, seen, spans

VERSION = 5
_TABLES = """
CREATE TABLE batch (position INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, first INTEGER NOT NULL,
                    last INTEGER NOT NULL, sent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE mark (spool TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
""" + seen.TABLES + related.TABLES
_KEPT = """
CREATE TABLE kept (position INTEGER PRIMARY KEY, n INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                   sent INTEGER NOT NULL, data BLOB NOT NULL);
"""
_SENT = "ALTER TABLE {} ADD COLUMN sent INTEGER NOT NULL DEFAULT 1;"
"""Of what is there already nobody knows whether it was sent, so its ids are remembered as if it had been."""
_NEW = labels.TABLES + ids.TABLES + spans.TABLES
_STEPS = {
    0: _TABLES + _KEPT + _NEW,
    1: _SENT.format("batch") + _KEPT + _NEW,
    2: _SENT.format("batch") + _SENT.format("kept") + _NEW,
    3: spans.TABLES,  # what is there stays as rows
    4: "",  # labels that are there do not say where their events are
}
"""Format that is found -> what makes its tables those of the newest."""

Batches = Callable[[], Iterable[tuple[int, pa.Table]]]


def upgrade(db: sqlite3.Connection, version: int, batches: Batches) -> None:
    """Bring the tables from a version (0: none yet) to the newest, inside the caller's transaction."""
    for statement in filter(str.strip, _STEPS[version].split(";")):
        db.execute(statement)
    if version == 1:  # it had no labels of their own: they are known since they were given
        for position, table in batches():
            labels.note(db, table, position, None)
    if version == 2:
        _blocks_of_rows(db)


def _blocks_of_rows(db: sqlite3.Connection) -> None:
    """Format 2 had a row a label."""
    db.execute("INSERT OR IGNORE INTO related SELECT DISTINCT call, position FROM label")
    for (position,) in db.execute("SELECT DISTINCT position FROM label ORDER BY position").fetchall():
        rows = db.execute(f"SELECT {', '.join(labels.GIVEN)} FROM label WHERE position = ? "  # noqa: S608
                          "ORDER BY call, name, at, id", (position,)).fetchall()
        columns = zip(labels.GIVEN, zip(*rows, strict=True), strict=True)
        labels.keep(db, position, pa.table({name: pa.array(values, labels.BLOCK.field(name).type)
                                            for name, values in columns}))
    db.execute("DROP TABLE label")
