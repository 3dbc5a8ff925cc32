"""One SQL database: opened, brought up to date, written by one transaction at a time.

SQLite in WAL mode with ``synchronous=FULL``: a committed transaction survives a power cut. Writers take turns behind
one lock; readers see the last committed state and wait for nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, desc, event, make_url, select
from sqlalchemy.dialects import postgresql, sqlite

from bongsu.audit import Record, canonical, leaf_hash
from bongsu.privacy.personal import recorded
from bongsu.stores import schema

BUSY_MS = 10_000


class StateError(Exception):
    """The state database cannot be used as it is; the text says what to do."""


Opening = Literal["upgrade", "same", "look"]
"""``upgrade`` brings a database to this code's version; ``same`` refuses another version, since a running process of
that version may own it; ``look`` also writes nothing."""


def connect(url: str, opening: Opening = "upgrade") -> Engine:
    """An engine whose SQLite connections are durable and begin explicitly."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise StateError(f"state: expected a file such as sqlite:////var/lib/bongsu/state.db, came {url!r}; "
                         "state that dies with the process would lose incidents and the audit log")
    if address.get_backend_name() == "sqlite" and opening == "upgrade":
        Path(str(address.database)).touch(mode=0o600)  # SQLite gives its log files the same mode
    engine = create_engine(address)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _looking if opening == "look" else _settings)
        event.listen(engine, "begin", _begin)
    return engine


def _settings(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin late and never for reads
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _looking(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("query_only=ON", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once where another wrote in between; so writers say so.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# ---- versions ----


def upgrade(engine: Engine) -> str:
    """Bring the database to this code's version; refuse one that is newer. Returns the revision it now has."""
    with as_file(files("bongsu.stores") / "migrations") as folder:
        script = ScriptDirectory(str(folder))
        head = script.get_current_head() or ""
        with engine.execution_options(writes=True).begin() as connection:
            known = {revision.revision for revision in script.walk_revisions()}
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise StateError(f"state database: expected a revision up to {head}, came {current}, which this "
                                 "version of bongsu does not know; start the newer version again, or restore a "
                                 "backup made before the upgrade")
            if current != head:
                _migrate(script, connection)
    return head


def expect(engine: Engine) -> str:
    """Refuse a database of another version, and leave it as it is. Returns its revision."""
    with as_file(files("bongsu.stores") / "migrations") as folder:
        head = ScriptDirectory(str(folder)).get_current_head() or ""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head:
        raise StateError(f"state database: expected revision {head}, which this version of bongsu has, came "
                         f"{current or 'none'}; use the bongsu that runs on it, or start this one's `bongsu up` on it "
                         "first, which upgrades it")
    return head


def _migrate(script: ScriptDirectory, connection: Connection) -> None:
    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=schema.metadata)
        environment.run_migrations()


# ---- writing ----


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], add: str = "",
           keep: bool = False) -> None:
    """Insert rows; where the key is there, replace the rest of the row, add to one column, or ``keep`` it as it is."""
    if not rows:
        return
    if add:
        connection.execute(adding(table, add, connection.dialect), list(rows))
        return
    insert, keys = _insert(table, connection.dialect), list(table.primary_key.columns)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    whole = (insert.on_conflict_do_nothing(index_elements=keys) if keep
             else insert.on_conflict_do_update(index_elements=keys, set_=rest))
    connection.execute(whole, list(rows))


def adding(table: Table, column: str, dialect: Dialect) -> Any:
    """The statement that inserts a row, or adds one column of it to the row whose key is there."""
    insert = _insert(table, dialect)
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns),
                                        set_={column: table.c[column] + insert.excluded[column]})


def _insert(table: Table, dialect: Dialect) -> Any:
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect.name](table)


class Transaction:
    """One write: everything in it, audit records included, becomes durable together or not at all."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._leaves: list[dict[str, Any]] = []
        self._seq, self._prev = -1, ""

    def execute(self, statement: Any, rows: Any = None) -> Any:
        return self.connection.execute(statement, rows)

    def audit(self, actor: str, action: str, target: str, reason: str, detail: Mapping[str, Any], now: int,
              policy: str = "") -> int:
        """Add a record to the audit log; returns its place. Personal data that people wrote into it is not recorded."""
        if self._seq < 0:
            last = self.execute(select(schema.audit.c.seq, schema.audit.c.leaf).order_by(desc("seq")).limit(1)).first()
            self._seq, self._prev = (last.seq + 1, last.leaf.hex()) if last else (0, "")
        actor, target, reason, detail = map(recorded, (actor, target, reason, detail))
        body = canonical(Record(self._seq, now, actor, action, target, reason, detail, policy, self._prev))
        leaf = leaf_hash(body)
        self._leaves.append({"seq": self._seq, "body": body, "leaf": leaf})
        self._seq, self._prev = self._seq + 1, leaf.hex()
        return self._seq - 1

    def flush(self) -> None:
        if self._leaves:
            self.execute(schema.audit.insert(), self._leaves)


class Store:
    """A database that is up to date. The families of tables are built on it."""

    def __init__(self, url: str, opening: Opening = "upgrade") -> None:
        self._engine = connect(url, opening)
        self._lock = threading.Lock()
        try:
            self.revision = upgrade(self._engine) if opening == "upgrade" else expect(self._engine)
        except BaseException:
            self._engine.dispose()
            raise
        self._writer = self._engine.execution_options(writes=True)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """One transaction, fsynced when the block ends; nothing of it remains if the block raises."""
        with self._lock, self._writer.begin() as connection:
            transaction = Transaction(connection)
            yield transaction
            transaction.flush()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view of what is committed."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
