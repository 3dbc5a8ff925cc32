"""The audit log in the database: records, signed checkpoints; and the notes, of which the kill switch is one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, desc, func, select

from bongsu.audit import Record, Stored, Tree, peek_checkpoint, read_record, show_vkey, sign_checkpoint
from bongsu.quantity import MINUTE
from bongsu.stores import schema
from bongsu.stores.database import Opening, StateError, Store, Transaction, upsert
from bongsu.stores.saved import dump, load

AUTOMATION = "automation"
PAGE = 10_000


class TrailStore(Store):
    """Table family: audit, checkpoint, note. Without a key the log is written but not signed."""

    def __init__(self, url: str, key: Ed25519PrivateKey | None = None, origin: str = "bongsu/audit",
                 checkpoint_every: int = MINUTE, opening: Opening = "upgrade") -> None:
        super().__init__(url, opening)
        self.origin, self._key, self._every = origin, key, checkpoint_every
        self._tree, self._signing = Tree(), threading.Lock()

    # ---- audit ----

    def record(self, action: str, actor: str, target: str, reason: str, detail: Mapping[str, Any], now: int,
               policy: str = "") -> int:
        """Add one record and return its place; durable when this returns."""
        with self.writing() as transaction:
            return transaction.audit(actor, action, target, reason, detail, now, policy)

    def trail(self, limit: int = 100, before: int | None = None) -> list[Record]:
        """The latest records, newest first; ``before`` a seq, for the page after."""
        query = select(schema.audit.c.body).order_by(desc("seq")).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query if before is None else query.where(schema.audit.c.seq < before)).scalars()
            return [read_record(body) for body in rows]

    def stored(self, begin: int = 0) -> Iterator[Stored]:
        """Every row of the log from ``begin`` as it is kept, for ``audit.verify`` and ``audit.prove``."""
        with self.reading() as connection:
            yield from _rows(connection, begin)

    def checkpoints(self) -> list[str]:
        """Every signed checkpoint, smallest first."""
        with self.reading() as connection:
            return list(connection.execute(select(schema.checkpoint.c.text).order_by("size")).scalars())

    def vkey(self) -> str:
        """The verifier key, to be pinned by whoever audits."""
        return show_vkey(self.origin, self._signing_key().public_key())

    def checkpoint(self, now: int, force: bool = False) -> str | None:
        """Sign the log's root if it grew and the interval is over (or ``force``); None where there is nothing to sign.

        Refuses to sign a log that no longer agrees with its own last checkpoint: that would bless the change.
        """
        key = self._signing_key()
        with self._signing:
            with self.reading() as connection:
                self._catch_up(connection)
            return self._sign(key, now, force)

    def _sign(self, key: Ed25519PrivateKey, now: int, force: bool) -> str | None:
        with self.writing() as transaction:
            last = transaction.execute(select(schema.checkpoint).order_by(desc("size")).limit(1)).first()
            if last is not None and not force and now - last.at < self._every:
                return None
            self._catch_up(transaction.connection)
            if last is not None and self._tree.size < last.size:
                raise StateError(f"audit log: expected at least the {last.size} records its last checkpoint covers, "
                                 f"came {self._tree.size}; run `bongsu audit verify` and restore a backup")
            if last is not None and self._tree.size == last.size:
                return None
            text = sign_checkpoint(self.origin, self._tree.size, self._tree.root(), key)
            transaction.execute(schema.checkpoint.insert(), {"size": self._tree.size, "text": text, "at": now})
        return text

    def _catch_up(self, connection: Connection) -> None:
        """Bring the tree to the log's end, comparing its root with the first checkpoint met on the way."""
        table, tree = schema.checkpoint, self._tree
        later = select(table).where(table.c.size > tree.size).order_by(desc("size")).limit(1)
        ahead = connection.execute(later).first()
        for seq, _, leaf in _rows(connection, tree.size):
            if seq != tree.size:
                raise StateError(f"audit log: expected record {tree.size}, came {seq}: a record is missing; run "
                                 "`bongsu audit verify` and restore a backup")
            tree.append(leaf)
            if ahead is not None and tree.size == ahead.size and tree.root() != peek_checkpoint(ahead.text).root:
                self._tree = Tree()
                raise StateError(f"audit log: expected the root that the checkpoint of size {ahead.size} signed, came "
                                 "another: a record was changed; run `bongsu audit verify` and restore a backup")

    def _signing_key(self) -> Ed25519PrivateKey:
        if self._key is None:
            raise StateError("audit log: expected a signing key, came none; open the state with keys/audit.key")
        return self._key

    # ---- notes ----

    def note(self, key: str) -> Any:
        """A value kept by name, None where there is none."""
        with self.reading() as connection:
            return read_note(connection, key)

    def put_note(self, key: str, value: Any, at: int = 0) -> None:
        """Remember something that decides nothing, such as where a channel's thread is: not audited.

        ``at`` is when, for what retention ends some time after it was written.
        """
        with self.writing() as transaction:
            write_note(transaction, key, value, at)

    def put_token(self, key: str, digest: str, actor: str, reason: str, now: int) -> bool:
        """Keep the hash of a token in place of the one before, audited. False where it is that one already."""
        with self.writing() as transaction:
            before = read_note(transaction.connection, key)
            if before == digest:
                return False
            write_note(transaction, key, digest)
            transaction.audit(actor, "token.new", key.removesuffix(".token"), reason, {"first": before is None}, now)
        return True

    def automation(self) -> bool:
        """Whether actions that change what users get may be carried out by themselves."""
        with self.reading() as connection:
            return automation(connection)

    def set_automation(self, on: bool, actor: str, reason: str, now: int, policy: str = "") -> bool:
        """Turn the kill switch; audited. False where it already stood so (which is audited too)."""
        with self.writing() as transaction:
            changed = automation(transaction.connection) != on
            write_note(transaction, AUTOMATION, on)
            transaction.audit(actor, "automation.on" if on else "automation.off", "automation", reason,
                              {"changed": changed}, now, policy)
        return changed


def read_note(connection: Connection, key: str) -> Any:
    text = connection.scalar(select(schema.note.c.value).where(schema.note.c.key == key))
    return None if text is None else load(text)


def write_note(transaction: Transaction, key: str, value: Any, at: int = 0) -> None:
    upsert(transaction.connection, schema.note, [{"key": key, "value": dump(value), "at": at}])


def automation(connection: Connection) -> bool:
    return read_note(connection, AUTOMATION) is not False


def _rows(connection: Connection, begin: int) -> Iterator[Stored]:
    """Rows in order, a page at a time: the whole log never sits in memory."""
    table = schema.audit
    end = connection.scalar(select(func.max(table.c.seq)))
    while end is not None and begin <= end:
        page = connection.execute(select(table).where(table.c.seq >= begin).order_by(table.c.seq).limit(PAGE)).all()
        if not page:
            return
        yield from ((row.seq, row.body, row.leaf) for row in page)
        begin = page[-1].seq + 1
