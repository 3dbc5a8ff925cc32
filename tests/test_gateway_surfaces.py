"""What goes wrong on every surface alike: each says it in its own API's words, and each leaves a whole event."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bongsu.guard import Guard
from bongsu.policy.model import Policy
from gatewaykit import INJECTION, PII, SECRET, Script, Stand, chunk, speaking, sse, standing, typed
from servers import StandIn

JSON = {"Content-Type": "application/json"}


class Way(NamedTuple):
    """One surface: where it is, a request to it, and what its upstream has to speak."""

    path: str
    body: dict[str, Any]
    change: Callable[[Policy], Policy] = lambda policy: policy
    streams: bool = False


def prediction(policy: Policy) -> Policy:
    return speaking("http")(policy)


WAYS = {
    "chat": Way("chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, streams=True),
    "messages": Way("messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]},
                    speaking("anthropic"), streams=True),
    "responses": Way("responses", {"input": "hi"}, streams=True),
    "completions": Way("completions", {"prompt": "hi"}, streams=True),
    "count_tokens": Way("messages/count_tokens", {"messages": [{"role": "user", "content": "hi"}]},
                        speaking("anthropic")),
    "embeddings": Way("embeddings", {"input": "hi"}),
    "moderations": Way("moderations", {"input": "hi"}),
    "predict": Way("predict/support-bot", {"rows": [1]}, prediction)}


def asking(way: Way, **more: Any) -> bytes:
    return json.dumps(({} if "predict" in way.path else {"model": "support-bot"}) | way.body | more).encode()


def post(stand: Stand, way: Way, body: bytes, headers: dict[str, str] = JSON) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", stand.server.port, timeout=30)
    try:
        connection.request("POST", f"/v1/{way.path}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def told(way: Way, said: bytes) -> tuple[str, str]:
    """Code and message of an error, which has the shape of the surface's API."""
    found = json.loads(said)
    assert found.get("type") == ("error" if way.path.startswith("messages") else None)
    return found["error"]["code"], found["error"]["message"]


ASKED = WAYS | {"decide": Way("decide", {"route": "support-bot", "on": "input", "text": "hi"})}
"""The gateway's own answers to a question need no upstream."""


