"""Events that an application sends itself: JSON (one or a list), newline-delimited JSON, or an Arrow IPC stream.

Everything is checked before anything is kept, event by event: what is wrong with one is said by its place, and does not
stop the others. What only bongsu may say of an event (what its guards found, under which policy) is refused; so is an
origin that would hide red-team traffic among the live.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import COLUMNS, FEATURE_NAME, FEATURES, Event, feature_column
from bongsu.stores import arrow

_IN_ID, LONGEST_ID = "[A-Za-z0-9._:#/=+~-]", 128
ID = rf"^{_IN_ID}{{1,{LONGEST_ID}}}$"
KIND = r"^[a-z][a-z0-9_.-]{0,63}$"
RESERVED = ("content", "action", "guard")
"""Kinds of event that are bongsu's own word."""
ORIGINS = ("live", "evaluation", "replay")
OURS = ("policy", "verdicts", "new_words", "vocabulary", "new_reply_words", "reply_vocabulary", "repeats",
        "sampled")
"""Columns that are bongsu's own word."""
LONGEST_LABEL, LONGEST_TEXT = 256, 256 << 10
_LETTERS = "".join(filter(re.compile(_IN_ID).match, map(chr, range(128)))).encode()
_A_KIND = re.compile(KIND).fullmatch
_IDS = ("call", "trace", "parent", "response_id")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`(?: - at `\$\.?(?P<at>.*)`)?")
_WRONG = re.compile(r"(?P<expected>Expected .*?)(?:, got (?P<came>.*?))?(?: - at `\$\.?(?P<field>.*)`)?")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one event; ``index`` counts from 0 in the order they were sent."""

    index: int
    field: str
    expected: str
    came: str


class Span(NamedTuple):
    """The times (microseconds since 1970) that are believed of those who send events, first and last.

    >>> str(Span(0, 10**15))
    'microseconds since 1970, from 1970-01-01T00:00:00Z to 2001-09-09T01:46:40Z (settings.ingest)'
    """

    first: int
    last: int

    def __str__(self) -> str:
        return f"microseconds since 1970, from {_instant(self.first)} to {_instant(self.last)} (settings.ingest)"


class UnreadableError(ValueError):
    """A body that is no list of events; the message says what was expected and what came."""


@dataclass(frozen=True)
class Submission:
    """The good events as columns (``stores/arrow.py``), and what is wrong with the others."""

    table: pa.Table
    faults: tuple[Fault, ...] = ()


class Submitted(Event, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An event, strictly read."""


_event = msgspec.json.Decoder(Submitted).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_json(body: bytes, service: str, span: Span) -> Submission:
    """One event or a list of them."""
    try:
        raw: Sequence[Any] = _list(body) if body.lstrip()[:1] == b"[" else [body]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(f"expected JSON: an event or a list of events ({error})") from None
    return _read(raw, service, span)


def read_ndjson(body: bytes, service: str, span: Span) -> Submission:
    """One event a line; empty lines are passed over, but count as places."""
    return _read(body.splitlines(), service, span)


def read_arrow(body: bytes, service: str, span: Span) -> Submission:
    """An Arrow IPC stream with a column for each field; ``features.NAME`` for each feature, of its own type."""
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
        table.validate(full=True)  # Arrow itself trusts what says where each text begins
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"expected an Arrow IPC stream ({error})") from None
    return checked(_columns(table), range(table.num_rows), service, span, ())


READERS: dict[str, Callable[[bytes, str, Span], Submission]] = {
    "application/json": read_json,
    "application/x-ndjson": read_ndjson,
    "application/vnd.apache.arrow.stream": read_arrow,
}
"""Content type -> how it is read."""


def of_events(events: Sequence[Event], service: str, span: Span) -> Submission:
    """Events that another reader made."""
    return _table(list(enumerate(events)), [], service, span)


# ---- JSON ----


def _read(raw: Iterable[Any], service: str, span: Span) -> Submission:
    events: list[tuple[int, Event]] = []
    faults: list[Fault] = []
    for index, one in enumerate(raw):
        if not one:
            continue
        try:
            events.append((index, _event(one)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            faults.append(_fault(index, str(error)))
    return _table(events, faults, service, span)


def _fault(index: int, message: str) -> Fault:
    if match := _UNKNOWN.match(message):
        return Fault(index, match["field"], "a field of an event", "another name")
    if match := _MISSING.match(message):
        return Fault(index, match["field"], "a value", "nothing")
    match = _WRONG.fullmatch(message)
    if match is None:
        return Fault(index, "", "a JSON object", message)
    expected = match["expected"].removeprefix("Expected ").replace("`", "")
    if match["field"] == "time":
        expected = "microseconds since 1970, a whole number"
    return Fault(index, match["field"] or "", expected, (match["came"] or "another value").replace("`", ""))


