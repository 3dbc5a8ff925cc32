"""Personal data that comes in by any other door than chat is found nowhere afterwards either."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from machine import machine, until
from test_canaries import SHORT, Canaries, stored_text

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
SECOND = 10**6


def post(url: str, body: Any, **headers: str) -> int:
    """The status of a post; what it answers is read and forgotten."""
    request = Request(url, json.dumps(body, ensure_ascii=False).encode(),
                      {"content-type": "application/json", **headers})
    try:
        with urlopen(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except HTTPError as error:
        error.read()
        return error.code


def of_gateway(prompt: str, mail: str) -> dict[str, Any]:
    """A body for each path of the gateway, personal in every text."""
    said = [{"role": "user", "content": prompt}]
    return {
        "/v1/responses": {"model": "shop", "input": prompt, "instructions": prompt, "user": mail},
        "/v1/completions": {"model": "shop", "prompt": prompt, "suffix": prompt, "user": mail},
        "/v1/embeddings": {"model": "shop", "input": [prompt], "user": mail},
        "/v1/moderations": {"model": "shop", "input": prompt},
        "/v1/messages": {"model": "shop", "max_tokens": 5, "system": prompt, "messages": said},
        "/v1/predict/shop": {"age": 41, "note": prompt},
        "/v1/decide": {"route": "shop", "on": "input", "text": prompt, "user": mail},
        "/v1/chat/completions": {"model": "shop", "messages": [
            {"role": "system", "content": prompt}, {"role": "tool", "tool_call_id": mail, "content": prompt},
            {"role": "assistant", "content": None, "tool_calls": [{"id": mail, "type": "function", "function": {
                "name": "send", "arguments": json.dumps({"to": prompt})}}]}, *said], "user": mail},
    }


def of_control(prompt: str, mail: str) -> dict[str, Any]:
    """A body for each path by which facts come in."""
    now = time.time_ns() // 1000
    text = {"stringValue": prompt}
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": f"chat {mail}",
            "startTimeUnixNano": str((now - SECOND) * 1000), "endTimeUnixNano": str(now * 1000), "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "big"}},
                {"key": "user.id", "value": {"stringValue": mail}},
                {"key": "gen_ai.input.messages", "value": text}, {"key": "input.value", "value": text},
                {"key": "output.value", "value": text}]}
    event = {"id": f"canary-{now}", "time": now, "kind": "call", "user": mail, "group": mail, "prompt": prompt,
             "reply": prompt, "conversation": mail, "tier": mail, "region": mail, "features": {"note": prompt}}
    label = {"id": f"label-{now}", "time": now, "kind": "label", "call": event["id"], "label": mail, "annotator": mail}
    return {"/v1/events": [event, label],
            "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}}


@pytest.mark.req("O1")
@pytest.mark.req("X2")
def test_personal_data_that_comes_in_by_any_door_is_in_no_file_and_no_log(tmp_path: Path) -> None:
    canaries = Canaries()
    with machine(tmp_path, SHORT) as one:
        for path in of_gateway("", ""):
            prompt = canaries.prompt()
            mail = canaries.sent[-5]
            status = post(one.gateway_url + path, of_gateway(prompt, mail)[path], **{"x-bongsu-group": "canaries"})
            assert status in (200, 400, 404, 502, 503), path
        bearer = {"authorization": f"Bearer {one.token}"}
        for path in of_control("", ""):
            prompt = canaries.prompt()
            mail = canaries.sent[-5]
            assert post(one.control_url + path, of_control(prompt, mail)[path], **bearer) == 200, path
        until(lambda: b"canary-" in stored_text(one.folder), "the event that was sent, in the log")
        until(lambda: list(one.folder.lake.rglob("*.parquet")), "the lake is filled", 60)
        raw = {path: path.read_bytes() for path in one.folder.root.rglob("*") if path.is_file()}
        assert one.stop() == 0
        raw |= {path: path.read_bytes() for path in one.folder.root.rglob("*") if path.is_file()}
        raw |= {Path("compressed"): stored_text(one.folder), Path("output"): one.text.encode()}
    assert b"MAIL" in raw[Path("compressed")].upper(), "the masked texts are kept"
    found = [(str(path.name), canary) for canary in canaries.forms() for path, data in raw.items() if canary in data]
    assert not found
