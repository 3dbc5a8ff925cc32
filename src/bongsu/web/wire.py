"""Bytes in and out of ASGI: the body with its limit, whole answers, and the pieces of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from bongsu.host.caller import CALLER, Caller
from bongsu.host.deadline import Pace
from bongsu.web.errors import Header, cross_origin, not_json, too_large, too_slow

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Header = (b"content-type", b"application/json")
SSE: tuple[Header, ...] = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"),
                           (b"x-accel-buffering", b"no"))
DONE = b"data: [DONE]\n\n"


_LINGER = 8
"""How many times the limit is read (and thrown away) of a body that is too large: a client that is cut off while it
still sends may never read why."""


class Gone(Exception):
    """The client went away before its request was complete."""


def not_by_a_page(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what a web page of another site can make a browser send; each call costs money.

    A page may post a form's content types anywhere without asking; for JSON its browser asks first, and is told no.
    """
    sent = headers.get(b"content-type", b"")
    if sent != b"application/json" and sent.partition(b";")[0].strip().lower() != b"application/json":
        raise not_json()
    origin = headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2] != headers.get(b"host"):
        raise cross_origin()


def caller_of(scope: Scope) -> Caller:
    """Who asks."""
    found: Caller = scope["extensions"][CALLER]
    return found


async def body_of(caller: Caller, limit: int, pace: Pace) -> bytes:
    """The whole body, if it comes at this pace. One piece, the usual case, is not copied."""
    if caller.whole:
        return await _body(caller, limit, _whenever)
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(pace.within) as within:
            return await _body(caller, limit, lambda size: within.reschedule(pace.due(began, clock(), size)))
    except TimeoutError:
        raise too_slow(*pace) from None


def _whenever(size: int) -> None:
    """All of it is here."""


async def _body(caller: Caller, limit: int, came: Callable[[int], None]) -> bytes:
    """``came`` is told how much of it is here, whenever more is to come."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more and size <= limit * _LINGER:
        message = await caller.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        data, more = message.get("body", b""), message.get("more_body", False)
        size += len(data)
        came(size)
        if size <= limit:
            pieces.append(data)
    if size > limit:
        raise too_large(limit)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def answer(caller: Caller, status: int, headers: Sequence[Header], body: bytes) -> None:
    """A whole JSON answer."""
    await caller.ready()
    caller.begin(status, [JSON, (b"content-length", str(len(body)).encode()), *headers])
    caller.say(body, last=True)


async def text(caller: Caller, status: int, kind: str, body: str) -> None:
    """A whole answer that is no JSON."""
    data = body.encode()
    await caller.ready()
    caller.begin(status, [(b"content-type", kind.encode()), (b"content-length", str(len(data)).encode())])
    caller.say(data, last=True)


def begin_stream(caller: Caller, headers: Sequence[Header]) -> None:
    caller.begin(200, [*SSE, *headers])


def piece(caller: Caller, events: Iterable[bytes], *, last: bool = False) -> None:
    """Some server-sent events, already framed; ``last`` ends the answer."""
    caller.say(b"".join(events), last=last)


def frame(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
