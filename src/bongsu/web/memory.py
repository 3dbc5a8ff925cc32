"""The attack memory in a gateway: the index that its guards look things up in, made again where control has news."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from bongsu.attack import Attack, key_of
from bongsu.checks.memory import NOTHING, Index, KnownAttack
from bongsu.guard import Guard
from bongsu.live import Live, Snapshot
from bongsu.privacy.tokens import Tokeniser


class Recall:
    """Called, it is the index of the snapshot that is current now. Without a snapshot nothing is known."""

    def __init__(self, live: Live | None, tokens: Tokeniser) -> None:
        self._live, self._key = live, key_of(tokens)
        self._made: tuple[Snapshot | None, Index] = (None, NOTHING)

    def __call__(self) -> Index:
        seen, index = self._made
        if self._live is None or (snapshot := self._live.current()) is seen:
            return index
        index = Index.of(self._key, {one.id: one.traces() for one in map(_read, snapshot.changes.values())})
        self._made = snapshot, index
        return index

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
        self._live = None


def _read(value: Any) -> Attack:
    return msgspec.convert(value, Attack)


def recalling(guard: Guard, recall: Recall | None) -> Guard:
    """The guard, given the memory where it asks for one."""
    if recall is None or not isinstance(guard.check, KnownAttack):
        return guard
    return replace(guard, check=guard.check.recalling(recall))
