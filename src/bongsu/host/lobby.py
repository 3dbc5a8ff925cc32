"""Connections that are in no call: those whose request has not come whole, and those between two requests.

They cost a caller nothing to open and a server a socket each to keep. So the head of a request has to be here in time
and within its size, and only so many connections may wait at once: for one more, the one that has waited longest goes.
A client that sends what it has is in a call before it could be that one.
"""

from __future__ import annotations

import asyncio

from bongsu.host.caller import Caller
from bongsu.host.line import Connection, refusal

PATIENCE = 10.0
"""Seconds in which the head of a request has to be here."""
MOST_WAITING = 512
"""Of one process."""
MOST_HEAD = 64 << 10
"""Bytes of a head."""
REASONS = ("slow", "crowded", "head_too_large")


class Lobby:
    """Who waits, in the order of their coming; ``left`` counts who was sent away, by the reason."""

    def __init__(self, most: int = MOST_WAITING, patience: float = PATIENCE, most_head: int = MOST_HEAD) -> None:
        self.most, self.patience, self.most_head = most, patience, most_head
        self.waiting: dict[Guest, None] = {}
        self.left = dict.fromkeys(REASONS, 0)

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
    _size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._watch()
        self.lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lobby.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._begun or self.closing:
            return
        self._size += len(data)
        if self._size > self.lobby.most_head:
            self.lobby.left["head_too_large"] += 1
            self.send_away(431, "request_headers_too_large", "expected the head of a request within "
                           f"{self.lobby.most_head} bytes; send shorter headers")
        elif not self._slow and not self.busy:
            self._watch()

    def on_message_begin(self) -> None:
        self._begun, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._begun = self._slow = False
        self.lobby.leave(self)
        super().on_headers_complete()

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

    def _watch(self) -> None:
        self._slow = True
        self.put_off(self.loop.time() + self.lobby.patience)

    def send_away(self, status: int, code: str, message: str) -> None:
        """Close it; who has begun to ask is told why, unless an answer to what was asked before is on its way."""
        self.lobby.leave(self)
        if not self.ends():
            return
        if self._begun and not self.closing:
            self.write(refusal(status, code, message))
        self.hang_up()
