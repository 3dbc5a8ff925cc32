"""Labels in the event log's database: those of a batch are one block of columns, which stays as long as what they are
about, however long ago their batch went.

Which blocks have labels of an event is said by the log's index ``related``, where the event itself is by ``seen``. Both
are facts of the log, so which label an event had when the log had come to some position can be asked of any position,
and counting again gives the same. ``known`` is when a label came: what was known at a time in the past.

A label that came before its event ``waits``, and it is noted where the event came then.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bongsu.label import APART, Label
from bongsu.stores import arrow

TABLES = """
CREATE TABLE told (position INTEGER PRIMARY KEY, known INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX told_known ON told (known);
CREATE TABLE waits (call TEXT NOT NULL, position INTEGER NOT NULL, place INTEGER, n INTEGER NOT NULL,
                    PRIMARY KEY (call, position)) WITHOUT ROWID;
CREATE INDEX waits_place ON waits (place);
"""


class Known(NamedTuple):
    """A label of the index: the label, who gave it, and where and when it and its event came."""

    label: Label
    annotator: str
    position: int
    place: int | None
    known: int


BLOCK = pa.schema([("call", pa.string()), ("name", pa.string()), ("at", pa.int64()), ("id", pa.string()),
                   ("label", pa.string()), ("annotator", pa.string()), ("known", pa.int64())])
HISTORY = pa.schema([("call", pa.string()), ("name", pa.string()), ("place", pa.int64()), ("at", pa.int64()),
                     ("label", pa.string()), ("before", pa.bool_())])
"""Labels as columns, in the order of (call, name, at, id). ``before``: known already at the beginning of a span."""
_ORDER = [("call", "ascending"), ("name", "ascending"), ("at", "ascending"), ("id", "ascending")]
_READ = ("kind", "call", "name", "time", "id", "label", "annotator")


def note(db: sqlite3.Connection, table: pa.Table, position: int, now: int | None) -> None:
    """Index what a batch of new events brings: labels, and events that labels were waiting for.

    ``now`` is since when the labels are known; None for since they were given.
    """
    if db.execute("SELECT 1 FROM waits WHERE place IS NULL LIMIT 1").fetchone():
        others = table.select(["id", "kind"]).filter(pc.invert(pc.is_in(table["kind"], pa.array(APART))))
        db.execute("UPDATE waits SET place = ? WHERE place IS NULL AND call IN (SELECT value FROM json_each(?))",
                   (position, listed(others["id"])))
    given = table.select(_READ).filter(pc.and_(pc.equal(table["kind"], "label"), pc.is_valid(table["call"])))
    if given.num_rows:
        known = given["time"] if now is None else pa.repeat(pa.scalar(now, pa.int64()), given.num_rows)
        keep(db, position, pa.Table.from_arrays(
            [given["call"], given["name"].fill_null(""), given["time"], given["id"], given["label"].fill_null(""),
             given["annotator"].fill_null(""), known], schema=BLOCK))


def keep(db: sqlite3.Connection, position: int, block: pa.Table) -> None:
    """Store the labels of a batch, and which of them came before what they are about."""
    _put(db, position, block)
    counted = pc.value_counts(block["call"])
    calls, counts = counted.field("values").to_pylist(), counted.field("counts")
    waiting = db.execute("SELECT key, seen.position FROM json_each(?) LEFT JOIN seen ON seen.id = value "
                         "WHERE seen.position IS NULL OR seen.position > ?", (_json(calls), position))
    db.executemany("INSERT INTO waits VALUES (?, ?, ?, ?)",
                   [(calls[key], position, place, counts[key].as_py()) for key, place in waiting.fetchall()])


def listed(ids: pa.ChunkedArray) -> str:
    """Texts as JSON, for ``json_each``: a third of what binding them one by one costs."""
    return _json(ids.to_pylist())


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def touched(db: sqlite3.Connection, after: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events whose label (or who themselves) came after ``after``."""
    new = _blocks(db, "position > ? AND position <= ?", (after, upto))
    waited = [call for (call,) in db.execute("SELECT call FROM waits WHERE place > ? AND place <= ?", (after, upto))]
    return _history(db, new, waited, upto, lambda block: pc.less_equal(block["position"], after))


def known_since(db: sqlite3.Connection, moment: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events that got one after ``moment``."""
    new = _blocks(db, "known > ? AND position <= ?", (moment, upto))
    late = new.filter(pc.greater(new["known"], moment))
    return _history(db, late, (), upto, lambda block: pc.less_equal(block["known"], moment))


def of(db: sqlite3.Connection, call: str) -> list[Known]:
    """The labels an event was ever given, oldest first."""
    found = _blocks(db, "position IN (SELECT position FROM related WHERE call = ?)", (call,))
    mine = found.filter(pc.equal(found["call"], call)).sort_by(_ORDER)
    place = next(iter(db.execute("SELECT position FROM seen WHERE id = ?", (call,))), (None,))[0]
    return [Known(Label(row["call"], row["name"], row["at"], row["id"], row["label"]), row["annotator"],
                  row["position"], place, row["known"]) for row in mine.to_pylist()]


def orphans(db: sqlite3.Connection) -> int:
    """How many labels wait for an event that has not come."""
    return int(db.execute("SELECT coalesce(sum(n), 0) FROM waits WHERE place IS NULL").fetchone()[0])


def forget(db: sqlite3.Connection, calls: Sequence[str]) -> None:
    """Drop every label of these events, which are gone."""
    asked = _json(calls)
    _without(db, calls, [p for (p,) in db.execute(
        "SELECT DISTINCT position FROM json_each(?) CROSS JOIN related ON related.call = value "
        "JOIN told USING (position)", (asked,))])
    for name in ("related", "waits"):
        db.execute(f"DELETE FROM {name} WHERE call IN (SELECT value FROM json_each(?))", (asked,))  # noqa: S608


def forget_orphans(db: sqlite3.Connection, before: int) -> int:
    """Drop labels that have waited since before ``before``; how many."""
    rows = db.execute("SELECT call, position, n FROM waits JOIN told USING (position) "
                      "WHERE place IS NULL AND known < ?", (before,)).fetchall()
    for position in dict.fromkeys(row[1] for row in rows):
        calls = [row[0] for row in rows if row[1] == position]
        _without(db, calls, [position])
        for name in ("related", "waits"):
            db.executemany(f"DELETE FROM {name} WHERE call = ? AND position = ?",  # noqa: S608
                           [(call, position) for call in calls])
    return sum(row[2] for row in rows)


# ---- blocks ----


def _put(db: sqlite3.Connection, position: int, block: pa.Table) -> None:
    known = pc.max(block["known"]).as_py()
    db.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", (position, known, arrow.pack(block)))


def _blocks(db: sqlite3.Connection, where: str, values: Sequence[int | str]) -> pa.Table:
    """The labels of the blocks for which a condition (of our own) holds, each with its ``position``."""
    found = [_placed(position, data) for position, data in db.execute(
        f"SELECT position, data FROM told WHERE {where} ORDER BY position", values)]  # noqa: S608
    return pa.concat_tables(found) if found else _NONE


def _placed(position: int, data: bytes) -> pa.Table:
    block = arrow.plain(data)
    return block.append_column(_POSITION, pa.repeat(pa.scalar(position, pa.int64()), block.num_rows))


_POSITION = pa.field("position", pa.int64())
_NONE = BLOCK.append(_POSITION).empty_table()


def _without(db: sqlite3.Connection, calls: Sequence[str], positions: Iterable[int]) -> None:
    """Write blocks again without the labels of these events."""
    gone = pa.array(calls, pa.string())
    for position in positions:
        block = _blocks(db, "position = ?", (position,)).select(BLOCK.names)
        rest = block.filter(pc.invert(pc.is_in(block["call"], gone)))
        if rest.num_rows:
            _put(db, position, rest)
        else:
            db.execute("DELETE FROM told WHERE position = ?", (position,))


def _history(db: sqlite3.Connection, new: pa.Table, more: Sequence[str], upto: int,
             before: Callable[[pa.Table], pa.Array]) -> pa.Table:
    """All labels, come up to ``upto``, of the events that ``new`` ones are about, and of ``more``."""
    calls = pc.unique(new["call"]).to_pylist()
    if more:
        calls = list(dict.fromkeys([*calls, *more]))
    if not calls:
        return HISTORY.empty_table()
    asked = _json(calls)
    # CROSS JOIN fixes the order: few calls, each looked up.
    places = dict(db.execute("SELECT key, position FROM json_each(?) CROSS JOIN seen ON seen.id = value "
                             "WHERE position <= ?", (asked, upto)))
    found = _blocks(db, "position IN (SELECT DISTINCT position FROM json_each(?) CROSS JOIN related "
                        "ON related.call = value) AND position <= ?", (asked, upto))
    where = pc.index_in(found["call"], pa.array(calls, pa.string()))
    found = found.append_column("place", pa.array(map(places.get, range(len(calls))), pa.int64()).take(where))
    found = found.append_column("before", before(found))
    return found.select(["place", *BLOCK.names, "before"]).filter(pc.is_valid(found["place"])).sort_by(
        _ORDER).select(HISTORY.names)
