"""Events as Arrow columns, one column a field of ``Event``: the form of the event log, the lake and the runners.

NULL means "not known". A text field whose default is the empty string is stored as NULL when it is empty, so that
``model IS NULL`` asks what a person means and a label nobody set is one thing, not two; ``prompt`` and ``reply`` may be
NULL or empty, which differ. A float that is not a finite number is not a measurement and is stored as NULL. Verdicts
are JSON text. The way back restores every other event exactly.

A feature has a column for each type its values came as (``features.age``, ``features.age.text``…), in tables where an
event has it. One that is None is as if it had not been sent.

``time`` is a plain int64 of microseconds here: windows are cut by integer division, the same on every engine, with no
time zone in it. The lake turns it into a timestamp, which is what its readers expect.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import (
    COLUMNS,
    FEATURE_NAME,
    FEATURES,
    MOST_FEATURES,
    Event,
    FeatureKind,
    Verdict,
    feature_column,
    feature_of,
)

_TYPES = {"text": pa.string(), "int": pa.int64(), "number": pa.float64(), "bool": pa.bool_()}
SCHEMA = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in COLUMNS.items()])
NAMES = tuple(COLUMNS)
YEAR_10000 = 253_402_300_800_000_000

_NAME = re.compile(FEATURE_NAME)
_FIELDS = {f.name: f for f in msgspec.structs.fields(Event)}
_EMPTY_IS_NULL = frozenset(name for name, f in _FIELDS.items() if f.default == "")
_DEFAULTS = {name: None if f.default is msgspec.NODEFAULT else f.default for name, f in _FIELDS.items()}
_PLACES = {name: i for i, name in enumerate(_FIELDS)}


class Unstorable(ValueError):
    """An event with a value that no column can hold."""


def table(events: Sequence[Event]) -> pa.Table:
    """The events as columns, in order. Raises ``Unstorable``, naming the event and the column."""
    columns = list(zip(*map(msgspec.structs.astuple, events), strict=True)) or [()] * len(_FIELDS)
    arrays = []
    for field in SCHEMA:
        values = columns[_PLACES[field.name]]
        try:
            arrays.append(_array(field, values))
        except (OverflowError, pa.ArrowException) as error:
            raise _unstorable(events, field, error) from None
    extra = _features(events)
    schema = pa.schema([*SCHEMA, *(pa.field(name, _type(name)) for name in extra)]) if extra else SCHEMA
    made = pa.Table.from_arrays([*arrays, *extra.values()], schema=schema)
    times = pc.min_max(made["time"]).as_py()
    if events and not 0 <= times["min"] <= times["max"] < YEAR_10000:
        event = next(e for e in events if not 0 <= e.time < YEAR_10000)
        raise Unstorable(f"event {event.id!r}, column 'time': expected microseconds since 1970, came {event.time}")
    return made


def events(table: pa.Table) -> list[Event]:
    """The events of a table made by ``table``; a column it does not have is at its default."""
    full = conform(table)
    columns = []
    for name in COLUMNS:
        values, default = full[name].to_pylist(), _DEFAULTS[name]
        if name == "verdicts":
            values = [() if v is None else _verdicts(v) for v in values]
        elif default is not None:
            values = [default if v is None else v for v in values]
        columns.append(values)
    columns.append(_given(full))
    names = [*COLUMNS, "features"]
    return [Event(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def conform(table: pa.Table, columns: Sequence[str] = NAMES) -> pa.Table:
    """The table with exactly these columns: what an older version did not know, or no event has, is NULL.

    All columns are those of ``SCHEMA`` and every feature that is there.
    """
    if columns is NAMES:
        columns = (*NAMES, *(name for name in table.column_names if name.startswith(FEATURES)))
    schema = SCHEMA if len(columns) == len(NAMES) and tuple(columns) == NAMES else pa.schema(
        [SCHEMA.field(name) if name in COLUMNS else pa.field(name, _type(name)) for name in columns])
    if table.schema.equals(schema):
        return table
    has = dict(zip(table.column_names, table.columns, strict=True))
    null = {kind: pa.nulls(table.num_rows, kind) for kind in {f.type for f in schema if f.name not in has}}
    made = [has[f.name].cast(f.type) if f.name in has else null[f.type] for f in schema]
    return pa.Table.from_arrays(made, schema=schema)


def slim(table: pa.Table) -> pa.Table:
    """The table without columns that are NULL throughout: most events use few of them."""
    return table.select([i for i, values in enumerate(table.columns) if values.null_count < table.num_rows])


def pack(table: pa.Table, codec: str = "lz4") -> bytes:
    """One Arrow IPC stream of what is there of a table (``slim``)."""
    table = slim(table)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec, use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def plain(blob: bytes) -> pa.Table:
    """What was packed, with the columns that it has."""
    with pa.ipc.open_stream(blob) as reader:
        return reader.read_all()


def unpack(blob: bytes, columns: Sequence[str] = NAMES) -> pa.Table:
    """The table of a packed blob with these columns; the others are not even decompressed."""
    with pa.ipc.open_stream(blob) as reader:
        wanted = [i for i, name in enumerate(reader.schema.names)
                  if name in columns or (columns is NAMES and name.startswith(FEATURES))]
    with pa.ipc.open_stream(blob, options=pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)) as reader:
        return conform(reader.read_all(), columns)


_verdicts = msgspec.json.Decoder(tuple[Verdict, ...]).decode


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table after the other; a feature that one of them lacks is NULL there."""
    return pa.concat_tables(tables, promote_options="default")


