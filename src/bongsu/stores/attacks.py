"""Known attacks in the database: each change is one transaction with its record. No record holds a text."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bongsu.attack import Attack
from bongsu.stores import schema
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore


class AttackStore(TrailStore):
    """Table family: attack."""

    attacks_changed = 0
    """Grows with every change, so that who has seen them need not read them again."""

    def add_attack(self, attack: Attack, reason: str, now: int, policy: str = "") -> None:
        with self.writing() as transaction:
            put_attack(transaction, attack, reason, now, policy)
        self.attacks_changed += 1

    def remove_attack(self, id_: str, actor: str, reason: str, now: int, policy: str = "") -> bool:
        """Forget an attack; False where there is none."""
        with self.writing() as transaction:
            if not any(one.id == id_ for one in _kept(transaction.connection)):
                return False
            _drop(transaction, id_)
            transaction.audit(actor, "attack.remove", f"attack/{id_}", reason, {}, now, policy)
        self.attacks_changed += 1
        return True

    def expire_attacks(self, now: int, policy: str = "") -> int:
        """Forget those whose time is over; how many that were."""
        if all(one.until > now for one in self.attacks()):
            return 0
        with self.writing() as transaction:
            over = [one for one in _kept(transaction.connection) if one.until <= now]
            for one in over:
                _drop(transaction, one.id)
                transaction.audit("bongsu", "attack.expire", f"attack/{one.id}", "its time is over", {}, now, policy)
        self.attacks_changed += bool(over)
        return len(over)

    def attacks(self) -> list[Attack]:
        """Every known attack, the oldest first."""
        with self.reading() as connection:
            return sorted(_kept(connection), key=lambda one: (one.at, one.id))


def put_attack(transaction: Transaction, attack: Attack, reason: str, now: int, policy: str) -> None:
    """The attack and its record, within a transaction."""
    detail = {"until": attack.until, "length": attack.length, "text_kept": bool(attack.text)}
    upsert(transaction.connection, schema.attack, [{"id": attack.id, "body": dump(attack)}])
    transaction.audit(attack.by, "attack.add", f"attack/{attack.id}", reason, detail, now, policy)


def _kept(connection: Connection) -> list[Attack]:
    return [load(body, Attack) for body in connection.execute(select(schema.attack.c.body)).scalars()]


def _drop(transaction: Transaction, id_: str) -> None:
    transaction.execute(schema.attack.delete().where(schema.attack.c.id == id_))
