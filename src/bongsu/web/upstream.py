"""The way to the models: two calls, ``send`` and ``stream``, over one pool of connections.

Bodies are bytes both ways; what they mean is not known here. Faults come as ``Unreachable`` or ``TimedOut``, whose
texts name no address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

from bongsu.policy.patience import Timeouts
from bongsu.quantity import Duration
from bongsu.web.errors import Header


class UpstreamError(Exception):
    """The upstream did not answer: ``Unreachable`` (not at all, or it broke off), ``TimedOut``, ``Overlarge``."""


class Unreachable(UpstreamError):
    pass


class TimedOut(UpstreamError):
    pass


class NotConnected(Unreachable):
    """Nothing of the request can have arrived."""


class NotConnectedInTime(TimedOut):
    """The same, after the time for it was over."""


class Overlarge(UpstreamError):
    pass


MOST = 32 << 20
"""Bytes of a whole reply: more than any model writes, little enough for many at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that each part of a call may take. ``total`` is of a whole reply, ``stream`` of a stream, 0 for none;
    ``between`` is the silence between two pieces, ``first`` that before the first."""

    connect: float
    first: float
    between: float
    total: float
    stream: float = 0.0


def limits_of(timeout: Duration, given: Timeouts) -> Limits:
    """What is not given is the upstream's one ``timeout``; a stream has no total unless one is given."""
    connect, first, between = ((t or timeout) / 1e6 for t in (given.connect, given.first_byte, given.between))
    return Limits(connect, first, between, (given.total or timeout) / 1e6, (given.total or 0) / 1e6)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes. ``headers`` hold the key and are never shown."""

    url: str
    limits: Limits
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)

    def at(self, path: str) -> Endpoint:
        """A place under this one."""
        return replace(self, url=self.url + path) if path else self


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Sequence[Header]
    body: bytes


class Flow(Protocol):
    """A reply that is still coming. ``close`` stops the model, if it has not finished."""

    status: int
    headers: Sequence[Header]

    async def piece(self) -> bytes:
        """The next bytes, as they come; none at the end."""
        ...

    def close(self) -> None: ...


class Transport(Protocol):
    async def send(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Reply:
        """Raises ``UpstreamError``; never reads more than ``MOST`` bytes."""
        ...

    async def stream(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Flow: ...

    async def close(self) -> None: ...


@lru_cache(maxsize=256)
def _timeouts(limits: Limits) -> tuple[aiohttp.ClientTimeout, aiohttp.ClientTimeout]:
    """Of a whole reply, and of a stream. One clock watches the silences before and after the first byte: the longer."""
    silence = max(limits.first, limits.between)
    return (aiohttp.ClientTimeout(total=limits.total, connect=limits.connect, sock_read=silence),
            aiohttp.ClientTimeout(total=None, connect=limits.connect, sock_read=silence))


async def whole(piece: Callable[[], Awaitable[bytes]]) -> bytes:
    """All pieces of a reply, unless they are too much."""
    pieces, size = [], 0
    while data := await piece():
        size += len(data)
        if size > MOST:
            raise Overlarge("its reply is too large")
        pieces.append(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _AiohttpFlow:
    """``until`` is when all of it must be here, on the loop's clock; 0 for never."""

    def __init__(self, response: aiohttp.ClientResponse, limits: Limits, first_until: float, until: float) -> None:
        self._response, self._limits, self._until = response, limits, until
        self._first_until = first_until
        self.status = response.status
        self.headers: Sequence[Header] = response.raw_headers

    async def piece(self) -> bytes:
        try:
            if not (at := self._deadline()):
                return await self._response.content.readany()
            async with asyncio.timeout_at(at):
                return await self._response.content.readany()
        except TimeoutError as error:
            raise TimedOut("it fell silent, or took too long") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable("it broke off") from error

    def _deadline(self) -> float:
        """When the next piece must be here, where the client's own clock does not see to it; 0 where it does."""
        first, self._first_until = self._first_until, 0.0
        limits = self._limits
        wanted = first or (asyncio.get_running_loop().time() + limits.between if limits.between < limits.first else 0.0)
        return min(wanted, self._until) if wanted and self._until else wanted or self._until

    def close(self) -> None:
        """A reply read to its end gives its connection back; any other closes it, which tells the model to stop."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpTransport:
    """The transport in use. The session belongs to the loop of the first call."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60), auto_decompress=False, trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=("User-Agent", "Accept"),
                headers={"accept-encoding": "identity", "content-type": "application/json"})
        return self._session

    async def _open_flow(self, to: Endpoint, body: bytes, extra: Mapping[str, str], *, stream: bool) -> _AiohttpFlow:
        """Raises ``NotConnected`` where nothing can have arrived. The first byte is that of the body, of a stream."""
        limits, now = to.limits, asyncio.get_running_loop().time()
        first = now + limits.first
        total = limits.stream if stream else 0.0
        headers, timeout = {**to.headers, **extra}, _timeouts(limits)[stream]
        try:
            async with asyncio.timeout_at(first):
                response = await self._open().post(URL(to.url), data=body, headers=headers, timeout=timeout,
                                                   allow_redirects=False)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise (NotConnectedInTime if isinstance(error, TimeoutError) else NotConnected)("no connection") from error
        except TimeoutError as error:
            raise TimedOut("it did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable("it cannot be reached") from error
        return _AiohttpFlow(response, limits, first if stream else 0.0, now + total if total else 0.0)

    async def send(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Reply:
        flow = await self._open_flow(to, body, extra, stream=False)
        try:
            return Reply(flow.status, flow.headers, await whole(flow.piece))
        finally:
            flow.close()

    async def stream(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Flow:
        return await self._open_flow(to, body, extra, stream=True)

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()
