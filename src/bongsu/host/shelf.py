"""What gateway processes leave for each other and for control: their numbers, and what is wrong with them.

A file each in the folder of live state, replaced whole every few seconds. What is old is of a process that is no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

STALE = 30 * 10**6
_PREFIX = "metrics."

Lines = Mapping[str, Sequence[str]]
"""Family of metrics -> its lines."""


class Left(msgspec.Struct):
    """``at`` is when it was left; ``troubles`` are sentences in English, for people."""

    at: int
    lines: dict[str, list[str]] = {}  # msgspec gives each its own
    troubles: list[str] = []


class Shelf:
    """``worker`` is whose file is written; who only looks on has none."""

    def __init__(self, folder: Path, worker: str, clock: Callable[[], int]) -> None:
        self._folder, self._worker, self._clock = folder, worker, clock

    def put(self, lines: Lines, troubles: Sequence[str] = ()) -> None:
        """Raises OSError."""
        kept = self._folder / f"{_PREFIX}{self._worker}.json"
        partial = kept.with_suffix(".new")
        partial.write_bytes(msgspec.json.encode({"at": self._clock(), "lines": lines, "troubles": troubles}))
        partial.replace(kept)

    def others(self) -> list[dict[str, list[str]]]:
        """The numbers of all others."""
        return [left.lines for left in self._left()]

    def troubles(self) -> tuple[str, ...]:
        """What is wrong with any of the others, each once."""
        return tuple(dict.fromkeys(trouble for left in self._left() for trouble in left.troubles))

    def _left(self) -> Iterator[Left]:
        for path in sorted(self._folder.glob(f"{_PREFIX}*.json")):
            if path.name == f"{_PREFIX}{self._worker}.json":
                continue
            try:
                left = msgspec.json.decode(path.read_bytes(), type=Left)
            except (OSError, msgspec.DecodeError):  # a power cut can leave an empty file; its worker writes it again
                continue
            if self._clock() - left.at < STALE:
                yield left
