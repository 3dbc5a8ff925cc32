"""Signals that read labels, counted as labels come: what an event counted for with its old label is taken away, and it
counts with the new one, at the event's own time.

A cell is then at any position of the log what counting anew, every label known beforehand, would give. It follows from
the log and two positions alone, so it moves in one transaction with them, and a ``kill -9`` repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.alert import Signal
from bongsu.cell import Cell
from bongsu.label import APART
from bongsu.runners.duckdb import Counter
from bongsu.stores.arrow import joined
from bongsu.stores.log import EventLog

Count = Callable[[Counter, pa.Table], list[Cell]]
"""How control counts a table: leaving out, on the record, what cannot be counted."""
NEEDED = ("id", "time", "kind", "label")
MOST_ROWS = 1 << 18
"""Of events that are counted at once."""


class Joining:
    """The signals that read labels, by the name of the label they mean. Belongs to one thread."""

    def __init__(self, signals: Iterable[Signal], base: int) -> None:
        by_name: dict[str, list[Signal]] = {}
        for signal in signals:
            by_name.setdefault(signal.label, []).append(signal)
        self._counters = {name: Counter(mine, base) for name, mine in by_name.items()}

    def close(self) -> None:
        for counter in self._counters.values():
            counter.close()

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads of a batch; nothing where no signal reads labels."""
        asked = [column for counter in self._counters.values() for column in counter.columns]
        return tuple(dict.fromkeys([*NEEDED, *asked])) if asked else ()

    def __bool__(self) -> bool:
        return bool(self._counters)

    def count(self, log: EventLog, tables: Sequence[pa.Table], after: int, upto: int, count: Count) -> list[Cell]:
        """What the log's batches after ``after`` to ``upto`` (``tables``) add and take away."""
        if not self:
            return []
        moves = _moves(log.labels_between(after, upto))
        past = moves.filter(pc.less_equal(moves["place"], after))
        out = self._corrected(log, past, count)
        if tables:
            came, new = joined(tables), moves.filter(pc.greater(moves["place"], after))
            for name, counter in self._counters.items():
                out += count(counter, _Labelled(came, name, _of(new, name)).having("new"))
        return out

    def as_of(self, log: EventLog, moment: int, upto: int, count: Count) -> list[Cell]:
        """What to add to the cells at position ``upto`` to take away what was learnt after ``moment``."""
        if not self:
            return []
        return _negative(self._corrected(log, _moves(log.labels_since(moment, upto)), count))

    def _corrected(self, log: EventLog, moves: pa.Table, count: Count) -> list[Cell]:
        """What events of earlier batches counted for is taken away, what they count for now is added."""
        out: list[Cell] = []
        for name, counter in self._counters.items():
            mine = _of(moves, name)
            for rows in _gathered(log, mine, self.columns):
                known = _Labelled(rows, name, mine)
                old, new = known.having("old"), known.having("new")
                differs = pc.not_equal(old["label"].fill_null(""), new["label"].fill_null(""))
                out += _negative(count(counter, old.filter(differs)))
                out += count(counter, new.filter(differs))
        return out


MOVES = pa.schema([("call", pa.string()), ("name", pa.string()), ("place", pa.int64()), ("old_at", pa.int64()),
                   ("old", pa.string()), ("new_at", pa.int64()), ("new", pa.string())])
"""An event's label of a name before and now; ``old_at`` is NULL where it had none."""


def _moves(found: pa.Table) -> pa.Table:
    """The newest label of each event and name, and the newest of those that were known before."""
    now, before = _last(found), _last(found.filter(found["before"]))
    then = pc.index_in(_pairs(now), _pairs(before)) if before.num_rows else pa.nulls(now.num_rows, pa.int32())
    return pa.Table.from_arrays([now["call"], now["name"], now["place"], before["at"].take(then),
                                 before["label"].take(then), now["at"], now["label"]], schema=MOVES)


def _last(found: pa.Table) -> pa.Table:
    """Of each event and name the last row, which is the newest label: the rows are in that order (``HISTORY``)."""
    if found.num_rows < 2:
        return found
    head, tail = found.slice(0, found.num_rows - 1), found.slice(1)
    differs = pc.or_(pc.not_equal(head["call"], tail["call"]), pc.not_equal(head["name"], tail["name"]))
    return found.filter(pa.chunked_array([*differs.chunks, pa.array([True])]))


def _pairs(found: pa.Table) -> pa.Array:
    """Event and name as one text; the length keeps ("a", "bc") and ("ab", "c") apart."""
    lengths = pc.utf8_length(found["call"]).cast(pa.string())
    return pc.binary_join_element_wise(lengths, found["call"], found["name"], ":")


def _of(moves: pa.Table, name: str) -> pa.Table:
    return moves.filter(pc.equal(moves["name"], name)).combine_chunks()


def _gathered(log: EventLog, moves: pa.Table, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The events of these moves, of many batches together: a query costs more than its rows."""
    moves = moves.sort_by("place")
    rows: list[pa.Table] = []
    begin = 0
    for pair in pc.value_counts(moves["place"]).to_pylist():
        mine = moves["call"].slice(begin, pair["counts"])
        begin += pair["counts"]
        rows.append(log.rows(pair["values"], mine.combine_chunks(), columns))
        if sum(table.num_rows for table in rows) >= MOST_ROWS:
            yield joined(rows)
            rows = []
    if rows:
        yield joined(rows)


class _Labelled:
    """Events and what is said of their labels of a name: the one given, unless an event's own is younger."""

    def __init__(self, table: pa.Table, name: str, moves: pa.Table) -> None:
        self._table, self._moves = table, moves
        self._own = table["label"].combine_chunks()
        self._apart = pc.is_in(table["kind"], pa.array(APART)).combine_chunks()
        if name:
            self._own = pc.if_else(self._apart, self._own, pa.scalar(None, pa.string()))
        self._where = pc.index_in(table["id"].combine_chunks(), moves["call"].combine_chunks()) if len(moves) else None

    def having(self, which: str) -> pa.Table:
        """The table with the label that each event had (``old``) or has (``new``)."""
        own, at = self._own, self._moves[f"{which}_at"]
        if self._where is not None and at.null_count < len(at):
            at, given = (self._moves[name].take(self._where).combine_chunks() for name in (f"{which}_at", which))
            given = pc.if_else(pc.equal(given, ""), pa.scalar(None, pa.string()), given)
            later = pc.or_(pc.is_null(own), pc.greater_equal(at, self._table["time"].combine_chunks())).fill_null(False)
            own = pc.if_else(pc.and_(pc.and_(pc.is_valid(at), pc.invert(self._apart)), later), given, own)
        return self._table.set_column(self._table.column_names.index("label"), "label", own)


def _negative(cells: Iterable[Cell]) -> list[Cell]:
    return [cell._replace(n=-cell.n) for cell in cells]


def batches(found: Iterator[tuple[int, pa.Table]], most: int) -> Iterator[tuple[list[pa.Table], int]]:
    """Batches of a log, up to ``most`` at a time or as many as have ``MOST_ROWS``, with the position of the last."""
    tables: list[pa.Table] = []
    position, rows = 0, 0
    for position, table in found:
        tables.append(table)
        rows += table.num_rows
        if len(tables) == most or rows >= MOST_ROWS:
            yield tables, position
            tables, rows = [], 0
    if tables:
        yield tables, position
