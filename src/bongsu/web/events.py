"""``POST /v1/events``: events of applications that do not go through the gateway, and labels that come later.

What is answered 2xx is durable, once: sending it again adds nothing. Texts are masked as the gateway masks them, before
anything is stored. Those who send events have a token that is good for nothing else.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from bongsu.event import Event
from bongsu.sources import otlp
from bongsu.sources.submitted import READERS, Span, Submission, UnreadableError, of_events
from bongsu.stores import arrow
from bongsu.stores.faults import DiskFull
from bongsu.stores.log import Appended
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.web.cloak import Cloak, Cloaked
from bongsu.web.later import Later

MOST_BYTES = 64 << 20
MOST_AT_ONCE = 8
MOST_FAULTS = 1000
RETRY_SOON, RETRY_LATER = {"retry-after": "1"}, {"retry-after": "30"}
Take = Callable[[pa.Table, Sequence[Event]], Awaitable[Appended]]
"""Makes events durable, and boxes for the vault before them, in the one thread that may."""


class Inlet:
    """What comes in by HTTP. ``span`` says which times are believed now; ``knows`` a token that may send events;
    ``token`` makes a new one in place of the one before, on the record. ``refused`` counts, by field, what was not
    taken since the start; ``texts`` are those that no guard could read. ``closing`` is done last."""

    def __init__(self, take: Take, cloak: Cloak, service: str, span: Callable[[], Span],
                 knows: Callable[[str], bool], token: Callable[[str, str], str],
                 closing: Callable[[], None] = lambda: None) -> None:
        self._closing = closing
        self._take, self._cloak, self._service = take, cloak, service
        self._span, self._knows, self._token = span, knows, token
        self._busy = 0
        self.refused: Counter[str] = Counter()
        self._later = Later(cloak, lambda texts, boxes: take(arrow.table(texts), boxes),
                            lambda n: self.refused.update(texts=n))

    async def close(self) -> None:
        """Wait for texts that are being masked."""
        await self._later.close()
        self._closing()

    def ways(self) -> tuple[Way, ...]:
        return (
            Way("POST", "/v1/events", self.events, "admin", raw=True, token=self._knows, body={
                "id": "unique for ever", "time": "integer: microseconds since 1970",
                "kind": "prediction, label, call or a name of your own"}),
            Way("POST", "/v1/traces", self.traces, "admin", raw=True, token=self._knows, body={
                "resourceSpans": "array: OTLP/HTTP, in JSON or protobuf"}),
            Way("POST", "/v1/tokens/ingest", self.mint, "admin", body={"reason": "why; goes into the audit log"}),
        )

    async def events(self, visit: Visit) -> Response:
        """Take events: JSON (one or a list), NDJSON or an Arrow stream. Says how many were new, known, refused."""
        return await self.serve(visit, self._read)

    async def traces(self, visit: Visit) -> Response:
        """Take the model calls among the spans of an OTLP/HTTP export; the others are passed over."""
        protobuf = _kind(visit.request) == otlp.PROTOBUF

        def read(_request: Request, body: bytes) -> Submission:
            spans = otlp.read_protobuf(body) if protobuf else otlp.read_json(body)
            return of_events(spans, self._service, self._span())

        def say(given: Submission, _taken: Appended) -> Response:
            why = "; ".join(f"{f.field}: expected {f.expected}, came {f.came}" for f in given.faults[:3])
            return Response(otlp.said(len(given.faults), why, protobuf=protobuf),
                            media_type=otlp.PROTOBUF if protobuf else "application/json")

        return await self.serve(visit, read, say)

    async def serve(self, visit: Visit, read: Callable[[Request, bytes], Submission],
                    say: Callable[[Submission, Appended], Response] | None = None) -> Response:
        """Read a body, keep what is good of it, and answer; turned away where too much waits already."""
        if self._busy >= MOST_AT_ONCE or self._later.full:
            raise Wrong(503, "busy", "enough batches are being stored already; send it again in a second",
                        RETRY_SOON)
        self._busy += 1
        try:
            body = await _body(visit.request)
            given, cloaked = await asyncio.to_thread(self._prepare, visit.request, body, read)
            taken = await self.keep(cloaked)
        finally:
            self._busy -= 1
        self.refused.update(fault.field for fault in given.faults)
        return (say or _said)(given, taken)

    async def keep(self, cloaked: Cloaked) -> Appended:
        """Store masked events, and then their texts; where there is no room, the sender is to wait."""
        table, texts, boxes = cloaked
        try:
            taken = await self._take(table, boxes) if table.num_rows else Appended(None, 0, 0)
            if texts and not self._cloak.guards:
                await self._take(arrow.table(texts), ())
        except DiskFull as error:
            raise Wrong(503, "disk_full", f"nothing of this was stored: {error}", RETRY_LATER) from None
        if texts and self._cloak.guards:
            users = dict(zip(table["id"].to_pylist(), table["user"].fill_null("").to_pylist(), strict=True))
            self._later.take(texts, {text.call: users[text.call] for text in texts})
        return taken

    async def mint(self, visit: Visit) -> Response:
        """A new token for those who send events; the one before is worth nothing from now on. Shown once."""
        return answer({"token": self._token(visit.actor, reason_of(visit))}, 201)

    def _read(self, request: Request, body: bytes) -> Submission:
        kind = _kind(request)
        reader = READERS.get(kind)
        if reader is None:
            raise Wrong(415, "bad_content_type", f"expected {', '.join(READERS)}, came {kind[:80]!r}")
        return reader(body, self._service, self._span())

    def _prepare(self, request: Request, body: bytes,
                 read: Callable[[Request, bytes], Submission]) -> tuple[Submission, Cloaked]:
        try:
            given = read(request, body)
        except UnreadableError as error:
            raise Wrong(400, "bad_body", str(error)) from None
        return given, self._cloak.masked(given.table)


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request) -> bytes:
    """The whole of it, unpacked; a small body that unpacks to a huge one is as large as the huge one."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise Wrong(415, "bad_encoding", f"expected gzip or no content-encoding, came {packing[:40]!r}")
    unpack = zlib.decompressobj(31) if packing == "gzip" else None
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            part = unpack.decompress(chunk, MOST_BYTES + 1 - size) if unpack else chunk
            size += len(part)
            if size > MOST_BYTES or (unpack and unpack.unconsumed_tail):
                raise Wrong(413, "too_large", f"the body is longer than {MOST_BYTES >> 20} MiB; send it in parts")
            chunks.append(part)
        if unpack and not unpack.eof:
            raise Wrong(400, "bad_body", "the gzip stream ends too early")
    except zlib.error as error:
        raise Wrong(400, "bad_body", f"expected gzip ({error})") from None
    return b"".join(chunks)


def _said(given: Submission, taken: Appended) -> Response:
    """422 where nothing of it can ever be taken; else 200, with what was refused."""
    refused: list[Mapping[str, Any]] = [asdict(fault) for fault in given.faults[:MOST_FAULTS]]
    more = {"refused_more": len(given.faults) - MOST_FAULTS} if len(given.faults) > MOST_FAULTS else {}
    status = 422 if given.faults and not given.table.num_rows else 200
    return answer({"accepted": taken.n, "duplicates": taken.duplicates, "refused": refused, **more}, status)
