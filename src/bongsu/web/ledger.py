"""Facts written before anyone reads the last byte, and what happens when they cannot be.

After a failed write a closed policy tries the log again with the refusal itself: if that is kept, the log is back and
the next call is served; no money is spent at a model in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bongsu.event import Event
from bongsu.policy.model import Policy
from bongsu.ports import Spool

log = logging.getLogger("bongsu.gateway")


class Ledger:
    """The spool and its state. ``lost`` counts events that are in no log."""

    __slots__ = ("_spool", "broken", "lost")

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.broken = False
        self.lost = 0

    def write(self, events: Sequence[Event]) -> bool:
        """Whether a ``kill -9`` can no longer lose them."""
        try:
            self._spool.append(events)
        except OSError as error:
            self.lost += len(events)
            if not self.broken:
                log.error("the event log cannot be written: %s", error.strerror or type(error).__name__)
            self.broken = True
            return False
        if self.broken:
            log.warning("the event log can be written again; %d events were lost so far", self.lost)
        self.broken = False
        return True

    async def keep(self, events: Sequence[Event], policy: Policy) -> bool:
        """Write; a strict policy waits for the disk, off the loop. False where the call must not end well."""
        if policy.durability == "strict":
            kept = await asyncio.to_thread(self.write, events)
        else:
            kept = self.write(events)
        return kept or policy.fail == "open"

    def refuses(self, policy: Policy) -> bool:
        return self.broken and policy.fail == "closed"
