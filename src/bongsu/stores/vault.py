"""The vault's own database: sealed values, wrapped keys, and what was destroyed. Nothing in it is readable by itself.

It is no part of a backup: a copy of a key that is destroyed later would undo that. What is deleted is overwritten
(``secure_delete``), and the write-ahead log that held it is emptied (``scrub``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

APPLICATION, VERSION = 0x626F7661, 4
_TABLES = """
CREATE TABLE box (id TEXT PRIMARY KEY, public BLOB NOT NULL, wrapped TEXT NOT NULL, created INTEGER NOT NULL,
                  retired INTEGER) WITHOUT ROWID;
CREATE TABLE waiting (id TEXT PRIMARY KEY, box TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE disposal (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, at INTEGER NOT NULL,
                       actor TEXT NOT NULL, reason TEXT NOT NULL, ticket TEXT NOT NULL, certified INTEGER NOT NULL);
CREATE INDEX disposal_scope ON disposal (scope, at);
CREATE TABLE dek (id TEXT PRIMARY KEY, scope TEXT NOT NULL, wrapped TEXT, created INTEGER NOT NULL,
                  until INTEGER NOT NULL, expires INTEGER NOT NULL, shredded_at INTEGER, gone INTEGER,
                  disposal INTEGER REFERENCES disposal (id)) WITHOUT ROWID;
CREATE INDEX dek_scope ON dek (scope, until);
CREATE TABLE sealed (token TEXT NOT NULL, dek TEXT NOT NULL REFERENCES dek (id), value BLOB NOT NULL,
                     PRIMARY KEY (token, dek)) WITHOUT ROWID;
CREATE INDEX sealed_dek ON sealed (dek);
"""
_SECOND = """
ALTER TABLE box ADD COLUMN keeper TEXT NOT NULL DEFAULT '';
ALTER TABLE dek ADD COLUMN keeper TEXT NOT NULL DEFAULT '';
CREATE TABLE rewrap (keeper TEXT PRIMARY KEY, done INTEGER NOT NULL, began INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE generation (n INTEGER NOT NULL);
INSERT INTO generation VALUES (0);
"""
"""What version 2 added: who wrapped a key, and a change of that which is under way."""
_THIRD = """
CREATE TABLE epoch (id TEXT PRIMARY KEY, n INTEGER NOT NULL, wrapped TEXT, expires INTEGER NOT NULL,
                    keeper TEXT NOT NULL) WITHOUT ROWID;
"""
"""What version 3 added: keys of token epochs that are over."""
_FOURTH = "ALTER TABLE disposal ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;\n"
"""What version 4 added: how many values went with the key of an epoch, which is no key of theirs."""
_STEPS = (_TABLES, _SECOND, _THIRD, _FOURTH)
"""What each version adds to the one before."""
_WRAPPED = ("box", "dek", "epoch")
_BODY = "[A-Z2-7]" * 16
"""The end of every token, as SQLite's GLOB has it."""
_STRANGE = "keeper <> ? AND wrapped IS NOT NULL"


class VaultError(Exception):
    """The vault cannot be used as it is; the message says which file, why and what to do."""


class Box(NamedTuple):
    """A day's key pair. ``retired`` is None while gateways are to fill it; ``keeper`` is who wrapped it."""

    id: str
    public: bytes
    wrapped: str
    created: int
    retired: int | None = None
    keeper: str = ""


class DataKey(NamedTuple):
    """What values of one scope are sealed with. It takes new values before ``until`` and ends at ``expires``;
    ``keeper`` is who wrapped it."""

    id: str
    scope: str
    wrapped: str
    created: int
    until: int
    expires: int
    keeper: str = ""


class Kept(NamedTuple):
    """One sealed value, with the key that opens it."""

    dek: str
    scope: str
    wrapped: str
    value: bytes
    keeper: str = ""


class Disposal(NamedTuple):
    """Keys that were destroyed together: what its certificate says. ``values`` is how many went with them."""

    id: int
    scope: str
    at: int
    actor: str
    reason: str
    ticket: str
    keys: tuple[str, ...]
    values: int


class VaultStore:
    """One open vault; any thread may use it, one at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # SQLite gives its log files the same mode
        self.path, self._lock = path, threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("secure_delete=ON", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                           "busy_timeout=10000"):
                self._db.execute(f"PRAGMA {pragma}")
            self._upgrade()
        except BaseException:
            self._db.close()
            raise

    def _upgrade(self) -> None:
        found, version = (self._rows(f"PRAGMA {name}")[0][0] for name in ("application_id", "user_version"))
        if (found == 0 and version == 0) or (found == APPLICATION and version < VERSION):
            with self._writing() as db:
                for statement in filter(str.strip, "".join(_STEPS[version:]).split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")
        elif found != APPLICATION or version != VERSION:
            raise VaultError(f"{self.path.name}: expected a vault of version {VERSION}, came "
                             f"{'one of version ' + str(version) if found == APPLICATION else 'another database'}; "
                             "use the bongsu that made it")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # ---- boxes, and what came in them ----

    def boxes(self) -> list[Box]:
        """Every box that can be opened, the oldest first."""
        return [Box(*row) for row in self._rows("SELECT id, public, wrapped, created, retired, keeper FROM box "
                                                "ORDER BY created, id")]

    def add_box(self, box: Box) -> None:
        """The box to be filled from now on; the one before takes no more."""
        with self._writing() as db:
            db.execute("UPDATE box SET retired = ? WHERE retired IS NULL", (box.created,))
            db.execute("INSERT INTO box VALUES (?, ?, ?, ?, ?, ?)", box)

    def drop_boxes(self, ids: Iterable[str]) -> None:
        """Destroy the keys of boxes: what was in them opens no more, wherever a copy of it is."""
        with self._writing() as db:
            db.executemany("DELETE FROM box WHERE id = ?", [(one,) for one in ids])
        self.scrub()

    def hold(self, rows: Sequence[tuple[str, str, bytes]]) -> None:
        """Keep what came (event id, box id, sealed bytes) until it is settled; the same one twice is kept once."""
        with self._writing() as db:
            db.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?)", rows)

    def waiting(self, limit: int) -> list[tuple[str, str, bytes]]:
        found = self._rows("SELECT id, box, body FROM waiting ORDER BY id LIMIT ?", limit)
        return [(id_, box, body) for id_, box, body in found]

    def settle(self, ids: Iterable[str], values: Sequence[tuple[str, str, bytes]]) -> None:
        """Values (token, key, sealed) in place of what they came in. A value that is there already stays; one whose key
        was destroyed meanwhile is not kept."""
        with self._writing() as db:
            db.executemany("INSERT OR IGNORE INTO sealed SELECT ?1, id, ?3 FROM dek WHERE id = ?2 AND "
                           "wrapped IS NOT NULL", values)
            db.executemany("DELETE FROM waiting WHERE id = ?", [(one,) for one in ids])

    # ---- keys ----

    def key_for(self, scope: str, at: int) -> DataKey | None:
        """The key that a value of this scope and time is sealed with; None where one must be made."""
        found = self._rows("SELECT id, scope, wrapped, created, until, expires, keeper FROM dek WHERE scope = ? AND "
                           "until > ? AND wrapped IS NOT NULL ORDER BY created DESC, id LIMIT 1", scope, at)
        return DataKey(*found[0]) if found else None

    def add_key(self, key: DataKey) -> None:
        with self._writing() as db:
            db.execute("INSERT INTO dek (id, scope, wrapped, created, until, expires, keeper) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?)", key)

    def find(self, token: str) -> list[Kept]:
        """Every sealed value of a token, the newest first."""
        found = self._rows("SELECT dek.id, scope, wrapped, value, keeper FROM sealed JOIN dek ON dek.id = sealed.dek "
                           "WHERE token = ? AND wrapped IS NOT NULL ORDER BY created DESC, dek.id", token)
        return [Kept(*row) for row in found]

    # ---- keys of token epochs ----

    def add_epoch(self, id_: str, n: int, wrapped: str, keeper: str, expires: int) -> None:
        """Keep the key of an epoch that is over; one that is there stays, and one that was destroyed stays so."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO epoch VALUES (?, ?, ?, ?, ?)", (id_, n, wrapped, expires, keeper))

    def epochs(self) -> list[tuple[str, int, str, str, int]]:
        """Those whose keys are there: id, number, wrapped key, who wrapped it, when it ends."""
        found = self._rows("SELECT id, n, wrapped, keeper, expires FROM epoch WHERE wrapped IS NOT NULL ORDER BY n")
        return [(id_, n, wrapped, keeper, expires) for id_, n, wrapped, keeper, expires in found]

    def destroy_epoch(self, n: int, now: int, actor: str, reason: str, ticket: str) -> int:
        """Destroy the key of an epoch, and the values of its tokens, which would lead to others; how many values."""
        mark = f"*[A-Z0-9]_E{n}_{_BODY}" if n > 1 else f"*[A-Z0-9]_{_BODY}"
        but = "" if n > 1 else f" AND NOT (token GLOB '*_E[0-9]*_{_BODY}')"
        with self._writing() as db:
            gone = db.execute(f"DELETE FROM sealed WHERE token GLOB ?{but}", (mark,)).rowcount  # noqa: S608
            db.execute("UPDATE epoch SET wrapped = NULL WHERE n = ?", (n,))
            db.execute("INSERT INTO disposal (scope, at, actor, reason, ticket, certified, gone) "
                       "VALUES (?, ?, ?, ?, ?, 0, ?)", (f"epoch/{n}", now, actor, reason, ticket, gone))
        self.scrub()
        return gone

    # ---- keys wrapped anew ----

    def generation(self) -> int:
        """How often people asked that every key be wrapped anew."""
        return int(self._rows("SELECT n FROM generation")[0][0])

    def next_generation(self) -> None:
        with self._writing() as db:
            db.execute("UPDATE generation SET n = n + 1")

    def strange(self, keeper: str, limit: int) -> list[tuple[str, str, str, str]]:
        """Keys that somebody else wrapped, boxes before data keys: table, id, wrapped, keeper."""
        found = [(table, *row) for table in _WRAPPED for row in self._rows(
            f"SELECT id, wrapped, keeper FROM {table} WHERE {_STRANGE} LIMIT ?", keeper, limit)]  # noqa: S608
        return found[:limit]

    def left(self, keeper: str) -> int:
        """How many keys are not wrapped by this keeper yet."""
        return sum(int(self._rows(f"SELECT count(*) FROM {table} WHERE {_STRANGE}", keeper)[0][0])  # noqa: S608
                   for table in _WRAPPED)

    def rewrapped(self, keeper: str, rows: Sequence[tuple[str, str, str]], now: int) -> None:
        """Keys (table, id, wrapped) as this keeper wrapped them. One that was destroyed meanwhile stays so."""
        if not rows:
            return
        with self._writing() as db:
            for table, id_, wrapped in rows:
                db.execute(f"UPDATE {table} SET wrapped = ?, keeper = ? WHERE id = ? AND "  # noqa: S608
                           "wrapped IS NOT NULL", (wrapped, keeper, id_))
            db.execute("INSERT INTO rewrap VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET done = done + excluded.done",
                       (keeper, len(rows), now))

    def rewraps(self) -> list[tuple[str, int, int]]:
        """Changes that nobody was told the end of: keeper, keys done, when it began (microseconds)."""
        found = self._rows("SELECT keeper, done, began FROM rewrap ORDER BY began")
        return [(keeper, done, began) for keeper, done, began in found]

    def told(self, keeper: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM rewrap WHERE keeper = ?", (keeper,))
        self.scrub()

    # ---- the end of keys ----

    def shred(self, scope: str, now: int, actor: str, reason: str, ticket: str) -> None:
        """Destroy every key of a scope and what is sealed with it. That it was asked for is kept even if none was."""
        with self._writing() as db:
            _destroy(db, "scope = ?", scope, (scope, now, actor, reason, ticket))
        self.scrub()

    def expire(self, now: int, actor: str, reason: str) -> int:
        """Destroy the keys whose time is over; how many."""
        with self._writing() as db:
            gone = _destroy(db, "expires <= ?", now, ("", now, actor, reason, "")) if self._due(now) else 0
        if gone:
            self.scrub()
        return gone

    def _due(self, now: int) -> bool:
        return bool(self._rows("SELECT 1 FROM dek WHERE wrapped IS NOT NULL AND expires <= ? LIMIT 1", now))

    def shredded(self, scope: str) -> int:
        """When a person last had this scope destroyed (microseconds); 0 for never."""
        return int(self._rows("SELECT coalesce(max(at), 0) FROM disposal WHERE scope = ?", scope)[0][0])

    def last_shred(self) -> int:
        """When a person last had keys destroyed (microseconds); 0 for never."""
        return int(self._rows("SELECT coalesce(max(at), 0) FROM disposal WHERE scope <> ''")[0][0])

    def disposals(self) -> list[Disposal]:
        """Those that have no certificate yet."""
        found = self._rows("SELECT id, scope, at, actor, reason, ticket, gone FROM disposal WHERE NOT certified "
                           "ORDER BY id")
        out = []
        for id_, scope, at, actor, reason, ticket, others in found:
            keys = self._rows("SELECT id, gone FROM dek WHERE disposal = ? ORDER BY id", id_)
            out.append(Disposal(id_, scope, at, actor, reason, ticket, tuple(key for key, _ in keys),
                                others + sum(gone for _, gone in keys)))
        return out

    def certify(self, id_: int) -> None:
        with self._writing() as db:
            db.execute("UPDATE disposal SET certified = 1 WHERE id = ?", (id_,))

    def scrub(self) -> None:
        """Empty the write-ahead log, which still holds pages as they were."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def counts(self) -> Mapping[str, int]:
        names = {"values": "sealed", "waiting": "waiting", "keys": "dek WHERE wrapped IS NOT NULL",
                 "shredded": "dek WHERE wrapped IS NULL", "boxes": "box"}
        return {name: int(self._rows(f"SELECT count(*) FROM {what}")[0][0])  # noqa: S608
                for name, what in names.items()}


def _destroy(db: sqlite3.Connection, where: str, value: object, disposal: tuple[str, int, str, str, str]) -> int:
    """Within a transaction: overwrite wrapped keys, delete what they sealed, note that it was done. How many keys."""
    made = db.execute("INSERT INTO disposal (scope, at, actor, reason, ticket, certified) VALUES (?, ?, ?, ?, ?, 0)",
                      disposal).lastrowid
    keys = [row[0] for row in db.execute(f"SELECT id FROM dek WHERE wrapped IS NOT NULL AND {where}",  # noqa: S608
                                         (value,))]
    for key in keys:
        gone = db.execute("DELETE FROM sealed WHERE dek = ?", (key,)).rowcount
        db.execute("UPDATE dek SET wrapped = NULL, shredded_at = ?, gone = ?, disposal = ? WHERE id = ?",
                   (disposal[1], gone, made, key))
    return len(keys)
