"""The event log: batches of events in SQLite, read by position; every event once, whatever came twice.

One transaction takes a batch: ids seen before are dropped, the rest becomes one Arrow IPC blob, and the marks of the
spools it came from move with it. So a crash at any moment leaves either all of it or none, and reading the spools
again changes nothing. Commits are ``synchronous=FULL``: what ``append`` returned survives a power cut.

Labels are indexed by the event they are about (``stores/labels.py``) in the same transaction. Where labels may come
weeks later, what they are about stays longer than the rest: without its texts, and not to be read as a batch.

Ids are remembered as long as their batch is kept (``stores/seen.py``), and those of what was sent as long as their
times are believed (``stores/ids.py``); what came from a spool comes once, for its mark moved with it. Ids that grow
with time (UUIDv7, ULID) cost next to nothing; random ones are right too but cost more as the log grows.

What was just stored is handed to its first reader as it is (``stores/handed.py``), ``most_handed`` bytes of it.

A log belongs to the thread that opened it; open the path again for another reader.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bongsu.event import Event
from bongsu.label import APART
from bongsu.stores import arrow, formats, ids, labels, related, repeats, seen, spans
from bongsu.stores.faults import NO_ROOM, DiskFull, LogError, unusable
from bongsu.stores.handed import MOST_BYTES, Handed
from bongsu.stores.repeats import Distinct

APPLICATION = 0x626F6E67
_WHOLE = "SELECT data FROM batch WHERE position = ?"
_TEXTS = ("prompt", "reply", "verdicts")
"""Columns that go when a batch is kept for its labels alone."""
PAGE = 16 << 10
"""Bytes: a batch is some hundred thousand, and larger pages are fewer."""
AT_ONCE = 16
"""Batches that are forgotten in one transaction."""


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

    def __init__(self, path: Path, most_handed: int = MOST_BYTES) -> None:
        self.path = path
        self._distinct: tuple[Distinct, ...] = ()
        self._handed = Handed(most_handed)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        except sqlite3.DatabaseError as error:
            raise unusable(path, error) from error
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise unusable(path, error) from error
        except LogError:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, events: Sequence[Event], marks: Mapping[str, int] | None = None, now: int = 0) -> Appended:
        """Take what is new and move the marks, both or neither, durably. ``now`` is since when labels are known.

        An event that no column can hold is refused by name rather than stopping all the others behind it.
        """
        table, refused = _storable(events)
        return replace(self.append_table(table, marks, now), refused=refused)

    def append_table(self, table: pa.Table, marks: Mapping[str, int] | None = None, now: int = 0) -> Appended:
        """The same for events that are columns already, as ``arrow.table`` makes them."""
        came = table.num_rows
        with self._transaction(f"{came} events"):
            position = self._next_position()
            table = repeats.marked(self._db, seen.fresh(self._db, table, position), self._distinct)
            if table.num_rows:
                self._store("batch", position, table, marks is None)
                related.note(self._db, table["call"], position)
                labels.note(self._db, table, position, now)
            self._db.executemany("INSERT INTO mark VALUES (?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                                 (marks or {}).items())
        if table.num_rows:
            self._handed.put(position, arrow.slim(table))
        return Appended(position if table.num_rows else None, table.num_rows, came - table.num_rows)

    def watch(self, distinct: Sequence[Distinct], now: int) -> None:
        """Look for events that repeat others, from now on."""
        self._distinct = tuple(distinct)
        with self._transaction("repeats"):
            repeats.forget(self._db, self._distinct, now)

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
            row = self._db.execute("SELECT position FROM batch WHERE position > ? ORDER BY position LIMIT 1",
                                   (after,)).fetchone()
            if row is None:
                return
            after, limit = row[0], None if limit is None else limit - 1
            if (table := self._handed.take(after)) is not None:
                yield after, arrow.conform(table, columns)
            elif (row := self._db.execute(_WHOLE, (after,)).fetchone()) is not None:  # not what is kept of it
                yield after, self._unpack(after, row[0], columns)

    def positions(self, upto: int) -> list[int]:
        """Of every batch that is kept whole, to position ``upto``, in order."""
        return [n for (n,) in self._db.execute("SELECT position FROM batch WHERE position <= ? ORDER BY 1", (upto,))]

    def find(self, event_id: str) -> Event | None:
        """The event with this id, if it is still kept."""
        place = seen.places(self._db, pa.array([event_id]))[0].as_py()
        data = None if place is None else self._data(place)
        return None if place is None or data is None else next(iter(self._pick(place, data, "id", event_id)), None)

    def rows(self, position: int, ids: pa.Array, columns: Sequence[str] = arrow.NAMES) -> pa.Table:
        """Those events of one batch, of kinds that can have a label; also of a batch kept for its labels."""
        data = self._data(position)
        if data is None:
            return arrow.conform(arrow.table([]), columns)
        table = self._unpack(position, data, columns)
        return table.filter(pc.and_(pc.is_in(table["id"], ids), _labelable(table)))

    def kept(self, upto: int, columns: Sequence[str] = arrow.NAMES) -> Iterator[tuple[int, pa.Table]]:
        """Everything that may have a label still, oldest first, to position ``upto``: batches, and what is kept of
        those that are gone."""
        places = self._db.execute("SELECT position FROM kept WHERE position <= ? UNION "
                                  "SELECT position FROM batch WHERE position <= ? ORDER BY 1", (upto, upto)).fetchall()
        for (position,) in places:
            if (data := self._data(position)) is not None:
                yield position, self._unpack(position, data, columns)

    def labels_between(self, after: int, upto: int) -> pa.Table:
        """Every label, come up to position ``upto``, of the events that are new since ``after`` or whose labels are.

        The columns are ``labels.HISTORY``.
        """
        return labels.touched(self._db, after, upto)

    def labels_since(self, moment: int, upto: int) -> pa.Table:
        """The same for events that got a label after a time."""
        return labels.known_since(self._db, moment, upto)

    def labels_of(self, event_id: str) -> list[labels.Known]:
        """The labels an event was ever given, oldest first."""
        return labels.of(self._db, event_id)

    def orphans(self) -> int:
        """How many labels wait for an event that has not come."""
        return labels.orphans(self._db)

    def related(self, call: str) -> list[Event]:
        """The events that name this call (its kept content, a label that came later), oldest position first."""
        rows = self._db.execute("SELECT position, data FROM batch WHERE position IN (SELECT value FROM json_each(?)) "
                                "ORDER BY position", (json.dumps(related.positions(self._db, pa.array([call]))),))
        return [event for position, data in rows for event in self._pick(position, data, "call", call)]

    def drop_before(self, time: int, labelled: int | None = None, believed: int | None = None) -> int:
        """Retention: forget batches whose newest event is older than ``time``; how many events.

        With ``labelled`` (older than ``time``), what may still get a label is kept, without texts, until it is older
        than that; a label that waits for its event is forgotten then too. The ids of what was sent, and so may be sent
        again, are remembered as long as times since ``believed`` are taken.
        """
        dropped = 0
        for name, before in (("batch", time), ("kept", time if labelled is None else labelled)):
            while rows := self._db.execute(f"SELECT position, last, sent FROM {name} WHERE last < ? "  # noqa: S608
                                           "ORDER BY position LIMIT ?", (before, AT_ONCE)).fetchall():
                with self._transaction("retention"):
                    gone = pa.concat_tables([self._drop(
                        position, name, name == "batch" and labelled is not None and last >= labelled, sent)
                        for position, last, sent in rows])
                    self._forget(gone, rows[-1][0], believed)
                dropped += gone.num_rows
        with self._transaction("retention"):
            orphans = labels.forget_orphans(self._db, time if labelled is None else labelled)
            days = 0 if believed is None else ids.forget(self._db, believed)
        if dropped or orphans or days:
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return dropped

    def _drop(self, position: int, name: str, slim: bool, sent: int) -> pa.Table:
        """Forget one batch, or all of it but what may get a label if ``slim``: what is gone."""
        table = self._unpack(position, self._data(position) or b"")
        stays = _labelable(table) if slim else pa.nulls(table.num_rows, pa.bool_()).fill_null(False)
        kept, gone = table.filter(stays), table.filter(pc.invert(stays)).select(["id", "time"])
        self._db.execute(f"DELETE FROM {name} WHERE position = ?", (position,))  # noqa: S608
        # Labels stay as long as what they are about, and so does what is said here of where they are.
        calls = pc.unique(table["call"]).drop_null()
        calls = calls.filter(pc.invert(pc.is_in(calls, labels.calls(self._db, position))))
        related.forget(self._db, calls, position)
        if kept.num_rows:
            self._store("kept", position, kept.drop_columns([c for c in _TEXTS if c in kept.column_names]), sent)
        spans.forget(self._db, position)
        return gone.append_column("sent", pa.repeat(pa.scalar(bool(sent)), gone.num_rows))

    def _forget(self, gone: pa.Table, position: int, believed: int | None) -> None:
        """Forget ids and labels of events that are gone. ``position`` is that of the newest of their batches."""
        labels.forget(self._db, gone["id"])
        seen.forget(self._db, gone["id"])
        if believed is not None:
            ids.remember(self._db, gone.filter(gone["sent"]), position, believed)

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
        if version > formats.VERSION:
            raise LogError(f"event log {self.path}: expected format {formats.VERSION} or older, came {version}; "
                           "it was written by a newer bongsu, use that one")
        if not tables:
            db.execute(f"PRAGMA page_size = {PAGE}")
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -65536")
        with self._transaction("new tables"):
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == formats.VERSION:
                return
            formats.upgrade(db, version, self.read)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {formats.VERSION}")

    def _data(self, position: int) -> bytes | None:
        """The blob of a batch, or what is kept of it."""
        row = self._db.execute("SELECT data FROM batch WHERE position = ? UNION ALL "
                               "SELECT data FROM kept WHERE position = ?", (position, position)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _transaction(self, what: str) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in NO_ROOM:
                raise DiskFull(f"event log {self.path}: {what} not taken, nothing was changed: {error}; "
                               "free space on its disk or keep events for less time") from error
            raise

    def _next_position(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        return 1 + (int(row[0]) if row else 0)

    def _store(self, name: str, position: int, table: pa.Table, sent: int) -> None:
        times = pc.min_max(table["time"]).as_py()
        self._db.execute(f"INSERT INTO {name} (position, n, first, last, sent, data) "  # noqa: S608
                         "VALUES (?, ?, ?, ?, ?, ?)",
                         (position, table.num_rows, times["min"], times["max"], sent, arrow.pack(table)))

    def _unpack(self, position: int, data: bytes, columns: Sequence[str] = arrow.NAMES) -> pa.Table:
        try:
            return arrow.unpack(data, columns)
        except (pa.ArrowException, OSError) as error:
            raise LogError(f"event log {self.path}: batch {position} cannot be read ({error}); "
                           "restore it from a backup") from error

    def _pick(self, position: int, data: bytes, column: str, value: str) -> list[Event]:
        table = self._unpack(position, data)
        return arrow.events(table.filter(pc.equal(table[column], value)))


def _labelable(table: pa.Table) -> pa.Array:
    return pc.invert(pc.is_in(table["kind"], pa.array(APART)))


def _storable(events: Sequence[Event]) -> tuple[pa.Table, tuple[str, ...]]:
    """The events that fit, as a table, and why the others do not."""
    try:
        return arrow.table(events), ()
    except arrow.Unstorable:
        good, refused = [], []
        for event in events:
            try:
                arrow.table([event])
                good.append(event)
            except arrow.Unstorable as error:
                refused.append(str(error))
        return arrow.table(good), tuple(refused)
