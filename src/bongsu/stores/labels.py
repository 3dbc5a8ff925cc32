"""Labels by the event they are about, in the event log's database: an index that may be weeks wide and stays on disk.

``position`` is the batch a label came in, ``place`` the batch of the event it is about (NULL while that is not known:
an orphan). Both are facts of the log, so which label an event had when the log had come to some position can be asked
of any position, and counting again gives the same. ``known`` is when it came: what was known at a time in the past.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import repeat
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bongsu.label import APART, Label

TABLES = """
CREATE TABLE label (call TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, label TEXT NOT NULL,
                    annotator TEXT NOT NULL, position INTEGER NOT NULL, place INTEGER, known INTEGER NOT NULL,
                    PRIMARY KEY (call, name, at, id)) WITHOUT ROWID;
CREATE INDEX label_position ON label (position);
CREATE INDEX label_place ON label (place);
CREATE INDEX label_known ON label (known);
CREATE TABLE kept (position INTEGER PRIMARY KEY, n INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                   data BLOB NOT NULL);
"""


class Known(NamedTuple):
    """A label of the index: the label, who gave it, and where and when it and its event came."""

    label: Label
    annotator: str
    position: int
    place: int | None
    known: int


_READ = ("kind", "call", "name", "time", "id", "label", "annotator")
_COLUMNS = "call, name, at, id, label, annotator, position, place, known"


def note(db: sqlite3.Connection, table: pa.Table, position: int, now: int | None) -> None:
    """Index what a batch of new events brings: labels, and events that labels were waiting for.

    ``now`` is since when the labels are known; None for since they were given.
    """
    waiting = db.execute("SELECT 1 FROM label WHERE place IS NULL LIMIT 1").fetchone()
    if waiting:
        others = table.filter(pc.invert(pc.is_in(table["kind"], pa.array(APART))))
        db.execute("UPDATE label SET place = ? WHERE place IS NULL AND call IN (SELECT value FROM json_each(?))",
                   (position, listed(others["id"])))
    given = table.select(_READ).filter(pc.and_(pc.equal(table["kind"], "label"), pc.is_valid(table["call"])))
    calls = given["call"].to_pylist()
    rows = zip(calls, given["name"].fill_null("").to_pylist(), given["time"].to_pylist(), given["id"].to_pylist(),
               given["label"].fill_null("").to_pylist(), given["annotator"].fill_null("").to_pylist(),
               repeat(position), calls, given["time"].to_pylist() if now is None else repeat(now))
    db.executemany(f"INSERT OR IGNORE INTO label ({_COLUMNS}) VALUES "  # noqa: S608 (names of our own)
                   "(?, ?, ?, ?, ?, ?, ?, (SELECT position FROM seen WHERE id = ?), ?)", rows)


def listed(ids: pa.ChunkedArray) -> str:
    """Texts as JSON, for ``json_each``: a third of what binding them one by one costs."""
    return msgspec.json.encode(ids.to_pylist()).decode()


HISTORY = pa.schema([("call", pa.string()), ("name", pa.string()), ("place", pa.int64()), ("at", pa.int64()),
                     ("label", pa.string()), ("before", pa.bool_())])
"""Labels as columns, in the order of (call, name, at, id). ``before``: known already at the beginning of a span."""


def touched(db: sqlite3.Connection, after: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events whose label (or who themselves) came after ``after``."""
    return _histories(db, "SELECT call, name FROM label WHERE place > :after AND place <= :upto UNION "
                          "SELECT call, name FROM label WHERE position > :after AND position <= :upto",
                      "position <= :after", {"after": after, "upto": upto})


def known_since(db: sqlite3.Connection, moment: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events that got one after ``moment``."""
    return _histories(db, "SELECT DISTINCT call, name FROM label WHERE known > :moment", "known <= :moment",
                      {"moment": moment, "upto": upto})


def of(db: sqlite3.Connection, call: str) -> list[Known]:
    """The labels an event was ever given, oldest first."""
    return sorted(_read(db, "call = :call", {"call": call}), key=lambda one: (one.label.at, one.label.id))


def orphans(db: sqlite3.Connection) -> int:
    """How many labels wait for an event that has not come."""
    return int(db.execute("SELECT count(*) FROM label WHERE place IS NULL").fetchone()[0])


def total(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM label").fetchone()[0])


def forget(db: sqlite3.Connection, positions: Iterable[int]) -> None:
    """Drop the labels of events whose batch is gone."""
    db.executemany("DELETE FROM label WHERE place = ?", ((p,) for p in positions))


def forget_orphans(db: sqlite3.Connection, before: int) -> int:
    """Drop labels that have waited since before ``before``; how many."""
    return db.execute("DELETE FROM label WHERE place IS NULL AND known < ?", (before,)).rowcount


def _histories(db: sqlite3.Connection, pairs: str, before: str, values: dict[str, int]) -> pa.Table:
    # CROSS JOIN fixes the order: pairs first, then the few labels of each, which lie together.
    rows = db.execute(f"SELECT call, name, place, at, label, {before} FROM ({pairs}) CROSS JOIN label "  # noqa: S608
                      "USING (call, name) WHERE position <= :upto AND place <= :upto "
                      "ORDER BY call, name, at, id", values)
    columns: list[list[Any]] = [[] for _ in HISTORY]
    while some := rows.fetchmany(1024):  # all at once is half as fast: the rows no longer fit the cache
        for column, values_ in zip(columns, zip(*some, strict=True), strict=True):
            column.extend(values_)
    *first, known = (pa.array(column, pa.int64() if field.type == pa.bool_() else field.type)
                     for field, column in zip(HISTORY, columns, strict=True))
    return pa.Table.from_arrays([*first, known.cast(pa.bool_())], schema=HISTORY)


def _read(db: sqlite3.Connection, where: str, values: dict[str, int | str]) -> list[Known]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM label WHERE {where}", values)  # noqa: S608 (conditions of our own)
    return [Known(Label(*row[:5]), *row[5:]) for row in rows]
