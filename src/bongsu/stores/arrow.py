"""Events as Arrow columns, one column a field of ``Event``: the form of the event log, the lake and the runners.

NULL means "not known". A text field whose default is the empty string is stored as NULL when it is empty, so that
``model IS NULL`` asks what a person means and a label nobody set is one thing, not two; ``prompt`` and ``reply`` may be
NULL or empty, which differ. A float that is not a finite number is not a measurement and is stored as NULL. Verdicts
are JSON text. The way back restores every other event exactly.

``time`` is a plain int64 of microseconds here: windows are cut by integer division, the same on every engine, with no
time zone in it. The lake turns it into a timestamp, which is what its readers expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import COLUMNS, Event, Verdict

_TYPES = {"text": pa.string(), "int": pa.int64(), "number": pa.float64(), "bool": pa.bool_()}
SCHEMA = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in COLUMNS.items()])
NAMES = tuple(COLUMNS)
YEAR_10000 = 253_402_300_800_000_000

_FIELDS = {f.name: f for f in msgspec.structs.fields(Event)}
_EMPTY_IS_NULL = frozenset(name for name, f in _FIELDS.items() if f.default == "")
_DEFAULTS = {name: None if f.default is msgspec.NODEFAULT else f.default for name, f in _FIELDS.items()}
_PLACES = {name: i for i, name in enumerate(COLUMNS)}


class Unstorable(ValueError):
    """An event with a value that no column can hold."""


def table(events: Sequence[Event]) -> pa.Table:
    """The events as columns, in order. Raises ``Unstorable``, naming the event and the column."""
    columns = list(zip(*map(msgspec.structs.astuple, events), strict=True)) or [()] * len(SCHEMA)
    arrays = []
    for field, values in zip(SCHEMA, columns, strict=True):
        try:
            arrays.append(_array(field, values))
        except (OverflowError, pa.ArrowException) as error:
            raise _unstorable(events, field, error) from None
    made = pa.Table.from_arrays(arrays, schema=SCHEMA)
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
    return [Event(**dict(zip(COLUMNS, row, strict=True))) for row in zip(*columns, strict=True)]


def conform(table: pa.Table, columns: Sequence[str] = NAMES) -> pa.Table:
    """The table with exactly these columns of ``SCHEMA``: what an older version did not know is NULL."""
    schema = SCHEMA if columns is NAMES else pa.schema([SCHEMA.field(name) for name in columns])
    if table.schema.equals(schema):
        return table
    has = dict(zip(table.column_names, table.columns, strict=True))
    made = [has[f.name].cast(f.type) if f.name in has else pa.nulls(table.num_rows, f.type) for f in schema]
    return pa.Table.from_arrays(made, schema=schema)


def pack(table: pa.Table) -> bytes:
    """One Arrow IPC stream. Columns that are NULL throughout are left out: most events use few of them."""
    slim = table.select([name for name in table.column_names if table[name].null_count < table.num_rows])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, slim.schema, options=_PACKED) as writer:
        writer.write_table(slim)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack(blob: bytes, columns: Sequence[str] = NAMES) -> pa.Table:
    """The table of a packed blob with these columns; the others are not even decompressed."""
    with pa.ipc.open_stream(blob) as reader:
        wanted = [i for i, name in enumerate(reader.schema.names) if name in columns]
    with pa.ipc.open_stream(blob, options=pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)) as reader:
        return conform(reader.read_all(), columns)


_PACKED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_verdicts = msgspec.json.Decoder(tuple[Verdict, ...]).decode


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