def _type(column: str) -> pa.DataType:
    return _TYPES[feature_of(column)[1]]


def _features(events: Sequence[Event]) -> dict[str, pa.Array]:
    """A column for each feature and type that some event has, by name."""
    found: dict[str, list[Any]] = {}
    for i, event in enumerate(events):
        if len(event.features) > MOST_FEATURES:
            raise Unstorable(f"event {event.id!r}: expected at most {MOST_FEATURES} features, "
                             f"came {len(event.features)}")
        for name, value in event.features.items():
            if not _NAME.fullmatch(name):
                raise Unstorable(f"event {event.id!r}: expected a feature's name of letters, digits and '_', "
                                 f"came {name[:40]!r}")
            if value is not None:
                kind, kept = _typed(event, name, value)
                found.setdefault(feature_column(name, kind), [None] * len(events))[i] = kept
    return {name: pa.array(values, _type(name)) for name, values in sorted(found.items())}


def _typed(event: Event, name: str, value: float | str | bool) -> tuple[FeatureKind, float | str | bool | None]:
    """A value with the type it came as. Whole numbers are stored as floats, so beyond 2^53 they are rounded."""
    try:
        if isinstance(value, bool):
            return "bool", value
        if isinstance(value, str):
            value.encode()
            return "text", value
        number = float(value)
        return "number", number if isfinite(number) else None
    except (OverflowError, UnicodeError):
        raise Unstorable(f"event {event.id!r}, feature {name!r}: expected a number, a text or a truth, "
                         f"came {ascii(value)[:40]}") from None


def _given(table: pa.Table) -> list[dict[str, Any]]:
    """The features of each row."""
    out: list[dict[str, Any]] = [{} for _ in range(table.num_rows)]
    for column in table.column_names:
        if column.startswith(FEATURES):
            name = feature_of(column)[0]
            for row, value in zip(out, table[column].to_pylist(), strict=True):
                if value is not None:
                    row[name] = value
    return out


def _array(field: pa.Field, values: tuple[Any, ...]) -> pa.Array:
    """One column; a column nobody used costs nothing."""
    name = field.name
    if name == "verdicts":
        values = tuple(msgspec.json.encode(v).decode() if v else None for v in values)
    elif name in _EMPTY_IS_NULL:
        if not any(values):
            return pa.nulls(len(values), field.type)
        if not all(values):
            values = tuple(v or None for v in values)
    elif _DEFAULTS[name] is None and values.count(None) == len(values):
        return pa.nulls(len(values), field.type)
    made = pa.array(values, field.type)
    if field.type == pa.float64():
        made = pc.if_else(pc.is_finite(made), made, None)
    return made


def _unstorable(events: Sequence[Event], field: pa.Field, error: Exception) -> Unstorable:
    for event in events:
        value = getattr(event, field.name)
        try:
            _array(field, (value,))
        except (OverflowError, pa.ArrowException):
            return Unstorable(f"event {event.id!r}, column {field.name!r}: expected a value that fits {field.type}, "
                              f"came {str(value)[:40]!r}")
    return Unstorable(f"column {field.name!r}: {error}")
