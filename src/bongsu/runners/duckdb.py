"""Events in, cells out, by DuckDB in this process: the embedded GROUP BY.

Everything is integers. A sum is rounded once per event and then added as whole numbers; a bucket is found by shifts; a
base window by integer division. So any cut of the events into shards, in any order, gives the same cells.

Signals with the same labels and filter share one scan; its columns are turned into cells here. Which base window an
event is in, and whether a filter holds for it, is computed once for all scans. Histograms that ask
the same question share one scan of their own. Queries are syntax trees from beginning to end, so no text of a policy
is ever pasted into SQL. A condition that is NULL is not met; a number that is not finite (a division by zero) is not
known. An event that is about another (kinds ``content`` and ``label``) is not an event to count, unless a signal speaks
of ``kind``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from bongsu.aggregate import Aggregate, Count, Histogram, Sum, Tally
from bongsu.alert import Signal
from bongsu.cell import Cell
from bongsu.event import FEATURES, feature_column, feature_of
from bongsu.expression import Expression
from bongsu.label import APART

BATCH, START = "batch", "base window"
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
        self._queries = _compile(self.signals)
        self._filters = tuple(dict.fromkeys(query.group.filter for query in self._queries))
        self.columns = _columns(self.signals)
        self._thread = threading.get_ident()
        self._db = duckdb.connect(":memory:", config=_SETTINGS)

    def close(self) -> None:
        self._db.close()

    def count(self, table: pa.Table) -> list[Cell]:
        """The cells these events add. Cells of zero are left out: adding them changes nothing."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("a counter belongs to the thread that made it; make another one here")
        if not table.num_rows:
            return []
        self._db.register(BATCH, self._asked(table))
        try:
            return [cell for query in self._queries for cell in self._run(query)]
        except duckdb.Error as error:
            raise self._blame(error) from error
        finally:
            self._db.unregister(BATCH)

    def _asked(self, table: pa.Table) -> pa.Table:
        """What the queries read: the signals' columns, each event's base window, and where each filter holds."""
        asked = _with(table, self.columns)
        made = {START: _starts(asked["time"], self.base), **{one.column: one.holds(asked) for one in self._filters}}
        return pa.Table.from_arrays([*asked.columns, *made.values()], names=[*asked.column_names, *made])

    def _run(self, query: _Query) -> Iterator[Cell]:
        rows = self._db.execute(query.sql).fetchall()
        width = 1 + len(query.group.labels)
        for row in rows:
            start, labels = row[0], row[1:width]
            for owners, n in query.read(row[width:]):
                if not n:
                    continue
                if not -INT64 <= n < INT64:
                    raise CountError(f"signal {owners[0].signal.name!r}: the sum {owners[0].part!r} of one base window "
                                     f"is {n}, expected a 64-bit integer; use a coarser unit")
                for owner in owners:
                    yield Cell(owner.signal.key, labels, start, owner.part, int(n))

    def _blame(self, error: duckdb.Error) -> CountError:
        """Which signal it was: each is tried alone, which only ever happens on the way to an error."""
        for query in _compile_each(self.signals):
            try:
                self._db.execute(query.sql).fetchall()
            except duckdb.Error as its:
                reason = str(its).splitlines()[0]
                return CountError(f"signal {query.name!r} cannot be counted over these events: {reason}; "
                                  "expected 64-bit integers after scaling")
        return CountError(f"these events cannot be counted: {error}")


