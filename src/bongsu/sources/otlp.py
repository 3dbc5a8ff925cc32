"""Spans of OpenTelemetry as events: OTLP/HTTP traces, in JSON or protobuf.

A span is a call where it follows the GenAI conventions (v1.41, the names of ``event.OTEL``) or OpenInference's; others
are passed over. Its event is named by trace and span, so a span that is exported twice is counted once. An evaluation
that is recorded on a span (``gen_ai.evaluation.result``) is a label of it.

Sources: the OTLP specification 1.x (JSON: ids in hex, 64-bit numbers as text); OpenInference's semantic conventions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from bongsu.event import COLUMNS, OTEL, Event
from bongsu.sources.submitted import UnreadableError

PROTOBUF = "application/x-protobuf"
NANO = 10**9
Attributes = Mapping[str, Any]
_ALSO = {
    "provider": ("gen_ai.system", "llm.provider", "llm.system"),
    "request_model": ("llm.model_name",), "model": ("llm.model_name",),
    "input_tokens": ("llm.token_count.prompt", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("llm.token_count.completion", "gen_ai.usage.completion_tokens"),
    "cache_read_tokens": ("llm.token_count.prompt_details.cache_read",),
    "cache_write_tokens": ("llm.token_count.prompt_details.cache_write",),
    "reasoning_tokens": ("llm.token_count.completion_details.reasoning",),
    "conversation": ("session.id",), "environment": ("deployment.environment",),
    "prompt_version": ("llm.prompt_template.version", "gen_ai.prompt.version"),
    "model_version": ("service.version",), "user": ("enduser.id",),
    "prompt": ("gen_ai.input.messages", "input.value"), "reply": ("gen_ai.output.messages", "output.value"),
}
"""Column -> other names it goes by: OpenInference's, and older ones of the GenAI conventions."""
_NAMES = {column: (*((OTEL[column],) if column in OTEL else ()), *_ALSO.get(column, ()))
          for column in {**OTEL, **_ALSO} if column != "service"}
"""Which service it is is for the policy to say."""


def read_json(body: bytes) -> list[Event]:
    """The calls of an ``ExportTraceServiceRequest`` in JSON."""
    try:
        request = msgspec.json.decode(body)
        return [event for resource in request.get("resourceSpans", ()) for event in _resource(resource)]
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise UnreadableError(f"expected an OTLP trace export in JSON ({type(error).__name__}: {error})") from None


def read_protobuf(body: bytes) -> list[Event]:
    """The same in protobuf. UnreadableError where the extra ``otlp`` is not installed."""
    try:
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ImportError:
        raise UnreadableError("expected application/json: protobuf is not understood here; "
                              "install bongsu[otlp], or set OTEL_EXPORTER_OTLP_PROTOCOL=http/json") from None
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise UnreadableError(f"expected an OTLP trace export in protobuf ({error})") from None
    return [event for resource in request.resource_spans for event in _resource(_plain(resource))]


def said(rejected: int, why: str, *, protobuf: bool) -> bytes:
    """The answer to an export: what was not taken, if anything."""
    if not protobuf:
        part = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}} if rejected else {}
        return msgspec.json.encode(part)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = why
    encoded: bytes = answer.SerializeToString()
    return encoded


def _resource(resource: Mapping[str, Any]) -> Iterator[Event]:
    common = _attributes((resource.get("resource") or {}).get("attributes", ()))
    for scope in resource.get("scopeSpans", ()):
        for span in scope.get("spans", ()):
            attributes = {**common, **_attributes(span.get("attributes", ()))}
            if _is_call(attributes):
                call = _call(span, attributes)
                yield call
                yield from _evaluations(span, call)


def _is_call(attributes: Attributes) -> bool:
    kind = attributes.get("openinference.span.kind")
    return kind in ("LLM", "EMBEDDING") if kind else bool(
        attributes.get("gen_ai.operation.name") or attributes.get("gen_ai.request.model"))


