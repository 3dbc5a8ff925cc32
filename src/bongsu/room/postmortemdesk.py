"""The desk of postmortems: which are due, and that one is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bongsu.quantity import show_share
from bongsu.room.control import Control


class PostmortemDesk:
    """Every change is one audited transaction of the store."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store

    def due(self) -> list[Mapping[str, Any]]:
        return [asdict(one) | {"share": show_share(one.share)} for one in self.store.postmortems()]

    def written(self, incident: str, url: str, actor: str, reason: str) -> bool:
        control = self.control
        done = self.store.write_up(incident, url, actor, reason, control.clock(), control.policy.hash)
        control.revision += done > 0
        return done > 0
