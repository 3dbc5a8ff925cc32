"""Connections that are in no call: those whose request has not come whole, and those between two requests.

They cost a caller nothing to open and a server a socket each to keep. So the head of a request has to be here in time
and within its size, and only so many connections may wait at once: for one more, the one that has waited longest goes.
A client that sends what it has is in a call before it could be that one.
"""

from __future__ import annotations

import asyncio

from bongsu.host.caller import Caller
from bongsu.host.deadline import Pace
from bongsu.host.line import RATE, STALL, Connection, Refused

PATIENCE = 10.0
"""Seconds in which the head of a request has to be here."""
MOST_WAITING = 512
"""Of one process."""
MOST_HEAD = 64 << 10
"""Bytes of a head."""
REASONS = ("slow", "crowded", "head_too_large")


class Lobby:
    """Who waits, in the order of their coming; ``left`` counts who was sent away, by the reason. ``pace`` is that of
    every body: ``stall`` seconds, and one more for each ``rate`` bytes."""

    def __init__(self, most: int = MOST_WAITING, patience: float = PATIENCE, most_head: int = MOST_HEAD,
                 stall: float = STALL, rate: int = RATE) -> None:
        self.most, self.patience, self.most_head, self.pace = most, patience, most_head, Pace(stall, rate)
        self.waiting: dict[Guest, None] = {}
        self.left = dict.fromkeys(REASONS, 0)

    def hurry(self, rate: int) -> None:
        """Bodies have to come at another rate from now on."""
        self.pace = self.pace._replace(rate=rate)

    def enter(self, guest: Guest) -> None:
        self.waiting.pop(guest, None)
        self.waiting[guest] = None
        if len(self.waiting) > self.most:
            self.left["crowded"] += 1
            next(iter(self.waiting)).send_away(503, "too_many_connections", "more connections wait here than may; "
                                               "connect again when there is something to ask")

    def leave(self, guest: Guest) -> None:
        self.waiting.pop(guest, None)

    def protocol(self) -> type[Guest]:
        """For ``uvicorn.Config(http=...)``: connections of this lobby."""
        return type("Guest", (Guest,), {"lobby": self})


class Guest(Connection):
    """A connection."""

    lobby: Lobby
    _begun = _slow = False
    _came = _first = _size = 0

    @property
    def pace(self) -> Pace:
        return self.lobby.pace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._watch()
        self.lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lobby.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._came = len(data)
        self._size += self._came  # until a request begins, or some of its body is in it
        super().data_received(data)
        if self._parser is None:
            return
        if not self._begun and (self._coming is None or self._coming.whole):
            return
        if self._size > self.lobby.most_head:
            self.refuse(*self._too_large().args)
        elif self._begun and not self._slow and not self.busy:
            self._watch()

    def on_message_begin(self) -> None:
        self._begun, self._size, self._first = True, 0, self._came
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        most = self.lobby.most_head
        if self._first + self._size > most and self._length() > most:
            raise self._too_large()
        self._begun = self._slow = False
        self.lobby.leave(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._size = 0
        super().on_body(body)

    def answered(self, caller: Caller) -> None:
        super().answered(caller)
        if not self.closing and not self.busy:
            self.lobby.enter(self)
            if self._begun:  # the next head came in part while this one was served
                self._watch()

    def overdue(self) -> None:
        if not self._slow:
            super().overdue()
            return
        self.lobby.left["slow"] += 1
        self.send_away(408, "request_timeout", f"expected the head of a request within {self.lobby.patience:g} s; part "
                       "of it did not come, send it faster")

    def send_away(self, status: int, code: str, message: str) -> None:
        """Close it; who has begun to ask is told why, unless an answer to what was asked before is on its way."""
        self.lobby.leave(self)
        if self._begun:
            self.refuse(status, code, message)
        else:
            self.hang_up()

    def _too_large(self) -> Refused:
        self.lobby.leave(self)
        self.lobby.left["head_too_large"] += 1
        return Refused(431, "request_headers_too_large", "expected the head of a request within "
                       f"{self.lobby.most_head} bytes; send shorter headers")

    def _length(self) -> int:
        """Of a head, where what it came with may have been something else."""
        return len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _watch(self) -> None:
        self._slow = True
        self.deadline.put_off(self.loop.time() + self.lobby.patience)
