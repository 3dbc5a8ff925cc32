"""Connections that are in no call: those whose request has not come whole, and those between two requests.

They cost a caller nothing to open and a server a socket each to keep. So the head of a request has to be here in time
and within its size, and only so many connections may wait at once: for one more, the one that has waited longest goes.
A client that sends what it has is in a call before it could be that one.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

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


class Guest(HttpToolsProtocol):
    """A connection."""

    lobby: Lobby
    _timer: asyncio.TimerHandle | None = None
    _begun = False
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        self.lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._begun or self.transport.is_closing():
            return
        self._size += len(data)
        if self._size > self.lobby.most_head:
            self.lobby.left["head_too_large"] += 1
            self.send_away(431, "request_headers_too_large", "expected the head of a request within "
                           f"{self.lobby.most_head} bytes; send shorter headers")
        elif self._timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        self._begun, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._begun = False
        self._leave()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.lobby.enter(self)

    def _watch(self) -> None:
        self._timer = self.loop.call_later(self.lobby.patience, self._too_slow)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.lobby.leave(self)

    def _too_slow(self) -> None:
        self.lobby.left["slow"] += 1
        self.send_away(408, "request_timeout", f"expected the head of a request within {self.lobby.patience:g} s; part "
                       "of it did not come, send it faster")

    def send_away(self, status: int, code: str, message: str) -> None:
        """Close it; who has begun to ask is told why."""
        self._leave()
        if self._begun and not self.transport.is_closing():
            self.transport.write(_answer(status, code, message))
        self.transport.close()


def _answer(status: int, code: str, message: str) -> bytes:
    """An error in the shape of OpenAI's: which API is meant is not known before the path is."""
    said: dict[str, Any] = {"message": message, "type": "invalid_request_error" if status < 500 else "server_error",
                            "param": None, "code": code}
    body = json.dumps({"error": said}).encode()
    return b"".join((STATUS_LINE[status], b"content-type: application/json\r\nconnection: close\r\ncontent-length: ",
                     str(len(body)).encode(), b"\r\n\r\n", body))
