"""Epochs of the token key in the database: when each began and what became of its key; never a key.

Who acts is known by a token: a virtual key's user, whom a restriction is about, whose budget it is, who reviews. With
an epoch's end these are carried over to the next, in one transaction with its record. Tokens name their epoch, so doing
it again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Table, select

from bongsu.privacy.epochs import USER
from bongsu.stores import schema
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.keyring import KeyStore
from bongsu.stores.reviews import REVIEWER, ReviewStore

_USER = re.compile(rf"(?<![A-Z0-9_]){USER}(?![A-Z0-9])")
Carry = Callable[[str], str]
"""A token -> that of the same person in the epoch of now, or the same token where no key leads there."""


class EpochRow(NamedTuple):
    """All but ``n`` are microseconds, 0 for not yet: since when tokens are made in it, when who acts was carried over
    into it, when its key went into the vault, when it was destroyed."""

    n: int
    begins: int
    carried: int = 0
    sealed: int = 0
    gone: int = 0


class EpochStore(KeyStore, ReviewStore):
    """Table family: token_epoch."""

    def epochs(self) -> list[EpochRow]:
        """Every one there ever was, the oldest first."""
        table = schema.token_epoch
        with self.reading() as connection:
            return [EpochRow(*row) for row in connection.execute(select(table).order_by(table.c.n))]

    def begin_epoch(self, n: int, begins: int, actor: str, reason: str, ticket: str, now: int, policy: str) -> None:
        """Note that there is a key for it, and who wanted it; one that is known already stays as it is."""
        with self.writing() as transaction:
            if transaction.execute(select(schema.token_epoch.c.n).where(schema.token_epoch.c.n == n)).first():
                return
            transaction.execute(schema.token_epoch.insert(), EpochRow(n, begins)._asdict())
            transaction.audit(actor, "tokens.epoch", f"epoch/{n}", reason, {"begins": begins, "ticket": ticket}, now,
                              policy)

    def end_epoch(self, n: int, action: str, actor: str, reason: str, now: int, policy: str) -> None:
        """What became of its key: ``tokens.sealed`` (it is in the vault only) or ``tokens.destroyed``."""
        column = "sealed" if action == "tokens.sealed" else "gone"
        with self.writing() as transaction:
            transaction.execute(schema.token_epoch.update().where(schema.token_epoch.c.n == n), {column: now})
            transaction.audit(actor, action, f"epoch/{n}", reason, {}, now, policy)

    def carry_over(self, n: int, carry: Carry, now: int, policy: str) -> int:
        """Who acts, by tokens of epoch ``n``; in how many rows they had others."""
        def carried(text: str) -> str:
            return _USER.sub(lambda match: carry(match[0]), text)

        with self.writing() as transaction:
            done = _renamed(transaction, schema.api_key, carried, "body")
            done += _renamed(transaction, schema.change, carried, "key", "value")
            done += _renamed(transaction, schema.review, carried, "body")
            done += _renamed(transaction, schema.note, carried, "value", only=REVIEWER)
            # What leases have drawn stays: they hold it in the counters of the tokens that they drew by.
            done += _moved(transaction, schema.spent, carried)
            first = not transaction.execute(select(schema.token_epoch.c.carried).where(
                schema.token_epoch.c.n == n)).scalar()
            transaction.execute(schema.token_epoch.update().where(schema.token_epoch.c.n == n), {"carried": now})
            if done or first:
                transaction.audit("bongsu", "tokens.carry", f"epoch/{n}", "a new epoch: who acts has another token",
                                  {"rows": done}, now, policy)
        self.keys_changed += 1
        self.reviews_changed += 1
        return done


def _renamed(transaction: Transaction, table: Table, carried: Carry, *names: str, only: str = "") -> int:
    """Rewrite the texts in these columns where something changes; how many rows that is."""
    [key] = table.primary_key.columns
    query = select(key, *(table.c[name] for name in names))
    done = 0
    for id_, *texts in transaction.execute(query.where(key.startswith(only)) if only else query).all():
        if (new := [carried(text) for text in texts]) != texts:
            transaction.execute(table.update().where(key == id_), dict(zip(names, new, strict=True)))
            done += 1
    return done


def _moved(transaction: Transaction, table: Table, carried: Carry) -> int:
    """Add what a person spent to the row of another token of theirs."""
    [other] = [column for column in table.primary_key.columns if column.name != "subject"]
    rows = transaction.execute(select(table).where(table.c.subject.startswith("user/"))).mappings().all()
    done = 0
    for row in rows:
        subject = str(row["subject"])
        if (new := carried(subject)) != subject:
            transaction.execute(table.delete().where(table.c.subject == subject, other == row[other.name]))
            upsert(transaction.connection, table, [{**row, "subject": new}], "n")
            done += 1
    return done
