"""What people asked about notices: silences, and incidents that somebody took charge of. Each is on the record."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, or_, select

from bongsu.mute import Silence
from bongsu.notice import Asked
from bongsu.stores import schema
from bongsu.stores.database import Transaction
from bongsu.stores.incidents import ACK
from bongsu.stores.saved import load
from bongsu.stores.trail import TrailStore, write_note

SILENCE = "silence/"


class AskedStore(TrailStore):
    """Rows of ``note`` under ``silence/`` and ``ack/``. Record and row are one transaction."""

    def asked(self) -> Asked:
        """All that was asked for and is not over."""
        with self.reading() as connection:
            return _asked(connection)

    def add_silence(self, silence: Silence, now: int, policy: str = "", actor: str = "") -> None:
        """Let it have force; one that was there already is replaced."""
        with self.writing() as transaction:
            write_note(transaction, SILENCE + silence.id, silence)
            transaction.audit(actor or silence.by, "silence.add", SILENCE + silence.id, silence.reason,
                              _detail(silence), now, policy)

    def remove_silence(self, id_: str, actor: str, reason: str, now: int, policy: str = "") -> bool:
        """Take it back before its time; False where there is none."""
        with self.writing() as transaction:
            found = [one for one in _asked(transaction.connection).silences if one.id == id_]
            for one in found:
                _drop(transaction, one, actor, "silence.remove", reason, now, policy)
        return bool(found)

    def expire_silences(self, now: int, policy: str = "") -> int:
        """Remove those whose time is over; how many that were."""
        if all(one.ends > now for one in self.asked().silences):
            return 0
        with self.writing() as transaction:
            over = [one for one in _asked(transaction.connection).silences if one.ends <= now]
            for one in over:
                _drop(transaction, one, "bongsu", "silence.expire", "its time is over", now, policy)
        return len(over)

    def acknowledge(self, incident: str, by: str, reason: str, now: int, policy: str = "", actor: str = "") -> bool:
        """Somebody takes charge of an incident; False where it is not open or somebody did before."""
        with self.writing() as transaction:
            table = schema.incident
            phase = transaction.execute(select(table.c.phase).where(table.c.id == incident)).scalar()
            if phase in (None, "closed") or incident in _asked(transaction.connection).acks:
                return False
            write_note(transaction, ACK + incident, by)
            transaction.audit(actor or by, "incident.acknowledged", incident, reason, {"by": by}, now, policy)
        return True


def _asked(connection: Connection) -> Asked:
    key = schema.note.c.key
    rows = connection.execute(select(key, schema.note.c.value).where(
        or_(key.startswith(SILENCE), key.startswith(ACK))).order_by(key)).all()
    silences = [load(text, Silence) for name, text in rows if name.startswith(SILENCE)]
    return Asked(tuple(sorted(silences, key=lambda one: (one.ends, one.id))),
                 {name.removeprefix(ACK): load(text) for name, text in rows if name.startswith(ACK)})


def _drop(transaction: Transaction, one: Silence, actor: str, action: str, reason: str, now: int, policy: str) -> None:
    transaction.execute(schema.note.delete().where(schema.note.c.key == SILENCE + one.id))
    transaction.audit(actor, action, SILENCE + one.id, reason, _detail(one), now, policy)


def _detail(one: Silence) -> dict[str, Any]:
    return {"matchers": [str(matcher) for matcher in one.matchers], "starts": one.starts, "ends": one.ends,
            "by": one.by}
