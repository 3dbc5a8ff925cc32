"""What subjects of budgets spent, by grain of time, and by which lease: both move with the log's position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select

from bongsu.stores import schema
from bongsu.stores.cells import CellStore, advance
from bongsu.stores.database import upsert


class SpendingStore(CellStore):
    """Table family: spent, drawn."""

    def spend(self, spent: Mapping[tuple[str, int], int], drawn: Mapping[tuple[str, str], int], position: int,
              name: str) -> bool:
        """Add (subject, start) -> nano-units and (lease, subject) -> nano-units, once for each position."""
        with self.writing() as transaction:
            if not advance(transaction, name, position):
                return False
            connection = transaction.connection
            upsert(connection, schema.spent, [{"subject": s, "start": t, "n": n} for (s, t), n in spent.items()], "n")
            upsert(connection, schema.drawn, [{"lease": d, "subject": s, "n": n} for (d, s), n in drawn.items()], "n")
        return True

    def spent(self, since: int = 0) -> list[tuple[str, int, int]]:
        """(subject, start, nano-units) of every grain from ``since`` on."""
        table = schema.spent
        with self.reading() as connection:
            rows = connection.execute(select(table.c.subject, table.c.start, table.c.n).where(table.c.start >= since))
            return [(row.subject, row.start, row.n) for row in rows]

    def drawn(self) -> dict[tuple[str, str], int]:
        """(lease, subject) -> nano-units that events say were spent by it."""
        with self.reading() as connection:
            return {(row.lease, row.subject): row.n for row in connection.execute(select(schema.drawn))}

    def forget_leases(self, leases: Iterable[str]) -> None:
        """Leases that are over, and settled."""
        with self.writing() as transaction:
            transaction.execute(schema.drawn.delete().where(schema.drawn.c.lease.in_(list(leases))))

    def forget_spent(self, before: int) -> int:
        """Retention: no budget looks back beyond ``before``; how many rows went."""
        with self.writing() as transaction:
            return int(transaction.execute(schema.spent.delete().where(schema.spent.c.start < before)).rowcount)
