"""The attack memory in the control process: what people tell of, published to every gateway, forgotten in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bongsu.attack import Attack, AttackFault, lasting, remembered
from bongsu.checks.pii import Pii
from bongsu.guard import Guard
from bongsu.live import Publisher
from bongsu.stores.state import State

if TYPE_CHECKING:
    from bongsu.room.control import Control

NAME = "attacks"
PREFIX = "attack/"
_PII = Guard("personal data", Pii(), act="tokenise")


class Memory:
    """The publisher of the snapshot ``attacks``: ids, ends and anchors, never a text."""

    def __init__(self, folder: Path, store: State) -> None:
        self.store, self.publisher = store, Publisher(folder, NAME)
        self._read = -1

    def publish(self, policy: str, now: int) -> None:
        """Make what is known current; cheap where nothing has changed."""
        if self._read == self.store.attacks_changed:
            return
        read, found = self.store.attacks_changed, self.store.attacks()
        wanted = {PREFIX + one.id: _published(one) for one in found}
        if wanted != self.publisher.last.changes:
            self.publisher.publish(wanted, policy, now)
        self._read = read


def _published(attack: Attack) -> dict[str, Any]:
    whole: dict[str, Any] = msgspec.to_builtins(attack)
    return {name: value for name, value in whole.items() if name not in ("text", "note")}


class MemoryDesk:
    """What people ask of the attack memory. Raises ``AttackFault``. Every change is on the record."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store

    def add(self, text: str, note: str, lasts: str, sensitive: bool, reason: str, actor: str) -> dict[str, Any]:
        """Remember an attack; its like is blocked by guards with ``check: known_attack`` within a second."""
        control, now = self.control, self.control.clock()
        tokens = control.tokens
        masking = [_PII, *(g for g in control.policy.guards if g.act == "tokenise")]
        attack = remembered(text, masking, tokens, self.store.attacks(), note=note, sensitive=sensitive,
                            lasts=lasting(lasts or "180d"), by=actor, now=now)
        if any(guard.check.look(reason) for guard in masking):
            raise AttackFault("personal_reason", "'reason' holds something personal and is kept for ever; say why "
                              "without it")
        self.store.add_attack(attack, reason, now, control.policy.hash)
        control.revised()
        return self._shown(attack)

    def listed(self) -> Sequence[dict[str, Any]]:
        """Every known attack, the oldest first."""
        return [self._shown(one) for one in self.store.attacks()]

    def remove(self, id_: str, reason: str, actor: str) -> bool:
        gone = self.store.remove_attack(id_, actor, reason, self.control.clock(), self.control.policy.hash)
        self.control.revised()
        return gone

    def _shown(self, one: Attack) -> dict[str, Any]:
        guarded = [g.name for g in self.control.policy.guards if g.check.name == "known_attack"]
        return {"id": one.id, "at": _instant(one.at), "until": _instant(one.until), "by": one.by, "note": one.note,
                "text": one.text, "anchors": len(one.traces().anchors), "recognised": one.recognised, "guards": guarded}


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 10**6, UTC).isoformat().replace("+00:00", "Z")
