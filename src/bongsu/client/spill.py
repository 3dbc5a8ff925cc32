"""Events that wait on disk while nobody takes them: files of newline-delimited JSON, oldest first.

A file is written by one process and sent by any; taking one renames it, so two processes never send the same. What was
sent though its file could not be deleted is sent again and counted once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class Spill:
    """A folder of waiting events, never larger than ``most`` bytes."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self._number = 0

    def put(self, events: Sequence[bytes]) -> int:
        """Keep events; how many of them there was room for. OSError where the disk will not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        room, kept = self.most - self.size(), 0
        for event in events:
            room -= len(event) + 1
            if room < 0:
                break
            kept += 1
        if kept:
            self._number += 1
            name = f"{time.time_ns():020d}-{os.getpid()}-{self._number}.ndjson"
            hidden = self.folder / f".{name}"
            hidden.write_bytes(b"\n".join(events[:kept]) + b"\n")
            hidden.rename(self.folder / name)
        return kept

    def take(self) -> tuple[Path, list[bytes]] | None:
        """The oldest file, ours from now on, and its events; None where nothing waits."""
        for path in self._files():
            mine = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                path.rename(mine)
            except FileNotFoundError:  # another process was first
                continue
            return mine, mine.read_bytes().splitlines()
        return None

    def give_back(self, path: Path) -> None:
        """It was not taken after all: next time again, by whoever comes first."""
        path.rename(path.with_name(path.name.removeprefix(".").rpartition(".")[0]))

    def done(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def waiting(self) -> bool:
        return bool(self._files())

    def size(self) -> int:
        """Bytes that wait; not those that are being sent."""
        total = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # taken to be sent meanwhile
                total += path.stat().st_size
        return total

    def rescue(self) -> None:
        """Files that a process took and died with wait again."""
        for path in self.folder.glob(".*.ndjson.*") if self.folder.is_dir() else ():
            owner = path.name.rpartition(".")[2]
            if owner.isdigit() and int(owner) != os.getpid() and not _alive(int(owner)):
                self.give_back(path)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.ndjson")) if self.folder.is_dir() else []


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
