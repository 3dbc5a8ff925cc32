"""A worker's lease on the budgets of its host: what it has reserved and what it has settled, counter by counter.

Every worker has a file of its own, mapped by all and written by it alone, so that what it did is known although it was
killed. Its lock is the sign of life: whoever can take it knows that the worker is dead.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path

from bongsu.access.shared import CAPACITY, Shared

TABLE = "budgets.map"
_CELL = struct.Struct("<q")
_STRIDE = 16
_ZERO = bytes(_STRIDE)
_NAME = re.compile(r"([\w.-]+)\.lease")


class Lease:
    """One mapped lease. Cells are two whole numbers a counter: settled, then reserved."""

    def __init__(self, path: Path, file: int) -> None:
        self.name, self.path, self._file = path.name.removesuffix(".lease"), path, file
        self._map = mmap.mmap(file, CAPACITY * _STRIDE)

    @classmethod
    def take(cls, folder: Path, worker: str) -> Lease:
        """A new one. It is locked before it has its name: nobody ever meets a lease of the living that looks dead."""
        name = f"{worker}.{os.urandom(6).hex()}"
        hidden = folder / f".{name}.new"
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, CAPACITY * _STRIDE)
        lease = cls(folder / f"{name}.lease", file)
        hidden.rename(lease.path)
        return lease

    @classmethod
    def look(cls, path: Path) -> Lease | None:
        """One that somebody else has, or had; None where it has just gone."""
        try:
            return cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return None

    def close(self) -> None:
        self._map.close()
        os.close(self._file)

    def dead(self) -> bool:
        """Whether its worker is: asked of a lease that was looked at, never of one's own."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def drawn(self, place: int) -> int:
        """What it has taken of a counter: settled and reserved."""
        at = place * _STRIDE
        return int(_CELL.unpack_from(self._map, at)[0] + _CELL.unpack_from(self._map, at + 8)[0])

    def open(self, place: int) -> int:
        """What it has reserved of a counter for calls that are under way."""
        return int(_CELL.unpack_from(self._map, place * _STRIDE + 8)[0])

    def untouched(self, place: int) -> bool:
        """Whether it has taken nothing of a counter, and nothing is under way."""
        at = place * _STRIDE
        return self._map[at : at + _STRIDE] == _ZERO

    def reserve(self, place: int, amount: int) -> None:
        at = place * _STRIDE + 8
        _CELL.pack_into(self._map, at, _CELL.unpack_from(self._map, at)[0] + amount)

    def settle(self, place: int, reserved: int, cost: int) -> None:
        """First what was spent, then what was reserved goes: between the two too much is counted, never too little."""
        at = place * _STRIDE
        _CELL.pack_into(self._map, at, _CELL.unpack_from(self._map, at)[0] + cost)
        self.reserve(place, -reserved)


class Leases:
    """All leases of a host, read again when the table says that some came or went."""

    def __init__(self, folder: Path, table: Shared) -> None:
        self.folder, self.table = folder, table
        self._changes = -1
        self._known: dict[str, Lease] = {}

    def all(self) -> dict[str, Lease]:
        """By file name. Under the table's lock nobody can be missing."""
        if self._changes != (changes := self.table.changes):
            there = {m[0] for m in map(_NAME.fullmatch, os.listdir(self.folder)) if m}
            for gone in self._known.keys() - there:
                self._known.pop(gone).close()
            for new in there - self._known.keys():
                found = Lease.look(self.folder / new)
                if found is not None:
                    self._known[new] = found
            self._changes = changes
        return self._known

    def idle(self, place: int) -> bool:
        """Whether a counter says nothing: nothing was spent that still counts, and no lease has drawn on it. Only
        under the table's lock."""
        return self.table.row(place) == (0,) and all(lease.untouched(place) for lease in self.all().values())

    def close(self) -> None:
        for lease in self._known.values():
            lease.close()
        self._known = {}


def reserved(folder: Path, names: Iterable[bytes], capacity: int = CAPACITY) -> dict[bytes, int]:
    """What is reserved of counters now, by all who are known: a look from outside, as it may have changed by then."""
    table = Shared(folder / TABLE, 1, capacity)
    leases = Leases(folder, table)
    try:
        held = leases.all().values()
        return {name: sum(lease.open(place) for lease in held) for name in names
                if (place := table.find(name)) is not None}
    finally:
        leases.close()
        table.close()
