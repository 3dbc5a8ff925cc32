"""Names that grow with time, as spans: that all names of a batch of the event log from one to another are in it.

Ids that are made in order of time (UUIDv7, ULID, a counter) come in order too: what a batch has of them lies between
its first and its last, and nothing else does. That is one row, where an index has one for each name. Spans never
overlap, so a name is in one at most; what is no span (random names, names out of order) is in an index, a row a name.
Whether names grow with time is seen from how they came: random ones would be a span over all that come later.
``of`` says which names: ids of events (``stores/seen.py``), or calls that events are about (``stores/related.py``).

A span says where a name is if it is anywhere in it, never that it is: the batch knows.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

Of = Literal["id", "call"]

TABLES = """
CREATE TABLE span (of TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL, position INTEGER NOT NULL,
                   PRIMARY KEY (of, first)) WITHOUT ROWID;
CREATE INDEX span_position ON span (position);
"""
FAMILY, MOST, LEAST = 2, 8, 16
"""Names of a batch that begin with the same two characters are a family, which has a span of its own, as ids of
predictions and of labels have. Names of more than 8 families have no order; fewer than 16 are as well off as rows."""
GROWING, ASTRAY, SAMPLE = 3 / 4, 1 / 8, 500
"""Names grow if 3 of 4 come after the one before (runs of several senders, one after the other), or if on average each
is no further from its place than an eighth of them all (names of one moment in any order). Random ones: 1/2 and 1/3."""


def note(db: sqlite3.Connection, of: Of, names: pa.Array, came: pa.Array, position: int,
         free: Callable[[str, str], bool] = lambda first, last: True) -> pa.Array:
    """Note spans for names of a batch (in order, each once): those that are in none.

    ``came`` are the same names in the order they came in; ``free`` is whether a first and a last may be a span, for all
    else that is known.
    """
    families = _families(names)
    rest = [one for one in families if len(one) < LEAST or not (came is names or _grew(one, came, len(families)))
            or not _noted(db, of, one, position, free)]
    return pa.concat_arrays([names[:0] if families else names, *rest])


def _families(names: pa.Array) -> list[pa.Array]:
    """Names by family; none where they are too few, or of too many families."""
    if len(names) < LEAST:
        return []
    heads = pc.utf8_slice_codeunits(pa.concat_arrays([names[:1], names[-1:]]), 0, FAMILY)
    if heads[0] == heads[1]:
        return [names]
    counts = pc.value_counts(pc.utf8_slice_codeunits(names, 0, FAMILY)).field("counts").to_pylist()
    ends = list(accumulate(counts))
    return [names[end - n : end] for n, end in zip(counts, ends, strict=True)] if len(counts) <= MOST else []


def _grew(family: pa.Array, came: pa.Array, families: int) -> bool:
    """Whether the names of a family came in order, by and large."""
    if families > 1:
        came = came.filter(pc.equal(pc.utf8_slice_codeunits(came, 0, FAMILY), family[0].as_py()[:FAMILY]))
    if pc.sum(pc.less(came[:-1], came[1:])).as_py() >= GROWING * (len(came) - 1):
        return True
    # Spearman's footrule (1906) as a share of n * n, of some hundreds from beginning to end.
    places: list[int] = pc.array_sort_indices(came[:: -(-len(came) // SAMPLE)]).to_pylist()
    return sum(abs(place - i) for i, place in enumerate(places)) <= ASTRAY * len(places) ** 2


def _noted(db: sqlite3.Connection, of: Of, names: pa.Array, position: int, free: Callable[[str, str], bool]) -> bool:
    """Note a family as a span. False, and nothing is noted, where it is not alone."""
    first, last = names[0].as_py(), names[-1].as_py()
    row = db.execute("SELECT last FROM span WHERE of = ? AND first <= ? ORDER BY first DESC LIMIT 1",
                     (of, last)).fetchone()
    if (row is not None and row[0] >= first) or not free(first, last):
        return False
    db.execute("INSERT INTO span VALUES (?, ?, ?, ?)", (of, first, last, position))
    return True


def near(db: sqlite3.Connection, of: Of, names: pa.Array) -> Iterator[tuple[int, int, int]]:
    """Of names in order: a position, and from where to where (not with it) among them they are in its span."""
    if not len(names):
        return
    rows = db.execute(
        "SELECT * FROM (SELECT first, last, position FROM span WHERE of = ?1 AND first <= ?2 "
        "ORDER BY first DESC LIMIT 1) UNION "
        "SELECT * FROM (SELECT first, last, position FROM span WHERE of = ?1 AND first > ?2 AND first <= ?3 "
        "ORDER BY first LIMIT ?4) ORDER BY 1", (of, names[0].as_py(), names[-1].as_py(), len(names) + 1)).fetchall()
    if len(rows) > len(names):  # names far apart: each is looked up
        rows = db.execute(
            "SELECT DISTINCT first, last, position FROM json_each(?2) CROSS JOIN span ON of = ?1 AND first = "
            "(SELECT max(first) FROM span WHERE of = ?1 AND first <= value) ORDER BY 1",
            (of, listed(names))).fetchall()
    for first, last, position in rows:
        begin, end = bisect_left(names, first, key=_text), bisect_right(names, last, key=_text)
        if begin < end:
            yield position, begin, end


def bounds(db: sqlite3.Connection, of: Of, inside: str) -> tuple[str, str]:
    """First and last of the span that a name is in."""
    first, last = db.execute("SELECT first, last FROM span WHERE of = ? AND first <= ? ORDER BY first DESC LIMIT 1",
                             (of, inside)).fetchone()
    return first, last


def drop(db: sqlite3.Connection, of: Of, first: str) -> None:
    """Drop the span that begins with a name: what is in it has rows instead."""
    db.execute("DELETE FROM span WHERE of = ? AND first = ?", (of, first))


def _text(name: pa.StringScalar) -> str:
    return str(name.as_py())


def ascend(names: pa.Array) -> bool:
    """Whether each of them comes after the one before, so that each is there once."""
    return len(names) < 2 or bool(pc.all(pc.less(names[:-1], names[1:])).as_py())


def listed(names: pa.Array | pa.ChunkedArray) -> str:
    """Texts as JSON, for ``json_each``: a third of what binding them one by one costs."""
    return msgspec.json.encode(names.to_pylist()).decode()


def forget(db: sqlite3.Connection, position: int) -> None:
    """Drop the spans of a batch of which nothing is there any more that they could be about."""
    for of, kept in (("id", "kept"), ("call", "told")):
        db.execute(f"DELETE FROM span WHERE position = ? AND of = ? AND NOT EXISTS "  # noqa: S608
                   f"(SELECT 1 FROM batch WHERE position = ?1 UNION ALL SELECT 1 FROM {kept} WHERE position = ?1)",
                   (position, of))
