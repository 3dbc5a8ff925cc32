"""References in the database: bins and counts by name and version, no rows. The newest of a name is in force."""

from __future__ import annotations

from sqlalchemy import func, select

from bongsu.drift import Reference
from bongsu.stores import schema
from bongsu.stores.database import upsert
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore


class ReferenceStore(TrailStore):
    """Table family: reference. Row and record are one transaction."""

    def register(self, reference: Reference, actor: str, now: int, policy: str = "") -> bool:
        """Put a reference in force under its name; False, and nothing is recorded, where this version is already."""
        table = schema.reference
        with self.writing() as transaction:
            newest = transaction.execute(select(table.c.version).where(table.c.name == reference.name)
                                         .order_by(table.c.seq.desc()).limit(1)).scalar()
            if newest == reference.version:
                return False
            last = transaction.execute(select(func.max(table.c.seq))).scalar() or 0
            upsert(transaction.connection, table, [{
                "name": reference.name, "version": reference.version, "seq": last + 1,
                "model_version": reference.model_version, "body": dump(reference), "at": now}])
            transaction.audit(actor, "reference.register", reference.name, f"reference from {reference.source}",
                              {"version": reference.version, "rows": reference.rows, "before": newest or "",
                               "columns": [bins.column for bins in reference.columns]}, now, policy)
        return True

    def references(self) -> list[tuple[int, Reference]]:
        """Every version with when it was last put in force (microseconds), the newest first."""
        table = schema.reference
        with self.reading() as connection:
            rows = connection.execute(select(table.c.at, table.c.body).order_by(table.c.seq.desc()))
            return [(row.at, load(row.body, Reference)) for row in rows]
