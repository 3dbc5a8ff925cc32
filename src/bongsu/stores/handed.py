"""Batches as they were just stored, for who reads them first: most are counted a moment after they came.

What is handed over is what the log would read, without reading, unpacking and checking it. It is never relied on: what
is not here (too much waits, another process wrote it, this one has just begun) is read.
"""

from __future__ import annotations

import pyarrow as pa

MOST_BYTES = 64 << 20


class Handed:
    """Batches by position, each until it is taken."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._tables: dict[int, tuple[pa.Table, int]] = {}

    def put(self, position: int, table: pa.Table) -> None:
        """Keep a batch that is durable, where there is room; what waits longest makes none: it is read next."""
        size = table.get_total_buffer_size()
        if self._size + size <= self._most:
            self._tables[position] = table, size
            self._size += size

    def take(self, position: int) -> pa.Table | None:
        """The batch, once; those before it are no longer kept either: readers go forward."""
        for older in [one for one in self._tables if one < position]:
            self._drop(older)
        return self._drop(position)

    def _drop(self, position: int) -> pa.Table | None:
        table, size = self._tables.pop(position, (None, 0))
        self._size -= size
        return table
