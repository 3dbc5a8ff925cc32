"""Signals that read labels, counted as labels come: what an event counted for with its old label is taken away, and it
counts with the new one, at the event's own time.

A cell is then at any position of the log what counting anew, every label known beforehand, would give. It follows from
the log and two positions alone, so it moves in one transaction with them, and a ``kill -9`` repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.alert import Signal
from bongsu.cell import Cell
from bongsu.label import APART, Label, newest
from bongsu.runners.duckdb import Counter
from bongsu.stores.arrow import joined
from bongsu.stores.labels import Known
from bongsu.stores.log import EventLog

Count = Callable[[Counter, pa.Table], list[Cell]]
"""How control counts a table: leaving out, on the record, what cannot be counted."""
NEEDED = ("id", "time", "kind", "label")


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
        moves = _moves(log.labels_between(after, upto), after, lambda one: one.position <= after)
        return [cell for name, counter in self._counters.items()
                for cell in self._count(log, counter, name, tables, moves.get(name, {}), count)]

    def as_of(self, log: EventLog, moment: int, upto: int, count: Count) -> list[Cell]:
        """What to add to the cells at position ``upto`` to take away what was learnt after ``moment``."""
        if not self:
            return []
        found = log.labels_since(moment, upto)
        moves = _moves(found, upto, lambda one: one.known <= moment)
        cells = [cell for name, counter in self._counters.items()
                 for cell in self._count(log, counter, name, (), moves.get(name, {}), count)]
        return _negative(cells)

    def _count(self, log: EventLog, counter: Counter, name: str, tables: Sequence[pa.Table],
               moves: Mapping[int, list[_Move]], count: Count) -> list[Cell]:
        out: list[Cell] = []
        if tables:
            new = {one.call: one.new for one in moves.get(NEW, ()) if one.new is not None}
            out += count(counter, _labelled(joined(tables), name, new))
        for place, mine in moves.items():
            if place == NEW:
                continue
            rows = log.rows(place, [one.call for one in mine], self.columns)
            old = _labelled(rows, name, {one.call: one.old for one in mine if one.old is not None})
            new_ = _labelled(rows, name, {one.call: one.new for one in mine if one.new is not None})
            differs = pc.not_equal(old["label"].fill_null(""), new_["label"].fill_null(""))
            out += _negative(count(counter, old.filter(differs)))
            out += count(counter, new_.filter(differs))
        return out


class _Move(NamedTuple):
    """An event's label before and now."""

    call: str
    old: Label | None
    new: Label | None


NEW = 0
"""The place of events that are counted for the first time; positions begin at 1."""


def _moves(found: Iterable[Known], after: int, was_known: Callable[[Known], bool]) -> dict[str, dict[int, list[_Move]]]:
    """Name of the label -> place of the event -> what changed; events beyond ``after`` are at ``NEW``."""
    histories: dict[tuple[str, str], list[Known]] = {}
    for one in found:
        histories.setdefault((one.label.call, one.label.name), []).append(one)
    moves: dict[str, dict[int, list[_Move]]] = {}
    for (call, name), history in histories.items():
        place = history[0].place or NEW
        new = history[0].label if len(history) == 1 else newest(one.label for one in history)
        if place > after:
            move, place = _Move(call, None, new), NEW
        elif len(history) == 1:
            move = _Move(call, new if was_known(history[0]) else None, new)
        else:
            move = _Move(call, newest(one.label for one in history if was_known(one)), new)
        moves.setdefault(name, {}).setdefault(place, []).append(move)
    return moves


def _labelled(table: pa.Table, name: str, given: Mapping[str, Label]) -> pa.Table:
    """The table with the label that each event has: the one given, unless its own is younger."""
    own = table["label"].combine_chunks()
    apart = pc.is_in(table["kind"], pa.array(APART)).combine_chunks()
    if name:
        own = pc.if_else(apart, own, pa.scalar(None, pa.string()))
    if given:
        calls = pa.array(list(given), pa.string())
        values = pa.array([one.label or None for one in given.values()], pa.string())
        at = pa.array([one.at for one in given.values()], pa.int64())
        where = pc.index_in(table["id"].combine_chunks(), calls)
        later = pc.or_(pc.is_null(own), pc.greater_equal(at.take(where), table["time"].combine_chunks()))
        takes = pc.and_(pc.and_(pc.is_valid(where), pc.invert(apart)), later.fill_null(False))
        own = pc.if_else(takes, values.take(where), own)
    return table.set_column(table.column_names.index("label"), "label", own)


def _negative(cells: Iterable[Cell]) -> list[Cell]:
    return [cell._replace(n=-cell.n) for cell in cells]


def batches(found: Iterator[tuple[int, pa.Table]], most: int) -> Iterator[tuple[list[pa.Table], int]]:
    """Batches of a log, up to ``most`` at a time, with the position of the last."""
    tables: list[pa.Table] = []
    position = 0
    for position, table in found:
        tables.append(table)
        if len(tables) == most:
            yield tables, position
            tables = []
    if tables:
        yield tables, position
