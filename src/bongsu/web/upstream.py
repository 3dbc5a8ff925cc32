"""The way to the models: two calls, ``send`` and ``stream``, over one pool of connections.

Bodies are bytes both ways; what they mean is not known here. Faults come as ``Unreachable`` or ``TimedOut``, whose
texts name no address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

from bongsu.web.errors import Header


class UpstreamError(Exception):
    """The upstream did not answer: ``Unreachable`` (not at all, or it broke off), ``TimedOut``, ``Overlarge``."""


class Unreachable(UpstreamError):
    pass


class TimedOut(UpstreamError):
    pass


class Overlarge(UpstreamError):
    pass


MOST = 32 << 20
"""Bytes of a whole reply: more than any model writes, little enough for many at once."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes. ``headers`` hold the key and are never shown; ``timeout_s`` limits a whole reply, or the
    silence between two pieces of a stream."""

    url: str
    timeout_s: float
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
def _limits(timeout_s: float) -> tuple[aiohttp.ClientTimeout, aiohttp.ClientTimeout]:
    """Of a whole reply, and of the silences of a stream."""
    return (aiohttp.ClientTimeout(total=timeout_s),
            aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s))


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
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Sequence[Header] = response.raw_headers

    async def piece(self) -> bytes:
        try:
            return await self._response.content.readany()
        except TimeoutError as error:
            raise TimedOut("it fell silent") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable("it broke off") from error

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

    async def _post(self, to: Endpoint, body: bytes, extra: Mapping[str, str],
                    timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        try:
            return await self._open().post(URL(to.url), data=body, headers={**to.headers, **extra}, timeout=timeout,
                                           allow_redirects=False)
        except TimeoutError as error:
            raise TimedOut("it did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable("it cannot be reached") from error

    async def send(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Reply:
        flow = _AiohttpFlow(await self._post(to, body, extra, _limits(to.timeout_s)[0]))
        try:
            return Reply(flow.status, flow.headers, await whole(flow.piece))
        finally:
            flow.close()

    async def stream(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Flow:
        return _AiohttpFlow(await self._post(to, body, extra, _limits(to.timeout_s)[1]))

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()
