"""Where a gateway leaves its facts: append-only files of checked frames, one writer each.

``append`` returns when the bytes are in the kernel, so a ``kill -9`` cannot lose them; a background thread makes them
safe from a power cut at most one window (10 ms) and one fdatasync later, and ``strict`` waits for that. A frame is
magic, length, CRC-32 and the event as MessagePack. The magic begins with a byte that no UTF-8 text contains, so nothing
a user writes into a prompt can look like a frame and a reader can find its way again after damage.

A writer holds a lock on its segment while it may still write to it; that is how a reader tells an unfinished frame
(wait) from a torn one (the writer is dead). Segment names are never used twice, so a mark (name, offset) means
one place for ever. The caller keeps marks where it keeps the events, in one transaction.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from bongsu.event import Event

MAGIC = b"\xff\xb0\x5e\x01"
HEAD = struct.Struct("<4sII")
MAX_FRAME = 16 << 20
_MARGIN = 64 << 10
_NAME = re.compile(r"(?P<writer>[A-Za-z0-9_-]+)\.(?P<number>\d{10})\.[0-9a-f]{16}\.spool")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode


def frame(event: Event) -> bytes:
    """One event as it lies on disk."""
    body = _encode(event)
    if len(body) > MAX_FRAME:
        raise ValueError(f"event {event.id!r} takes {len(body)} bytes, expected at most {MAX_FRAME}; "
                         "shorten its prompt or reply before it is kept")
    return HEAD.pack(MAGIC, len(body), crc32(body)) + body


class SpoolWriter:
    """The one writer of its segments; safe to call from many threads. Make it after a fork, not before."""

    def __init__(self, folder: Path, name: str, *, strict: bool = False, window_s: float = 0.01,
                 roll_bytes: int = 64 << 20) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError(f"spool name: expected letters, digits, - or _, came {name!r}")
        self.folder, self.name, self.strict, self.window_s, self.roll_bytes = folder, name, strict, window_s, roll_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        self._state = threading.Condition()
        self._written = self._durable = 0
        self._retired: list[int] = []
        self._failed: OSError | None = None
        self._failures = 0
        self._closing = False
        self._number = max((int(s["number"]) for s in _segments(folder) if s["writer"] == name), default=0)
        self._open_segment()
        self._thread = threading.Thread(target=self._sync_for_ever, name=f"spool-{name}", daemon=True)
        self._thread.start()

    def append(self, events: Iterable[Event]) -> None:
        """Write all of them with one call; when it returns, ``kill -9`` cannot lose them (``strict``: nor a power cut).

        When it raises, whole events that reached the file stay there and the rest are not in it; appending the same
        events again is safe, since the log drops ids it has seen.
        """
        data = b"".join(map(frame, events))
        if not data:
            return
        with self._state:
            self._ready()
            idle = self._durable == self._written
            self._write(data)
            self._written += len(data)
            if idle:  # else the thread is at work already, and looks again when it is done
                self._state.notify_all()
            if self.strict:
                self._wait()

    def sync(self) -> None:
        """Wait until everything appended so far would survive a power cut."""
        with self._state:
            self._wait()

    def _wait(self) -> None:
        goal, failures = self._written, self._failures
        self._state.wait_for(lambda: self._durable >= goal or self._failures != failures or self._failed is not None)
        if self._failures != failures or self._failed is not None:
            raise OSError(errno.EIO, f"spool {self.folder}/{self.name}: events were written but may not survive a "
                                     "power cut; check the disk")

    def close(self) -> None:
        """Make everything durable and let go of the segment."""
        with self._state:
            if self._closing:
                return
            self._closing = True
            self._state.notify_all()
        self._thread.join()
        os.close(self._file)
        os.close(self._directory)
        if self._failed is not None:
            raise self._failed

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> None:
        """Raise what the disk said since the last call, and go on in a new segment when this one is full or suspect."""
        if self._closing:
            raise ValueError(f"spool {self.name!r} is closed; open another writer")
        failed, self._failed = self._failed, None
        if failed is not None or self._size >= self.roll_bytes:
            self._retired.append(self._file)
            self._open_segment()
        if failed is not None:
            self._durable = self._written
            raise OSError(failed.errno, f"spool {self.folder}/{self.name}: earlier events may not survive a power cut: "
                                        f"{failed.strerror}; check the disk")

    def _open_segment(self) -> None:
        """Lock first, show the name after: a reader must never meet a segment of a live writer that looks abandoned."""
        self._number += 1
        path = self.folder / f"{self.name}.{self._number:010d}.{os.urandom(8).hex()}.spool"
        hidden = path.with_suffix(".new")
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            hidden.rename(path)
        except BaseException:
            os.close(file)
            raise
        self._file, self._size, self._unseen = file, 0, True

    def _write(self, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, memoryview(data)[done:])
        except OSError as error:
            whole = _whole(data, done)
            os.ftruncate(self._file, self._size + whole)
            self._size += whole
            self._written += whole
            self._state.notify_all()
            raise OSError(error.errno, f"spool {self.folder}/{self.name}: {error.strerror} after {whole} of "
                                       f"{len(data)} bytes; free space in its folder, then append again") from error
        self._size += done

    def _sync_for_ever(self) -> None:
        began = time.monotonic()
        while True:
            with self._state:
                while not self._closing and (self._durable == self._written or self._failed is not None):
                    self._state.wait()
                closing = self._closing
            if not closing and not self.strict:
                time.sleep(max(0.0, began + self.window_s - time.monotonic()))
            began = time.monotonic()
            self._sync_once()
            if closing:
                return

    def _sync_once(self) -> None:
        with self._state:
            goal, file, unseen = self._written, self._file, self._unseen
            retired, self._retired, self._unseen = self._retired, [], False
        failed = None
        try:
            for descriptor in (*retired, file):
                os.fdatasync(descriptor)
            if unseen:
                os.fsync(self._directory)
        except OSError as error:
            failed = error
        for descriptor in retired:
            os.close(descriptor)
        with self._state:
            if failed is None:
                self._durable = max(self._durable, goal)
            else:
                self._failed, self._failures = failed, self._failures + 1
            self._state.notify_all()


def _whole(data: bytes, end: int) -> int:
    """How many of the first ``end`` bytes are whole frames."""
    at = 0
    while at + HEAD.size <= end:
        step = HEAD.size + HEAD.unpack_from(data, at)[1]
        if at + step > end:
            break
        at += step
    return at


def _segments(folder: Path) -> list[re.Match[str]]:
    """Every segment in the folder: by writer, oldest first."""
    found = [m for m in map(_NAME.fullmatch, os.listdir(folder)) if m]
    return sorted(found, key=lambda m: (m["writer"], m["number"], m[0]))


@dataclass(frozen=True)
class Batch:
    """What was read: events, the marks to store with them, and a sentence for each damaged place."""

    events: list[Event]
    marks: dict[str, int]
    torn: list[str]


class _Piece(NamedTuple):
    """One good frame, or a stretch without (``event`` is None, ``why`` says what is wrong).

    ``look``: ``once`` is certain, ``twice`` must be seen again, ``dead`` holds only if the writer is.
    """

    end: int
    event: Event | None
    why: str = ""
    look: str = ""


class SpoolReader:
    """Reads every writer's segments. It keeps nothing that matters: what was consumed is what the marks say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._suspects: set[tuple[str, int]] = set()

    def read(self, marks: Mapping[str, int], limit_bytes: int = 8 << 20) -> Batch:
        """The next events after ``marks``, about ``limit_bytes`` of them shared fairly among writers.

        The result's marks are ``marks`` moved on, of the segments that still exist. An unfinished frame of a live
        writer is not there yet; of a dead one it is torn: it is reported once and passed over.
        """
        segments = _segments(self.folder)
        batch = Batch([], {m[0]: marks[m[0]] for m in segments if m[0] in marks}, [])
        writers = [[m[0] for m in group] for _, group in groupby(segments, lambda m: m["writer"])]
        for names in writers:
            left = max(1, limit_bytes // len(writers))
            for name in names:
                left -= self._read_segment(name, marks.get(name, 0), left, batch)
                if left <= 0:
                    break
        return batch

    def discard(self, marks: Mapping[str, int]) -> list[str]:
        """Delete the segments that are read to the end and can grow no more; their marks can be forgotten."""
        gone = []
        for name in [m[0] for m in _segments(self.folder)]:
            path = self.folder / name
            with path.open("rb") as file:
                if _abandoned(file.fileno()) and marks.get(name, 0) >= os.fstat(file.fileno()).st_size:
                    path.unlink()
                    gone.append(name)
        return gone

    def drop_damaged(self, before: int) -> int:
        """Retention: delete damaged segments that were last written before so many microseconds; how many."""
        old = [path for path in self.folder.glob("*.damaged") if path.stat().st_mtime_ns // 1000 < before]
        for path in old:
            path.unlink()
        return len(old)

    def waiting(self, marks: Mapping[str, int]) -> int:
        """How many bytes are still unread."""
        return sum(max(0, (self.folder / m[0]).stat().st_size - marks.get(m[0], 0)) for m in _segments(self.folder))

    def _read_segment(self, name: str, start: int, left: int, batch: Batch) -> int:
        """How many bytes were consumed."""
        with (self.folder / name).open("rb") as file:
            # Looked at before the bytes are: a writer found dead here cannot have written after this.
            dead = _abandoned(file.fileno())
            data, at_end = _look(file.fileno(), start, left + _MARGIN)
            if not at_end and _frame_end(data, 0) > len(data):
                data, at_end = _look(file.fileno(), start, MAX_FRAME + HEAD.size)
        at = 0
        for piece in _pieces(data, left, at_end):
            where = start + at
            if piece.event is not None:
                batch.events.append(piece.event)
            elif dead or piece.look == "once" or (piece.look == "twice" and self._seen_before(name, where)):
                batch.torn.append(self._report(name, where, start + piece.end, piece))
            else:
                break
            at = piece.end
        if at:
            batch.marks[name] = start + at
        return at

    def _seen_before(self, name: str, where: int) -> bool:
        """Damage in a live segment is believed at the second look: a writer that takes back an unfinished frame may
        have been read at that very moment."""
        known = (name, where) in self._suspects
        self._suspects ^= {(name, where)}
        return known

    def _report(self, name: str, begin: int, end: int, piece: _Piece) -> str:
        """Say it, and keep the bytes: a second name for the file outlives ``discard``."""
        at = f"spool {self.folder}/{name}: {end - begin} bytes at offset {begin}"
        if piece.look == "dead":
            return f"{at} are no whole frame: the writer or the machine died while they were written"
        kept = self.folder / f"{name}.damaged"
        if not kept.exists():
            os.link(self.folder / name, kept)
        return f"{at} {piece.why}; passed over, the segment is kept as {kept.name}"


def _look(file: int, start: int, length: int) -> tuple[bytes, bool]:
    """Bytes of a segment, and whether they reach its end."""
    data = os.pread(file, length, start)
    return data, start + len(data) >= os.fstat(file).st_size


def _abandoned(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _pieces(data: bytes, limit: int, at_end: bool) -> Iterator[_Piece]:
    """Cut a stretch of a segment into frames and damage, up to ``limit`` bytes or the last frame that can be judged."""
    at = 0
    while at < len(data) and at < limit:
        end = _frame_end(data, at)
        if end and end <= len(data):
            try:
                yield _Piece(end, _decode(data[at + HEAD.size : end]))
            except msgspec.DecodeError as error:
                yield _Piece(end, None, f"cannot be read as an event ({error})", "once")
        elif end and not at_end:
            return
        else:
            found = _next_frame(data, at + 1, at_end)
            end = len(data) if found is None else found
            yield _Piece(end, None, "are damaged (expected a frame with a true checksum)",
                         "dead" if found is None else "twice")
        at = end


def _frame_end(data: bytes, at: int) -> int:
    """Where the frame at ``at`` ends (beyond the data, if it is not all there); 0 if there is no frame here."""
    if len(data) - at < HEAD.size:
        return at + HEAD.size if MAGIC.startswith(data[at : at + 4]) else 0
    magic, length, checksum = HEAD.unpack_from(data, at)
    if magic != MAGIC or not 0 < length <= MAX_FRAME:
        return 0
    end = at + HEAD.size + int(length)
    return end if end > len(data) or crc32(data[at + HEAD.size : end]) == checksum else 0


def _next_frame(data: bytes, at: int, at_end: bool) -> int | None:
    """Where the next good frame begins; one cut by the end of the window may be good, one cut by the file's end not."""
    place = data.find(MAGIC, at)
    while place >= 0:
        end = _frame_end(data, place)
        if end and (end <= len(data) or not at_end):
            return place
        place = data.find(MAGIC, place + 1)
    return None if at_end else max(at, len(data) - len(MAGIC) + 1)
