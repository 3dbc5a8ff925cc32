"""The gate in the database: denials that stay, overrides, markers of deployments, and what is needed to look back.

A row is never removed: what was in force at a moment can be said afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import desc, select, update

from bongsu.engine import Decision, Moved
from bongsu.override import Override, genuine
from bongsu.stores import schema
from bongsu.stores.database import Transaction, upsert
from bongsu.stores.saved import dump, load
from bongsu.stores.trail import TrailStore

FIRED = ("firing", "clearing")
_OVERRIDE = schema.override


@dataclass(frozen=True)
class Latch:
    """A denial that outlives its alert. ``cleared`` is 0 while nobody cleared it."""

    alert: str
    cause: str
    since: int
    cleared: int
    actor: str
    reason: str


@dataclass(frozen=True)
class Marker:
    """Something that happened to a deployment, as its tool said."""

    at: int
    service: str
    source: str
    kind: str
    text: str
    detail: Mapping[str, Any]


class GateStore(TrailStore):
    """Table family: latch, override, marker. Row and record are one transaction."""

    # ---- latches ----

    def latched(self, at: int | None = None) -> list[Latch]:
        """The denials that nobody has cleared (by a moment, if given), the oldest first."""
        table = schema.latch
        query = select(table).where(table.c.cleared == 0) if at is None else select(table).where(
            table.c.since <= at, (table.c.cleared == 0) | (table.c.cleared > at))
        with self.reading() as connection:
            return [Latch(row.alert, row.cause, row.since, row.cleared, row.actor, row.reason)
                    for row in connection.execute(query.order_by(table.c.seq))]

    def clear_latches(self, alerts: Iterable[str], actor: str, reason: str, now: int, policy: str = "") -> list[str]:
        """A person lets deploys go on after these alerts; returns those that were latched. Audited."""
        table, done = schema.latch, []
        with self.writing() as transaction:
            for alert in alerts:
                changed = transaction.execute(
                    update(table).where(table.c.alert == alert, table.c.cleared == 0)
                    .values(cleared=now, actor=actor, reason=reason)).rowcount
                if changed:
                    done.append(alert)
                    transaction.audit(actor, "gate.clear", alert, reason, {"latches": changed}, now, policy)
        return done

    # ---- overrides ----

    def keep_override(self, override: Override, action: str, actor: str, reason: str, now: int, policy: str = "",
                      before: str = "") -> bool:
        """Keep a step of an override, audited. False, and nothing is kept, where its row is not as it was before.

        ``before`` is the signature that the row had; a revocation and an approval at once cannot both win.
        """
        with self.writing() as transaction:
            held = transaction.execute(select(_OVERRIDE.c.signature, _OVERRIDE.c.revoked)
                                       .where(_OVERRIDE.c.id == override.id)).first()
            if (held is None) != (action == "override.request"):
                return False
            if held is not None and (held.signature != before or held.revoked):
                return False
            upsert(transaction.connection, _OVERRIDE, [asdict(override)])
            detail = {"author": override.author, "approver": override.approver, "expires": override.expires,
                      "stage": override.stage, "including_stale": override.including_stale,
                      "signature": override.signature}
            transaction.audit(actor, action, override.id, reason, detail, now, policy)
        return True

    def override(self, id: str) -> Override | None:  # noqa: A002
        with self.reading() as connection:
            row = connection.execute(select(_OVERRIDE).where(_OVERRIDE.c.id == id)).first()
        return None if row is None else _override(row)

    def overrides(self, service: str, limit: int = 100) -> list[Override]:
        """The latest, newest first."""
        query = select(_OVERRIDE).where(_OVERRIDE.c.service == service).order_by(desc("requested"), _OVERRIDE.c.id)
        with self.reading() as connection:
            return [_override(row) for row in connection.execute(query.limit(limit))]

    def overrides_at(self, service: str, stage: str, at: int) -> tuple[list[Override], list[Override]]:
        """Those in force for a stage at a moment: the genuine, and those whose signature does not fit their row."""
        query = select(_OVERRIDE).where(_OVERRIDE.c.service == service, _OVERRIDE.c.approved > 0,
                                        _OVERRIDE.c.approved <= at, _OVERRIDE.c.expires > at)
        with self.reading() as connection:
            found = [_override(row) for row in connection.execute(query.order_by(_OVERRIDE.c.id))]
        held = [one for one in found if one.holds(stage, at)]
        key = self._signing_key().public_key() if held else None
        good = [one for one in held if key is not None and genuine(one, key)]
        return good, [one for one in held if one not in good]

    def sign(self, message: bytes) -> bytes:
        """Signed by the audit key. Who calls says in the message itself what kind of thing it signs."""
        return self._signing_key().sign(message)

    # ---- markers ----

    def mark(self, marker: Marker, actor: str, policy: str = "") -> None:
        """Keep what a tool says of a deployment, audited."""
        with self.writing() as transaction:
            transaction.execute(schema.marker.insert(), {**asdict(marker), "detail": dump(marker.detail)})
            transaction.audit(actor, "deployment", f"{marker.service}/{marker.kind}", marker.text,
                              {"source": marker.source, **marker.detail}, marker.at, policy)

    def markers(self, limit: int = 100) -> list[Marker]:
        """The latest, newest first."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.marker).order_by(desc("seq")).limit(limit))
            return [Marker(r.at, r.service, r.source, r.kind, r.text, load(r.detail)) for r in rows]

    # ---- looking back ----

    def phases_at(self, at: int) -> dict[tuple[str, tuple[str, ...]], str]:
        """The phase of every alert that had moved by then."""
        table = schema.moved
        query = select(table.c.alert, table.c.labels, table.c.after).where(table.c.at <= at).order_by(table.c.seq)
        with self.reading() as connection:
            return {(row.alert, tuple(load(row.labels))): row.after for row in connection.execute(query)}

    def frozen_at(self, at: int) -> bool:
        """Whether a step that freezes the gate was in force then."""
        step, outcome = schema.step, schema.outcome
        query = select(outcome.c.step, outcome.c.way).join(step, step.c.key == outcome.c.step).where(
            step.c.kind == "freeze", outcome.c.result == "done", outcome.c.at <= at)
        with self.reading() as connection:
            found = {(row.step, row.way) for row in connection.execute(query)}
        return any(way == "do" and (key, "undo") not in found for key, way in found)


def latch_fired(transaction: Transaction, decisions: Sequence[Decision], latching: frozenset[str], now: int,
                policy: str) -> None:
    """Hold the gate shut for every latching alert that fires, once an alert.

    An alert that was firing before it began to latch is held when it moves on, so that its end does not slip by.
    """
    table = schema.latch
    for move in decisions:
        if not isinstance(move, Moved) or move.alert not in latching or not {move.before, move.after} & set(FIRED):
            continue
        held = select(table.c.seq).where(table.c.alert == move.alert, table.c.cleared == 0)
        if transaction.execute(held).first() is None:
            transaction.execute(table.insert(), {"alert": move.alert, "cause": move.cause, "since": now, "cleared": 0,
                                                 "actor": "", "reason": ""})
            transaction.audit("engine", "gate.latch", move.alert, move.cause, {}, now, policy)


def _override(row: Any) -> Override:
    return Override(**{f.name: getattr(row, f.name) for f in fields(Override)})
