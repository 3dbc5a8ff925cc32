"""HTTP/1.1 as a caller speaks it: one connection, and one reply after the other that comes over it.

llhttp reads what comes; here is what it means for a call: when it has begun, what of it is here, when it is over,
whether the connection can serve another. A reply nobody reads fast enough makes the connection wait, and only who
waits for a reply can be kept waiting too long: there is one timer a connection, not one a piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import httptools

from bongsu.host.deadline import Deadline
from bongsu.web.errors import Header
from bongsu.web.upstream import Limits, TimedOut, Unreachable, UpstreamError

PLENTY = 256 << 10
"""Bytes that may wait for a slow reader before the connection waits, too."""
MOST_HEAD = 64 << 10
"""Bytes in which a reply has to have begun."""
_FRAMED = frozenset((b"content-length", b"transfer-encoding"))


class Exchange:
    """One request and its reply. It is the ``Flow`` its reader holds; ``close`` gives the connection back or up.

    ``hard`` and ``first`` are the loop's times by which all of it and its beginning must be here; a ``stream`` has
    begun with its first piece, any other reply with its head.
    """

    __slots__ = ("_between", "_connection", "_error", "_first", "_hard", "_into", "_pieces", "_raised", "_size",
                 "_stream", "_waiter", "begun", "headers", "over", "status")

    def __init__(self, connection: Connection, limits: Limits, first: float, hard: float, *, stream: bool) -> None:
        self._connection: Connection | None = connection
        self._between, self._first, self._hard, self._stream = limits.between, first, hard, stream
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: UpstreamError | None = None
        self._into: Callable[[bytes], bool] | None = None
        self._raised: Exception | None = None
        self.begun = self.over = False
        self.status = 0
        self.headers: Sequence[Header] = ()

    # ---- for its reader ----

    async def head(self) -> None:
        """Wait until ``status`` and ``headers`` are known. Raises ``UpstreamError``."""
        while not self.begun:
            await self._wait(self._first)

    async def piece(self) -> bytes:
        """All that came since; nothing at the end. Raises ``UpstreamError``."""
        while not self._pieces:
            if self.over:
                return b""
            await self._wait(self._first if self._stream else 0.0)
        return self._take()

    async def pour(self, into: Callable[[bytes], bool]) -> None:
        """Give ``into`` all that comes the moment it comes, and nothing at the end, until it wants no more. Raises
        ``UpstreamError``, and what ``into`` raises."""
        self._into, self._raised = into, None
        try:
            while self._pours():
                await self._wait(self._first if self._stream else 0.0)
        finally:
            self._into = None
        raised, self._raised = self._raised, None
        try:
            if raised is not None:
                raise raised
        finally:
            del raised  # it knows this frame: who is told of it holds the call no longer than that

    def close(self) -> None:
        """Done with it; a reply that is not over is not wanted any more, which the model is told by hanging up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.leave(self)

    def _take(self) -> bytes:
        self._stream = False
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._connection is not None:
            self._connection.go_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pours(self) -> bool:
        """Hand on what is here; whether there is more to come."""
        while self._into is not None and (self._pieces or self.over):
            last = not self._pieces
            try:
                wanted = self._into(self._take())
            except Exception as error:  # noqa: BLE001 (it is raised where the pouring is awaited)
                self._raised, wanted = error, False
            if last or not wanted:
                self._into = None
        return self._into is not None

    async def _wait(self, first: float) -> None:
        """Until something happens; ``first``, if any, is when the beginning has to be here."""
        if self._error is not None:
            raise self._error
        connection = self._connection
        if connection is None:
            raise Unreachable("it was closed")
        self._waiter = waiter = connection.loop.create_future()
        self._watched(connection, first)
        try:
            await waiter
        finally:
            self._waiter = None

    def _watched(self, connection: Connection, first: float) -> None:
        connection.deadline.put_off(min(first or connection.loop.time() + self._between, self._hard))

    # ---- for its connection ----

    @property
    def awaited(self) -> bool:
        return self._waiter is not None

    def came(self, data: bytes) -> bool:
        """A piece of the body; whether more of it has to wait."""
        self._pieces.append(data)
        self._size += len(data)
        return self._size > PLENTY

    def fail(self, error: UpstreamError) -> None:
        if not self.over and self._error is None:
            self._error = error
        self.wake()

    def wake(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if self._into is not None and self._error is None and self._pours():
            if self._connection is not None:
                self._watched(self._connection, 0.0)
            return
        self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """One connection. ``idle`` is told when a reply has been read and the next one can be asked for, ``lost`` when it
    is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: Callable[[Connection], None],
                 lost: Callable[[Connection], None]) -> None:
        self.loop, self._idle, self._lost = loop, idle, lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: Exchange | None = None
        self._headers: list[Header] = []
        self._head_size = 0
        self.deadline = Deadline(loop, self._late)
        self._spoilt = self._paused = False

    def ask(self, head: bytes, body: bytes, limits: Limits, first: float, hard: float, *, stream: bool) -> Exchange:
        """Send a request; its reply begins to come."""
        if self._transport is None:
            raise Unreachable("it was closed")
        self._exchange = Exchange(self, limits, first, hard, stream=stream)
        self._head_size = 0
        self._transport.write(head + body)
        return self._exchange

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self._spoilt

    def leave(self, exchange: Exchange) -> None:
        """Its reader has done with a reply."""
        if self._exchange is not exchange or self._transport is None:
            return
        self._exchange = None
        # a reply may come before all of the request is sent, which the next one would then follow
        if not exchange.over or not self.usable or self._transport.get_write_buffer_size():
            self.abort()
            return
        self.go_on()
        self._idle(self)

    def abort(self) -> bool:
        """Hang up; whether there was anything to hang up."""
        if self._transport is None:
            return False
        self._transport.abort()
        return True

    def _late(self) -> None:
        """Give up, if the reader still waits."""
        exchange = self._exchange
        if exchange is not None and exchange.awaited:
            self._spoilt = True
            exchange.fail(TimedOut("it did not answer in time"))

    # ---- from the wire ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._parser = cast(asyncio.Transport, transport), httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None or self._parser is None or exchange.over:  # an answer to nothing
            self._spoil()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            exchange.fail(Unreachable("it does not speak HTTP/1.1"))
            self._spoil()
            return
        if not exchange.begun:
            self._head_size += len(data)
            if self._head_size > MOST_HEAD:
                exchange.fail(Unreachable("its head does not end"))
                self._spoil()
        exchange.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self._exchange, self._transport, self._parser = self._exchange, None, None, None
        self.deadline.close()
        if exchange is not None:
            ends_so = exchange.begun and not any(name.lower() in _FRAMED for name, _ in exchange.headers)
            if exc is None and ends_so:
                exchange.over = True
            exchange.fail(Unreachable("it broke off"))
        self._lost(self)

    def _spoil(self) -> None:
        self._spoilt = True
        self.abort()

    def go_on(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # ---- from llhttp ----

    def on_message_begin(self) -> None:
        self._headers = []
        if self._exchange is None or self._exchange.over:
            self._spoilt = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._exchange is not None and not self._exchange.begun:  # what follows a body is of no use here
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        exchange, parser = self._exchange, self._parser
        if exchange is None or parser is None or exchange.over:
            return
        status = parser.get_status_code()
        if any(name.lower() == b"content-encoding" and value.strip().lower() != b"identity"
               for name, value in self._headers):  # a guard would look at noise, and find nothing
            self._spoilt = True
            exchange.fail(Unreachable("it compresses its reply though it was asked not to"))
        elif status >= 200:  # else it is only said that the reply will come
            exchange.status, exchange.headers, exchange.begun = status, self._headers, True

    def on_body(self, body: bytes) -> None:
        exchange = self._exchange
        if exchange is None or exchange.over:
            return
        if exchange.came(body) and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        exchange, parser = self._exchange, self._parser
        if exchange is None or parser is None or not exchange.begun:
            return
        exchange.over = True
        if not parser.should_keep_alive():
            self._spoilt = True
