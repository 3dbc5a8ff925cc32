"""Cells and how far they were counted: both move in one transaction, so a replay changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, select

from bongsu.cell import Cell
from bongsu.stores import schema
from bongsu.stores.database import Store, Transaction, adding, upsert
from bongsu.stores.saved import dump, load

CELLS = "cells"
SIGNAL = "signal/"
"""Before a signal's key: that its past is counted, and ``CELLS`` says how far it is."""


class CellStore(Store):
    """Table family: cell, progress, created."""

    def fold(self, cells: Iterable[Cell], position: int, name: str = CELLS) -> bool:
        """Add the cells and move ``name`` to ``position`` together.

        False, and nothing is changed, where the position is not beyond the stored one: that batch was counted before.
        """
        said = cache(dump)
        rows = [(signal, said(labels), start, part, n) for signal, labels, start, part, n in cells]
        with self.writing() as transaction:
            if not advance(transaction, name, position):
                return False
            _add(transaction.connection, rows)
        return True

    def begun(self) -> frozenset[str]:
        """Keys of the signals whose past is counted."""
        with self.reading() as connection:
            names = connection.scalars(select(schema.progress.c.name).where(schema.progress.c.name.startswith(SIGNAL)))
            return frozenset(name.removeprefix(SIGNAL) for name in names)

    def begin(self, counted: Mapping[str, Iterable[Cell]], keys: Collection[str]) -> None:
        """Signals begin, with all their cells (by key) to the position that ``CELLS`` has; of the others only those
        of ``keys`` go on. The rest is forgotten with its cells, or it would come back one day with a hole in it."""
        said = cache(dump)
        rows = [(signal, said(labels), start, part, n) for cells in counted.values()
                for signal, labels, start, part, n in cells]
        gone = self.begun() - set(keys)
        if not gone and not counted:
            return
        with self.writing() as transaction:
            for key in gone:
                transaction.execute(schema.progress.delete().where(schema.progress.c.name == SIGNAL + key))
            for key in {*gone, *counted}:
                transaction.execute(schema.cell.delete().where(schema.cell.c.signal == key))
            _add(transaction.connection, rows)
            table = schema.progress
            upto = transaction.execute(select(table.c.position).where(table.c.name == CELLS)).scalar() or 0
            upsert(transaction.connection, table, [{"name": SIGNAL + key, "position": upto + 1} for key in counted])

    def advance(self, name: str, position: int) -> bool:
        """Move another reader of the event log (the lake) on; False where it is not forward."""
        with self.writing() as transaction:
            return advance(transaction, name, position)

    def position(self, name: str = CELLS) -> int:
        """How far ``name`` has come; 0 before it began."""
        with self.reading() as connection:
            return connection.scalar(select(schema.progress.c.position).where(schema.progress.c.name == name)) or 0

    def cells(self, since: int = 0, signal: str = "") -> Iterator[Cell]:
        """Every cell, or those of one signal (its key), whose base window begins at ``since`` or later, read as it is
        consumed."""
        table = schema.cell
        query = select(*(table.c[name] for name in Cell._fields)).where(table.c.start >= since)
        if signal:
            query = query.where(table.c.signal == signal)
        with self.reading() as connection:
            for signal, labels, start, part, n in connection.execution_options(yield_per=10_000).execute(query):
                yield Cell(signal, tuple(load(labels)), start, part, n)

    def forget_cells(self, before: int) -> int:
        """Retention: remove base windows that begin before ``before``; returns how many rows went."""
        with self.writing() as transaction:
            return int(transaction.execute(schema.cell.delete().where(schema.cell.c.start < before)).rowcount)

    def created(self, objectives: Iterable[str], now: int) -> dict[str, int]:
        """Since when each objective exists; one that is new exists since ``now``."""
        names = list(objectives)
        query = select(schema.created.c.objective, schema.created.c.since).where(schema.created.c.objective.in_(names))
        with self.reading() as connection:
            known = {row.objective: row.since for row in connection.execute(query)}
        new = [name for name in names if name not in known]
        if new:
            with self.writing() as transaction:
                upsert(transaction.connection, schema.created, [{"objective": n, "since": now} for n in new], keep=True)
                known = {row.objective: row.since for row in transaction.execute(query)}
        return known


def _add(connection: Connection, rows: Sequence[tuple[str | int, ...]]) -> None:
    """Add rows of cells to those that are there. The statement is handed to the driver as it is: there may be
    thousands of rows, texts and whole numbers that need no preparing, which would cost more than storing them."""
    if not rows:
        return
    names, dialect = [column.name for column in schema.cell.columns], connection.dialect
    compiled = adding(schema.cell, "n", dialect).compile(dialect=dialect, column_keys=names)
    places = compiled.positiontup
    if places is None:  # the driver wants names
        connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in rows])
        return
    assert places == names
    connection.exec_driver_sql(str(compiled), list(rows))


def advance(transaction: Transaction, name: str, position: int) -> bool:
    table = schema.progress
    stored = transaction.execute(select(table.c.position).where(table.c.name == name)).scalar() or 0
    if position <= stored:
        return False
    upsert(transaction.connection, table, [{"name": name, "position": position}])
    return True
