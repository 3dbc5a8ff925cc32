"""Traces of OpenTelemetry: the real SDK's exporter, the conventions' names, and answers that say what was not taken."""

from __future__ import annotations

import gzip
import json
import time
import urllib.request
from typing import Any

import pytest

from bongsu.privacy.tokens import Tokeniser
from bongsu.sources.otlp import read_json, read_protobuf, said
from bongsu.sources.submitted import UnreadableError
from test_intake import NOW, SENDER, door, kept, post

__all__ = ["door"]
KIM = Tokeniser(bytes(32)).token("USER", "kim")


def span(**attributes: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", bool: "boolValue", float: "doubleValue", int: "intValue"}
    values = [{"key": name.replace("__", "."), "value": {kinds[type(v)]: str(v) if type(v) is int else v}}
              for name, v in attributes.items()]
    return {"traceId": "ab" * 16, "spanId": f"{abs(hash(str(attributes))) % 2**64:016x}", "name": "chat",
            "startTimeUnixNano": str(NOW * 1000 - 2_500_000_000), "endTimeUnixNano": str(NOW * 1000),
            "attributes": values}


def export(*spans: dict[str, Any]) -> bytes:
    resource = {"attributes": [{"key": "deployment.environment.name", "value": {"stringValue": "prod"}},
                               {"key": "service.name", "value": {"stringValue": "any"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}).encode()


@pytest.mark.req("O5", "O4")
def test_openinference_and_genai_spans_become_the_same_calls(door):
    opened, url = door
    genai = span(gen_ai__operation__name="chat", gen_ai__provider__name="openai", gen_ai__request__model="big",
                 gen_ai__response__model="big-1", gen_ai__usage__input_tokens=100, gen_ai__usage__output_tokens=20,
                 gen_ai__usage__cache_read__input_tokens=7, gen_ai__response__time_to_first_chunk=0.25,
                 user__id="kim", gen_ai__input__messages="mail kim@example.com")
    other = span(openinference__span__kind="LLM", llm__model_name="big-1", llm__provider="openai",
                 llm__token_count__prompt=100, llm__token_count__completion=20, llm__cost__total=0.0012,
                 llm__token_count__prompt_details__cache_read=7, user__id="kim", session__id="s1")
    passed_over = [span(http__method="GET"), span(openinference__span__kind="TOOL", llm__model_name="x")]
    status, answer, _ = post(url, export(genai, other, *passed_over), path="/v1/traces")
    assert (status, answer) == (200, {})
    first, second, content = kept(opened)
    for call in (first, second):
        assert (call.kind, call.outcome, call.model, call.provider, call.environment, call.service) == (
            "call", "ok", "big-1", "openai", "prod", "shop")
        assert (call.input_tokens, call.output_tokens, call.cache_read_tokens) == (100, 20, 7)
        assert (call.latency_ms, call.time, call.trace, call.user) == (2500.0, NOW, "ab" * 16, KIM)
    assert (first.ttft_ms, first.request_model) == (250.0, "big")
    assert (second.cost, second.currency) == (1_200_000, "USD")
    assert content.call == first.id
    assert "kim@" not in (content.prompt or "")
    assert post(url, export(genai, other), path="/v1/traces")[0] == 200
    assert len(kept(opened)) == 3, "a span that is exported twice is counted once"


def test_an_error_and_an_evaluation_on_a_span_are_a_failed_call_and_a_label():
    failed = span(gen_ai__operation__name="chat", error__type="timeout") | {"status": {"code": 2}}
    failed["events"] = [{"name": "gen_ai.evaluation.result", "timeUnixNano": str(NOW * 1000), "attributes": [
        {"key": "gen_ai.evaluation.name", "value": {"stringValue": "relevance"}},
        {"key": "gen_ai.evaluation.score.label", "value": {"stringValue": "poor"}}]}]
    call, label = read_json(export(failed))
    assert (call.outcome, call.error) == ("error", "timeout")
    assert (label.kind, label.call, label.name, label.label) == ("label", call.id, "relevance", "poor")


def test_what_is_not_taken_is_a_partial_success(door):
    opened, url = door
    late = span(gen_ai__operation__name="chat") | {"endTimeUnixNano": str((NOW + 10**12) * 1000)}
    good = span(gen_ai__operation__name="chat", gen_ai__request__model="m", gen_ai__usage__input_tokens="many")
    status, answer, _ = post(url, export(late, good), path="/v1/traces")
    assert status == 200
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    assert "time" in answer["partialSuccess"]["errorMessage"]
    (event,) = kept(opened)
    assert (event.request_model, event.input_tokens) == ("m", None), "an odd attribute costs its column only"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": '
                                  b'[{"key": "gen_ai.request.model", "value": {"stringValue": "m"}}]}]}]}]}'])
def test_what_is_no_export_is_refused(body):
    with pytest.raises(UnreadableError, match="OTLP"):
        read_json(body)


def test_what_is_no_protobuf_is_refused_and_answers_are_protobuf():
    with pytest.raises(UnreadableError, match="protobuf"):
        read_protobuf(b"\xff\xff\xff")
    assert said(0, "", protobuf=True) == b""
    assert b"why" in said(1, "why", protobuf=True)


def test_bodies_may_be_packed_and_may_not_burst(door):
    opened, url = door

    def packed(body: bytes) -> int:
        request = urllib.request.Request(url + "/v1/traces", body, {
            "content-type": "application/json", "content-encoding": "gzip", "authorization": f"Bearer {SENDER}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    whole = gzip.compress(export(span(gen_ai__operation__name="chat")))
    assert packed(whole) == 200
    assert (packed(whole[:-9]), packed(b"plain"), packed(gzip.compress(bytes(65 << 20)))) == (400, 400, 413)
    assert len(kept(opened)) == 1


@pytest.mark.req("O4", "O5")
def test_the_exporter_of_opentelemetry_itself_delivers(door):
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import StatusCode

    opened, url = door
    exporter = OTLPSpanExporter(f"{url}/v1/traces", headers={"authorization": f"Bearer {SENDER}"},
                                compression=Compression.Gzip)
    opened.room.now = time.time_ns() // 1000  # spans have the time of this machine
    provider = TracerProvider(resource=Resource({"deployment.environment.name": "prod"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("POST /chat"), tracer.start_as_current_span("chat big") as call:
        call.set_attribute("gen_ai.operation.name", "chat")
        call.set_attribute("gen_ai.request.model", "big")
        call.set_attribute("gen_ai.usage.input_tokens", 12)
        call.set_attribute("gen_ai.response.finish_reasons", ["stop", "length"])
        call.set_status(StatusCode.ERROR, "it broke")
    provider.shutdown()
    (event,) = kept(opened)
    context = call.get_span_context()
    assert event.id == f"{context.trace_id:032x}-{context.span_id:016x}"
    assert (event.request_model, event.input_tokens, event.finish_reason, event.environment) == (
        "big", 12, "stop", "prod")
    assert (event.outcome, event.error) == ("error", "error")
