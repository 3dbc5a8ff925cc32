"""Facts written before anyone reads the last byte, and what happens when they cannot be.

After a failed write a closed policy tries the log again with the refusal itself: if that is kept, the log is back and
the next call is served; no money is spent at a model in between.

What a fact says comes in part from callers and models. Should some of it not go into the log, a shorter fact does:
there is never none. The texts kept of a call are worth less than its fact, and are left out before it is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bongsu.event import Event
from bongsu.guard import Guard
from bongsu.policy.model import Policy
from bongsu.ports import Spool
from bongsu.web.veil import Veil

log = logging.getLogger("bongsu.gateway")


class Ledger:
    """The spool and its state. ``lost`` counts events that are in no log."""

    __slots__ = ("_spool", "broken", "lost", "veil")

    def __init__(self, spool: Spool, veil: Veil | None = None) -> None:
        self._spool, self.veil = spool, veil
        self.broken = False
        self.lost = 0

    def write(self, events: Sequence[Event], stored: Sequence[Guard] = ()) -> bool:
        """Whether a ``kill -9`` can no longer lose the fact that comes first; what follows it are its texts.

        Those that ``stored`` guards must read first are written when they have.
        """
        events = self._veil(events, stored)
        error = self._append(events)
        if error is not None and len(events) > 1:  # one write is the usual case; only now are they parted
            error, texts = self._append(events[:1]), len(events) - 1
            self.lost += texts
            if error is None:
                log.error("call %s: its texts could not be kept", events[0].id)
        if error is not None and not isinstance(error, OSError):
            log.error("call %s: its fact cannot be encoded (%s); a short one is kept", events[0].id,
                      type(error).__name__)
            error = self._append([short(events[0])])
        return self._noted(error)

    def _veil(self, events: Sequence[Event], stored: Sequence[Guard]) -> Sequence[Event]:
        """What may be written now; texts that must be read first are on their way."""
        texts = next((event for event in events[1:] if event.kind == "content"), None)
        if not stored or self.veil is None or texts is None:
            return events
        self.veil.take(texts, stored, self.write)
        return [event for event in events if event is not texts]

    def _append(self, events: Sequence[Event]) -> Exception | None:
        try:
            self._spool.append(events)
        except (OSError, ValueError, OverflowError, TypeError) as error:
            return error
        return None

    def _noted(self, error: Exception | None) -> bool:
        if error is not None:
            self.lost += 1
            if not self.broken:
                why = error.strerror if isinstance(error, OSError) else None
                log.error("the event log cannot be written: %s", why or type(error).__name__)
            self.broken = True
            return False
        if self.broken:
            log.warning("the event log can be written again; %d events were lost so far", self.lost)
        self.broken = False
        return True

    async def keep(self, events: Sequence[Event], policy: Policy, stored: Sequence[Guard] = ()) -> bool:
        """Write; a strict policy waits for the disk, off the loop. False where the call must not end well."""
        if policy.durability == "strict":
            events = self._veil(events, stored)  # in the loop's thread
            kept = await asyncio.to_thread(self.write, events)
        else:
            kept = self.write(events, stored)
        return kept or policy.fail == "open"

    def refuses(self, policy: Policy) -> bool:
        return self.broken and policy.fail == "closed"


def short(event: Event) -> Event:
    """What a fact says in words of our own and the policy's, which always can be written."""
    return Event(id=event.id, time=event.time, kind=event.kind, origin=event.origin, service=event.service,
                 route=event.route, upstream=event.upstream, provider=event.provider, operation=event.operation,
                 environment=event.environment, upstream_region=event.upstream_region, stream=event.stream,
                 outcome=event.outcome, status=event.status, error=event.error or "unrecordable",
                 attempts=event.attempts, fallback=event.fallback, latency_ms=event.latency_ms, ttft_ms=event.ttft_ms,
                 overhead_ms=event.overhead_ms, review=event.review, blocked=event.blocked, blocked_by=event.blocked_by,
                 key=event.key, cost=event.cost, currency=event.currency, lease=event.lease, policy=event.policy)