def _table(events: list[tuple[int, Event]], faults: list[Fault], service: str, span: Span) -> Submission:
    try:
        table = arrow.table([event for _, event in events])
    except arrow.Unstorable:
        good = []
        for index, event in events:
            try:
                arrow.table([event])
                good.append((index, event))
            except arrow.Unstorable as error:
                faults.append(Fault(index, *_parts(str(error))))
        events, table = good, arrow.table([event for _, event in good])
    return checked(table, [index for index, _ in events], service, span, faults)


def _parts(message: str) -> tuple[str, str, str]:
    """Field, expected, came of a sentence of ``arrow.Unstorable``."""
    field = re.search(r"(?:column|feature) '([^']*)'", message)
    said = re.search(r"expected (.*), came (.*)", message)
    return (field[1] if field else "features", said[1] if said else message, said[2] if said else "")


# ---- Arrow ----


def _columns(table: pa.Table) -> pa.Table:
    """The table with exactly the columns of the event log, of its types; absent values are what events have then."""
    made: dict[str, Any] = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        if name in made:
            raise UnreadableError(f"expected each column once, came {name!r} twice")
        if name in COLUMNS:
            made[name] = _cast(name, values, arrow.SCHEMA.field(name).type)
        elif name.startswith(FEATURES) and re.fullmatch(FEATURE_NAME, name.removeprefix(FEATURES)):
            stored, kind = _feature(name, values.type)
            made[stored] = _cast(name, values, kind)
        else:
            raise UnreadableError(f"expected columns of an event, came {name!r}; features are columns features.NAME")
    for name in ("id", "time"):
        if name not in made:
            raise UnreadableError(f"expected a column {name!r}, came none")
    absent, features = _absent(table.num_rows), sorted(name for name in made if name not in COLUMNS)
    schema = pa.schema([*arrow.SCHEMA, *((name, made[name].type) for name in features)])
    return pa.Table.from_arrays([made.get(name, absent.get(name)) for name in (*COLUMNS, *features)], schema=schema)


def _feature(name: str, kind: Any) -> tuple[str, Any]:
    plain = name.removeprefix(FEATURES)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return feature_column(plain, "bool"), pa.bool_()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return feature_column(plain, "text"), pa.string()
    return feature_column(plain, "number"), pa.float64()


def _cast(name: str, values: Any, kind: Any) -> Any:
    try:
        if name == "time" and pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("us"), safe=False)
        made = values.cast(kind)
    except pa.ArrowException as error:
        raise UnreadableError(f"column {name!r}: expected {kind}, came {values.type} ({error})") from None
    if kind == pa.float64():
        finite = pc.is_finite(made)
        return made if pc.all(finite).as_py() is not False else pc.if_else(finite, made, pa.scalar(None, kind))
    if name in _TEXTS:
        empty = pc.equal(made, "")
        return pc.if_else(empty, pa.scalar(None, kind), made) if pc.any(empty).as_py() else made
    default = _DEFAULTS.get(name)
    return made if default is None else made.fill_null(default)


_FIELDS = {f.name: f.default for f in msgspec.structs.fields(Event)}
_TEXTS = frozenset(name for name, default in _FIELDS.items() if default == "")
_DEFAULTS = {name: default for name, default in _FIELDS.items()
             if isinstance(default, bool | int | str) and default != ""}


def _constants(rows: int) -> dict[tuple[pa.DataType, Any], pa.Array]:
    """For each type and default an array of it."""
    return {(kind, default): pa.nulls(rows, kind) if default is None else pa.repeat(pa.scalar(default, kind), rows)
            for kind, default in set(_KINDS.values())}


def _absent(rows: int) -> dict[str, pa.Array]:
    """What columns are that nobody sent; those of one type and default are one array, for there are many of them."""
    made = ({kind: array[:rows] for kind, array in _READY.items()} if rows <= READY else _constants(rows))
    return {name: made[kind] for name, kind in _KINDS.items()}


_KINDS = {field.name: (field.type, _DEFAULTS.get(field.name)) for field in arrow.SCHEMA}
READY = 1 << 14
"""Rows for which what nobody sent is there already."""
_READY = _constants(READY)


# ---- what holds of every event ----


def checked(table: pa.Table, places: Sequence[int], service: str, span: Span, faults: Iterable[Fault]) -> Submission:
    """The events that are as they must be; ``places`` are their indexes in what was sent."""
    found = {fault.index: fault for fault in faults}
    good: Any = None  # where every rule held so far; None for everywhere
    for field, expected, holds in _rules(table, service, span):
        if holds is True:
            continue
        holds = _array(holds).fill_null(False)  # what is not known does not hold
        if pc.all(holds).as_py():
            continue
        wrong = pc.invert(holds)
        for row in pc.indices_nonzero(wrong if good is None else pc.and_(good, wrong)).to_pylist():
            came = table[field][row].as_py()
            found.setdefault(places[row], Fault(places[row], field, expected, _shown(field, came)))
        good = holds if good is None else pc.and_(good, holds)
    service_ = pa.repeat(pa.scalar(service, pa.string()), table.num_rows)
    table = table.set_column(table.column_names.index("service"), "service", service_)
    return Submission(table if good is None else table.filter(good), tuple(found[index] for index in sorted(found)))