def _call(span: Mapping[str, Any], attributes: Attributes) -> Event:
    begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    failed = (span.get("status") or {}).get("code") in (2, "STATUS_CODE_ERROR")
    facts: dict[str, Any] = {}
    for column, names in _NAMES.items():
        found = next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)
        value = None if found is None else _value(column, found)
        if value is not None:
            facts[column] = value
    if "ttft_ms" in facts:  # the conventions count seconds
        facts["ttft_ms"] *= 1000
    cost = _nano(attributes.get("llm.cost.total"))
    if cost is not None:
        facts |= {"cost": cost, "currency": "USD"}
    if failed:
        facts["error"] = facts.get("error") or "error"
    return Event(id=f"{span['traceId']}-{span['spanId']}", time=end // 1000, trace=span["traceId"],
                 parent=span.get("parentSpanId") or "",
                 outcome="error" if failed or facts.get("error") else "ok", latency_ms=max(0, end - begin) / 1e6,
                 **facts)


def _evaluations(span: Mapping[str, Any], call: Event) -> Iterator[Event]:
    for n, event in enumerate(span.get("events", ())):
        given = _attributes(event.get("attributes", ()))
        label = given.get("gen_ai.evaluation.score.label", given.get("gen_ai.evaluation.score.value"))
        if event.get("name") == "gen_ai.evaluation.result" and label is not None:
            yield Event(id=f"{call.id}/{n}", kind="label", call=call.id, time=int(event["timeUnixNano"]) // 1000,
                        name=str(given.get("gen_ai.evaluation.name", "")), label=str(label))


def _attributes(given: Any) -> dict[str, Any]:
    return {one["key"]: _any(one.get("value") or {}) for one in given}


def _any(value: Mapping[str, Any]) -> Any:
    """An AnyValue of OTLP; of a list, its first: what has several of something has one that counts."""
    for name, read in (("stringValue", str), ("intValue", int), ("doubleValue", float), ("boolValue", bool)):
        if name in value:
            return read(value[name])
    several = (value.get("arrayValue") or {}).get("values") or ()
    return _any(several[0]) if several else None


def _value(column: str, found: Any) -> Any:
    """An attribute as a column's value, None where it is none: a sender's odd attribute costs that column, no more."""
    kind = COLUMNS[column]
    if kind == "text":
        return str(found)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
        return number if kind == "number" else int(number)
    except (ValueError, OverflowError):
        return None


def _nano(cost: Any) -> int | None:
    """US dollars as whole nano-units, rounded once."""
    try:
        return None if cost is None else round(Decimal(str(cost)) * NANO)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _plain(resource: Any) -> dict[str, Any]:
    """A protobuf ResourceSpans in the form of its JSON."""
    return {"resource": {"attributes": _pairs(resource.resource.attributes)}, "scopeSpans": [{"spans": [{
        "traceId": span.trace_id.hex(), "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(), "attributes": _pairs(span.attributes),
        "startTimeUnixNano": span.start_time_unix_nano, "endTimeUnixNano": span.end_time_unix_nano,
        "status": {"code": span.status.code}, "events": [{
            "name": e.name, "timeUnixNano": e.time_unix_nano, "attributes": _pairs(e.attributes)} for e in span.events],
    } for span in scope.spans]} for scope in resource.scope_spans]}


def _pairs(attributes: Any) -> list[dict[str, Any]]:
    return [{"key": one.key, "value": _typed(one.value)} for one in attributes]


def _typed(value: Any) -> dict[str, Any]:
    match value.WhichOneof("value"):
        case "string_value":
            return {"stringValue": value.string_value}
        case "int_value":
            return {"intValue": value.int_value}
        case "double_value":
            return {"doubleValue": value.double_value}
        case "bool_value":
            return {"boolValue": value.bool_value}
        case "array_value":
            return {"arrayValue": {"values": [_typed(one) for one in value.array_value.values]}}
    return {}
