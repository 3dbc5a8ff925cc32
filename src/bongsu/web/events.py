"""``POST /v1/events``: events of applications that do not go through the gateway, and labels that come later.

What is answered 2xx is durable, once: sending it again adds nothing. Texts are masked as the gateway masks them, before
anything is stored. Those who send events have a token that is good for nothing else.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.requests import Request
from starlette.responses import Response

from bongsu.event import COLUMNS, FEATURES, Event, feature_of
from bongsu.prompt import COLUMN
from bongsu.sources import otlp
from bongsu.sources.columns import cells
from bongsu.sources.submitted import READERS, Submission, UnreadableError, of_events
from bongsu.stores import arrow
from bongsu.stores.log import Appended, DiskFull
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.web.masking import KEPT, TAG, Masking

MOST_BYTES = 64 << 20
MOST_AT_ONCE = 8
MOST_FAULTS = 1000
RETRY_SOON, RETRY_LATER = {"retry-after": "1"}, {"retry-after": "30"}
PEOPLE = {"user": "USER", "annotator": "USER", "conversation": "CONVERSATION"}
"""Columns that name somebody: a token always stands for them."""
_AS_THEY_ARE = frozenset(("id", "call", "trace", "parent", "response_id", "kind", "origin", "service", "policy",
                          "verdicts", "prompt", "reply", *PEOPLE))
_TEXTS = tuple(name for name, kind in COLUMNS.items() if kind == "text" and name not in _AS_THEY_ARE)

Take = Callable[[pa.Table], Awaitable[Appended]]
"""Makes events durable, in the one thread that may."""


class Inlet:
    """What comes in by HTTP. ``knows`` a token that may send events; ``token`` makes a new one in place of the one
    before, on the record. With ``clusters``, prompts get their cell."""

    def __init__(self, take: Take, masking: Masking, service: str, policy: str, clock: Callable[[], int],
                 knows: Callable[[str], bool], token: Callable[[str, str], str], clusters: bool = False) -> None:
        self._take, self._masking, self._service, self._policy = take, masking, service, policy
        self._clock, self._knows, self._token = clock, knows, token
        self._tag = lru_cache(1 << 16)(lambda text: masking.tag(text)[:TAG])
        self._busy, self._clusters = 0, clusters

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
            return of_events(spans, self._service, self._clock())

        def say(given: Submission, _taken: Appended) -> Response:
            why = "; ".join(f"{f.field}: expected {f.expected}, came {f.came}" for f in given.faults[:3])
            return Response(otlp.said(len(given.faults), why, protobuf=protobuf),
                            media_type=otlp.PROTOBUF if protobuf else "application/json")

        return await self.serve(visit, read, say)

    async def serve(self, visit: Visit, read: Callable[[Request, bytes], Submission],
                    say: Callable[[Submission, Appended], Response] | None = None) -> Response:
        """Read a body, keep what is good of it, and answer; turned away where too much waits already."""
        if self._busy >= MOST_AT_ONCE:
            raise Wrong(503, "busy", f"{MOST_AT_ONCE} batches are being stored already; send it again in a second",
                        RETRY_SOON)
        self._busy += 1
        try:
            body = await _body(visit.request)
            given, table, texts = await asyncio.to_thread(self._prepare, visit.request, body, read)
            taken = await self.keep(table)
            if texts:
                await self.keep(arrow.table(texts))
        finally:
            self._busy -= 1
        return (say or _said)(given, taken)

    async def keep(self, table: pa.Table) -> Appended:
        """Store masked events; where there is no room, the sender is to wait."""
        try:
            return await self._take(table) if table.num_rows else Appended(None, 0, 0)
        except DiskFull as error:
            raise Wrong(503, "disk_full", f"nothing of this was stored: {error}", RETRY_LATER) from None

    async def mint(self, visit: Visit) -> Response:
        """A new token for those who send events; the one before is worth nothing from now on. Shown once."""
        return answer({"token": self._token(visit.actor, reason_of(visit))}, 201)

    def _read(self, request: Request, body: bytes) -> Submission:
        kind = _kind(request)
        reader = READERS.get(kind)
        if reader is None:
            raise Wrong(415, "bad_content_type", f"expected {', '.join(READERS)}, came {kind[:80]!r}")
        return reader(body, self._service, self._clock())

    def _prepare(self, request: Request, body: bytes,
                 read: Callable[[Request, bytes], Submission]) -> tuple[Submission, pa.Table, list[Event]]:
        try:
            given = read(request, body)
        except UnreadableError as error:
            raise Wrong(400, "bad_body", str(error)) from None
        return given, *self.masked(given.table)

    # ---- what may be stored ----

    def masked(self, table: pa.Table) -> tuple[pa.Table, list[Event]]:
        """The events without what is personal; their texts, masked, as events of their own, as the gateway does it."""
        if self._clusters:
            table = _placed(table)
        texts = self._texts(table)
        for name in table.column_names:
            made = self._column(name, table[name])
            if made is not None:
                table = table.set_column(table.column_names.index(name), name, made)
        policy = pa.repeat(pa.scalar(self._policy, pa.string()), table.num_rows)
        return table.set_column(table.column_names.index("policy"), "policy", policy), texts

    def _column(self, name: str, values: Any) -> Any:
        """A column as it may be stored, None where it may be as it is. Each value is looked at once."""
        if name in ("prompt", "reply"):
            return pa.nulls(len(values), pa.string())
        if name in PEOPLE:
            return _mapped(values, lambda text: self._masking.token(PEOPLE[name], text))
        if name in _TEXTS or (name.startswith(FEATURES) and feature_of(name)[1] == "text"):
            return _mapped(values, self._tag)
        return None

    def _texts(self, table: pa.Table) -> list[Event]:
        said = table.filter(pc.or_(pc.is_valid(table["prompt"]), pc.is_valid(table["reply"])))
        rows = said.select(["id", "time", "route", "prompt", "reply"]).to_pylist()
        return [Event(id=f"{row['id']}-content", kind="content", call=row["id"], time=row["time"],
                      service=self._service, route=row["route"] or "", policy=self._policy,
                      prompt=self._text(row["prompt"]), reply=self._text(row["reply"])) for row in rows]

    def _text(self, text: str | None) -> str | None:
        return None if text is None else self._masking.tag(text)[:KEPT]


def _placed(table: pa.Table) -> pa.Table:
    """Events with the cells of their prompts; one that came with its cell keeps it."""
    where = table.column_names.index(COLUMN)
    return table.set_column(where, COLUMN, pc.coalesce(table[COLUMN], cells(table["prompt"])))


def _mapped(values: Any, make: Callable[[str], str]) -> Any:
    """Every text of a column through a function, once for each that differs."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    coded = array.dictionary_encode()
    if not len(coded.dictionary):
        return None
    return pa.array([make(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


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
