"""A table in memory that every process of a host shares: 16-byte names, each with a row of whole numbers.

It is a file that is mapped by all; rows are only ever added, so the place of a name never changes. Whoever reads and
then writes holds the lock (``flock``), which the kernel takes back from a process that dies. A row is written with one
copy of a few aligned words, and whoever reads one must bear what a death in the middle of that could leave.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CAPACITY = 1 << 18
NAME = 16
_COUNT, _CHANGES = struct.Struct("<Q"), struct.Struct("<Q")
_START = 64


class Full(Exception):
    """No room for another name: the message says what to do."""


class Shared:
    """``width`` numbers (int64) a row. ``changes`` and ``mark`` are two words for whoever uses the table."""

    def __init__(self, path: Path, width: int, capacity: int = CAPACITY) -> None:
        self.path, self._row, self._capacity = path, struct.Struct(f"<{width}q"), capacity
        self._stride = NAME + self._row.size
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = _START + capacity * self._stride  # sparse: only rows in use take memory or disk
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self._places: dict[bytes, int] = {}
        self._seen = 0

    def close(self) -> None:
        self._map.close()
        os.close(self._file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def place(self, name: bytes) -> int:
        """Where a name's row is, which is made where there was none. Only under the lock."""
        if name not in self._places:
            self._catch_up()
        found = self._places.get(name)
        if found is not None:
            return found
        if self._seen >= self._capacity:
            raise Full(f"{self.path.name}: expected at most {self._capacity} users and keys; stop everything, delete "
                       "this file and start again")
        at = _START + self._seen * self._stride
        self._map[at : at + NAME] = name
        _COUNT.pack_into(self._map, 0, self._seen + 1)  # last: a row counts only once its name is whole
        self._catch_up()
        return self._places[name]

    def find(self, name: bytes) -> int | None:
        """Where a name's row is; None where it has none. Needs no lock."""
        if name not in self._places:
            self._catch_up()
        return self._places.get(name)

    def names(self) -> dict[bytes, int]:
        self._catch_up()
        return self._places

    def _catch_up(self) -> None:
        count = min(_COUNT.unpack_from(self._map, 0)[0], self._capacity)
        for place in range(self._seen, count):
            at = _START + place * self._stride
            self._places.setdefault(self._map[at : at + NAME], place)
        self._seen = max(self._seen, count)

    def row(self, place: int) -> tuple[int, ...]:
        return self._row.unpack_from(self._map, _START + place * self._stride + NAME)

    def put(self, place: int, *values: int) -> None:
        self._row.pack_into(self._map, _START + place * self._stride + NAME, *values)

    @property
    def changes(self) -> int:
        return int(_CHANGES.unpack_from(self._map, 8)[0])

    def changed(self) -> None:
        """Say that something beside the rows has changed. Only under the lock."""
        _CHANGES.pack_into(self._map, 8, self.changes + 1)

    @property
    def mark(self) -> bytes:
        return self._map[16:32]

    @mark.setter
    def mark(self, value: bytes) -> None:
        self._map[16:32] = value.ljust(16, b"\0")
