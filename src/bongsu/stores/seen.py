"""Which events the log has, and in which batch each is: so what came twice is known, and what a label is about found.

Ids that grow with time are spans (``stores/spans.py``) and in their batch; the others are rows of ``seen``. A span that
others keep coming into was none, and becomes rows: so no batch is opened for ever by what comes after it.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.stores import arrow, ids, spans
from bongsu.stores.faults import LogError

TABLES = """
CREATE TABLE seen (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
STRANGERS = 64
"""Ids of other batches that may come to be between those of a span before it becomes rows: some always come late."""


def fresh(db: sqlite3.Connection, table: pa.Table, position: int) -> pa.Table:
    """The events that never came before, of several with one id the first. That they are at ``position`` is noted."""
    if (past := ids.known(db, table)) is not None:
        table = table.filter(pc.invert(past))
    names = table["id"].combine_chunks()
    ordered = names if spans.ascend(names) else names.take(pc.array_sort_indices(names))
    if not spans.ascend(ordered):
        table = _once(table)
        names = table["id"].combine_chunks()
        ordered = names.take(pc.array_sort_indices(names))
    rest = spans.note(db, "id", ordered, names, position, lambda first, last: not _any(db, first, last))
    return _noted(db, table, rest, position) if len(rest) else table


def _once(table: pa.Table) -> pa.Table:
    """Of events with one id the first."""
    first: dict[str, int] = {}
    for row, name in enumerate(table["id"].to_pylist()):
        first.setdefault(name, row)
    return table.take(pa.array(first.values(), pa.int64()))


def _any(db: sqlite3.Connection, first: str, last: str) -> bool:
    """Whether an id between these is a row."""
    return db.execute("SELECT 1 FROM seen WHERE id BETWEEN ? AND ? LIMIT 1", (first, last)).fetchone() is not None


def _noted(db: sqlite3.Connection, table: pa.Table, rest: pa.Array, position: int) -> pa.Table:
    """The table without those of ``rest`` (in order, each once) that came before; the others become rows."""
    found = list(spans.near(db, "id", rest))
    inside = pc.is_valid(_in_spans(db, rest, found))
    known, new = rest.filter(inside), rest.filter(pc.invert(inside))
    # In order of id: neighbours share a page of the index.
    added = db.execute("INSERT OR IGNORE INTO seen SELECT value, ? FROM json_each(?)",
                       (position, spans.listed(new))).rowcount
    for place, begin, end in found:
        if not pc.all(inside[begin:end]).as_py():
            _mixed(db, rest[begin].as_py(), place)
    if added < len(new):
        older = db.execute("SELECT value FROM json_each(?) CROSS JOIN seen ON seen.id = value WHERE position <> ?",
                           (spans.listed(new), position))
        known = pa.concat_arrays([known, pa.array([i for (i,) in older], pa.string())])
    return table.filter(pc.invert(pc.is_in(table["id"], known))) if len(known) else table


def _mixed(db: sqlite3.Connection, inside: str, position: int) -> None:
    """Make rows of the span that an id is in, where too many ids of other batches are between its own."""
    first, last = spans.bounds(db, "id", inside)
    if len(db.execute("SELECT 1 FROM seen WHERE id BETWEEN ? AND ? LIMIT ?",
                      (first, last, STRANGERS)).fetchall()) < STRANGERS:
        return
    held = _held(db, position)
    held = held.filter(pc.and_(pc.greater_equal(held, first), pc.less_equal(held, last)))
    db.execute("INSERT INTO seen SELECT value, ? FROM json_each(?) ORDER BY value", (position, spans.listed(held)))
    spans.drop(db, "id", first)


def places(db: sqlite3.Connection, ids: pa.Array) -> pa.Array:
    """Where the events with these ids are; null for those that the log does not have."""
    order = None if spans.ascend(ids) else pc.array_sort_indices(ids)
    names = ids if order is None else ids.take(order)
    found = _in_spans(db, names, spans.near(db, "id", names))
    if found.null_count and _any(db, names[0].as_py(), names[-1].as_py()):
        missing = names.filter(pc.is_null(found))
        # CROSS JOIN fixes the order: few ids, each looked up.
        rows = dict(db.execute("SELECT key, position FROM json_each(?) CROSS JOIN seen ON seen.id = value",
                               (spans.listed(missing),)).fetchall())
        found = pc.replace_with_mask(found, pc.is_null(found),
                                     pa.array(map(rows.get, range(len(missing))), pa.int64()))
    return found if order is None else found.take(pc.array_sort_indices(order))


def forget(db: sqlite3.Connection, ids: pa.ChunkedArray) -> None:
    """Drop the rows of events that are gone; what is in a span goes with its batch."""
    db.execute("DELETE FROM seen WHERE id IN (SELECT value FROM json_each(?))", (spans.listed(ids),))


def _in_spans(db: sqlite3.Connection, names: pa.Array, near: Iterable[tuple[int, int, int]]) -> pa.Array:
    """Where ids (in order) are that are in a batch whose span they are ``near``; null for the others."""
    parts, upto = [pa.nulls(0, pa.int64())], 0
    for position, begin, end in near:
        has = pc.is_in(names[begin:end], value_set=_held(db, position))
        parts += [pa.nulls(begin - upto, pa.int64()),
                  pc.if_else(has, pa.scalar(position, pa.int64()), pa.scalar(None, pa.int64()))]
        upto = end
    return pa.concat_arrays([*parts, pa.nulls(len(names) - upto, pa.int64())])


def _held(db: sqlite3.Connection, position: int) -> pa.Array:
    """The ids of a batch, or of what is kept of it."""
    row = db.execute("SELECT data FROM batch WHERE position = ?1 UNION ALL SELECT data FROM kept WHERE position = ?1",
                     (position,)).fetchone()
    if row is None:
        return pa.array([], pa.string())
    try:
        return arrow.unpack(row[0], ("id",))["id"].combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise LogError(f"event log: the ids of batch {position} cannot be read ({error}); restore it from a "
                       "backup") from error
