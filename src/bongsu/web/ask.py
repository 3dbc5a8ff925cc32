"""The model asked: the route's upstream, then its fallbacks, until one answers. Whom it is better to leave alone is
passed over; who may be asked again is, within the route's budget of retries.

A stream counts as answered once its first piece is here, so that a model that dies before it is replaced unseen.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple, TypeVar

from bongsu.access.circuit import Pass
from bongsu.web import errors
from bongsu.web.asked import Asked, decode_object
from bongsu.web.call import Call
from bongsu.web.errors import Fault, Header
from bongsu.web.plan import RoutePlan, Target
from bongsu.web.sse import Events, Overlong, data_of
from bongsu.web.upstream import (
    MOST,
    Flow,
    NotConnectedInTime,
    Overlarge,
    Reply,
    TimedOut,
    Transport,
    Unreachable,
    UpstreamError,
    whole,
)

T = TypeVar("T")


class Answer(NamedTuple):
    """A whole reply; ``found`` is None where the upstream said no with a 4xx that the caller is to read."""

    target: Target
    reply: Reply
    found: dict[str, Any] | None


class Open(NamedTuple):
    """A stream that has begun, with its first events."""

    target: Target
    flow: Flow
    events: Events
    first: list[bytes]


def fault_of(error: UpstreamError, call: Call) -> Fault:
    if isinstance(error, Overlarge):
        return errors.reply_too_large(MOST, call.id)
    return errors.timed_out(call.id) if isinstance(error, TimedOut) else errors.unreachable(call.id)


def _after(headers: Sequence[Header]) -> int | None:
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit():
            return min(int(value), 3600)
    return None


class _Failed(NamedTuple):
    """What came instead of an answer; ``again`` says that asking the same upstream once more makes sense."""

    fault: Fault
    again: bool


class Asking:
    """One call's way through its route's chain."""

    def __init__(self, transport: Transport, timer: Callable[[], int], call: Call, plan: RoutePlan, request: Asked,
                 extra: Mapping[str, str]) -> None:
        self._transport, self._timer, self._call = transport, timer, call
        self._plan, self._request, self._extra = plan, request, extra

    def _body(self, target: Target) -> bytes:
        body = self._request.body(target.model)
        return target.shape.put(body, self._call.surface.api) if self._call.surface.shaped else body

    async def whole(self) -> Answer:
        """A reply, or the last fault."""
        return await self._through(self._whole)

    async def stream(self) -> Open | Answer:
        """A stream that has begun, a refusal to be passed on, or the last fault."""
        return await self._through(self._begin)

    def broke(self, target: Target) -> None:
        """A stream that had begun did not end well."""
        target.circuit.broke(self._timer())

    async def _through(self, ask: Callable[[Target], Awaitable[T]]) -> T:
        """Down the chain, past whom it is better to leave alone, until one answers."""
        call, chain, fault = self._call, self._plan.chain, None
        if self._plan.retries is not None:
            self._plan.retries.call()
        for target in chain:
            for again in count():
                leave = target.circuit.ask(self._timer())
                if leave is None:
                    if not again:
                        call.passed_over(target)
                    break
                call.trying(target, target is not chain[0], again)
                got = await self._once(ask, target, leave)
                if not isinstance(got, _Failed):
                    return got
                fault = got.fault
                if not (got.again and await self._may_retry(again)):
                    break
        if fault is None and chain:
            now = self._timer()
            soonest = min(target.circuit.wait(now) for target in chain)
            raise errors.all_open(call.id, max(1, -(-soonest // 10**9)))
        raise fault or errors.no_upstream(call.id)

    async def _once(self, ask: Callable[[Target], Awaitable[T]], target: Target, leave: Pass) -> T | _Failed:
        since = self._timer()
        try:
            got = await ask(target)
            leave.back(True, self._timer())
            return got
        except UpstreamError as error:
            leave.back(None if isinstance(error, Overlarge) else False, self._timer())
            return _Failed(fault_of(error, self._call), isinstance(error, Unreachable | NotConnectedInTime))
        except Fault as bad:
            leave.back(None if bad.status == 429 else False, self._timer())
            return _Failed(bad, bad.retry is True and not bad.after_s)
        finally:
            leave.back(None, self._timer())
            self._call.waited(since)

    async def _may_retry(self, before: int) -> bool:
        """Whether the same upstream is asked once more; if so, after a while: from half of it to all, by the call."""
        budget = self._plan.retries
        if budget is None or before >= budget.rule.most or not budget.take():
            return False
        since, whole_ = self._timer(), budget.rule.backoff / 1e6 * 2**before
        await asyncio.sleep(whole_ * (1 + zlib.crc32(f"{self._call.id}/{before}".encode()) / 2**32) / 2)
        self._call.waited(since)
        return True

    def _check(self, status: int, headers: Sequence[Header]) -> None:
        """Raise what a status means that the caller is not to read."""
        bad = errors.by_status(status, _after(headers), self._call.id) if status >= 300 else None
        if bad is not None:
            raise bad

    async def _whole(self, target: Target) -> Answer:
        reply = await self._transport.send(target.at(self._call.surface.path), self._body(target), self._extra)
        self._check(reply.status, reply.headers)
        if reply.status >= 400:
            return Answer(target, reply, None)
        found = self._call.surface.decode(reply.body)
        if found is None:
            raise errors.not_a_reply(self._call.id)
        return Answer(target, reply, found)

    async def _begin(self, target: Target) -> Open | Answer:
        flow = await self._transport.stream(target.at(self._call.surface.path), self._body(target), self._extra)
        handed_on = False
        try:
            self._check(flow.status, flow.headers)
            if flow.status >= 400:
                return Answer(target, Reply(flow.status, flow.headers, await whole(flow.piece)), None)
            events = Events()
            first = await self._first(events, flow)
            handed_on = True
            return Open(target, flow, events, first)
        finally:
            if not handed_on:
                flow.close()

    async def _first(self, events: Events, flow: Flow) -> list[bytes]:
        """The first events, up to one with data; an error as the first, or none at all, is the upstream's fault."""
        found: list[bytes] = []
        first: bytes | None = None
        try:
            while first is None:
                data = await flow.piece()
                fresh = events.feed(data) if data else events.end()
                first = next(filter(None, map(data_of, fresh)), None)
                found += fresh
                if not data:
                    break
        except Overlong:
            first = None
        if first is None or is_error(first):
            raise errors.not_a_reply(self._call.id)
        return found


def is_error(data: bytes) -> bool:
    """Whether an event is an error rather than a chunk."""
    if b'"error"' not in data:
        return False
    found = decode_object(data)
    return found is not None and (bool(found.get("error")) or found.get("type") == "error")
