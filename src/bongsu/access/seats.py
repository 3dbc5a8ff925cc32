"""A table for which every process of a host has a seat: words of each row that are its own, beside those of all.

The words of all are in a ``Shared`` table and are written under its lock. A seat is a file, mapped by all and written
without a lock by whoever sits there; its own lock is the sign of life, so a seat whose holder died is known, and taken
by the next who comes. What the dead one counted stays true. A word is 64 bits, aligned, and copied whole.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path

from bongsu.access.circuit import HEAD, TALLY, Health, Record, Words
from bongsu.access.shared import NAME, Full, Shared

CAPACITY = 1 << 12
"""Upstreams and routes, each with every rule it ever had."""
TABLE = "health.map"


class Seat:
    """One file, of ``TALLY`` words a place."""

    def __init__(self, path: Path, capacity: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = capacity * TALLY * 8
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)  # sparse
        self._words = memoryview(mmap.mmap(self._file, size)).cast("q")

    def close(self) -> None:
        """Stand up. What was given out of it can still be read: its map has the file open, so the lock is let go."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)

    def row(self, place: int) -> memoryview[int]:
        return self._words[place * TALLY : (place + 1) * TALLY]

    def take(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def free(self) -> bool:
        """Whether nobody alive sits there: never asked of one's own."""
        if free := self.take():
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return free


class Seats:
    """One process's view of the table. With ``looking`` it takes no seat, and counts nothing."""

    def __init__(self, folder: Path, *, looking: bool = False, capacity: int = CAPACITY) -> None:
        self._folder, self._capacity = folder, capacity
        self._table = Shared(folder / TABLE, HEAD, capacity)
        self._known: dict[int, Seat] = {}
        self._changes = -1
        self.number: int | None = None
        if not looking:
            with self._table.locked():
                self.number = self._sit()

    def close(self) -> None:
        for seat in self._known.values():
            seat.close()
        self._known = {}
        self._table.close()

    def record(self, name: str) -> Record:
        """Where something is kept; with nobody else's where the table is full."""
        try:
            with self._table.locked():
                place = self._table.place(sha256(name.encode()).digest()[:NAME])
        except Full:
            return Record.alone()
        mine: Words = [0] * TALLY if self.number is None else self._known[self.number].row(place)

        def every() -> Iterator[memoryview[int]]:
            return (seat.row(place) for seat in self._seats().values())

        def living() -> Iterator[memoryview[int]]:
            return (seat.row(place) for n, seat in self._seats().items() if n == self.number or not seat.free())

        return Record(self._table.words(place), mine, every, living, self._table.locked)

    def _path(self, number: int) -> Path:
        return self._folder / f"health.seat.{number}"

    def _sit(self) -> int:
        """Take the first seat that is free. No call of its last holder is under way any more."""
        for number in count():
            seat = Seat(self._path(number), self._capacity)
            if seat.take():
                break
            seat.close()
        self._known[number] = seat
        self._table.changed()
        for place in self._table.names().values():
            seat.row(place)[1] = 0
        return number

    def _seats(self) -> dict[int, Seat]:
        """All that there are: read again when one was added."""
        if self._changes != (changes := self._table.changes):
            for number in count():
                if number not in self._known:
                    if not self._path(number).exists():
                        break
                    self._known[number] = Seat(self._path(number), self._capacity)
            self._changes = changes
        return self._known


def shared_health(folder: Path, *, looking: bool = False) -> Health:
    """What the workers of a host know of upstreams together."""
    seats = Seats(folder, looking=looking)
    return Health(seats.record, seats.close)
