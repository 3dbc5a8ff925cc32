"""The queries that count, as syntax trees from beginning to end: no text of a policy is ever pasted into SQL.

A condition that is NULL is not met; a number that is not finite (a division by zero) is not known. Where more label
values come than a signal counts apart, those that have a seat (``SEATS``, ``GROUPS``: tables of them) stay as they are
and all others are ``__other__`` before anything is grouped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlglot import exp

from bongsu.aggregate import Aggregate, Count, Histogram, Sum, Tally
from bongsu.alert import Signal
from bongsu.cell import OTHER
from bongsu.event import FEATURES, feature_column
from bongsu.expression import Expression

BATCH, SEATS, GROUPS = "batch", "seats", "groups"
START, ROW, PLACE = "base window", "row", "place"
"""Columns of the batch beside an event's own: where its base window begins, its place in the order of the log, and the
number of what it is counted under (``runners/places.py``)."""


class Filter(NamedTuple):
    """Which events signals are about: those of an origin (``any``), and those about others too (``apart``) or not."""

    origin: str
    apart: bool


class Group(NamedTuple):
    """Signals of one group are counted over the same events, split the same way."""

    labels: tuple[str, ...]
    filter: Filter


def group_of(signal: Signal, parts: Iterable[Aggregate]) -> Group:
    asked = [e for part in parts for e in expressions(part)]
    return Group(signal.labels, Filter(signal.origin, any("kind" in e.columns for e in asked)))


def label_column(name: str) -> str:
    """The column of a label; a feature that signals are split by is a text."""
    return feature_column(name.removeprefix(FEATURES), "text") if name.startswith(FEATURES) else name


def expressions(part: Aggregate) -> tuple[Expression, ...]:
    """All that an aggregate asks of an event."""
    if isinstance(part, Count):
        return (*part.where, *part.known, *((part.by,) if part.by else ()))
    if isinstance(part, Tally):
        return (part.of, *part.where)
    return (part.of, *part.known) if isinstance(part, Sum) else (part.of,)


# ---- what is scanned ----


def scan(group: Group, *, seated: bool = False) -> exp.Select:
    """SELECT place FROM batch; with seats, base window and labels, for those without one go together."""
    if not seated:
        return _all(exp.select(exp.alias_(_stored(PLACE), keys(group)[0])))
    names, labels = keys(group, seated=True), [_with_a_seat(group, label) for label in _labels(group)]
    return _all(exp.select(*map(exp.alias_, [_stored(START), *labels], names)))


def keys(group: Group, *, seated: bool = False) -> list[str]:
    """The names of what a scan groups by."""
    return ["start", *(f"l{i}" for i in range(len(group.labels)))] if seated else ["place"]


def _all(query: exp.Select) -> exp.Select:
    return query.from_(exp.to_table(BATCH))


def _stored(name: str) -> exp.Expr:
    return exp.column(exp.to_identifier(name, quoted=True))


def _labels(group: Group) -> list[exp.Expr]:
    return [exp.func("COALESCE", _stored(label_column(name)), exp.Literal.string("")) for name in group.labels]


def _with_a_seat(group: Group, label: exp.Expr) -> exp.Expr:
    """A label where the combination it is one of has a seat."""
    names = [exp.column(f"l{i}") for i in range(len(group.labels))]
    return _seated(exp.Tuple(expressions=[one.copy() for one in _labels(group)]),
                   exp.select(exp.Tuple(expressions=names)).from_(exp.to_table(SEATS)), label)


def _seated(value: exp.Expr, seats: exp.Select, instead: exp.Expr) -> exp.Expr:
    has = exp.In(this=value.copy(), query=exp.Subquery(this=seats))
    return exp.Case().when(has, instead.copy()).else_(exp.Literal.string(OTHER))


def grouped(query: exp.Select, width: int) -> str:
    """The query, grouped by its first columns."""
    return str(query.group_by(*(exp.Literal.number(i + 1) for i in range(width))).sql("duckdb", identify=True))


# ---- who needs a seat ----


def crowd(by: Iterable[Expression]) -> str:
    """How many values there are of each that parts are split by."""
    query = exp.select(*(exp.Count(this=exp.Distinct(expressions=[tree(one)])) for one in by))
    return str(_all(query).sql("duckdb", identify=True))


def newcomers(group: Group, parts: Iterable[Aggregate], room: int) -> str:
    """The first combinations, in the order of the log, that have no seat and of which any part counts an event."""
    names = [exp.column(f"l{i}") for i in range(len(group.labels))]
    query = exp.select(*(exp.alias_(one, f"l{i}") for i, one in enumerate(_labels(group))))
    return _first(_all(query), parts, names, SEATS, room)


def new_groups(by: Expression, parts: Iterable[Aggregate], room: int) -> str:
    """The same of the values that parts are split by."""
    query = exp.select(exp.alias_(tree(by), "v")).where(exp.not_(exp.Is(this=tree(by), expression=exp.Null())))
    return _first(_all(query), parts, [exp.column("v")], GROUPS, room)


def _first(found: exp.Select, parts: Iterable[Aggregate], names: list[exp.Column], seats: str, room: int) -> str:
    met = [_met(part) for part in parts]
    inner = found.select(exp.alias_(_stored(ROW), "row"))
    if all(met):
        inner = inner.where(exp.or_(*(exp.and_(*one) for one in met)))
    have = exp.select(exp.Tuple(expressions=[n.copy() for n in names])).from_(exp.to_table(seats))
    place = exp.Tuple(expressions=[n.copy() for n in names])
    query = exp.select(*names).from_(inner.subquery("came")).where(
        exp.not_(exp.In(this=place, query=exp.Subquery(this=have))))
    query = query.group_by(*(exp.Literal.number(i + 1) for i in range(len(names))))
    return str(query.order_by(exp.Min(this=exp.column("row"))).limit(room).sql("duckdb", identify=True))


def _met(part: Aggregate) -> list[exp.Expr]:
    """What holds of an event that a part counts; nothing where it counts every one."""
    if isinstance(part, Count):
        return [*map(tree, part.where), *map(known, part.known)]
    if isinstance(part, Tally):
        return [*map(tree, part.where)]
    return [*map(known, dict.fromkeys((part.of, *(part.known if isinstance(part, Sum) else ()))))]


# ---- what is counted ----


def fixed(part: Count | Sum, *, seated: bool = False) -> exp.Expr:
    if isinstance(part, Count):
        conditions = [*map(tree, part.where), *map(known, part.known)]
        return count(conditions) if part.by is None else _spread(_group_of(part.by, seated), conditions)
    value = exp.Case().when(exp.and_(*map(known, {part.of: 0, **dict.fromkeys(part.known)})),
                            _whole(part.of, part.scale))
    # Guarded by CASE, not by FILTER: a value that is not known must not even be converted.
    return exp.func("COALESCE", exp.Sum(this=value), exp.Literal.number(0))


def _group_of(by: Expression, seated: bool) -> exp.Expr:
    """The value that an event's part is split by; one without a seat is ``__other__``, none stays none."""
    value = tree(by)
    if not seated:
        return value
    have = exp.select("v").from_(exp.to_table(GROUPS))
    known_one = exp.not_(exp.Is(this=value.copy(), expression=exp.Null()))
    return exp.Case().when(known_one, _seated(value, have, value))


