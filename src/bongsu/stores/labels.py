"""Labels in the event log's database: those of a batch are one block of columns, which stays as long as what they are
about, however long ago their batch went.

Which blocks may have labels of an event is said by ``stores/related.py``, where the event itself is by
``stores/seen.py``. Both are facts of the log, so which label an event had when the log had come to some position can be
asked of any position, and counting again gives the same. ``known`` is when a label came: what was known at a time in
the past.

A label that came before its event ``waits``, and it is noted where the event came then.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.label import APART, Label
from bongsu.stores import arrow, related, seen, spans

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
                   ("label", pa.string()), ("annotator", pa.string()), ("known", pa.int64()), ("place", pa.int64())])
"""Labels as they are stored. ``place`` is where the event is, if it came before its label: there it stays as long as
it is kept. Older versions did not write it."""
GIVEN = BLOCK.names[:-1]
"""What is known of a label when it comes."""
HISTORY = pa.schema([("call", pa.string()), ("name", pa.string()), ("place", pa.int64()), ("at", pa.int64()),
                     ("label", pa.string()), ("before", pa.bool_())])
"""Labels as columns; those of one event are together, in the order of (name, at, id). ``before``: known already at the
beginning of a span."""
_ORDER = [("call", "ascending"), ("name", "ascending"), ("at", "ascending"), ("id", "ascending")]
_READ = ("kind", "call", "name", "time", "id", "label", "annotator")


def note(db: sqlite3.Connection, table: pa.Table, position: int, now: int | None) -> None:
    """Index what a batch of new events brings: labels, and events that labels were waiting for.

    ``now`` is since when the labels are known; None for since they were given.
    """
    if db.execute("SELECT 1 FROM waits WHERE place IS NULL LIMIT 1").fetchone():
        others = table.select(["id", "kind"]).filter(pc.invert(pc.is_in(table["kind"], pa.array(APART))))
        db.execute("UPDATE waits SET place = ? WHERE place IS NULL AND call IN (SELECT value FROM json_each(?))",
                   (position, spans.listed(others["id"])))
    given = table.select(_READ).filter(pc.and_(pc.equal(table["kind"], "label"), pc.is_valid(table["call"])))
    if given.num_rows:
        known = given["time"] if now is None else pa.repeat(pa.scalar(now, pa.int64()), given.num_rows)
        keep(db, position, pa.Table.from_arrays(
            [given["call"], given["name"].fill_null(""), given["time"], given["id"], given["label"].fill_null(""),
             given["annotator"].fill_null(""), known], names=GIVEN))


def keep(db: sqlite3.Connection, position: int, given: pa.Table) -> None:
    """Store the labels of a batch (``GIVEN``), and which of them came before what they are about."""
    asked = given["call"].combine_chunks()
    calls = asked if spans.ascend(asked) else pc.unique(asked)
    found = seen.places(db, calls)
    there = pc.if_else(pc.less_equal(found, position), found, None)
    _put(db, position, given.append_column(_PLACE, there if calls is asked else there.take(pc.index_in(asked, calls))))
    if there.null_count:
        waiting = pc.is_null(there)
        names = calls.filter(waiting)
        counts = Counter(asked.filter(pc.is_in(asked, names)).to_pylist())
        db.executemany("INSERT INTO waits VALUES (?, ?, ?, ?)",
                       [(call, position, place, counts[call])
                        for call, place in zip(names.to_pylist(), found.filter(waiting).to_pylist(), strict=True)])


def touched(db: sqlite3.Connection, after: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events whose label (or who themselves) came after ``after``."""
    new = _blocks(db, "position > ? AND position <= ?", (after, upto))
    waited = [call for (call,) in db.execute("SELECT call FROM waits WHERE place > ? AND place <= ?", (after, upto))]
    return _history(db, new, waited, upto, lambda block: pc.less_equal(block["position"], after), whole=True)


def known_since(db: sqlite3.Connection, moment: int, upto: int) -> pa.Table:
    """Every label, come up to ``upto``, of the events that got one after ``moment``."""
    new = _blocks(db, "known > ? AND position <= ?", (moment, upto))
    late = new.filter(pc.greater(new["known"], moment))
    return _history(db, late, (), upto, lambda block: pc.less_equal(block["known"], moment), whole=False)


def of(db: sqlite3.Connection, call: str) -> list[Known]:
    """The labels an event was ever given, oldest first."""
    asked = pa.array([call])
    found = _blocks(db, _AMONG, (json.dumps(related.positions(db, asked)),))
    mine = found.filter(pc.equal(found["call"], call)).sort_by(_ORDER)
    place = seen.places(db, asked)[0].as_py()
    return [Known(Label(row["call"], row["name"], row["at"], row["id"], row["label"]), row["annotator"],
                  row["position"], place, row["known"]) for row in mine.to_pylist()]


