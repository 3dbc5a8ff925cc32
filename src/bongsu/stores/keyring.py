"""Virtual keys in the database: each change is one transaction with its record. A key's secret never gets here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, select

from bongsu.access.apikey import ApiKey, rotated
from bongsu.stores import schema
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.restricted import signed_in_again
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore


class KeyStore(TrailStore):
    """Table family: api_key."""

    keys_changed = 0
    """Grows with every change of a key, so that who has seen them need not read them again."""

    def add_key(self, key: ApiKey, now: int, policy: str = "") -> None:
        with self.writing() as transaction:
            _write(transaction, key)
            transaction.audit(key.by, "key.create", f"key/{key.id}", key.name, _detail(key), now, policy)
        self.keys_changed += 1

    def rotate_key(self, id_: str, digest: str, grace: int, actor: str, reason: str, now: int,
                   policy: str = "") -> ApiKey | None:
        """A new secret; the old one lives ``grace`` longer, unless its user had to sign in again, which this is. None
        where no key of this id lives."""
        with self.writing() as transaction:
            key = _find(transaction.connection, id_)
            if key is None or key.state(now) != "live":
                return None
            again = signed_in_again(transaction, (f"key/{id_}", f"user/{key.user}"), actor, now, policy)
            new = rotated(key, digest, now, 0 if again else grace)
            _write(transaction, new)
            transaction.audit(actor, "key.rotate", f"key/{id_}", reason, {"grace_us": grace}, now, policy)
        self.keys_changed += 1
        return new

    def revoke_key(self, id_: str, actor: str, reason: str, now: int, policy: str = "") -> bool:
        """The key is worth nothing from now on; False where there is none, or it is so already."""
        with self.writing() as transaction:
            key = _find(transaction.connection, id_)
            if key is None or key.revoked:
                return False
            _write(transaction, replace(key, revoked=now, secrets=()))
            transaction.audit(actor, "key.revoke", f"key/{id_}", reason, {}, now, policy)
        self.keys_changed += 1
        return True

    def api_key(self, id_: str) -> ApiKey | None:
        with self.reading() as connection:
            return _find(connection, id_)

    def api_keys(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.api_key.c.body)).scalars()
            return sorted((load(body, ApiKey) for body in rows), key=lambda key: (key.created, key.id))

    def keys_used(self) -> dict[str, int]:
        """When each key was last used, of those that were."""
        with self.reading() as connection:
            return {row.id: row.used for row in connection.execute(select(schema.key_used))}

    def note_used(self, used: Mapping[str, int]) -> None:
        with self.writing() as transaction:
            upsert(transaction.connection, schema.key_used, [{"id": id_, "used": at} for id_, at in used.items()])


def _find(connection: Connection, id_: str) -> ApiKey | None:
    body = connection.scalar(select(schema.api_key.c.body).where(schema.api_key.c.id == id_))
    return None if body is None else load(body, ApiKey)


def _write(transaction: Transaction, key: ApiKey) -> None:
    upsert(transaction.connection, schema.api_key, [{"id": key.id, "body": dump(key)}])


def _detail(key: ApiKey) -> dict[str, Any]:
    """What is recorded of a key: all but the hash of its secret."""
    found: dict[str, Any] = load(dump(key))
    return {name: value for name, value in found.items() if name not in ("id", "name", "secrets", "by") and value}
