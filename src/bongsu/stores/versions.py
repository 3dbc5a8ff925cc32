"""What is remembered of each route's versions, and the live changes that follow from it: one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore, read_note, write_note
from bongsu.versions import LIVE, PREVIOUS, Record, previous

NOTE = "versions/"


class VersionStore(TrailStore):
    """A note a route, and the rows of ``change`` that are owned by it."""

    def version_record(self, route: str) -> Record:
        with self.reading() as connection:
            found = read_note(connection, NOTE + route)
        return Record() if found is None else load(dump(found), Record)

    def keep_versions(self, route: str, record: Record, versions: Mapping[str, object], *, actor: str, action: str,
                      reason: str, detail: Mapping[str, Any], now: int, policy: str = "") -> None:
        """Write the record down, on the audit log, and make it live."""
        with self.writing() as transaction:
            told = {**detail, "split": dict(record.now)}
            transaction.audit(actor, action, f"route/{route}", reason, told, now, policy)
            write_note(transaction, NOTE + route, record)
            _publish(transaction, route, record, previous(record, versions))

    def keep_look(self, route: str, record: Record) -> None:
        """A look of a canary that moved nothing: not worth a record of the audit log, and gateways need not know."""
        with self.writing() as transaction:
            write_note(transaction, NOTE + route, record)


def _publish(transaction: Transaction, route: str, record: Record, back: str) -> None:
    """The rows are replaced only where they change: a new row would go before what a playbook did since."""
    table, owner = schema.change, NOTE + route
    wanted = {PREVIOUS + route: back, LIVE + route: record.value()}
    for key, value in wanted.items():
        mine = (table.c.owner == owner) & (table.c.key == key)
        had = transaction.connection.scalar(table.select().with_only_columns(table.c.value).where(mine))
        text = None if value is None else dump(value)
        if had != text:
            transaction.execute(table.delete().where(mine))
            if text is not None:
                transaction.execute(table.insert(), {"key": key, "value": text, "owner": owner})
