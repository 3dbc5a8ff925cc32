"""Everything control remembers, in one SQL database: ``State(url)``.

    cells       counts and how far they came
    trail       audit records, checkpoints, notes, the kill switch
    incidents   the engine's memory, alert moves, incidents, gate verdicts
    gates       denials that stay, overrides, markers of deployments
    steps       durable steps, outcomes, live changes
    allowed     the allow-list: live changes that a person owns
    asked       silences and acknowledgements
    postmortems those that are due, and those that are written
    keyring     virtual keys
    restricted  restrictions of users and keys
    versions    which version of a route is live, and which were
    references  what windows are compared with: bins and counts, by version
    spending    what subjects of budgets spent
    attacks     what is remembered of attacks, as keyed hashes
    reviews     what people must look at, what they said, and who they are

Every method is one transaction and may be called from any thread. What a method wrote is fsynced when it returns.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

from sqlalchemy import make_url

from bongsu.stores.allowed import AllowStore
from bongsu.stores.asked import AskedStore
from bongsu.stores.database import StateError, Store, fsync
from bongsu.stores.epochs import EpochStore
from bongsu.stores.postmortems import PostmortemStore
from bongsu.stores.references import ReferenceStore
from bongsu.stores.restricted import RestrictionStore
from bongsu.stores.retention import MOST_RUNS, forget_moves, forget_notes, forget_runs, forget_verdicts
from bongsu.stores.spending import SpendingStore
from bongsu.stores.steps import StepStore
from bongsu.stores.versions import VersionStore

FILE = "state.db"


class State(StepStore, SpendingStore, AllowStore, AskedStore, EpochStore, VersionStore, ReferenceStore,
            PostmortemStore, RestrictionStore):
    """One open state database. ``close(now)`` signs what was not signed yet."""

    def forget(self, now: int, keep: int) -> dict[str, int]:
        """Retention: what was over, or was written down, ``keep`` microseconds ago, but what is still needed.

        Returns how many of each are gone.
        """
        before = now - keep
        with self.writing() as transaction:
            connection = transaction.connection
            gone = {"verdicts": forget_verdicts(connection, before), "notes": forget_notes(connection, now, before),
                    "runs": 0, "moves": forget_moves(connection, before)}
        some = MOST_RUNS
        while some == MOST_RUNS:
            with self.writing() as transaction:
                some = forget_runs(transaction.connection, before)
            gone["runs"] += some
        return gone

    def backup(self, folder: Path) -> Path:
        """A consistent copy while others write; the file appears in ``folder`` whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        target, partial = folder / FILE, folder / f"{FILE}.part"
        if target.exists():
            raise StateError(f"backup: expected a folder without {FILE}, came {folder}; "
                             "give each backup a folder of its own")
        partial.unlink(missing_ok=True)
        with self._engine.connect() as connection:
            source = cast(Any, connection.connection.driver_connection)
            _copy(source, partial)
        partial.replace(target)
        fsync(folder)
        return target

    def close(self, now: int | None = None) -> None:
        """Let go of the database; with ``now`` and a key, sign the end of the audit log first."""
        try:
            if now is not None and self._key is not None:
                self.checkpoint(now, force=True)
        finally:
            self.dispose()


def restore(folder: Path, url: str) -> None:
    """Put a backup where there is no state yet; checked before it takes its place."""
    source, target = folder / FILE, Path(make_url(url).database or "")
    if not source.is_file():
        raise StateError(f"restore: expected a backup with {FILE}, came {folder}")
    if target.exists():
        raise StateError(f"restore: expected no state at {target.name}, came one; move it away first")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    partial.unlink(missing_ok=True)
    connection = sqlite3.connect(source)
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise StateError(f"restore: expected a sound database, came: {found}")
        _copy(connection, partial)
    except sqlite3.DatabaseError as error:
        raise StateError(f"restore: expected a SQLite database, came {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    Store(f"sqlite:///{partial}").dispose()
    partial.replace(target)
    fsync(target.parent)


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """SQLite's own backup, then one file on disk: no write-ahead log beside it."""
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
    target.chmod(0o600)
    fsync(target)
