"""The model asked: the route's upstream, then its fallbacks, until one answers.

A stream counts as answered once its first piece is here, so that a model that dies before it is replaced unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bongsu.web import errors
from bongsu.web.asked import Asked, decode_object
from bongsu.web.call import Call
from bongsu.web.errors import Fault, Header
from bongsu.web.plan import RoutePlan, Target
from bongsu.web.sse import Events, Overlong, data_of
from bongsu.web.upstream import MOST, Endpoint, Flow, Overlarge, Reply, TimedOut, Transport, UpstreamError, whole


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


class Asking:
    """One call's way through its route's chain."""

    def __init__(self, transport: Transport, timer: Callable[[], int], call: Call, plan: RoutePlan, request: Asked,
                 extra: Mapping[str, str]) -> None:
        self._transport, self._timer, self._call = transport, timer, call
        self._plan, self._request, self._extra = plan, request, extra

    def _at(self, target: Target) -> Endpoint:
        return target.endpoint.at(self._call.surface.path)

    def _body(self, target: Target) -> bytes:
        body = self._request.body(target.model)
        return target.shape.put(body, self._call.surface.api) if self._call.surface.shaped else body

    async def whole(self) -> Answer:
        """A reply, or the last fault."""
        fault = errors.no_upstream(self._call.id)
        for target in self._plan.chain:
            self._call.trying(target)
            since = self._timer()
            try:
                reply = await self._transport.send(self._at(target), self._body(target), self._extra)
            except UpstreamError as error:
                fault = fault_of(error, self._call)
                continue
            finally:
                self._call.waited(since)
            bad = errors.by_status(reply.status, _after(reply.headers), self._call.id)
            if bad is None and reply.status >= 400:
                return Answer(target, reply, None)
            found = None if bad else self._call.surface.decode(reply.body)
            if found is not None:
                return Answer(target, reply, found)
            fault = bad or errors.not_a_reply(self._call.id)
        raise fault

    async def stream(self) -> Open | Answer:
        """A stream that has begun, a refusal to be passed on, or the last fault."""
        fault = errors.no_upstream(self._call.id)
        for target in self._plan.chain:
            self._call.trying(target)
            since = self._timer()
            try:
                return await self._begin(target)
            except UpstreamError as error:
                fault = fault_of(error, self._call)
            except Fault as bad:
                fault = bad
            finally:
                self._call.waited(since)
        raise fault

    async def _begin(self, target: Target) -> Open | Answer:
        flow = await self._transport.stream(self._at(target), self._body(target), self._extra)
        handed_on = False
        try:
            bad = errors.by_status(flow.status, _after(flow.headers), self._call.id)
            if bad is not None:
                raise bad
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
