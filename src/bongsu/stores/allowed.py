"""The allow-list in the database: rows of live changes that a person owns, each on the record before it has force."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from bongsu.allow import PREFIX, Entry, entries
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore

OWNER = "person/"


class AllowStore(TrailStore):
    """Rows of ``change`` whose owner is a person's entry. Record and row are one transaction."""

    def allow(self, entry: Entry, now: int, policy: str = "") -> None:
        """Let the entry have force from now on, in place of one for the same text."""
        with self.writing() as transaction:
            put_allowed(transaction, entry, now, policy)

    def disallow(self, id_: str, actor: str, reason: str, now: int, policy: str = "") -> bool:
        """Take an entry back before its time; False where there is none."""
        with self.writing() as transaction:
            found = [one for one in _kept(transaction.connection) if one.id == id_]
            for entry in found:
                transaction.audit(actor, "allow.remove", entry.key, reason, _detail(entry), now, policy)
            _drop(transaction, found)
        return bool(found)

    def expire_allowed(self, now: int, policy: str = "") -> int:
        """Remove entries whose time is over; how many that were."""
        if all(entry.until > now for entry in self.allowed()):
            return 0
        with self.writing() as transaction:
            over = [entry for entry in _kept(transaction.connection) if entry.until <= now]
            for entry in over:
                transaction.audit("bongsu", "allow.expire", entry.key, "its time is over", _detail(entry), now, policy)
            _drop(transaction, over)
        return len(over)

    def allowed(self) -> list[Entry]:
        """Every entry that was neither removed nor expired, the next to end first."""
        with self.reading() as connection:
            return sorted(_kept(connection), key=lambda entry: (entry.until, entry.key))


def put_allowed(transaction: Transaction, entry: Entry, now: int, policy: str) -> None:
    """The entry and its record, within a transaction."""
    before = [one.until for one in _kept(transaction.connection) if one.id == entry.id]
    detail = _detail(entry) | ({"until_before": before[0]} if before else {})
    transaction.audit(entry.by, "allow.add", entry.key, entry.reason, detail, now, policy)
    _drop(transaction, (entry,))
    transaction.execute(schema.change.insert(),
                        {"key": entry.key, "value": dump(entry.value()), "owner": OWNER + entry.id})


def _kept(connection: Connection) -> list[Entry]:
    table = schema.change
    rows = connection.execute(select(table.c.key, table.c.value).where(table.c.key.startswith(PREFIX)))
    return list(entries({key: load(value) for key, value in rows}))


def _drop(transaction: Transaction, some: Iterable[Entry]) -> None:
    for entry in some:
        transaction.execute(schema.change.delete().where(schema.change.c.owner == OWNER + entry.id))


def _detail(entry: Entry) -> dict[str, Any]:
    return {"guard": entry.guard, "until": entry.until, "by": entry.by}