def _with(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """These columns; a feature that no event of the table has is NULL."""
    for name in columns:
        if name.startswith(FEATURES) and name not in table.column_names:
            kind = _ARROW[feature_of(name)[1]]
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table.select(columns)


def _starts(times: pa.ChunkedArray, base: int) -> pa.ChunkedArray:
    """Where the base window of each time begins. Division cuts off, so times before 1970 are moved on for it."""
    first = pc.min(times).as_py()
    moved = -(first // base) * base if first is not None and first < 0 else 0
    return pc.subtract(pc.multiply(pc.divide(pc.add(times, moved), base), base), moved)


_ARROW = {"number": pa.float64(), "text": pa.string(), "bool": pa.bool_()}


class _Owner(NamedTuple):
    """Whose cell a column becomes. A column that holds a count a value becomes several: ``tally`` says which."""

    signal: Signal
    part: str
    tally: Tally | None = None

    def of(self, value: Any) -> _Owner:
        """The part that counts one value of such a column."""
        if self.tally is None:
            return _Owner(self.signal, f"{self.part}={value}")
        known: Sequence[Any] = self.tally.categories or self.tally.edges
        return _Owner(self.signal, f"{self.part}{known.index(value) if value in known else len(known)}")


@dataclass
class _Query:
    """One scan. Of a histogram, the first value of a row is the bucket, the second the count."""

    sql: str
    group: _Group
    owners: list[list[_Owner]]
    histogram: bool = False

    @property
    def name(self) -> str:
        return self.owners[0][0].signal.name

    def read(self, values: Sequence[Any]) -> Iterator[tuple[Sequence[_Owner], Any]]:
        """Whose the values of a row are. A map of counts is as many: each owner has parts of its own for them."""
        if self.histogram:
            yield [_Owner(o.signal, f"{o.part}{values[0]}") for o in self.owners[0]], values[1]
            return
        for owners, value in zip(self.owners, values, strict=True):
            if not isinstance(value, dict):
                yield owners, value
                continue
            for one, n in value.items():
                yield [owner.of(one) for owner in owners], n


class _Filter(NamedTuple):
    """Which events signals are about: those of an origin (``any``), and those about others too (``apart``) or not."""

    origin: str
    apart: bool

    @property
    def column(self) -> str:
        return f"counted {self.origin} {self.apart}"

    def holds(self, table: pa.Table) -> pa.ChunkedArray:
        origin = pc.equal(table["origin"], self.origin) if self.origin != "any" else pc.is_valid(table["time"])
        if self.apart:
            return origin
        return pc.and_(origin, pc.and_(pc.is_valid(table["kind"]), pc.invert(pc.is_in(table["kind"], _APART))))


_APART = pa.array(APART)


class _Group(NamedTuple):
    """Signals of one group are counted over the same events, split the same way."""

    labels: tuple[str, ...]
    filter: _Filter


@dataclass
class _Plan:
    """What one group's scans compute: SQL of a column -> whose it is."""

    fixed: dict[exp.Expr, list[_Owner]] = field(default_factory=dict)
    histograms: dict[tuple[Expression, int, int], list[_Owner]] = field(default_factory=dict)


def _compile(signals: Sequence[Signal]) -> list[_Query]:
    plans: dict[_Group, _Plan] = {}
    for signal in signals:
        parts = signal.sli.parts()
        plan = plans.setdefault(_group(signal, parts.values()), _Plan())
        for name, aggregate in parts.items():
            owner = _Owner(signal, name)
            if isinstance(aggregate, Histogram):
                plan.histograms.setdefault((aggregate.of, aggregate.scale, aggregate.sub_bits), []).append(owner)
            elif isinstance(aggregate, Tally):
                unknown = _Owner(signal, f"{name}{aggregate.bins - 1}")
                plan.fixed.setdefault(_tally(aggregate), []).append(_Owner(signal, name, aggregate))
                missing = _count([*map(_tree, aggregate.where), _unknown(aggregate.of)])
                plan.fixed.setdefault(missing, []).append(unknown)
            else:
                plan.fixed.setdefault(_fixed(aggregate), []).append(owner)
    out = []
    for group, plan in plans.items():
        if plan.fixed:
            query = _scan(group).select(*(exp.alias_(c, f"p{i}") for i, c in enumerate(plan.fixed)))
            out.append(_Query(_grouped(query, len(group.labels)), group, list(plan.fixed.values())))
        for (of, scale, bits), owners in plan.histograms.items():
            sql = _grouped(_buckets(_scan(group), group, of, scale, bits), len(group.labels) + 1)
            out.append(_Query(sql, group, [owners], histogram=True))
    return out


def _compile_each(signals: Sequence[Signal]) -> Iterator[_Query]:
    for signal in signals:
        yield from _compile((signal,))


def reads_label(signal: Signal) -> bool:
    """Whether a signal depends on labels, so that it must be counted again when one comes."""
    return "label" in columns_read(signal)


def columns_read(signal: Signal) -> frozenset[str]:
    """The columns of an event that a signal is counted from, but for its labels."""
    return frozenset(c for part in signal.sli.parts().values() for e in _expressions(part) for c in e.columns)


def _columns(signals: Sequence[Signal]) -> tuple[str, ...]:
    asked = [c for s in signals for part in s.sli.parts().values() for e in _expressions(part) for c in e.columns]
    labels = [_label(name) for s in signals for name in s.labels]
    return tuple(dict.fromkeys(["time", "kind", "origin", *asked, *labels]))


def _label(name: str) -> str:
    """The column of a label; a feature that signals are split by is a text."""
    return feature_column(name.removeprefix(FEATURES), "text") if name.startswith(FEATURES) else name


def _group(signal: Signal, parts: Iterable[Aggregate]) -> _Group:
    asked = [e for part in parts for e in _expressions(part)]
    return _Group(signal.labels, _Filter(signal.origin, any("kind" in e.columns for e in asked)))


def _expressions(part: Aggregate) -> tuple[Expression, ...]:
    if isinstance(part, Count):
        return (*part.where, *part.known, *((part.by,) if part.by else ()))
    if isinstance(part, Tally):
        return (part.of, *part.where)
    return (part.of, *part.known) if isinstance(part, Sum) else (part.of,)


# ---- syntax trees ----


def _scan(group: _Group) -> exp.Select:
    """SELECT base window, labels FROM batch WHERE the group's events."""
    query = exp.select(exp.alias_(_stored(START), "start"))
    for i, name in enumerate(group.labels):
        query = query.select(exp.alias_(exp.func("COALESCE", _stored(_label(name)), exp.Literal.string("")), f"l{i}"))
    return query.from_(exp.to_table(BATCH)).where(_stored(group.filter.column))


def _stored(name: str) -> exp.Expr:
    return exp.column(exp.to_identifier(name, quoted=True))


def _grouped(query: exp.Select, labels: int) -> str:
    keys = [exp.Literal.number(i + 1) for i in range(1 + labels)]
    return str(query.group_by(*keys).sql("duckdb", identify=True))


def _fixed(part: Count | Sum) -> exp.Expr:
    if isinstance(part, Count):
        conditions = [*map(_tree, part.where), *map(_known, part.known)]
        return _count(conditions) if part.by is None else _spread(_tree(part.by), conditions)
    value = exp.Case().when(exp.and_(*map(_known, {part.of: 0, **dict.fromkeys(part.known)})),
                            _whole(part.of, part.scale))
    # Guarded by CASE, not by FILTER: a value that is not known must not even be converted.
    return exp.func("COALESCE", exp.Sum(this=value), exp.Literal.number(0))


def _count(conditions: list[exp.Expr]) -> exp.Expr:
    # Not a FILTER, which cuts the rows anew for each count; this adds a truth as a number.
    return exp.CountIf(this=exp.and_(*conditions)) if conditions else exp.Count(this=exp.Star())


def _tally(part: Tally) -> exp.Expr:
    """A count a bin; edges are cast from texts, for a literal with a point would be a decimal."""
    if part.categories or part.of.kind == "text":
        return _spread(_tree(part.of), [*map(_tree, part.where)])
    value = exp.cast(_tree(part.of), "DOUBLE")
    edges = exp.Array(expressions=[exp.cast(exp.Literal.string(repr(e)), "DOUBLE") for e in part.edges])
    return _spread(value, [*map(_tree, part.where), _known(part.of)], edges)


def _spread(value: exp.Expr, conditions: list[exp.Expr], *edges: exp.Expr) -> exp.Expr:
    """A map from values (or from upper edges, which belong to the bin below) to how often they come."""
    spread = exp.Anonymous(this="histogram", expressions=[value, *edges])
    if not conditions:
        return spread
    return exp.Filter(this=spread, expression=exp.Where(this=exp.and_(*conditions)))


def _buckets(scan: exp.Select, group: _Group, of: Expression, scale: int, bits: int) -> exp.Select:
    """Bucket numbers by integer shifts only. ``log2`` is a guess that may be one off near a power of two; two shifts
    correct it, so the bucket is exact for every 64-bit integer."""
    zero, one = exp.Literal.number(0), exp.Literal.number(1)
    v, guess, shift = exp.column("v"), exp.column("guess"), exp.column("shift")
    names = ["start", *(f"l{i}" for i in range(len(group.labels)))]
    keys = [exp.column(name) for name in names]
    inner = scan.select(exp.alias_(_greatest(_whole(of, scale), zero), "v")).where(_known(of))
    log = exp.Floor(this=exp.Anonymous(this="log2", expressions=[_greatest(v, one)]))
    middle = exp.select(*keys, v, exp.alias_(exp.cast(log, "BIGINT"), "guess")).from_(inner.subquery("a"))
    low = exp.cast(exp.paren(_right(v, guess).eq(zero)), "BIGINT")
    high = exp.cast(exp.paren(_right(v, guess + one) > zero), "BIGINT")
    top = guess - low + high - exp.Literal.number(bits)
    outer = exp.select(*keys, v, exp.alias_(_greatest(top, zero), "shift")).from_(middle.subquery("b"))
    number = shift * exp.Literal.number(1 << bits) + _right(v, shift)
    return exp.select(*keys, exp.alias_(number, "bucket"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(
        outer.subquery("c"))


def _greatest(a: exp.Expr, b: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="greatest", expressions=[a.copy(), b.copy()])


def _right(value: exp.Expr, shift: exp.Expr) -> exp.Expr:
    return exp.paren(exp.BitwiseRightShift(this=value.copy(), expression=exp.paren(shift.copy())))


def _tree(expression: Expression) -> exp.Expr:
    """The user's expression, with decimals as binary floats: every engine then computes the same."""
    tree = expression.tree()
    decimals = [n for n in tree.find_all(exp.Literal) if not n.is_string and not n.is_int]
    for node in decimals:
        new = exp.cast(node.copy(), "DOUBLE")
        if node is tree:
            return new
        node.replace(new)
    return exp.paren(tree)


def _known(expression: Expression) -> exp.Expr:
    if expression.kind == "number":
        return exp.Anonymous(this="isfinite", expressions=[exp.cast(_tree(expression), "DOUBLE")])
    return exp.Not(this=exp.Is(this=_tree(expression), expression=exp.Null()))


def _unknown(expression: Expression) -> exp.Expr:
    return exp.Not(this=exp.func("COALESCE", _known(expression), exp.false()))


def _whole(expression: Expression, scale: int) -> exp.Expr:
    """round(expression x scale) as a 64-bit integer; whole numbers never pass through a float."""
    tree, factor = _tree(expression), exp.Literal.number(scale)
    if expression.kind == "int":
        whole = exp.cast(tree, "BIGINT")
        return whole if scale == 1 else whole * factor
    value = exp.cast(tree, "DOUBLE")
    return exp.cast(exp.Round(this=value if scale == 1 else value * factor), "BIGINT")
