"""Calls as spans at a collector: read with the protocol's own messages, in the caller's trace, once, no content."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bongsu.channels.http import Http
from bongsu.event import Event, Verdict
from bongsu.exports.spans import request, span_id, trace_id
from bongsu.policy import PolicyError, parse
from bongsu.policy.model import Exports, Otlp
from bongsu.ports import Retry, Secret
from bongsu.room.tracing import NAME, Exporter, LogSource
from bongsu.sources import otlp as taken_in
from bongsu.stores.log import EventLog
from bongsu.stores.state import State
from gatewaykit import PII, Script, chunk, reply, sse, standing
from servers import StandIn, body_of, serving

T0 = 1_790_000_000_000_000
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALL = Event(id="01J", time=T0, service="shop", environment="test", route="shop", upstream="main", operation="chat",
             request_model="shop", model="demo-large", provider="demo", outcome="ok", status=200, latency_ms=1500.5,
             ttft_ms=250.0, input_tokens=9, output_tokens=4, cost=130_000, currency="USD", finish_reason="stop",
             user="[USER_1a2b]", trace=TRACE, parent=PARENT, prompt="SECRET PLAN", reply="SECRET REPLY",
             verdicts=(Verdict(guard="pii", on="input", act="tokenise", kinds=("email",), took_us=80),))


class Collector(StandIn):
    """Takes OTLP/HTTP exports and reads them with the protocol's own messages; ``statuses`` are what it says first."""

    def __init__(self, *statuses: int, body: bytes = b"{}") -> None:
        self.statuses, self.body = list(statuses), body
        self.got: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.got.append(read(body))
            self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        json = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": json})
        await send({"type": "http.response.body", "body": self.body})

    def spans(self) -> list[Any]:
        return [s for got in self.got for r in got.resource_spans for scope in r.scope_spans for s in scope.spans]


def read(body: bytes) -> ExportTraceServiceRequest:
    """OTLP's JSON is protobuf's but for ids, which are in hex. Unknown fields are faults."""
    found = msgspec.json.decode(body)
    for resource in found["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(found, ExportTraceServiceRequest())


def attributes(found: Any) -> dict[str, Any]:
    return {a.key: json_format.MessageToDict(a.value).popitem()[1] for a in found.attributes}


def store_of(tmp_path: Path) -> State:
    return State(f"sqlite:///{tmp_path / 'state.db'}")


@pytest.mark.req("O3")
def test_a_call_is_a_client_span_with_the_conventions_names_and_none_of_its_content() -> None:
    body = request([CALL, Event(id="x", time=T0, kind="label", call="01J")])
    resource, = read(body).resource_spans
    span, = resource.scope_spans[0].spans
    said = attributes(span)
    assert attributes(resource.resource) == {"service.name": "shop", "deployment.environment.name": "test"}
    assert (span.name, span.kind) == ("chat shop", 3)
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.span_id.hex()) == (TRACE, PARENT, span_id("01J"))
    assert (span.end_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano) == (T0 * 1000, 1_500_500_000)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.response.model"] == "demo-large"
    assert said["gen_ai.usage.input_tokens"] == "9"
    assert said["gen_ai.response.time_to_first_chunk"] == 0.25
    assert said["gen_ai.response.finish_reasons"] == {"values": [{"stringValue": "stop"}]}
    assert (said["bongsu.call"], said["bongsu.cost"], said["bongsu.route"]) == ("01J", "130000", "shop")
    guard, = span.events
    assert attributes(guard)["bongsu.guard.act"] == "tokenise"
    assert span.status.code == 0
    assert b"SECRET" not in body


def test_a_failed_call_says_so_and_one_without_a_trace_has_its_own() -> None:
    failed = msgspec.structs.replace(CALL, outcome="timeout", error="upstream_timeout", trace="", parent="")
    span = read(request([failed])).resource_spans[0].scope_spans[0].spans[0]
    assert span.status.code == 2
    assert attributes(span)["error.type"] == "upstream_timeout"
    assert (span.trace_id.hex(), span.parent_span_id) == (trace_id("01J"), b"")


def test_what_we_export_we_read_as_the_same_call() -> None:
    found, = taken_in.read_json(request([CALL]))
    for column in ("time", "trace", "parent", "latency_ms", "ttft_ms", "input_tokens", "output_tokens", "model",
                   "operation", "provider", "user", "finish_reason"):
        assert getattr(found, column) == getattr(CALL, column), column


def reveal(text: str) -> Secret:
    return Secret("k-1" if text.startswith("secret://") else text)


def exporting(tmp_path: Path, collector: Collector, work: Callable[[Exporter, EventLog], Any]) -> Exporter:
    """An exporter over a real event log and store, told to a real server."""

    async def main(url: str) -> Exporter:
        async def in_room(job: Callable[[], Any]) -> Any:
            return job()

        with EventLog(tmp_path / "events.db") as log:
            store = store_of(tmp_path)
            try:
                async with Http(reveal, lambda: T0) as http:
                    settings = Otlp(f"{url}/v1/traces", {"x-api-key": "secret://env/OTLP_KEY"})
                    exporter = Exporter(settings, http, LogSource(log, store), in_room)
                    await work(exporter, log)
                    return exporter
            finally:
                store.dispose()

    with serving(collector) as server:
        return asyncio.run(main(server.url))


def calls(n: int, first: int = 0) -> list[Event]:
    return [msgspec.structs.replace(CALL, id=f"C{i}", time=T0 + i) for i in range(first, first + n)]


