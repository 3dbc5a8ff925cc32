"""Events in, cells out, by DuckDB in this process: the embedded GROUP BY.

Everything is integers. A sum is rounded once per event and then added as whole numbers; a bucket is found by shifts; a
base window by integer division. So any cut of the events into shards, in any order, gives the same cells.

Signals with the same labels and filter share one scan; its columns are turned into cells here. Which events a filter is
about, and the base window and labels each is counted under, is found once for all its scans (``runners/places.py``).
Histograms that ask the same question share one scan of their own. An event that is about another (kinds ``content`` and
``label``) is not an event to count, unless a signal speaks of ``kind``.

Label values come from callers. Where more come than have a seat (``Seats``), each signal is scanned by itself, with the
others put together before anything is grouped: no more rows come out than there are seats, however many values there
are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from sqlglot import exp

from bongsu.aggregate import Aggregate, Count, Histogram, Tally
from bongsu.alert import Signal
from bongsu.cell import Cell, Seats
from bongsu.expression import Expression
from bongsu.runners import trees
from bongsu.runners.places import Places, held, places, timed
from bongsu.runners.trees import (
    BATCH,
    GROUPS,
    PLACE,
    ROW,
    SEATS,
    Group,
    expressions,
    group_of,
    label_column,
)

INT64 = 2**63
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1, "enable_external_access": False, "autoinstall_known_extensions": False,
    "autoload_known_extensions": False, "preserve_insertion_order": False, "lock_configuration": True,
}


class CountError(ValueError):
    """A signal that cannot be counted over these events; the message names it."""


class Counter:
    """Signals, compiled once. Belongs to the thread that made it. ``columns`` are those it reads of a table.

    A count costs a few milliseconds however few events there are, so a reader that is behind should hand over many.
    """

    def __init__(self, signals: Iterable[Signal], base: int) -> None:
        self.signals, self.base = tuple(dict.fromkeys(signals)), base
        keys = [signal.key for signal in self.signals]
        twice = [s for s in self.signals if keys.count(s.key) > 1]
        if twice:
            raise CountError(f"signals {', '.join(repr(s.name) for s in twice)}: expected a key each, "
                             f"came {twice[0].key!r} for all; their cells would add up")
        self._scans = _scans(self.signals)
        self._filters = tuple(dict.fromkeys(scan.group.filter for scan in self._scans))
        self.columns = _columns(self.signals)
        self._thread = threading.get_ident()
        self._db = duckdb.connect(":memory:", config=_SETTINGS)

    def close(self) -> None:
        self._db.close()

    def count(self, table: pa.Table, seats: Seats | None = None) -> list[Cell]:
        """The cells these events add. Cells of zero are left out: adding them changes nothing.

        With ``seats`` label values beyond them are counted together, and those who come first take what is free.
        """
        if threading.get_ident() != self._thread:
            raise RuntimeError("a counter belongs to the thread that made it; make another one here")
        if not table.num_rows:
            return []
        asked = timed(table, self.columns, self.base)
        try:
            out = [cell for of in self._filters if (rows := held(asked, of)).num_rows
                   for scan in self._scans if scan.group.filter == of for cell in self._scanned(scan, rows, seats)]
        finally:
            self._db.unregister(BATCH)
        if seats is not None:
            seats.note(out)
        return out

    def _scanned(self, scan: _Scan, table: pa.Table, seats: Seats | None) -> list[Cell]:
        """One scan's cells of the events that its filter is about."""
        where = places(table, scan.group.labels, self.base)
        self._db.register(BATCH, table.append_column(PLACE, where.codes))
        try:
            if seats is None or not self._crowded(scan, table.num_rows, len(where.labels), seats):
                return [cell for query in scan.queries for cell in self._run(query, where)]
            self._db.register(BATCH, table.append_column(ROW, pa.array(range(table.num_rows), pa.int64())))
            return [cell for one in scan.signals for cell in self._seated(scan.group, one, seats)]
        except duckdb.Error as error:
            self._db.register(BATCH, table.append_column(PLACE, where.codes))
            raise self._blame(scan, error) from error

    def _crowded(self, scan: _Scan, rows: int, combinations: int, seats: Seats) -> bool:
        """Whether more label values come than any signal of the scan has seats for."""
        free = [(seats.free(one.key), seats.free_groups(one.key)) for one in scan.signals]
        if scan.group.labels and combinations > min(labels for labels, _ in free):
            return True
        groups = min(groups for _, groups in free)
        if not scan.crowd or rows <= groups:
            return False
        return any(n > groups for n in self._db.execute(scan.crowd).fetchall()[0])

    def _seated(self, group: Group, signal: Signal, seats: Seats) -> Iterator[Cell]:
        """One signal's cells; first, those who come take the seats that are free."""
        parts = list(signal.sli.parts().values())
        by = _split_by(parts)
        try:
            self._seat(group, signal, parts, by, seats)
            for query in _compile((signal,), seated=True):
                yield from self._run(query)
        finally:
            self._db.unregister(SEATS)
            self._db.unregister(GROUPS)

    def _seat(self, group: Group, signal: Signal, parts: Sequence[Aggregate], by: Sequence[Expression],
              seats: Seats) -> None:
        names, key = [f"l{i}" for i in range(len(group.labels))], signal.key
        self._show(SEATS, names, seats.labels(key))
        self._show(GROUPS, ["v"], [(one,) for one in seats.groups(key)])
        if names:
            came = self._db.execute(trees.newcomers(group, parts, seats.free(key) + 1)).fetchall()
            seats.take(key, came)
            self._show(SEATS, names, seats.labels(key))
        if by:
            came = self._db.execute(trees.new_groups(by[0], parts, seats.free_groups(key) + 1)).fetchall()
            seats.take_groups(key, [one for (one,) in came])
            self._show(GROUPS, ["v"], [(one,) for one in seats.groups(key)])

    def _show(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        taken = list(rows)
        made = {column: pa.array([row[i] for row in taken], pa.string()) for i, column in enumerate(columns)}
        self._db.register(name, pa.table(made or {"none": pa.array([], pa.string())}))

    def _run(self, query: _Query, where: Places | None = None) -> Iterator[Cell]:
        """The cells of one query. Its rows say ``where`` by number, or with seats by base window and labels."""
        placed = cache(where.of) if where else None
        for row in self._db.execute(query.sql).fetchall():
            start, labels = placed(row[0]) if placed else (row[0], row[1 : query.width])
            for owner, part, n in query.read(row[query.width :]):
                if not n:
                    continue
                if not -INT64 <= n < INT64:
                    raise CountError(f"signal {owner.name!r}: the sum {part!r} of one base window "
                                     f"is {n}, expected a 64-bit integer; use a coarser unit")
                yield Cell(owner.key, labels, start, part, int(n))

    def _blame(self, scan: _Scan, error: duckdb.Error) -> CountError:
        """Which signal it was: each is tried alone, which only ever happens on the way to an error."""
        for query in (query for signal in scan.signals for query in _compile((signal,))):
            try:
                self._db.execute(query.sql).fetchall()
            except duckdb.Error as its:
                reason = str(its).splitlines()[0]
                return CountError(f"signal {query.name!r} cannot be counted over these events: {reason}; "
                                  "expected 64-bit integers after scaling")
        return CountError(f"these events cannot be counted: {error}")


class _Owner(NamedTuple):
    """Whose cell a column becomes. A column that holds a count a value becomes several: ``tally`` says which."""

    key: str
    name: str
    part: str
    tally: Tally | None = None

    def of(self, value: Any) -> str:
        """The part that counts one value of such a column."""
        if self.tally is None:
            return f"{self.part}={value}"
        known: Sequence[Any] = self.tally.categories or self.tally.edges
        return f"{self.part}{known.index(value) if value in known else len(known)}"


@dataclass
class _Query:
    """One scan; the first ``width`` values of a row say where it is counted. Of a histogram the next is the bucket,
    then comes the count."""

    sql: str
    width: int
    owners: list[list[_Owner]]
    histogram: bool = False

    @property
    def name(self) -> str:
        return self.owners[0][0].name

    def read(self, values: Sequence[Any]) -> Iterable[tuple[_Owner, str, Any]]:
        """Whose the numbers of a row are, and of which part. A count a value is a count for a part of each value."""
        if self.histogram:
            bucket, n = values
            return [(owner, f"{owner.part}{bucket}", n) for owner in self.owners[0]]
        return [(owner, part, n) for owners, value in zip(self.owners, values, strict=True) for owner in owners
                for part, n in (((owner.of(one), n) for one, n in value.items()) if isinstance(value, dict)
                                else ((owner.part, value),))]


@dataclass(frozen=True)
class _Scan:
    """The signals of one group; ``crowd`` asks how many values their parts are split by, if they are."""

    group: Group
    signals: tuple[Signal, ...]
    queries: tuple[_Query, ...]
    crowd: str


def _scans(signals: Sequence[Signal]) -> list[_Scan]:
    by_group: dict[Group, list[Signal]] = {}
    for signal in signals:
        by_group.setdefault(group_of(signal, signal.sli.parts().values()), []).append(signal)
    out = []
    for group, mine in by_group.items():
        by = _split_by([part for signal in mine for part in signal.sli.parts().values()])
        crowd = trees.crowd(by) if by else ""
        out.append(_Scan(group, tuple(mine), tuple(_compile(mine)), crowd))
    return out


def _split_by(parts: Iterable[Aggregate]) -> list[Expression]:
    """What parts are split by; all those of one signal by the same."""
    return list(dict.fromkeys(part.by for part in parts if isinstance(part, Count) and part.by is not None))


@dataclass
class _Plan:
    """What one group's scans compute: SQL of a column -> whose it is."""

    fixed: dict[exp.Expr, list[_Owner]] = field(default_factory=dict)
    histograms: dict[Histogram, list[_Owner]] = field(default_factory=dict)


def _compile(signals: Iterable[Signal], *, seated: bool = False) -> list[_Query]:
    plans: dict[Group, _Plan] = {}
    for signal in signals:
        parts = signal.sli.parts()
        plan = plans.setdefault(group_of(signal, parts.values()), _Plan())
        for name, aggregate in parts.items():
            owner = _Owner(signal.key, signal.name, name)
            if isinstance(aggregate, Histogram):
                plan.histograms.setdefault(aggregate, []).append(owner)
            elif isinstance(aggregate, Tally):
                unknown = owner._replace(part=f"{name}{aggregate.bins - 1}")
                plan.fixed.setdefault(trees.tally(aggregate), []).append(owner._replace(tally=aggregate))
                plan.fixed.setdefault(trees.missing(aggregate), []).append(unknown)
            else:
                plan.fixed.setdefault(trees.fixed(aggregate, seated=seated), []).append(owner)
    out = []
    for group, plan in plans.items():
        keys, scanned = trees.keys(group, seated=seated), trees.scan(group, seated=seated)
        if plan.fixed:
            query = scanned.select(*(exp.alias_(c, f"p{i}") for i, c in enumerate(plan.fixed)))
            out.append(_Query(trees.grouped(query, len(keys)), len(keys), list(plan.fixed.values())))
        for histogram, owners in plan.histograms.items():
            sql = trees.grouped(trees.buckets(scanned.copy(), keys, histogram), len(keys) + 1)
            out.append(_Query(sql, len(keys), [owners], histogram=True))
    return out


def reads_label(signal: Signal) -> bool:
    """Whether a signal depends on labels, so that it must be counted again when one comes."""
    return "label" in columns_read(signal)


def columns_read(signal: Signal) -> frozenset[str]:
    """The columns of an event that a signal is counted from, but for its labels."""
    return frozenset(c for part in signal.sli.parts().values() for e in expressions(part) for c in e.columns)


def _columns(signals: Sequence[Signal]) -> tuple[str, ...]:
    asked = [c for s in signals for part in s.sli.parts().values() for e in expressions(part) for c in e.columns]
    labels = [label_column(name) for s in signals for name in s.labels]
    return tuple(dict.fromkeys(["time", "kind", "origin", *asked, *labels]))