def _shown(field: str, came: Any) -> str:
    """What came, unless it may be somebody's words."""
    if came is None:
        return "nothing"
    if field == "time":
        return f"{came} ({_instant(came)})"
    return f"{len(came)} characters" if field in ("prompt", "reply", "label", "prediction") else repr(came)[:60]


def _short(most: int, values: Any) -> Any:
    """Where texts have at most so many characters, which are no more than their bytes."""
    longest = pc.max(pc.binary_length(values)).as_py()
    return True if longest <= most else pc.less_equal(pc.utf8_length(values), most)


def _ids(values: Any) -> Any:
    """Where a column has ids: looked at as one text first, for that most often says it of all of them."""
    values = _array(values)
    if not len(values) or values.null_count:
        return pc.match_substring_regex(values, ID)
    sizes = pc.min_max(pc.binary_length(values)).as_py()
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(values)], values), "")[0].as_buffer()
    if sizes["min"] and sizes["max"] <= LONGEST_ID and not whole.to_pybytes().translate(None, _LETTERS):
        return True
    return pc.match_substring_regex(values, ID)


def _instant(at: int) -> str:
    """A time as people read it; one that no calendar has, in words."""
    if not 0 <= at < arrow.YEAR_10000:
        return "before 1970" if at < 0 else "after the year 9999"
    return f"{datetime.fromtimestamp(at // 10**6, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _array(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _rules(table: pa.Table, service: str, span: Span) -> Iterable[tuple[str, str, Any]]:
    """Field, what is expected of it, and where that holds: True for everywhere. Of what nobody sent nothing is
    expected."""
    given = {name: values for name, values in zip(table.column_names, table.columns, strict=True)
             if values.null_count < table.num_rows}

    def empty_or(name: str, expected: str, holds: Callable[[Any], Any]) -> Iterable[tuple[str, str, Any]]:
        if (values := given.get(name)) is not None:
            where = holds(values)
            yield name, expected, True if where is True else pc.or_kleene(pc.is_null(values), where)

    letters, kinds, calls = "1 to 128 letters, digits or ._:#/=+~-", _coded(table["kind"]), table["call"]
    yield "id", letters, _ids(table["id"])
    yield "time", str(span), _within(table["time"], span)
    yield ("kind", f"a short name in small letters, none of {', '.join(RESERVED)}",
           _each(kinds, lambda kind: _A_KIND(kind) is not None and kind not in RESERVED))
    yield "origin", f"one of {', '.join(ORIGINS)}", _each(_coded(table["origin"]), ORIGINS.__contains__)
    yield from empty_or("service", f"{service!r}, or nothing", lambda values: pc.equal(values, service))
    for name in filter(given.__contains__, OURS):
        yield name, "nothing: only bongsu says this", pc.is_null(table[name])
    others = True if not calls.null_count else _each(kinds, lambda kind: kind != "label")
    yield "call", "the id of what the label is about", others is True or pc.or_(others, pc.is_valid(calls))
    for name in _IDS:
        yield from empty_or(name, letters, _ids)
    for name, most in (("label", LONGEST_LABEL), ("prediction", LONGEST_LABEL), ("prompt", LONGEST_TEXT),
                       ("reply", LONGEST_TEXT)):
        yield from empty_or(name, f"at most {most} characters", partial(_short, most))


def _within(times: Any, span: Span) -> Any:
    ends = pc.min_max(times).as_py()
    if not times.null_count and len(times) and span.first <= ends["min"] and ends["max"] <= span.last:
        return True
    return pc.and_(pc.greater_equal(times, span.first), pc.less_equal(times, span.last))


def _coded(values: Any) -> pa.DictionaryArray:
    """A column of few values; one of a single value, as most are, is not looked through for more."""
    values = _array(values)
    if len(values) and pc.all(pc.equal(values, values[0]), skip_nulls=False).as_py():
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(values)), values[:1])
    return values.dictionary_encode()


def _each(coded: pa.DictionaryArray, holds: Callable[[str], bool]) -> Any:
    """Where it holds, each value looked at once."""
    found = [holds(value) for value in coded.dictionary.to_pylist()]
    return True if all(found) and not coded.indices.null_count else pa.array(found, pa.bool_()).take(coded.indices)
