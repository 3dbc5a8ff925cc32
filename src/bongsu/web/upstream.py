"""What a way to the models is: two calls, ``send`` and ``stream``. The one in use is in ``transport``.

Bodies are bytes both ways; what they mean is not known here. Faults come as ``Unreachable`` or ``TimedOut``, whose
texts name no address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

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

    @property
    def answered(self) -> float:
        """Within how many seconds it is usually known whether the upstream answers: a whole reply, or a stream's first
        event. Only a stream that sends something else before it takes longer."""
        return max(self.total, self.stream or self.first + self.between)


def limits_of(timeout: Duration, given: Timeouts) -> Limits:
    """What is not given is the upstream's one ``timeout``; a stream has no total unless one is given."""
    connect, first, between = ((t or timeout) / 1e6 for t in (given.connect, given.first_byte, given.between))
    return Limits(connect, first, between, (given.total or timeout) / 1e6, (given.total or 0) / 1e6)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes. ``headers`` hold the key and are never shown. What is looked up is asked with GET."""

    url: str
    limits: Limits
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    method: Literal["POST", "GET"] = "POST"

    def at(self, path: str) -> Endpoint:
        """A place under this one."""
        return Endpoint(self.url + path, self.limits, self.headers, self.method) if path else self


class Reply(NamedTuple):
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

    async def pour(self, into: Callable[[bytes], bool]) -> None:
        """Give ``into`` all that comes the moment it comes, and nothing at the end, until it wants no more."""
        ...

    def close(self) -> None: ...


class Transport(Protocol):
    async def send(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Reply:
        """Raises ``UpstreamError``; never reads more than ``MOST`` bytes."""
        ...

    async def stream(self, to: Endpoint, body: bytes, extra: Mapping[str, str]) -> Flow: ...

    async def close(self) -> None: ...


async def whole(piece: Callable[[], Awaitable[bytes]]) -> bytes:
    """All pieces of a reply, unless they are too much."""
    pieces, size = [], 0
    while data := await piece():
        size += len(data)
        if size > MOST:
            raise Overlarge("its reply is too large")
        pieces.append(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
