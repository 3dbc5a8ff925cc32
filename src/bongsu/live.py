"""Live policy: what responses have changed, published by control, seen by every gateway at its next request.

Two files in the data folder for each snapshot (``live``, ``people``): ``NAME.json`` holds the whole of it and is
replaced atomically; ``NAME.gen`` is eight bytes that readers keep mapped, so looking for news costs a memory read, not
a system call. A reader that finds no publisher alive keeps the last snapshot: a dead control process never stops
traffic.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_GENERATION = struct.Struct("<Q")


class Snapshot(msgspec.Struct, frozen=True):
    """``changes`` maps ``route/NAME``, ``version/ROUTE``, ``previous/ROUTE``, ``guard/NAME``, ``freeze/SERVICE``,
    ``allow/GUARD/ID`` to a value; that of the people maps ``key/ID`` and ``restrict/...``.

    ``policy`` is the policy's hash, ``at`` when it was published (microseconds).
    """

    generation: int = 0
    policy: str = ""
    at: int = 0
    changes: dict[str, Any] = {}


class Publisher:
    """The one writer. Generations never go back, not even over a restart."""

    def __init__(self, folder: Path, name: str = "live") -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self._last = _read(folder, name)
        _generation_file(folder, name, self._last.generation)

    @property
    def last(self) -> Snapshot:
        return self._last

    def publish(self, changes: Mapping[str, Any], policy: str, now: int) -> Snapshot:
        """Make a snapshot current in every reader. Content first, generation last: readers never see half of it."""
        snapshot = Snapshot(self._last.generation + 1, policy, now, dict(changes))
        temporary = self.folder / f"{self.name}.json.new"
        temporary.write_bytes(msgspec.json.encode(snapshot))
        temporary.replace(self.folder / f"{self.name}.json")
        with (self.folder / f"{self.name}.gen").open("r+b") as file:
            file.write(_GENERATION.pack(snapshot.generation))
        self._last = snapshot
        return snapshot


class Live:
    """A reader: ``current()`` is cheap enough to call on every request."""

    def __init__(self, folder: Path, name: str = "live") -> None:
        self.folder, self.name = folder, name
        _generation_file(folder, name, 0)
        with (folder / f"{name}.gen").open("rb") as file:
            self._map = mmap.mmap(file.fileno(), _GENERATION.size, access=mmap.ACCESS_READ)
        self._seen = b""
        self._snapshot = Snapshot()

    def current(self) -> Snapshot:
        generation = self._map[:]
        if generation != self._seen:
            self._snapshot, self._seen = _read(self.folder, self.name), generation
        return self._snapshot

    def close(self) -> None:
        self._map.close()


def _read(folder: Path, name: str) -> Snapshot:
    try:
        return msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return Snapshot()
    except msgspec.DecodeError:  # a power cut can leave an empty file; control publishes a new one when it starts
        return Snapshot(generation=_GENERATION.unpack((folder / f"{name}.gen").read_bytes())[0])


def _generation_file(folder: Path, name: str, generation: int) -> None:
    """Create the mapped file once; it is never replaced, or readers would keep looking at the old one.

    It is written beside and linked into place: whoever is killed in between leaves no empty file that nobody can map.
    """
    path, partial = folder / f"{name}.gen", folder / f".{name}.gen.{os.getpid()}.{os.urandom(4).hex()}"
    if path.exists():
        return
    partial.write_bytes(_GENERATION.pack(generation))
    try:
        os.link(partial, path)
    except FileExistsError:
        return  # another process was first
    finally:
        partial.unlink()
