"""A table in memory that every process of a host shares: 16-byte names, each with a row of whole numbers.

It is a file that is mapped by all. A name, which is a hash, has its row within ``WINDOW`` places of where it points to;
so a look-up costs a few comparisons, and no process keeps a copy of the names. Where that window is full, a new name
takes the place of one whose row is ``idle``: it says nothing that a fresh row would not say. Such a table never fills
up with what is over.

Whoever reads and then writes holds the lock (``flock``), which the kernel takes back from a process that dies. A row is
written with one copy of a few aligned words, and whoever reads one must bear what a death in the middle of that could
leave.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CAPACITY = 1 << 18
WINDOW = 128
"""Places a name may be at: with three places of four in use, one name in millions finds all of them taken."""
NAME = 16
_NOBODY = bytes(NAME)
_WORD = struct.Struct("<Q")
_USED, _CHANGES, _MARK, _SHUT, _START = 0, 8, 16, 32, 64


class Full(Exception):
    """No room for another name."""


def _never(_place: int) -> bool:
    return False


class Shared:
    """``width`` numbers (int64) a row. ``changes``, ``mark`` and ``shut`` are for whoever uses the table."""

    def __init__(self, path: Path, width: int, capacity: int = CAPACITY) -> None:
        self.path, self._row, self._capacity = path, struct.Struct(f"<{width}q"), capacity
        self._stride = NAME + self._row.size
        self._fresh = (0,) * width
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = _START + capacity * self._stride  # sparse: only rows in use take memory or disk
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self._lent = False

    def close(self) -> None:
        """Let go of it. ``words`` that were given out can still be read."""
        if not self._lent:
            self._map.close()
        os.close(self._file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    # ---- names ----

    def window(self, name: bytes) -> Iterator[int]:
        """The places a name may be at, in the order in which they are looked at."""
        home = int.from_bytes(name[:8], "little")
        return ((home + i) % self._capacity for i in range(min(WINDOW, self._capacity)))

    def _name(self, place: int) -> bytes:
        at = _START + place * self._stride
        return self._map[at : at + NAME]

    def find(self, name: bytes) -> int | None:
        """Where a name's row is; None where it has none. It may be another's when the lock is let go."""
        for place in self.window(name):
            held = self._name(place)
            if held == name:
                return place
            if held == _NOBODY:
                return None
        return None

    def place(self, name: bytes, idle: Callable[[int], bool] = _never) -> int:
        """Where a name's row is, which is made where there was none, if need be in place of one that is ``idle``.
        Only under the lock."""
        for place in self.window(name):
            held = self._name(place)
            if held == name:
                return place
            if held == _NOBODY:
                _WORD.pack_into(self._map, _USED, self.used + 1)
                return self._make(place, name)
        found = next(filter(idle, self.window(name)), None)
        if found is None:
            raise Full(f"{self.path.name}: {self.used} of {self._capacity} places for users and keys are taken, and "
                       f"none of the {WINDOW} that this one could have is free")
        return self._make(found, name)

    def _make(self, place: int, name: bytes) -> int:
        self.put(place, *self._fresh)  # first: a name never has the row of another
        at = _START + place * self._stride
        self._map[at : at + NAME] = name
        return place

    def names(self) -> dict[bytes, int]:
        """Every name and its place. Looks at every place where there is any."""
        return {} if not self.used else {
            name: place for place in range(self._capacity) if (name := self._name(place)) != _NOBODY}

    @property
    def used(self) -> int:
        """How many places have a name."""
        return int(_WORD.unpack_from(self._map, _USED)[0])

    @property
    def crowded(self) -> bool:
        """More than half of the places have a name."""
        return 2 * self.used > self._capacity

    # ---- rows ----

    def row(self, place: int) -> tuple[int, ...]:
        return self._row.unpack_from(self._map, _START + place * self._stride + NAME)

    def put(self, place: int, *values: int) -> None:
        self._row.pack_into(self._map, _START + place * self._stride + NAME, *values)

    def words(self, place: int) -> memoryview[int]:
        """A row word by word, for those who read it without the lock: each is copied whole."""
        self._lent, at = True, _START + place * self._stride + NAME
        return memoryview(self._map)[at : at + self._row.size].cast("q")

    # ---- words for those who use it ----

    @property
    def changes(self) -> int:
        return int(_WORD.unpack_from(self._map, _CHANGES)[0])

    def changed(self) -> None:
        """Say that something beside the rows has changed. Only under the lock."""
        _WORD.pack_into(self._map, _CHANGES, self.changes + 1)

    @property
    def mark(self) -> bytes:
        return self._map[_MARK : _MARK + NAME]

    @mark.setter
    def mark(self, value: bytes) -> None:
        self._map[_MARK : _MARK + NAME] = value.ljust(NAME, b"\0")

    @property
    def shut(self) -> bool:
        """No new name is to be taken in: the row of a known one is missing for want of room."""
        return bool(_WORD.unpack_from(self._map, _SHUT)[0])

    @shut.setter
    def shut(self, value: bool) -> None:
        _WORD.pack_into(self._map, _SHUT, int(value))
