"""What gateways must know of people: keys and restrictions, published apart from the rest of live policy.

Apart, because they change often and by themselves: a new key is no reason to compile routes and guards again.
The attack memory goes out with them, as a snapshot of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bongsu.access.apikey import PREFIX as KEY
from bongsu.access.pace import RateLimit
from bongsu.access.restriction import PREFIX as RESTRICTION
from bongsu.event import Event
from bongsu.live import Publisher
from bongsu.room.memory import Memory
from bongsu.room.pressure import Callers
from bongsu.stores.state import State

NAME = "people"


class People:
    """The publisher of the snapshot ``people``; ``publish`` is cheap where there is nothing new."""

    def __init__(self, folder: Path, store: State, limits: Sequence[RateLimit] = ()) -> None:
        self.store, self.publisher = store, Publisher(folder, NAME)
        self.memory, self.callers = Memory(folder, store), Callers(limits)
        self._keys: dict[str, Any] = {}
        self._read = -1
        self.used: dict[str, int] = {}
        self._new: set[str] = set()

    def publish(self, changes: Mapping[str, Any], policy: str, now: int) -> bool:
        """Make keys and the restrictions among ``changes`` current; whether anything was new.

        A key that was revoked stays in the table but not in the snapshot: without a secret nothing leads to it.
        """
        self.memory.publish(policy, now)
        if self._read != self.store.keys_changed:
            self._read = self.store.keys_changed
            found = self.store.api_keys()
            self._keys = {KEY + key.id: msgspec.to_builtins(key) for key in found if not key.revoked}
        wanted = {**self._keys, **{k: v for k, v in changes.items() if k.startswith(RESTRICTION)}}
        if wanted == self.publisher.last.changes and self.publisher.last.generation:
            return False
        self.publisher.publish(wanted, policy, now)
        return True

    def saw(self, events: Sequence[Event]) -> None:
        """Note when each key was last used, and who called."""
        self.callers.saw(events)
        for event in events:
            if event.key and event.time > self.used.get(event.key, 0):
                self.used[event.key] = event.time
                self._new.add(event.key)

    def keep(self) -> None:
        """Write that down; a crash loses a few seconds of it, for the events themselves say it too."""
        if self._new:
            self.store.note_used({key: self.used[key] for key in self._new})
            self._new = set()

    def last_used(self) -> dict[str, int]:
        return self.store.keys_used() | self.used


def of_traffic(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The live changes that are about routes and guards."""
    return {key: value for key, value in changes.items() if not key.startswith(RESTRICTION)}