@pytest.mark.parametrize("name", ASKED)
def test_a_client_that_never_sends_all_of_its_body_is_told_and_let_go(tmp_path: Path, name: str) -> None:
    """Slow loris: the connection is not held for ever, and somebody can see that it was tried."""
    way = ASKED[name]
    with standing(tmp_path, model=Script(), change=way.change, patience=0.3) as stand:
        with socket.create_connection(("127.0.0.1", stand.server.port), timeout=20) as line:
            line.sendall(f"POST /v1/{way.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                         "content-length: 500\r\n\r\n{".encode())
            answer = b""
            while data := line.recv(65536):
                answer += data
        head, _, said = answer.partition(b"\r\n\r\n")
        event = stand.spool.events[-1]
    assert head.startswith(b"HTTP/1.1 408 ")
    assert told(way, said)[0] == "request_timeout"
    assert (event.outcome, event.status, event.error) == ("refused", 408, "request_timeout")
    assert event.latency_ms is not None


@pytest.mark.parametrize("name", ASKED)
def test_a_prompt_of_fifty_megabytes_is_told_what_is_too_much(tmp_path: Path, name: str) -> None:
    way, model = ASKED[name], Script()
    with standing(tmp_path, model=model, change=way.change) as stand:
        status, said = post(stand, way, b'{"model":"support-bot","x":"' + b"x" * (50 << 20) + b'"}')
        event = stand.spool.events[-1]
        assert model.seen == []
    assert (status, told(way, said)[0]) == (413, "request_too_large")
    assert (event.outcome, event.status, event.error) == ("refused", 413, "request_too_large")


@pytest.mark.parametrize("guards", [[INJECTION], []], ids=["guarded", "read by nobody"])
@pytest.mark.parametrize("name", ASKED)
def test_what_is_no_text_is_told_to_be_none(tmp_path: Path, name: str, guards: list[Guard]) -> None:
    way, model = ASKED[name], Script()
    with standing(tmp_path, guards, model=model, change=way.change) as stand:
        status, said = post(stand, way, asking(way).replace(b"hi", b"\xff\xfe").replace(b"rows", b"\xff\xfe"))
        event = stand.spool.events[-1]
        assert model.seen == []
    assert (status, told(way, said)[0]) == (400, "invalid_json")
    assert (event.outcome, event.error) == ("refused", "invalid_json")


BOTH = [(name, stream) for name, way in WAYS.items() for stream in (False, True)[: 1 + way.streams]]


@pytest.mark.parametrize(("name", "stream"), BOTH)
def test_a_model_that_never_answers_is_a_504(tmp_path: Path, name: str, stream: bool) -> None:
    way = WAYS[name]

    def quick(policy: Policy) -> Policy:
        policy = way.change(policy)
        return replace(policy, upstreams={n: replace(u, timeout=300_000) for n, u in policy.upstreams.items()})

    with standing(tmp_path, model=Hanging(), change=quick) as stand:
        status, said = post(stand, way, asking(way, **({"stream": True} if stream else {})))
        event = stand.spool.events[-1]
    assert (status, told(way, said)[0]) == (504, "upstream_timeout")
    assert (event.outcome, event.status, event.attempts > 0) == ("timeout", 504, True)


class Hanging(StandIn):
    """Never answers, whatever is asked."""

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue


class Dying(Hanging):
    """Says how much it will send, sends less, and breaks off."""

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"500")]})
        await send({"type": "http.response.body", "body": b'{"id": "half', "more_body": True})
        raise ConnectionAbortedError


