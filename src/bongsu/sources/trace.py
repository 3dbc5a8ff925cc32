"""Files of past traffic as events: Parquet, Arrow, CSV or newline-delimited JSON, with a map from columns to fields.

What is read has origin ``replay`` and ids made of the file's name and the row, so reading it again adds nothing. The
first value that does not fit stops the reading with the file, the line (where it has lines), the row and the column;
or it is told, and the row passed over. Rows count from 1, after a header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bongsu.event import COLUMNS, FEATURE_NAME, FEATURES, Event

UNITS = {"s": 10**6, "ms": 10**3, "us": 1}
_FEATURE = re.compile(rf"features\.{FEATURE_NAME}")
_OURS = {"id": "ids are made of the file's name and the row", "origin": "what is read has origin 'replay'",
         "verdicts": "guards did not run on a recorded file"}
_ARROW_FILE = b"ARROW1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class TraceError(ValueError):
    """A file that cannot be read as events; the message says where, what was expected and what came."""


class Place(NamedTuple):
    """Where an event stands: its row, and its line where the file has lines (0 where it has none)."""

    row: int
    line: int = 0

    def of(self, path: Path) -> str:
        """
        >>> Place(1, 2).of(Path("calls.csv")), Place(1).of(Path("calls.parquet"))
        ('calls.csv:2, row 1', 'calls.parquet, row 1')
        """
        return f"{path}:{self.line}, row {self.row}" if self.line else f"{path}, row {self.row}"


@dataclass(frozen=True)
class Trace:
    """A file and how its columns become events.

    ``columns`` maps a field of the event to a column of the file and must name ``time``; ``constants`` gives fields
    the same value in every row. Times are timestamps or ISO 8601 texts (UTC, unless they say otherwise), or numbers of
    ``unit`` since 1970; ``start`` (microseconds) is added, for files whose times begin at zero. ``ids`` is the column
    with the events' ids, where the file has one.
    """

    path: Path
    columns: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    unit: Literal["s", "ms", "us"] = "us"
    start: int = 0
    name: str = ""
    ids: str = ""

    def batches(self, size: int = 10_000) -> Iterator[list[Event]]:
        """The events in the order of the file, up to ``size`` at a time."""
        events = (event for _, event in self.events())
        while batch := list(islice(events, size)):
            yield batch

    def events(self, first: int = 1,
               wrong: Callable[[TraceError], None] | None = None) -> Iterator[tuple[Place, Event]]:
        """Each event with its place, from row ``first`` on; a row that is ``wrong`` is told to whom it concerns."""
        self._check()
        reader = _READERS[_ending(self.path)]
        fixed = self._fixed()
        for place, row in reader(self.path, (*self.columns.values(), *([self.ids] if self.ids else []))):
            if place.row < first:
                continue
            try:
                if isinstance(row, TraceError):
                    raise row
                yield place, self._event(place, row, fixed)
            except TraceError as error:
                if wrong is None:
                    raise
                wrong(error)

    def _check(self) -> None:
        for name in (*self.columns, *self.constants):
            if name in _OURS:
                raise TraceError(f"{self.path}: expected other fields than {name!r}: {_OURS[name]}")
            if name not in COLUMNS and not _FEATURE.fullmatch(name):
                close = get_close_matches(name, COLUMNS, 1, 0.5)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TraceError(f"{self.path}: expected fields of an event, came {name!r}{hint}")
        if "time" not in self.columns:
            raise TraceError(f"{self.path}: expected a column for 'time', came none; add --map time=COLUMN")

    def _fixed(self) -> dict[str, Any]:
        fixed = {name: _value(name, value) for name, value in self.constants.items()}
        for name, value in self.constants.items():
            if fixed[name] is None:
                raise TraceError(f"{self.path}: constant {name!r}: expected {_noun(name)}, came {value!r}")
        return fixed

    def _event(self, place: Place, row: Mapping[str, Any], fixed: Mapping[str, Any]) -> Event:
        given = {field: self._read(field, column, row[column], place) for field, column in self.columns.items()}
        known = {field: value for field, value in given.items() if value is not None}
        key = self._id(row, place) if self.ids else f"{self.name or self.path.name}#{place.row}"
        return Event(id=key, origin="replay", **_nested({**fixed, **known}))

    def _id(self, row: Mapping[str, Any], place: Place) -> str:
        found = _text(row[self.ids])
        if not found:
            raise self._wrong(place, self.ids, "an id", "nothing")
        return found

    def _read(self, field: str, column: str, raw: Any, place: Place) -> Any:
        """A field's value, None where the file has none."""
        if raw is None or raw == "" or (isinstance(raw, float) and not isfinite(raw)):
            if field == "time":
                raise self._wrong(place, column, _NOUNS["time"], "nothing")
            return None
        value = self._time(raw) if field == "time" else _value(field, raw)
        if value is None:
            raise self._wrong(place, column, _noun(field), repr(raw)[:60])
        return value

    def _time(self, raw: Any) -> int | None:
        if isinstance(raw, str):
            try:
                raw = datetime.fromisoformat(raw)
            except ValueError:
                raw = _value("latency_ms", raw) if "." in raw else _value("attempts", raw)
        if isinstance(raw, datetime):
            moment = raw if raw.tzinfo else raw.replace(tzinfo=UTC)
            return (moment - _EPOCH) // timedelta(microseconds=1) + self.start
        return round(raw * UNITS[self.unit]) + self.start if type(raw) in (int, float) else None

    def _wrong(self, place: Place, column: str, expected: str, came: str) -> TraceError:
        return TraceError(f"{place.of(self.path)}, column {column!r}: expected {expected}, came {came}")


