"""The event log: batches of events in SQLite, read by position; every event once, whatever came twice.

One transaction takes a batch: ids seen before are dropped, the rest becomes one Arrow IPC blob, and the marks of the
spools it came from move with it. So a crash at any moment leaves either all of it or none, and reading the spools
again changes nothing. Commits are ``synchronous=FULL``: what ``append`` returned survives a power cut.

Ids are remembered as long as their batch is kept. Ids that grow with time (UUIDv7, ULID) keep the index in the cache;
random ones are right too but cost more as the log grows.

A log belongs to the thread that opened it; open the path again for another reader.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import Event
from bongsu.stores import arrow

APPLICATION = 0x626F6E67
VERSION = 1
_TABLES = """
CREATE TABLE batch (position INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL,
                    first INTEGER NOT NULL, last INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE seen (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE related (call TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (call, position)) WITHOUT ROWID;
CREATE TABLE mark (spool TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
"""


class LogError(Exception):
    """The event log cannot be used; the message says which, why and what to do."""


class DiskFull(LogError):
    """Nothing was taken and nothing was changed: append again when there is room."""


@dataclass(frozen=True)
class Appended:
    """What became of a batch. ``position`` is None if no event of it was new; ``refused`` says why, event by event."""

    position: int | None
    n: int
    duplicates: int
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Size:
    """What the log holds, and how much of the disk it takes."""

    batches: int
    events: int
    bytes: int


class EventLog:
    """An append-only sequence of batches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise LogError(f"event log {path}: expected an event log, came a file SQLite cannot use ({error}); "
                           "restore it from a backup") from error
        except LogError:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, events: Sequence[Event], marks: Mapping[str, int] | None = None) -> Appended:
        """Take what is new and move the marks, both or neither, durably.

        An event that no column can hold is refused by name rather than stopping all the others behind it.
        """
        table, events, refused = _storable(events)
        with self._transaction(f"{len(events)} events"):
            position = self._next_position()
            fresh = self._remember(events, position)
            if len(fresh) < len(events):
                table = table.take(pa.array(fresh, pa.int64()))
            if fresh:
                self._insert(position, table)
            self._db.executemany("INSERT INTO mark VALUES (?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                                 (marks or {}).items())
        return Appended(position if fresh else None, len(fresh), len(events) - len(fresh), refused)

    def marks(self) -> dict[str, int]:
        """How far each spool segment has been taken."""
        return dict(self._db.execute("SELECT spool, offset FROM mark"))

    def forget_marks(self, spools: Sequence[str]) -> None:
        """Drop the marks of segments that no longer exist; their names are never used again."""
        with self._transaction("marks"):
            self._db.executemany("DELETE FROM mark WHERE spool = ?", [(name,) for name in spools])

    def last_position(self) -> int:
        """Position of the newest batch ever taken; 0 for none."""
        return self._next_position() - 1

    def read(self, after: int = 0, limit: int | None = None,
             columns: Sequence[str] = arrow.NAMES) -> Iterator[tuple[int, pa.Table]]:
        """Batches in order of position, from the one after ``after``; at most ``limit`` of them.

        One is in memory at a time, and no transaction stays open in between. Naming the ``columns`` spares the work
        for the others.
        """
        while limit is None or limit > 0:
            row = self._db.execute("SELECT position, data FROM batch WHERE position > ? ORDER BY position LIMIT 1",
                                   (after,)).fetchone()
            if row is None:
                return
            after, limit = row[0], None if limit is None else limit - 1
            yield after, self._unpack(after, row[1], columns)

    def find(self, event_id: str) -> Event | None:
        """The event with this id, if it is still kept."""
        row = self._db.execute("SELECT position, data FROM seen JOIN batch USING (position) WHERE id = ?",
                               (event_id,)).fetchone()
        return self._pick(row[0], row[1], "id", event_id)[0] if row else None

    def related(self, call: str) -> list[Event]:
        """The events that name this call (its kept content, a label that came later), oldest position first."""
        rows = self._db.execute("SELECT position, data FROM related JOIN batch USING (position) WHERE call = ? "
                                "ORDER BY position", (call,))
        return [event for position, data in rows for event in self._pick(position, data, "call", call)]

    def drop_before(self, time: int) -> int:
        """Retention: forget batches whose newest event is older than ``time``, with their ids; how many events."""
        dropped = 0
        while True:
            row = self._db.execute("SELECT position, n, data FROM batch WHERE last < ? ORDER BY position LIMIT 1",
                                   (time,)).fetchone()
            if row is None:
                break
            ids, calls = (c.to_pylist() for c in self._unpack(row[0], row[2], ("id", "call")).columns)
            with self._transaction("retention"):
                self._db.executemany("DELETE FROM seen WHERE id = ?", ((i,) for i in ids))
                self._db.executemany("DELETE FROM related WHERE call = ? AND position = ?",
                                     ((c, row[0]) for c in {c for c in calls if c}))
                self._db.execute("DELETE FROM batch WHERE position = ?", (row[0],))
            dropped += row[1]
        if dropped:
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return dropped

    def size(self) -> Size:
        batches, events = self._db.execute("SELECT count(*), coalesce(sum(n), 0) FROM batch").fetchone()
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return Size(batches, events, sum(f.stat().st_size for f in files if f.exists()))

    def backup(self, path: Path) -> None:
        """A whole copy at one moment, while the log is in use. Never over an existing file."""
        if path.exists():
            raise LogError(f"backup {path}: expected a path that does not exist yet; choose another name")
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        copy = sqlite3.connect(part)
        try:
            self._db.backup(copy)
        finally:
            copy.close()
        part.rename(path)

    def _prepare(self) -> None:
        db = self._db
        version, application = (db.execute(f"PRAGMA {p}").fetchone()[0] for p in ("user_version", "application_id"))
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != APPLICATION:
            raise LogError(f"event log {self.path}: expected an event log, came another SQLite database; "
                           "name a path of its own")
        if version > VERSION:
            raise LogError(f"event log {self.path}: expected format {VERSION} or older, came {version}; "
                           "it was written by a newer bongsu, use that one")
        if not tables:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -65536")
        with self._transaction("new tables"):
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in filter(str.strip, _TABLES.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _transaction(self, what: str) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _NO_ROOM:
                raise DiskFull(f"event log {self.path}: {what} not taken, nothing was changed: {error}; "
                               "free space on its disk or keep events for less time") from error
            raise

    def _next_position(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        return 1 + (int(row[0]) if row else 0)

    def _remember(self, events: Sequence[Event], position: int) -> Sequence[int]:
        """Note the ids; the places of those that were new."""
        insert = "INSERT OR IGNORE INTO seen VALUES (?, ?)"
        self._db.execute("SAVEPOINT ids")
        # In order of id: neighbours share a page of the index.
        added = self._db.executemany(insert, sorted((e.id, position) for e in events)).rowcount
        if added == len(events) or not events:
            self._db.execute("RELEASE ids")
            return range(len(events))
        # Some came before. Do it again one by one to learn which; this is rare and costs only itself.
        self._db.execute("ROLLBACK TO ids")
        self._db.execute("RELEASE ids")
        return [i for i, e in enumerate(events) if self._db.execute(insert, (e.id, position)).rowcount]

    def _insert(self, position: int, table: pa.Table) -> None:
        times = pc.min_max(table["time"]).as_py()
        self._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?)",
                         (position, table.num_rows, times["min"], times["max"], arrow.pack(table)))
        calls = pc.unique(table["call"]).drop_null().to_pylist()
        self._db.executemany("INSERT INTO related VALUES (?, ?)", ((call, position) for call in calls))

    def _unpack(self, position: int, data: bytes, columns: Sequence[str] = arrow.NAMES) -> pa.Table:
        try:
            return arrow.unpack(data, columns)
        except (pa.ArrowException, OSError) as error:
            raise LogError(f"event log {self.path}: batch {position} cannot be read ({error}); "
                           "restore it from a backup") from error

    def _pick(self, position: int, data: bytes, column: str, value: str) -> list[Event]:
        table = self._unpack(position, data)
        return arrow.events(table.filter(pc.equal(table[column], value)))


_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _storable(events: Sequence[Event]) -> tuple[pa.Table, Sequence[Event], tuple[str, ...]]:
    """The events as a table, those that fit, and why the others do not."""
    try:
        return arrow.table(events), events, ()
    except arrow.Unstorable:
        good, refused = [], []
        for event in events:
            try:
                arrow.table([event])
                good.append(event)
            except arrow.Unstorable as error:
                refused.append(str(error))
        return arrow.table(good), good, tuple(refused)
