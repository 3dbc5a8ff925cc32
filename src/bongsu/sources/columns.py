"""Columns of a table file (Parquet or CSV) as bins and counts: a column is in memory at a time, and no row is kept."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from bongsu import novelty, prompt
from bongsu.drift import MISSING, OTHER, Bins, Joint, Reference, Vocabulary, number_bins, text_bins
from bongsu.event import FEATURES, TEXTS

Kind = Literal["number", "text", "bool", "words"]
WORDS = {one.words: one.by for one in TEXTS}
"""Column of new words -> that of the words that are not."""
MOST_TEXTS = 50_000
"""Texts that are compared word by word."""


class ColumnsError(ValueError):
    """A file that cannot be compared; the message says which, what was expected and what came."""


class Columns:
    """The columns of one file, by name. Those named ``texts`` are read as the cells of their texts (``prompt.py``)."""

    def __init__(self, path: Path, texts: Sequence[str] = ()) -> None:
        self.path, self._texts = path, texts
        self._table: pa.Table | None = None
        if not path.is_file():
            raise ColumnsError(f"{path}: expected a table in Parquet or CSV, "
                               f"came {'a folder' if path.is_dir() else 'no such file'}")
        try:
            match path.suffix.lower():
                case ".parquet":
                    with pq.ParquetFile(path) as file:
                        self.schema, self.rows = file.schema_arrow, file.metadata.num_rows
                case ".csv":
                    options = pv.ConvertOptions(strings_can_be_null=True)
                    self._table = pv.read_csv(path, convert_options=options)
                    self.schema, self.rows = self._table.schema, self._table.num_rows
                case other:
                    raise ColumnsError(f"{path}: expected a file ending in .parquet or .csv, came {other!r}")
        except (OSError, pa.ArrowException) as error:
            raise ColumnsError(f"{path}: expected a table in Parquet or CSV ({str(error).splitlines()[0]})") from None
        if twice := [name for name, n in Counter(self.schema.names).items() if n > 1]:
            raise ColumnsError(f"{path}: expected a name of its own for each column, came {twice[0]!r} twice")

    def find(self, column: str) -> str | None:
        """The name under which the file has a column; a feature may stand without its prefix.

        Where cells of texts are asked for and only the texts are there, it is theirs: they are read as cells from now.
        """
        names = self.schema.names
        for one in TEXTS:
            if column == one.cells and column not in names and one.text in names:
                self._texts = (*self._texts, one.text)
                return one.text
            if column == one.words:  # of what another reference does not have, whatever the file says
                return one.text if one.text in names else None
        return next((name for name in (column, column.removeprefix("features.")) if name in names), None)

    def kind(self, name: str) -> Kind | None:
        """What a column is made of; None for what has no distribution to compare (times, lists)."""
        return kind_of(self.schema.field(name).type)

    def empty(self, name: str) -> bool:
        """Whether no row has a value there: such a column of a CSV file has no type."""
        return bool(pa.types.is_null(self.schema.field(name).type))

    def read(self, name: str) -> pa.ChunkedArray:
        if self._table is not None:
            values = self._table[name]
        else:
            values = pq.read_table(self.path, columns=[name], partitioning=None)[name]
        return cells(values) if name in self._texts else values

    def some_texts(self, name: str) -> list[str | None]:
        """A column's texts as they are; of more than ``MOST_TEXTS`` every second, third, … one."""
        values = self._table[name] if self._table is not None else pq.read_table(
            self.path, columns=[name], partitioning=None)[name]
        step = max(1, -(-len(values) // MOST_TEXTS))
        return values.take(pa.array(range(0, len(values), step))).cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def cells(texts: Any) -> pa.ChunkedArray:
    """The cell of each text, or itself where it is one; null where there is no text, or no word in it."""
    made = [prompt.celled(text) or None if text else None for text in texts.cast(pa.string()).to_pylist()]
    return pa.chunked_array([pa.array(made, pa.string())])


def kind_of(arrow: pa.DataType) -> Kind | None:
    if pa.types.is_dictionary(arrow):
        return kind_of(arrow.value_type)
    if pa.types.is_boolean(arrow):
        return "bool"
    if pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return "number"
    return "text" if pa.types.is_string(arrow) or pa.types.is_large_string(arrow) else None


def bins_of(values: pa.ChunkedArray, column: str, kind: Kind) -> Bins:
    """Bins cut from these values, with how many fall where."""
    if kind == "number":
        numbers = _numbers(values)
        ordered = _Ordered(numbers.take(pc.array_sort_indices(numbers)))
        return number_bins(column, ordered, len(values) - len(numbers))
    counted, missing = _counted(cells(values) if kind == "words" else values)
    return text_bins(column, counted, missing, kind)


def counts_of(values: pa.ChunkedArray, bins: Bins) -> list[int]:
    """How many values fall in each bin of a reference."""
    if bins.kind == "number":
        numbers = _numbers(values)
        upto = [0, *((pc.sum(pc.less_equal(numbers, edge)).as_py() or 0) for edge in bins.edges), len(numbers)]
        return [*(b - a for a, b in pairwise(upto)), len(values) - len(numbers)]
    counted, missing = _counted(cells(values) if bins.kind == "words" else values)
    known = [counted.pop(category, 0) for category in bins.categories]
    return [*known, sum(counted.values()), missing]


class _Ordered(Sequence[float]):
    """An ascending array of which only a few places are looked at."""

    def __init__(self, values: pa.Array) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        return self._values[place].as_py()


def _numbers(values: pa.ChunkedArray) -> pa.Array:
    """What is a finite number, as float64."""
    numbers = as_numbers(values).drop_null().combine_chunks()
    if isinstance(numbers, pa.ChunkedArray):  # of no chunk at all
        numbers = pa.array([], pa.float64())
    return numbers.filter(pc.is_finite(numbers))


def as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each value as float64, null where it is none. Texts are read as numbers where they are some."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = pc.if_else(pc.match_substring_regex(values, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"),
                            pc.utf8_trim_whitespace(values), None)
    return values.cast(pa.float64(), safe=False)


