"""Labelled rows from a JSONL file, read strictly: the first row that is not as documented is named, with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


class RowsError(ValueError):
    """A file that cannot be evaluated: where, what was expected, what came."""


@dataclass(frozen=True)
class Column:
    """One column: its JSON type, what it means, and whether a row may do without it."""

    name: str
    type: type
    says: str
    needed: bool = True


SOURCE = Column("source", str, "where the row is from; figures are by source", needed=False)
LABEL = Column("label", int, "1 = to be found, 0 = harmless")
TEXT = Column("text", str, "what is looked at")
COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "pii": (TEXT, Column("spans", list, "[{start, end, label}], in characters", needed=False),
            Column("entity", str, "the one kind of a test vector, with expected_count", needed=False),
            Column("expected_count", int, "how many of the entity there are", needed=False),
            Column("expected_spans", list, "[[start, end]], or null", needed=False), SOURCE),
    "injection": (TEXT, LABEL, SOURCE),
    "toxicity": (TEXT, LABEL, SOURCE),
    "grounding": (Column("context", str, "what the answer may rest on"), Column("answer", str, "the model's words"),
                  Column("label", int, "1 = not supported by the context, 0 = supported"),
                  Column("question", str, "what was asked", needed=False), SOURCE),
    "code": (Column("code", str, "a piece of source code"), LABEL,
             Column("language", str, "python, javascript, c…; guessed where it is missing", needed=False), SOURCE),
}
"""Kind of evaluation -> the columns of its file. Other columns are not looked at."""
_SHOWN = {str: "a text", int: "a whole number", list: "a list"}


def read(kind: str, path: Path) -> list[Row]:
    """All rows of a file. Raises ``RowsError`` where it is not as ``COLUMNS`` says."""
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    rows.append(_row(kind, line, f"{path}:{number}"))
    except OSError as error:
        raise RowsError(f"{path}: expected a JSONL file, came '{error.strerror}'") from None
    except UnicodeDecodeError as error:
        raise RowsError(f"{path}: expected text in UTF-8, came the byte 0x{error.object[error.start]:02x}") from None
    if not rows:
        raise RowsError(f"{path}: expected at least one row, came none")
    return rows


def _row(kind: str, line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise RowsError(f"{where}: expected a JSON object on each line, came {error}") from None
    if not isinstance(row, dict):
        raise RowsError(f"{where}: expected a JSON object on each line, came {type(row).__name__}")
    for column in COLUMNS[kind]:
        _column(column, row, kind, where)
    if kind == "pii":
        _places(row, where)
    return row


def _column(column: Column, row: Row, kind: str, where: str) -> None:
    if column.name not in row and column.needed:
        raise RowsError(f"{where}: expected the columns {listed(kind)} of a file for {kind!r}, came "
                        f"{', '.join(row) or 'none'}; {column.name} ({column.says}) is missing")
    value = row.get(column.name)
    if value is None and not column.needed:
        return
    right = isinstance(value, column.type) and not (column.type is int and isinstance(value, bool))
    if not right or (column.name == "label" and value not in (0, 1)):
        expected = "0 or 1" if column.name == "label" else _SHOWN[column.type]
        raise RowsError(f"{where}: {column.name}: expected {expected} ({column.says}), came {_shown(value)}")


def _places(row: Row, where: str) -> None:
    """Spans stand in the text; a row has spans, or an entity with a count."""
    size = len(row["text"])
    if row.get("spans") is None:
        if not isinstance(row.get("entity"), str) or not isinstance(row.get("expected_count"), int):
            raise RowsError(f"{where}: expected spans, or entity with expected_count, came neither")
        for place in row.get("expected_spans") or ():
            if not (isinstance(place, list) and len(place) == 2 and _inside(place[0], place[1], size)):
                raise RowsError(f"{where}: expected_spans: expected [start, end] within 0..{size}, came {place}")
        return
    for span in row["spans"]:
        if not isinstance(span, dict) or not isinstance(span.get("label"), str) \
                or not _inside(span.get("start"), span.get("end"), size):
            raise RowsError(f"{where}: spans: expected {{start, end, label}} within 0..{size}, came "
                            f"{ {k: v for k, v in span.items() if k != 'value'} if isinstance(span, dict) else span}")


def _inside(start: Any, end: Any, size: int) -> bool:
    return isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= size


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def listed(kind: str) -> str:
    """The columns in words, what may be missing in brackets.

    >>> listed("injection")
    'text, label, [source]'
    """
    return ", ".join(c.name if c.needed else f"[{c.name}]" for c in COLUMNS[kind])


def source_of(row: Row) -> str:
    return str(row.get("source") or "all")


def by_source(rows: list[Row]) -> Iterator[tuple[str, list[int]]]:
    """Each source with the places of its rows, in order of first sight."""
    found: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        found.setdefault(source_of(row), []).append(i)
    yield from found.items()
