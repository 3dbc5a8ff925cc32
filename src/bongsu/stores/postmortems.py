"""Postmortems that are due, and those that are written. Each change is on the record; no row is removed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import select

from bongsu.postmortem import Debt
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.trail import TrailStore


@dataclass(frozen=True)
class Postmortem:
    """One that is due since ``since``; ``written`` is 0 until somebody says where it can be read."""

    incident: str
    objective: str
    share: Fraction
    since: int
    written: int = 0
    url: str = ""
    actor: str = ""


class PostmortemStore(TrailStore):
    """Table family: postmortem."""

    def postmortems(self, at: int | None = None) -> list[Postmortem]:
        """Those that are due (at a moment, if given), the oldest first."""
        table = schema.postmortem
        query = select(table).where(table.c.written == 0) if at is None else select(table).where(
            table.c.since <= at, (table.c.written == 0) | (table.c.written > at))
        with self.reading() as connection:
            return list(map(_read, connection.execute(query.order_by(table.c.since, table.c.incident,
                                                                      table.c.objective))))

    def postmortems_of(self, incident: str) -> list[Postmortem]:
        """All of one incident, written or not."""
        table = schema.postmortem
        with self.reading() as connection:
            return list(map(_read, connection.execute(
                select(table).where(table.c.incident == incident).order_by(table.c.objective))))

    def write_up(self, incident: str, url: str, actor: str, reason: str, now: int, policy: str = "") -> int:
        """Somebody wrote it: how many were due of this incident. Audited."""
        table = schema.postmortem
        with self.writing() as transaction:
            done = transaction.execute(table.update().where(table.c.incident == incident, table.c.written == 0)
                                       .values(written=now, url=url, actor=actor)).rowcount
            if done:
                transaction.audit(actor, "postmortem.written", incident, reason, {"url": url}, now, policy)
        return int(done)


def keep_debt(transaction: Transaction, debt: Debt, policy: str, now: int) -> None:
    """Write down that one is due; one that was due before stays as it is (a decision that came twice)."""
    table = schema.postmortem
    mine = (table.c.incident == debt.incident) & (table.c.objective == debt.objective)
    if transaction.execute(select(table.c.since).where(mine)).first() is not None:
        return
    shown = f"{debt.share.numerator}/{debt.share.denominator}"
    transaction.execute(table.insert(), {"incident": debt.incident, "objective": debt.objective, "share": shown,
                                         "since": now, "written": 0, "url": "", "actor": ""})
    transaction.audit("engine", "postmortem.due", debt.incident, f"it took more of the error budget of "
                      f"{debt.objective} than one incident may", {"objective": debt.objective, "share": shown}, now,
                      policy)


def _read(row: Any) -> Postmortem:
    return Postmortem(row.incident, row.objective, Fraction(row.share), row.since, row.written, row.url, row.actor)