@pytest.mark.req("O3")
def test_each_call_is_told_once_in_batches_and_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    collector = Collector()

    async def first(exporter: Exporter, log: EventLog) -> None:
        log.append(calls(5), {}, T0)  # from before it was switched on
        assert not await exporter.once()
        log.append(calls(700, 10), {}, T0)
        assert await exporter.once()
        assert not await exporter.once()
        assert exporter.told == 700

    async def second(exporter: Exporter, log: EventLog) -> None:
        log.append(calls(3, 1000), {}, T0)
        assert await exporter.once()
        assert not await exporter.once()

    exporting(tmp_path, collector, first)
    exporting(tmp_path, collector, second)
    told = [s.span_id.hex() for s in collector.spans()]
    assert told == [span_id(f"C{i}") for i in (*range(10, 710), *range(1000, 1003))]
    sizes = [sum(len(s.spans) for r in g.resource_spans for s in r.scope_spans) for g in collector.got]
    assert sizes == [256, 256, 188, 3]
    assert {h["x-api-key"] for h in collector.headers} == {"k-1"}


def test_a_collector_that_is_down_is_asked_again_and_nothing_is_skipped(tmp_path: Path) -> None:
    collector = Collector(503, 429)

    async def work(exporter: Exporter, log: EventLog) -> None:
        await exporter.once()
        log.append(calls(2), {}, T0)
        for _ in range(2):
            with pytest.raises(Retry):
                await exporter.once()
        assert await exporter.once()

    assert exporting(tmp_path, collector, work).told == 2
    assert len(collector.spans()) == 2


def test_spans_that_a_collector_will_never_take_are_counted_and_those_after_them_go_on(tmp_path: Path) -> None:
    collector = Collector(400, body=b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "old"}}')

    async def work(exporter: Exporter, log: EventLog) -> None:
        await exporter.once()
        log.append(calls(2), {}, T0)
        assert await exporter.once()
        log.append(calls(3, 10), {}, T0)
        assert await exporter.once()
        assert log.last_position() + 1 == exporter._source._store.position(NAME)  # type: ignore[attr-defined]

    exporter = exporting(tmp_path, collector, work)
    assert (exporter.told, exporter.refused) == (2, 3)


def test_it_runs_until_it_is_stopped_and_waits_while_there_is_nothing(tmp_path: Path) -> None:
    collector = Collector(500)

    async def work(exporter: Exporter, log: EventLog) -> None:
        stop = asyncio.Event()
        await exporter.once()
        log.append(calls(4), {}, T0)
        job = asyncio.create_task(exporter.run(stop))
        while exporter.told < 4:
            await asyncio.sleep(0.02)
        stop.set()
        await job

    exporting(tmp_path, collector, work)
    assert len(collector.spans()) == 4


# ---- the trace context at the gateway ----


class Hears(Script):
    """A model that keeps the headers it was asked with."""

    def __init__(self) -> None:
        super().__init__(sse(chunk("hi"), chunk("", reason="stop"), b"[DONE]"), plain=reply("hi"))
        self.asked: list[dict[str, str]] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append({k.decode(): v.decode() for k, v in scope["headers"]})
        await super().serve(scope, receive, send)


def exported(policy: Any) -> Any:
    return replace(policy, export=Exports(Otlp("http://127.0.0.1:9/v1/traces")))


@pytest.mark.req("O3")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_models_spans_hang_below_ours_and_ours_below_the_callers(tmp_path: Path, flags: str, stream: bool) -> None:
    model = Hears()
    with standing(tmp_path, (PII,), model=model, change=exported) as stand:
        stand.ask("hi", stream=stream, extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-{flags}",
                                                      "tracestate": "vendor=1"})
        event = stand.spool.last()
    asked, = model.asked
    assert asked["traceparent"] == f"00-{TRACE}-{span_id(event.id)}-{flags}"
    assert asked["tracestate"] == "vendor=1"
    assert (event.trace, event.parent) == (TRACE, PARENT)


def test_a_call_without_a_trace_begins_one_where_traces_are_exported(tmp_path: Path) -> None:
    model = Hears()
    with standing(tmp_path, model=model, change=exported) as stand:
        stand.ask("hi")
        stand.ask("hi", extra_headers={"traceparent": f"00-{'0' * 32}-{PARENT}-01"})
        one, other = stand.spool.calls()
    assert (one.trace, one.parent) == (trace_id(one.id), "")
    assert other.trace == trace_id(other.id)
    assert model.asked[0]["traceparent"] == f"00-{one.trace}-{span_id(one.id)}-01"


def test_where_nothing_is_exported_the_callers_context_goes_on_as_it_came(tmp_path: Path) -> None:
    model = Hears()
    with standing(tmp_path, model=model) as stand:
        stand.ask("hi", extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        stand.ask("hi")
    assert model.asked[0]["traceparent"] == f"00-{TRACE}-{PARENT}-01"
    assert "traceparent" not in model.asked[1]


# ---- the policy ----


def test_headers_of_a_collector_are_secrets_and_a_literal_is_never_repeated() -> None:
    text = "bongsu: 1\nservice: {name: s}\nexport: {otlp: {endpoint: 'http://c/v1/traces', headers: {x-key: %s}}}\n"
    assert parse(text % "secret://env/K", "p.yaml", {}).export.otlp == Otlp("http://c/v1/traces",
                                                                            {"x-key": "secret://env/K"})
    with pytest.raises(PolicyError) as refused:
        parse(text % "hunter2", "p.yaml", {})
    assert "p.yaml:3" in str(refused.value)
    assert "hunter2" not in str(refused.value)