def _counted(values: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """How often each text comes, and how many are missing. Truths are ``true`` and ``false``."""
    if not pa.types.is_string(values.type):
        values = values.cast(pa.string())
    pairs = pc.value_counts(values).to_pylist()
    counted = {pair["values"]: pair["counts"] for pair in pairs if pair["values"] not in (None, "")}
    return counted, len(values) - sum(counted.values())


def reference(name: str, file: Columns, wanted: Mapping[str, Kind] | None = None, source: str = "",
              model_version: str = "", progress: Callable[[str], None] = lambda column: None,
              together: Callable[[Mapping[str, pa.ChunkedArray]], Joint | None] | None = None) -> Reference:
    """A reference from a file: of the columns ``wanted`` that it has, or of all that have a distribution.

    With ``together`` (``sources/joint.py``) its numbers are made into directions too: of features, where any is wanted.
    """
    found: dict[str, tuple[str, Kind]] = {}
    for column, kind in (wanted or {n: k for n in file.schema.names if (k := file.kind(n))}).items():
        if (there := file.find(column)) is not None:
            found[column] = there, kind
    if not found:
        raise ColumnsError(f"{file.path}: expected a column of {', '.join(wanted or ('numbers', 'texts'))}; it has "
                           f"{', '.join(file.schema.names)}")
    made, learnt = [], {}
    for column, (there, kind) in found.items():
        progress(column)
        if column in WORDS:
            bins, learnt[WORDS[column]] = novelty.learnt(column, file.some_texts(there))
        else:
            bins = bins_of(file.read(there), column, kind)
        made.append(bins)
    numbers = {column: there for column, (there, kind) in found.items()
               if kind == "number" and (wanted is None or column.startswith(FEATURES))}
    joint = together({column: file.read(there) for column, there in numbers.items()}) if together else None
    return referred(name, made, file.rows, source or file.path.name, model_version, joint, learnt)


def referred(name: str, columns: Iterable[Bins], rows: int, source: str, model_version: str = "",
             joint: Joint | None = None, words: Mapping[str, Vocabulary] | None = None) -> Reference:
    """A reference whose version is a digest of what it compares with; ``words`` are by the column that names them."""
    made, words = tuple(sorted(columns, key=lambda bins: bins.column)), words or {}
    more = [one for one in (joint, *(words[text.by].version for text in TEXTS if text.by in words)) if one]
    digest = hashlib.sha256(repr((made, *more) if more else made).encode()).hexdigest()[:12]
    return Reference(name, digest, made, rows, source, model_version, joint, **words)


def checked(one: Reference) -> Reference:
    """The reference with its version made anew. ``ValueError`` where its bins and counts do not belong together."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", one.name):
        raise ValueError(f"expected a name of letters, digits, '_', '.' and '-', came {one.name[:40]!r}")
    for bins in (*one.columns, *(way.bins for way in (one.joint.directions if one.joint else ()))):
        number = bins.kind == "number"
        wide = len(bins.edges if number else bins.categories) + 2
        if len(bins.counts) != wide or min(bins.counts) < 0 or one.rows < 0:
            raise ValueError(f"column {bins.column!r}: expected {wide} counts of 0 or more, came {len(bins.counts)}")
        if number and not all(isfinite(a) and a < b for a, b in pairwise((*bins.edges, inf))):
            raise ValueError(f"column {bins.column!r}: expected edges in ascending order")
        if len(set(bins.categories)) < len(bins.categories):
            raise ValueError(f"column {bins.column!r}: expected each category once")
    if one.joint:
        places, given = range(len(one.joint.columns)), [term for way in one.joint.directions for term in way.terms]
        if not all(place in places and isfinite(weight) for place, weight in given):
            raise ValueError("directions: expected a finite weight of one of their columns in every term")
        if not all(isfinite(x) for c in one.joint.columns for x in (c.low, c.high, c.mean, c.deviation)):
            raise ValueError("directions: expected finite numbers of every column")
    words: dict[str, Vocabulary] = {}
    for column, by in WORDS.items():
        vocabulary: Vocabulary | None = getattr(one, by)
        if (vocabulary is None) != (one.get(column) is None):
            raise ValueError(f"expected column {column!r} together with a {by}, came one of them")
        if vocabulary and not novelty.sound(vocabulary):
            raise ValueError(f"{by}: expected hashes of four bytes in ascending order, and their digest")
        words |= {by: vocabulary} if vocabulary else {}
    return referred(one.name, one.columns, one.rows, one.source, one.model_version, one.joint, words)


__all__ = ["MISSING", "OTHER", "Columns", "ColumnsError", "as_numbers", "bins_of", "cells", "checked", "counts_of",
           "reference", "referred"]
