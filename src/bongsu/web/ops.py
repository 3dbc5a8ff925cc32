"""What operators want of a gateway process: its numbers, a line a call, and a good end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bongsu.access.circuit import Health
from bongsu.exports.exposition import Lines
from bongsu.host import logs
from bongsu.host.lobby import Lobby
from bongsu.host.shelf import Shelf
from bongsu.web.apart import Crews
from bongsu.web.call import Call
from bongsu.web.ledger import Ledger
from bongsu.web.metrics import Metrics, of_lobby
from bongsu.web.scrape import Admission, whole


class Ops:
    """``began`` and ``ended`` are told of every call, whatever became of it."""

    def __init__(self, worker: str = "0", admission: Admission | None = None, shelf: Shelf | None = None) -> None:
        self.metrics, self.admission, self.shelf = Metrics(worker), admission or Admission(), shelf
        self.lobby = Lobby()
        self.draining = False
        self._open: dict[Call, asyncio.Task[Any] | None] = {}

    def began(self, call: Call, task: asyncio.Task[Any] | None) -> None:
        self._open[call] = task
        self.metrics.open += 1

    def ended(self, call: Call) -> None:
        if self._open.pop(call, None) is not None:
            self.metrics.open -= 1
        self.metrics.ended(call.facts, call.verdicts)
        if logs.wants_calls():
            # who sends a request id may put anything in it
            logs.call(call.id, call.masking.tag(call.request_id.decode("latin-1")), call.facts)

    def page(self, health: Health, ledger: Ledger, policy: str, crews: Crews) -> str:
        return whole(self._lines(health, ledger, policy, crews), self.shelf)

    def _lines(self, health: Health, ledger: Ledger, policy: str, crews: Crews) -> Lines:
        fixed = (("worker", self.metrics.worker),)
        return self.metrics.lines(health, ledger, policy) | of_lobby(self.lobby, fixed) | crews.lines(fixed)

    def note(self, health: Health, ledger: Ledger, policy: str, crews: Crews, troubles: Sequence[str]) -> None:
        """Leave the numbers, and what is wrong, where others find them. Raises OSError."""
        if self.shelf is not None:
            self.shelf.put(self._lines(health, ledger, policy, crews), troubles)

    def lets(self, headers: Mapping[bytes, bytes]) -> bool:
        return self.admission.lets(headers)

    # ---- the end ----

    def drain(self) -> None:
        """Readiness says no from now on; calls go on."""
        self.draining = True

    def cut(self) -> None:
        """End what is still open: a stream as its API ends streams, anything else with an error."""
        for call, task in list(self._open.items()):
            if task is not None and not call.sealed:
                call.cut = True
                task.cancel()
