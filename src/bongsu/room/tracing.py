"""Calls told to an OTLP collector: read from the event log by position, in batches, until each is taken.

What was taken is remembered beside the log, so a restart goes on where it was and a collector that is away for a while
misses nothing the log still has. It begins with what comes after it was first switched on. Nobody waits for it: the log
is read by its own thread between two cycles, and the collector is asked by a task of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from bongsu.event import Event
from bongsu.exports.spans import KINDS, request
from bongsu.policy.model import Otlp
from bongsu.ports import Outside, Refused, Retry
from bongsu.quantity import SECOND
from bongsu.room.advice import FAULTS
from bongsu.stores import arrow
from bongsu.stores.log import EventLog
from bongsu.stores.state import State as Store

log = logging.getLogger("bongsu.room.tracing")
NAME = "otlp"
MOST_BATCHES, MOST_SPANS = 20, 256
"""Spans of one request: well below a megabyte of JSON."""
PAUSE, LONGEST = 1.0, 60.0
T = TypeVar("T")
COLUMNS = tuple(name for name in arrow.NAMES if name not in ("prompt", "reply"))
"""Texts are not even read."""
InRoom = Callable[[Callable[[], T]], Awaitable[T]]


class Source(Protocol):
    """The event log and its positions; used by one thread."""

    def after(self, name: str, batches: int) -> tuple[Sequence[Event], int]:
        """What comes after a named position, and the position of the last; nothing and 0 where there is none."""
        ...

    def advance(self, name: str, position: int) -> None: ...


class LogSource:
    """The event log as a source. Positions are kept one higher: 0 is what has not begun."""

    def __init__(self, log_: EventLog, store: Store) -> None:
        self._log, self._store = log_, store

    def after(self, name: str, batches: int) -> tuple[Sequence[Event], int]:
        kept = self._store.position(name)
        if not kept:
            self._store.advance(name, self._log.last_position() + 1)
            return (), 0
        found, last = [], 0
        for last, table in self._log.read(kept - 1, batches, COLUMNS):  # noqa: B007 (the last position is wanted)
            found += arrow.events(table)
        return found, last

    def advance(self, name: str, position: int) -> None:
        self._store.advance(name, position + 1)


class Exporter:
    """One collector. ``told`` and ``refused`` count spans since the start."""

    def __init__(self, settings: Otlp, outside: Outside, source: Source, in_room: InRoom[Any]) -> None:
        self._settings, self._outside, self._source, self._in_room = settings, outside, source, in_room
        self.told = self.refused = 0
        self._wait = PAUSE

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            more = False
            try:
                more = await self.once()
                self._wait = PAUSE
            except Retry as error:
                if self._wait == PAUSE:
                    log.warning("traces: the collector does not take them now (%s); they wait in the event log", error)
                self._wait = min(self._wait * 2, LONGEST)
                if error.after is not None:
                    self._wait = max(self._wait, error.after / SECOND)
            except FAULTS as error:
                log.warning("traces: the event log cannot be read now (%s)", type(error).__name__)
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._wait * random.uniform(0.5, 1))  # noqa: S311 (spreads load)

    async def once(self) -> bool:
        """Tell the next batches; whether there may be more. Raises ``Retry`` where they were not taken."""
        events, last = await self._in_room(lambda: self._source.after(NAME, MOST_BATCHES))
        if not last:
            return False
        spans = [event for event in events if event.kind in KINDS]
        for start in range(0, len(spans), MOST_SPANS):
            await self._tell(spans[start : start + MOST_SPANS])
        await self._in_room(lambda: self._source.advance(NAME, last))
        return True

    async def _tell(self, spans: Sequence[Event]) -> None:
        """A collector that will never take them costs these, not those that follow."""
        outside = self._outside
        headers = {name: outside.secret(value).reveal() for name, value in self._settings.headers.items()}
        headers["content-type"] = "application/json"
        try:
            answer = await outside.post(outside.secret(self._settings.endpoint), request(spans), headers)
        except Refused as error:
            self.refused += len(spans)
            log.error("traces: the collector refuses %d spans: %s", len(spans), error)
            return
        rejected = _rejected(answer.body)
        self.refused += rejected
        self.told += len(spans) - rejected
        if rejected:
            log.error("traces: the collector rejects %d of %d spans", rejected, len(spans))


class _Partial(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0


class _Said(msgspec.Struct, rename="camel"):
    partial_success: _Partial = msgspec.field(default_factory=_Partial)


def _rejected(body: bytes) -> int:
    """How many spans an answer says were not taken.

    >>> _rejected(b'{"partialSuccess": {"rejectedSpans": "2"}}'), _rejected(b""), _rejected(b"ok")
    (2, 0, 0)
    """
    try:
        return int(msgspec.json.decode(body, type=_Said).partial_success.rejected_spans)
    except (msgspec.DecodeError, ValueError):  # an answer in another form says nothing of it
        return 0