_NOUNS = {"text": "a text", "int": "a whole number", "number": "a number", "bool": "true or false",
          "time": "a timestamp, an ISO 8601 text or a number"}


def _noun(field: str) -> str:
    return _NOUNS["time" if field == "time" else COLUMNS.get(field, "text")]


def _value(field: str, raw: Any) -> Any:
    """The value of a field, or None if it does not fit. Texts are read, since CSV has nothing else."""
    return _feature(raw) if field.startswith(FEATURES) else _CASTS[COLUMNS[field]](raw)


def _feature(raw: Any) -> float | str | bool | None:
    """A feature has the type it came as; a text that reads as a number is one, since CSV has nothing else."""
    if isinstance(raw, bool):
        return raw
    number = _number(raw)
    return _text(raw) if number is None else number


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of an event, with its features in one."""
    features = {name.removeprefix(FEATURES): values.pop(name) for name in [*values] if name.startswith(FEATURES)}
    return {**values, "features": features} if features else values


def _text(raw: Any) -> str | None:
    """A column of whole numbers that lacks some is one of floats to most writers: 1.0 is the class '1'."""
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return raw if isinstance(raw, str) else str(raw) if isinstance(raw, int | float) else None


def _number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        number = float(raw)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _int(raw: Any) -> int | None:
    if isinstance(raw, str):
        digits = raw.strip().lstrip("+-")
        return int(raw) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw != int(raw):
        return None
    return int(raw)


def _bool(raw: Any) -> bool | None:
    word = str(raw).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


_CASTS: dict[str, Callable[[Any], Any]] = {"text": _text, "int": _int, "number": _number, "bool": _bool}


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise TraceError(f"{path}: expected a file ending in {', '.join(_READERS)}, came {path.suffix!r}")
    return ending


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns (of its first row, where each row names its own)."""
    try:
        match _ending(path):
            case ".parquet":
                return list(pq.read_schema(path).names)
            case ".arrow" | ".arrows":
                with pa.memory_map(str(path)) as file:
                    return list(_arrow_batches(file)[0].names)
            case ".csv":
                with path.open(newline="", encoding="utf-8-sig") as file:
                    return next(csv.reader(file), [])
            case _:
                with path.open("rb") as lines:
                    return list(msgspec.json.decode(next(iter(lines), b"{}"), type=dict[str, Any]))
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError, csv.Error, msgspec.DecodeError) as error:
        came = repr(error.strerror) if isinstance(error, OSError) else f"what none is read from: {error}"
        raise TraceError(f"{path}: expected a file of recorded calls, came {came}") from error


