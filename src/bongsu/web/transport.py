"""The way to the models: HTTP/1.1 over connections that are kept and used again.

The client is our own, since the one it took the place of (aiohttp) cost more than all else the gateway does with a
call; what it must get right, HTTP's grammar, TLS and the race of IPv6 and IPv4, is still left to llhttp, the
standard library and aiohappyeyeballs. It follows no redirect, keeps no cookie and reads no proxy from the environment.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import NamedTuple

from aiohappyeyeballs import start_connection
from yarl import URL

from bongsu.web.http1 import Connection, Exchange
from bongsu.web.upstream import Endpoint, Flow, NotConnected, NotConnectedInTime, Reply, whole

KEEP = 15.0
"""Seconds a connection is kept that nobody uses; servers hang up after some more."""
_RACE = 0.25
"""Seconds after which the next address of a host is tried beside the first (RFC 8305)."""


class Place(NamedTuple):
    """What a connection reaches."""

    host: str
    port: int
    tls: bool


@lru_cache(maxsize=1024)
def _resolved(url: str) -> tuple[Place, str]:
    """Where an address is, and how a request to it begins; remembered, since calls go to the same few."""
    return _parsed(url, "POST")


def _parsed(url: str, method: str) -> tuple[Place, str]:
    at = URL(url)
    if at.scheme not in ("http", "https") or not at.raw_host or at.port is None:
        raise ValueError("an upstream's address: expected http:// or https:// and a host")
    host = f"[{at.raw_host}]" if ":" in at.raw_host else at.raw_host
    named = host if at.is_default_port() else f"{host}:{at.port}"
    return Place(at.raw_host, at.port, at.scheme == "https"), (
        f"{method} {at.raw_path_qs} HTTP/1.1\r\nhost: {named}\r\naccept-encoding: identity\r\n"
        "content-type: application/json\r\n")


def _head(begins: str, headers: Mapping[str, str], length: int) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header of a request: expected one line, came more; is there a line end in a key?")
    return f"{begins}{lines}content-length: {length}\r\n\r\n".encode()


class HttpTransport:
    """The ``Transport`` in use. It belongs to the loop of its first call."""

    def __init__(self) -> None:
        self._idle: dict[Place, dict[Connection, float]] = {}
        self._all: dict[Connection, Place] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._none_left = asyncio.Event()

    async def send(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Reply:
        exchange = await self._ask(to, body, extra, stream=False)
        try:
            return Reply(exchange.status, exchange.headers, await whole(exchange.piece))
        finally:
            exchange.close()

    async def stream(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Flow:
        return await self._ask(to, body, extra, stream=True)

    async def close(self) -> None:
        """Hang up everywhere."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        if self._all:
            self._none_left.clear()
            await self._none_left.wait()

    async def _ask(self, to: Endpoint, body: bytes, extra: Mapping[str, str], *, stream: bool) -> Exchange:
        """Raises ``UpstreamError``, ``NotConnected`` where nothing can have arrived."""
        limits, now = to.limits, asyncio.get_running_loop().time()
        place, begins = _resolved(to.url) if to.method == "POST" else _parsed(to.url, to.method)
        head = _head(begins, {**to.headers, **extra}, len(body))
        total = limits.stream if stream else limits.total
        first, hard = now + limits.first, now + total if total else inf
        connection = self._kept(place) or await self._connect(place, min(now + limits.connect, first, hard))
        exchange = connection.ask(head, body, limits, first, hard, stream=stream)
        try:
            await exchange.head()
        except BaseException:
            exchange.close()
            raise
        return exchange

    # ---- connections ----

    def _kept(self, place: Place) -> Connection | None:
        """The one used last, if any still stands."""
        idle = self._idle.get(place)
        while idle:
            connection, _ = idle.popitem()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self, place: Place, until: float) -> Connection:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, self._is_idle, self._is_lost)
        try:
            async with asyncio.timeout_at(until):
                infos = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
                sock = await start_connection(infos, happy_eyeballs_delay=_RACE, interleave=1)
                try:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._all[connection] = place
                    await loop.create_connection(lambda: connection, sock=sock, ssl=self._context(place),
                                                 server_hostname=place.host if place.tls else None)
                except BaseException:
                    if not connection.abort():
                        self._is_lost(connection)
                    sock.close()
                    raise
        except TimeoutError as error:
            raise NotConnectedInTime("no connection") from error
        except OSError as error:
            raise NotConnected("no connection") from error
        return connection

    def _context(self, place: Place) -> ssl.SSLContext | None:
        if place.tls and self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls if place.tls else None

    def _is_idle(self, connection: Connection) -> None:
        self._idle.setdefault(self._all[connection], {})[connection] = connection.loop.time()
        if self._sweeper is None:
            self._sweeper = connection.loop.call_later(KEEP, self._sweep, connection.loop)

    def _is_lost(self, connection: Connection) -> None:
        place = self._all.pop(connection, None)
        if place is not None:
            self._idle.get(place, {}).pop(connection, None)
        if not self._all:
            self._none_left.set()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hang up where nobody asked anything for some time."""
        self._sweeper = None
        since = loop.time() - KEEP
        for idle in self._idle.values():
            for connection, begun in list(idle.items()):
                if begun <= since:
                    connection.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(KEEP, self._sweep, loop)
