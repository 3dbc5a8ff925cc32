"""Calls as spans of OpenTelemetry: an ``ExportTraceServiceRequest`` in OTLP's JSON, without a word of any content.

A call's span is named by its event: its trace is the caller's, where the call came with one, and its span id follows
from the event's id, so that the model's own spans can hang below it before it is exported, and one that is exported
twice is the same. Attributes are those of the GenAI conventions (v1.41, ``event.OTEL``), the rest ``bongsu.*``. Each
guard's verdict is an event of the span.

Sources: OTLP 1.x (ids in hex, 64-bit numbers as text); W3C Trace Context (version 00).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from bongsu import __version__
from bongsu.event import OTEL, Event, Verdict

KINDS = ("call", "prediction", "decision")
"""Events that are operations of their own."""
CLIENT, INTERNAL, ERROR = 3, 1, 2
_RESOURCE = ("service", "environment")
_SECONDS = ("ttft_ms",)
_OURS = ("kind", "route", "upstream", "version", "model_version", "prompt_version", "tier", "group", "team", "key",
         "region", "upstream_region", "outcome", "status", "attempts", "retries", "fallback", "circuit", "blocked",
         "blocked_by", "restriction", "cost", "currency", "overhead_ms", "injection_findings", "pii_findings",
         "pii_passed", "withheld_chars", "grounding_score", "origin", "policy", "budget", "proposed")


def span_id(event: str) -> str:
    """That of an event.

    >>> len(span_id("01J")), span_id("01J") == span_id("01J"), span_id("01J") == span_id("01K")
    (16, True, False)
    """
    return blake2b(event.encode(), digest_size=8, person=b"bongsu.span").hexdigest()


def trace_id(event: str) -> str:
    """That of an event whose call came with none."""
    return blake2b(event.encode(), digest_size=16, person=b"bongsu.trace").hexdigest()


def traceparent(trace: str, event: str, flags: str = "01") -> str:
    """The header by which the next one's spans hang below the event's."""
    return f"00-{trace}-{span_id(event)}-{flags}"


def request(events: Iterable[Event]) -> bytes:
    """All of them as the body of one export; those that are no operations are passed over."""
    by_resource: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in events:
        if event.kind in KINDS:
            by_resource.setdefault((event.service, event.environment), []).append(span(event))
    return msgspec.json.encode({"resourceSpans": [{
        "resource": {"attributes": _attributes(dict(zip(map(OTEL.__getitem__, _RESOURCE), key, strict=True)))},
        "scopeSpans": [{"scope": {"name": "bongsu", "version": __version__}, "spans": spans}],
    } for key, spans in by_resource.items()]})


def span(event: Event) -> dict[str, Any]:
    """One event in OTLP's form. Times are nanoseconds since 1970, as text."""
    end = event.time * 1000
    begin = end - round((event.latency_ms or 0.0) * 1e6)
    made: dict[str, Any] = {
        "traceId": event.trace or trace_id(event.id), "spanId": span_id(event.id),
        "name": f"{event.operation or event.kind} {event.request_model or event.route}".strip(),
        "kind": CLIENT if event.upstream else INTERNAL, "startTimeUnixNano": str(begin), "endTimeUnixNano": str(end),
        "attributes": _attributes({**_conventional(event), **_own(event)}),
        "events": [_verdict(v, end) for v in event.verdicts],
        "status": {"code": ERROR} if event.outcome in ("error", "timeout") else {}}
    if event.parent:
        made["parentSpanId"] = event.parent
    return made


def _conventional(event: Event) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for column, name in OTEL.items():
        value = getattr(event, column)
        if column in _RESOURCE or value in (None, ""):
            continue
        out[name] = value / 1000 if column in _SECONDS else [value] if column == "finish_reason" else value
    return out


def _own(event: Event) -> dict[str, Any]:
    found = {f"bongsu.{name}": getattr(event, name) for name in _OURS}
    return {"bongsu.call": event.id, **{name: value for name, value in found.items() if value not in (None, "")}}


def _verdict(verdict: Verdict, at: int) -> dict[str, Any]:
    said = {"guard": verdict.guard, "on": verdict.on, "act": verdict.act, "version": verdict.version,
            "kinds": list(verdict.kinds), "took_us": verdict.took_us, "error": verdict.error}
    return {"name": "bongsu.guard", "timeUnixNano": str(at),
            "attributes": _attributes({f"bongsu.guard.{name}": v for name, v in said.items() if v not in ("", [])})}


def _attributes(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in found.items() if value not in (None, "")]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