def calls(db: sqlite3.Connection, position: int) -> pa.Array:
    """What the labels of a batch are about that are still kept."""
    return pc.unique(_blocks(db, "position = ?", (position,))["call"])


def orphans(db: sqlite3.Connection) -> int:
    """How many labels wait for an event that has not come."""
    return int(db.execute("SELECT coalesce(sum(n), 0) FROM waits WHERE place IS NULL").fetchone()[0])


def forget(db: sqlite3.Connection, ids: pa.ChunkedArray) -> None:
    """Drop every label of these events, which are gone."""
    calls = ids.combine_chunks()
    _without(db, calls, related.positions(db, calls))
    related.forget(db, calls)
    db.execute("DELETE FROM waits WHERE call IN (SELECT value FROM json_each(?))", (spans.listed(calls),))


def forget_orphans(db: sqlite3.Connection, before: int) -> int:
    """Drop labels that have waited since before ``before``; how many."""
    rows = db.execute("SELECT call, position, n FROM waits JOIN told USING (position) "
                      "WHERE place IS NULL AND known < ?", (before,)).fetchall()
    for position in dict.fromkeys(row[1] for row in rows):
        calls = pa.array([row[0] for row in rows if row[1] == position], pa.string())
        _without(db, calls, [position])
        related.forget(db, calls, position)
        db.execute("DELETE FROM waits WHERE position = ? AND call IN (SELECT value FROM json_each(?))",
                   (position, spans.listed(calls)))
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
    if _PLACE.name not in block.column_names:
        block = block.append_column(_PLACE, pa.nulls(block.num_rows, pa.int64()))
    return block.append_column(_POSITION, pa.repeat(pa.scalar(position, pa.int64()), block.num_rows))


_AMONG = "position IN (SELECT value FROM json_each(?))"
_POSITION, _PLACE = pa.field("position", pa.int64()), BLOCK.field("place")
_NONE = BLOCK.append(_POSITION).empty_table()


def _without(db: sqlite3.Connection, calls: pa.Array, positions: Iterable[int]) -> None:
    """Write blocks again without the labels of these events, where they have any."""
    for position in positions:
        block = _blocks(db, "position = ?", (position,)).select(BLOCK.names)
        rest = block.filter(pc.invert(pc.is_in(block["call"], calls)))
        if rest.num_rows == block.num_rows:
            continue
        if rest.num_rows:
            _put(db, position, rest)
        else:
            db.execute("DELETE FROM told WHERE position = ?", (position,))
            spans.forget(db, position)


def _history(db: sqlite3.Connection, new: pa.Table, more: Sequence[str], upto: int,
             before: Callable[[pa.Table], pa.Array], *, whole: bool) -> pa.Table:
    """All labels, come up to ``upto``, of the events that ``new`` ones are about, and of ``more``. ``whole``: what is
    new is all that its blocks have."""
    calls = new["call"].combine_chunks()
    once = not more and spans.ascend(calls)
    if not once:
        calls = pc.unique(pa.concat_arrays([calls, pa.array(more, pa.string())]))
    if not len(calls):
        return HISTORY.empty_table()
    told = [position for (position,) in db.execute(
        f"SELECT position FROM told WHERE {_AMONG} AND position <= ? ORDER BY position",  # noqa: S608
        (json.dumps(related.positions(db, calls)), upto))]
    if once and whole and told == pc.unique(new["position"]).to_pylist():
        found = new
    else:
        found = _blocks(db, _AMONG, (json.dumps(told),))
        found = found.filter(pc.is_in(found["call"], calls))
        once = spans.ascend(found["call"].combine_chunks())
    places = _places(db, found)
    found = found.set_column(found.column_names.index(_PLACE.name), _PLACE, places)
    found = found.append_column("before", before(found)).filter(pc.less_equal(places, upto))
    return (found if once else found.sort_by(_ORDER)).select(HISTORY.names)


def _places(db: sqlite3.Connection, found: pa.Table) -> pa.Array:
    """Where the events are that labels are about; null for those that have not come."""
    places = found["place"].combine_chunks()
    if places.null_count:
        calls = found["call"].filter(pc.is_null(places)).combine_chunks()
        asked = pc.unique(calls)
        known = seen.places(db, asked).take(pc.index_in(calls, asked))
        places = pc.replace_with_mask(places, pc.is_null(places), known)
    return places