def open_trace(path: Path, columns: Mapping[str, str], constants: Mapping[str, Any],
               unit: Literal["s", "ms", "us"] = "us") -> Trace:
    """A trace whose columns are found by name, unless ``columns`` says otherwise; a ``timestamp`` is the time."""
    alike = {name: name for name in columns_of(path)
             if (name in COLUMNS and name not in _OURS) or _FEATURE.fullmatch(name)}
    if "time" not in alike and "timestamp" in columns_of(path):
        alike["time"] = "timestamp"
    kept = {name: column for name, column in alike.items() if name not in constants}
    return Trace(path, {**kept, **columns}, constants, unit)


def rows_of(path: Path) -> int:
    """About how many rows a file has: to show how far one has come. A text over several lines counts as several."""
    if path.suffix.lower() == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    if path.suffix.lower() in (".arrow", ".arrows"):
        return _arrow_rows(path)
    with path.open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


Rows = Iterator[tuple[Place, Mapping[str, Any] | TraceError]]
"""A row that is none of its kind is an error in its place: the ones after it may be read."""


def _need(path: Path, columns: tuple[str, ...], has: list[str], where: str = "") -> None:
    for column in columns:
        if column not in has:
            raise TraceError(f"{path}{where}: expected a column {column!r}; it has {', '.join(map(repr, has))}")


def _parquet(path: Path, columns: tuple[str, ...]) -> Rows:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _need(path, columns, file.schema_arrow.names)
            for batch in file.iter_batches(columns=list(dict.fromkeys(columns))):
                for row in _microseconds(batch).to_pylist():
                    number += 1
                    yield Place(number), row
    except pa.ArrowInvalid as error:
        raise TraceError(f"{path}: expected a Parquet file, broken after row {number} ({error})") from error


def _arrow(path: Path, columns: tuple[str, ...]) -> Rows:
    number = 0
    try:
        with pa.memory_map(str(path)) as file:
            schema, batches = _arrow_batches(file)
            _need(path, columns, schema.names)
            for batch in batches:
                batch.validate(full=True)  # Arrow itself trusts what says where each text begins
                for row in _microseconds(batch.select(list(dict.fromkeys(columns)))).to_pylist():
                    number += 1
                    yield Place(number), row
    except (pa.ArrowInvalid, OSError) as error:
        raise TraceError(f"{path}: expected an Arrow file or stream, broken after row {number} ({error})") from error


def _arrow_rows(path: Path) -> int:
    """How many rows an Arrow file says it has; 0 of a stream, which says so only at its end, and of a broken one."""
    try:
        with pa.memory_map(str(path)) as file:
            if file.read(len(_ARROW_FILE)) != _ARROW_FILE:
                return 0
            reader = pa.ipc.open_file(file)
            return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    except (pa.ArrowInvalid, OSError):
        return 0


def _arrow_batches(file: pa.NativeFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema and batches of an Arrow IPC file, or of a stream: what a file begins with tells them apart."""
    if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
        reader = pa.ipc.open_file(file)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
    file.seek(0)
    stream = pa.ipc.open_stream(file)
    return stream.schema, iter(stream)


def _microseconds(batch: pa.RecordBatch) -> pa.Table:
    """Timestamps no finer than Python's."""
    table = pa.Table.from_batches([batch])
    for i, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            coarse = table.column(i).cast(pa.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(i, column.name, coarse)
    return table


def _csv(path: Path, columns: tuple[str, ...]) -> Rows:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True)
            _need(path, columns, list(rows.fieldnames or []))
            for number, row in enumerate(rows, 1):
                place = Place(number, rows.line_num)
                if None in row or None in row.values():
                    yield place, TraceError(f"{place.of(path)}: expected {len(rows.fieldnames or [])} fields, "
                                            f"came {'more' if None in row else 'fewer'}")
                else:
                    yield place, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: expected CSV in UTF-8 ({error})") from error


def _ndjson(path: Path, columns: tuple[str, ...]) -> Rows:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = Place(number, number)
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield place, TraceError(f"{place.of(path)}: expected one JSON object a line ({error})")
                continue
            seen |= row.keys()
            yield place, {column: row.get(column) for column in columns}
    if seen:
        _need(path, columns, sorted(seen), " (every row)")


_READERS: dict[str, Callable[[Path, tuple[str, ...]], Rows]] = {
    ".parquet": _parquet, ".arrow": _arrow, ".arrows": _arrow, ".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson}
