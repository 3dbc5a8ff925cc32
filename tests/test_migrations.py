"""Migrations: any released database is brought to this version, and a newer one is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bongsu.stores import schema
from bongsu.stores.database import StateError, Store


def test_an_empty_database_becomes_exactly_the_tables_the_code_knows(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/state.db")
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == store.revision != ""
    store.dispose()


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        Store(f"sqlite:///{tmp_path}/state.db").dispose()
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_a_database_newer_than_the_code_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/state.db").dispose()
    raw = sqlite3.connect(tmp_path / "state.db")
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    with pytest.raises(StateError, match="came 9999, which this version of bongsu does not know"):
        Store(f"sqlite:///{tmp_path}/state.db")
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    raw.close()


def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    """WAL with synchronous=FULL (2), foreign keys on: in every connection."""
    store = Store(f"sqlite:///{tmp_path}/state.db")
    with store.reading() as connection, store.writing() as transaction:
        for ask in (connection.exec_driver_sql, transaction.connection.exec_driver_sql):
            found = [ask(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous", "foreign_keys")]
            assert found == ["wal", 2, 1]
    store.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_state_in_memory_is_refused(url: str) -> None:
    with pytest.raises(StateError, match="state: expected a file"):
        Store(url)