def count(conditions: list[exp.Expr]) -> exp.Expr:
    return exp.CountIf(this=exp.and_(*conditions)) if conditions else exp.Count(this=exp.Star())


def tally(part: Tally) -> exp.Expr:
    """A count a bin; edges are cast from texts, for a literal with a point would be a decimal."""
    if part.categories or part.of.kind == "text":
        return _spread(_category(part), [*map(tree, part.where)])
    value = exp.cast(tree(part.of), "DOUBLE")
    edges = exp.Array(expressions=[exp.cast(exp.Literal.string(repr(e)), "DOUBLE") for e in part.edges])
    return _spread(value, [*map(tree, part.where), known(part.of)], edges)


def _category(part: Tally) -> exp.Expr:
    """A text as the category it is, all others as one: however many there are, few come out."""
    rest = OTHER
    while rest in part.categories:
        rest += "_"
    value = tree(part.of)
    asked = exp.not_(exp.Is(this=value, expression=exp.Null()))
    listed = [exp.Literal.string(one) for one in part.categories]
    if not listed:
        return exp.Case().when(asked, exp.Literal.string(rest))
    return exp.Case().when(value.copy().isin(*listed), value.copy()).when(asked, exp.Literal.string(rest))


def missing(part: Tally) -> exp.Expr:
    """How many events of a tally have no value."""
    return count([*map(tree, part.where), exp.Not(this=exp.func("COALESCE", known(part.of), exp.false()))])


