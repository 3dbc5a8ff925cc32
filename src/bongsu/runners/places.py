"""Where each event is counted: its base window and label values, as one small whole number.

Engines group by one column of numbers, and how many combinations there are is known before anything is grouped. A
column that is empty throughout costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.cell import Labels
from bongsu.event import FEATURES, feature_of
from bongsu.label import APART
from bongsu.runners.trees import START, Filter, label_column

_APART = pa.array(APART)
_ARROW = {"number": pa.float64(), "text": pa.string(), "bool": pa.bool_()}


class Places(NamedTuple):
    """``codes``: the number of each event, its ``labels`` by their number times ``windows``, and base windows (of
    ``base`` microseconds) since ``first``."""

    codes: pa.Array
    labels: list[Labels]
    first: int
    base: int
    windows: int

    def of(self, code: int) -> tuple[int, Labels]:
        """The base window and labels of a number."""
        labels, windows = divmod(code, self.windows)
        return self.first + windows * self.base, self.labels[labels]


def timed(table: pa.Table, columns: Sequence[str], base: int) -> pa.Table:
    """These columns, and the base window of each event; a feature that no event of the table has is NULL."""
    for name in columns:
        if name.startswith(FEATURES) and name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, _ARROW[feature_of(name)[1]]))
    asked = table.select(columns)
    return asked.append_column(START, _starts(asked["time"], base))


def held(table: pa.Table, of: Filter) -> pa.Table:
    """The events that a filter is about: most often all of a table, or none."""
    holds = pc.is_valid(table["time"]) if of.origin == "any" else pc.equal(table["origin"], of.origin)
    if not of.apart:
        holds = pc.and_(holds, pc.and_(pc.is_valid(table["kind"]), pc.invert(pc.is_in(table["kind"], _APART))))
    return table if pc.all(holds, skip_nulls=False).as_py() else table.filter(holds)


def places(table: pa.Table, labels: Sequence[str], base: int) -> Places:
    """Where the events of a table (``timed``), of which there are some, are counted by these labels."""
    starts = table[START].combine_chunks()
    ends = pc.min_max(starts).as_py()
    windows = (ends["max"] - ends["min"]) // base + 1
    known: list[Labels] = [()]
    codes: pa.Array | None = None
    for name in labels:
        values = table[label_column(name)]
        if values.null_count == len(values):
            known = [(*one, "") for one in known]
            continue
        coded = (values.fill_null("") if values.null_count else values).combine_chunks().dictionary_encode()
        codes, known = _crossed(codes, known, coded)
    since = pc.divide(pc.subtract(starts, ends["min"]), base)
    return Places(since if codes is None else pc.add(pc.multiply(codes, windows), since), known, ends["min"], base,
                  windows)


def _crossed(codes: pa.Array | None, known: Sequence[tuple[Any, ...]],
             more: pa.DictionaryArray) -> tuple[pa.Array, list[tuple[Any, ...]]]:
    """Numbers for what ``known`` ones and those of another column are together: only for those that there are."""
    values = more.dictionary.to_pylist()
    if codes is None:
        return more.indices.cast(pa.int64()), [(*known[0], one) for one in values]
    both = pc.add(pc.multiply(codes, len(values)), more.indices.cast(pa.int64())).dictionary_encode()
    pairs = (divmod(pair, len(values)) for pair in both.dictionary.to_pylist())
    return both.indices.cast(pa.int64()), [(*known[one], values[other]) for one, other in pairs]


def _starts(times: pa.ChunkedArray, base: int) -> pa.ChunkedArray:
    """Where the base window of each time begins. Division cuts off, so times before 1970 are moved on for it."""
    first = pc.min(times).as_py()
    moved = -(first // base) * base if first is not None and first < 0 else 0
    return pc.subtract(pc.multiply(pc.divide(pc.add(times, moved), base), base), moved)
