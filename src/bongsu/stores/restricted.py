"""Restrictions in the database: live changes of a person or a playbook, on the record before they have force."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from bongsu.access.restriction import PREFIX, Restriction, restrictions
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore

OWNER = "person/restrict/"


class RestrictionStore(TrailStore):
    """Rows of ``change`` under ``restrict/``. Record and row are one transaction."""

    def restrict(self, one: Restriction, now: int, policy: str = "") -> None:
        """Let it have force from now on."""
        with self.writing() as transaction:
            transaction.audit(one.by, "restrict.add", one.subject, one.reason, _detail(one), now, policy)
            transaction.execute(schema.change.insert(),
                                {"key": one.key, "value": dump(one.value()), "owner": OWNER + one.id})

    def unrestrict(self, subject: str, actor: str, reason: str, now: int, policy: str = "") -> int:
        """Take back every restriction of a subject, a playbook's too; how many that were."""
        with self.writing() as transaction:
            found = [one for one in _kept(transaction.connection) if one.subject == subject]
            drop(transaction, found, actor, "restrict.remove", reason, now, policy)
        return len(found)

    def expire_restrictions(self, now: int, policy: str = "") -> int:
        """Remove those whose time is over; how many that were."""
        if all(one.holds(now) for one in self.restrictions()):
            return 0
        with self.writing() as transaction:
            over = [one for one in _kept(transaction.connection) if not one.holds(now)]
            drop(transaction, over, "bongsu", "restrict.expire", "its time is over", now, policy)
        return len(over)

    def restrictions(self) -> list[Restriction]:
        """Every one in force, by subject."""
        with self.reading() as connection:
            return sorted(_kept(connection), key=lambda one: (one.subject, one.until, one.id))


def _kept(connection: Connection) -> list[Restriction]:
    table = schema.change
    rows = connection.execute(select(table.c.key, table.c.value).where(table.c.key.startswith(PREFIX)))
    return list(restrictions({key: load(value) for key, value in rows}))


def drop(transaction: Transaction, some: Iterable[Restriction], actor: str, action: str, reason: str, now: int,
         policy: str) -> None:
    for one in some:
        transaction.execute(schema.change.delete().where(schema.change.c.key == one.key))
        transaction.audit(actor, action, one.subject, reason, _detail(one), now, policy)


def lift(transaction: Transaction, id_: str, actor: str, reason: str, now: int, policy: str) -> None:
    """One restriction is over, whoever set it; nothing where it ended meanwhile."""
    found = [one for one in _kept(transaction.connection) if one.id == id_]
    drop(transaction, found, actor, "restrict.remove", reason, now, policy)


def signed_in_again(transaction: Transaction, subjects: Iterable[str], actor: str, now: int, policy: str) -> bool:
    """Who has a new key has shown who they are: what asked for that is over. Whether anything did."""
    wanted = set(subjects)
    found = [one for one in _kept(transaction.connection)
             if one.subject in wanted and one.rung == "reauthenticate"]
    drop(transaction, found, actor, "restrict.remove", "the key was rotated", now, policy)
    return bool(found)


def _detail(one: Restriction) -> dict[str, Any]:
    return {"id": one.id, "rung": one.rung, "until": one.until, "by": one.by}