def _spread(value: exp.Expr, conditions: list[exp.Expr], *edges: exp.Expr) -> exp.Expr:
    """A map from values (or from upper edges, which belong to the bin below) to how often they come."""
    spread = exp.Anonymous(this="histogram", expressions=[value, *edges])
    if not conditions:
        return spread
    return exp.Filter(this=spread, expression=exp.Where(this=exp.and_(*conditions)))


def buckets(scanned: exp.Select, names: Sequence[str], part: Histogram) -> exp.Select:
    """Bucket numbers by integer shifts only. ``log2`` is a guess that may be one off near a power of two; two shifts
    correct it, so the bucket is exact for every 64-bit integer."""
    zero, one = exp.Literal.number(0), exp.Literal.number(1)
    v, guess, shift = exp.column("v"), exp.column("guess"), exp.column("shift")
    place = [exp.column(name) for name in names]
    inner = scanned.select(exp.alias_(_greatest(_whole(part.of, part.scale), zero), "v")).where(known(part.of))
    log = exp.Floor(this=exp.Anonymous(this="log2", expressions=[_greatest(v, one)]))
    middle = exp.select(*place, v, exp.alias_(exp.cast(log, "BIGINT"), "guess")).from_(inner.subquery("a"))
    low = exp.cast(exp.paren(_right(v, guess).eq(zero)), "BIGINT")
    high = exp.cast(exp.paren(_right(v, guess + one) > zero), "BIGINT")
    top = guess - low + high - exp.Literal.number(part.sub_bits)
    outer = exp.select(*place, v, exp.alias_(_greatest(top, zero), "shift")).from_(middle.subquery("b"))
    number = shift * exp.Literal.number(1 << part.sub_bits) + _right(v, shift)
    return exp.select(*place, exp.alias_(number, "bucket"), exp.alias_(exp.Count(this=exp.Star()), "n")).from_(
        outer.subquery("c"))


def _greatest(a: exp.Expr, b: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="greatest", expressions=[a.copy(), b.copy()])


def _right(value: exp.Expr, shift: exp.Expr) -> exp.Expr:
    return exp.paren(exp.BitwiseRightShift(this=value.copy(), expression=exp.paren(shift.copy())))


def tree(expression: Expression) -> exp.Expr:
    """The user's expression, with decimals as binary floats: every engine then computes the same."""
    made = expression.tree()
    decimals = [n for n in made.find_all(exp.Literal) if not n.is_string and not n.is_int]
    for node in decimals:
        new = exp.cast(node.copy(), "DOUBLE")
        if node is made:
            return new
        node.replace(new)
    return exp.paren(made)


def known(expression: Expression) -> exp.Expr:
    if expression.kind == "number":
        return exp.Anonymous(this="isfinite", expressions=[exp.cast(tree(expression), "DOUBLE")])
    return exp.Not(this=exp.Is(this=tree(expression), expression=exp.Null()))


def _whole(expression: Expression, scale: int) -> exp.Expr:
    """round(expression x scale) as a 64-bit integer; whole numbers never pass through a float."""
    value, factor = tree(expression), exp.Literal.number(scale)
    if expression.kind == "int":
        whole = exp.cast(value, "BIGINT")
        return whole if scale == 1 else whole * factor
    double = exp.cast(value, "DOUBLE")
    return exp.cast(exp.Round(this=double if scale == 1 else double * factor), "BIGINT")