@pytest.mark.parametrize("name", WAYS)
def test_a_reply_that_breaks_off_is_a_502_and_no_half_of_it_is_passed_on(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    with standing(tmp_path, model=Dying(), change=way.change) as stand:
        status, said = post(stand, way, asking(way))
        event = stand.spool.events[-1]
    assert (status, told(way, said)[0]) == (502, "upstream_unreachable")
    assert b"half" not in said
    assert (event.outcome, event.status) == ("error", 502)


FIRST: dict[str, list[bytes]] = {
    "chat": sse(chunk("hello ")),
    "messages": typed({"type": "message_start", "message": {"id": "m", "model": "scripted", "content": [], "usage": {
        "input_tokens": 1, "output_tokens": 1}}}, {"type": "content_block_start", "index": 0, "content_block": {
            "type": "text", "text": ""}}, {"type": "content_block_delta", "index": 0, "delta": {
                "type": "text_delta", "text": "hello "}}),
    "responses": typed({"type": "response.created", "response": {"id": "r", "model": "scripted", "output": []}},
                       {"type": "response.output_text.delta", "output_index": 0, "content_index": 0,
                        "item_id": "i", "delta": "hello "}),
    "completions": sse({"id": "c", "object": "text_completion", "model": "scripted", "choices": [
        {"index": 0, "text": "hello ", "finish_reason": None}]})}
"""How a stream begins, in the shape of each API."""


class Stalling(Script):
    """Begins to answer, and says no more until the caller leaves."""

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"".join(self.pieces), "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            continue


MIDWAY: dict[str, tuple[str, Callable[[list[bytes]], Script]]] = {
    "dies": ("upstream_unreachable", lambda first: Script([b"".join(first)], cut=True)),
    "ends": ("upstream_unreachable", lambda first: Script([b"".join(first)])),
    "hangs": ("upstream_timeout", Stalling),
    "babbles": ("upstream_invalid", lambda first: Script([b"".join(first), b"data: " + b"x" * (9 << 20)])),
    "is no text": ("upstream_unreadable", lambda first: Script([b"".join(first), b"data: \xff\xfe\n\n"]))}


@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("how", MIDWAY)
def test_a_stream_that_goes_wrong_midway_ends_with_an_error_and_a_whole_event(tmp_path: Path, name: str, guarded: bool,
                                                                              how: str) -> None:
    way, (code, make) = WAYS[name], MIDWAY[how]
    if how == "is no text" and not guarded:
        code = "upstream_unreachable"  # what nobody reads passes; that the stream had no end is seen
    model = make(FIRST[name])

    def quick(policy: Policy) -> Policy:
        policy = way.change(policy)
        return replace(policy, upstreams={n: replace(u, timeout=500_000) for n, u in policy.upstreams.items()})

    with standing(tmp_path, [SECRET] if guarded else [], model=model, change=quick) as stand:
        status, said = post(stand, way, asking(way, stream=True))
        event = stand.spool.wait(1)
    assert status == 200, "it had begun"
    last = [line.removeprefix(b"data: ") for line in said.splitlines() if line.startswith(b"data: {")][-1]
    error = json.loads(last)
    assert error.get("error", error)["code"] == code
    assert b"hello" in said
    outcome = {"upstream_timeout": "timeout"}.get(code, "error")
    assert (event.outcome, event.status, event.error) == (outcome, 200, code)
    assert event.latency_ms
    assert event.ttft_ms is not None, "something went out, though the fault may come with the very first piece"
    assert event.output_tokens is not None


@pytest.mark.parametrize("name", WAYS)
def test_a_status_of_the_upstreams_means_the_same_on_every_surface(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    for status, expected in ((500, 502), (429, 429), (401, 502), (503, 503)):
        model = Script(plain={"error": "sk-upst"}, status=status)
        with standing(tmp_path / str(status), model=model, change=way.change) as stand:
            got, said = post(stand, way, asking(way))
        assert got == expected
        assert b"sk-upst" not in said
        assert told(way, said)[1]


@pytest.mark.parametrize("name", WAYS)
def test_what_an_upstream_says_of_the_request_is_passed_on_byte_for_byte(tmp_path: Path, name: str) -> None:
    way, body = WAYS[name], b'{ "error": {"message": "no", "x": 1.50} }'
    with standing(tmp_path, model=Script(plain=body, status=422), change=way.change) as stand:
        assert post(stand, way, asking(way)) == (422, body)


@pytest.mark.parametrize("name", WAYS)
def test_a_route_nobody_has_declared_is_a_404(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    asked = way._replace(path=way.path.replace("support-bot", "nobody"), body=way.body | {"model": "nobody"})
    with standing(tmp_path, change=way.change) as stand:
        status, said = post(stand, asked, json.dumps(asked.body).encode())
    assert (status, told(way, said)[0]) == (404, "model_not_found")


SAID: dict[str, Callable[[str], Any]] = {
    "chat": lambda text: {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]},
    "messages": lambda text: {"content": [{"type": "text", "text": text}]},
    "responses": lambda text: {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]},
    "completions": lambda text: {"choices": [{"index": 0, "text": text}]}}


@pytest.mark.parametrize("name", SAID)
def test_an_alias_of_another_conversation_stays_an_alias(tmp_path: Path, name: str) -> None:
    """Only what was issued in this call is turned back; what a caller types in the shape of an alias is itself."""
    way = WAYS[name]
    mine = json.loads(json.dumps(way.body).replace("hi", "I am kim@example.com, not [[EMAIL_7]]"))
    model = Script(plain=SAID[name]("[[EMAIL_1]] [[EMAIL_2]] [[EMAIL_7]]"))
    with standing(tmp_path, [PII], model=model, change=way.change) as stand:
        first = post(stand, way, asking(way._replace(body=mine)))[1].decode()
        second = post(stand, way, asking(way))[1].decode()
    assert "kim@example.com [[EMAIL_2]] [[EMAIL_7]]" in first
    assert "[[EMAIL_1]] [[EMAIL_2]] [[EMAIL_7]]" in second
    assert "kim@" not in second + json.dumps(model.seen)
