"""Tool calls in a stream: names are read whole, arguments in pieces; and what nobody reads passes byte for byte."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.guard import Guard
from bongsu.web.masking import Masking
from bongsu.web.screen import Stopped
from bongsu.web.surfaces.chat_stream import ChatReplies
from gatewaykit import PII, SECRET, TOKENS, Script, chunk, sse, standing
from test_gateway_stream import CUTS, cut, fed, loaded


def piece(number: int = 0, kind: str = "function", **box: Any) -> dict[str, Any]:
    """A chunk with a piece of a tool call."""
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": number, kind: box}]}, "finish_reason": None}]}


def named(name: str, number: int = 0, kind: str = "function") -> dict[str, Any]:
    found = piece(number, kind, name=name)
    found["choices"][0]["delta"]["tool_calls"][0] |= {"id": f"call-{number}", "type": kind}
    return found


def calls(blocks: list[bytes]) -> list[Any]:
    return [call for b in blocks for c in loaded(b)["choices"] for call in c["delta"].get("tool_calls") or ()]


def replies(*guards: Guard) -> ChatReplies:
    return ChatReplies(guards, Masking(TOKENS), call="C1", asks_usage=False)


STOP = chunk("", 0, "tool_calls")


@pytest.mark.req("P1")
@given(CUTS)
@pytest.mark.parametrize("kind", ["function", "custom"])
def test_a_forbidden_name_of_a_call_is_never_out_however_it_is_cut(kind: str, places: list[int]) -> None:
    out, sent = replies(SECRET), []
    pieces = cut("ask_zeus_now", places)

    def play() -> None:
        for n, part in enumerate(pieces):
            sent.extend(fed(out, named(part, kind=kind) if n == 0 else piece(kind=kind, name=part)))
        sent.extend(fed(out, STOP))

    with pytest.raises(Stopped) as caught:
        play()
    assert caught.value.outcome.by == "secret"
    assert calls(sent) == []


def test_the_name_of_a_legacy_function_call_is_read_too() -> None:
    out = replies(SECRET)
    fed(out, {"choices": [{"index": 0, "delta": {"function_call": {"name": "ze"}}}]})
    with pytest.raises(Stopped):
        fed(out, {"choices": [{"index": 0, "delta": {"function_call": {"name": "us", "arguments": "{}"}}}]})


def test_a_call_goes_out_whole_with_its_first_arguments() -> None:
    """Clients take the name from one chunk."""
    out = replies(SECRET)
    assert fed(out, named("get_weather")) == []
    first = calls(fed(out, piece(arguments='{"a":')))
    assert first == [{"index": 0, "id": "call-0", "type": "function",
                      "function": {"name": "get_weather", "arguments": '{"a":'}}]
    assert calls(fed(out, piece(arguments="1}"))) == [{"index": 0, "function": {"arguments": "1}"}}]


def test_calls_come_in_their_order_and_one_without_arguments_is_not_lost() -> None:
    out = replies(SECRET)
    sent = [*fed(out, named("one")), *fed(out, named("two", 1)), *fed(out, STOP)]
    assert [(c["index"], c["function"]["name"]) for c in calls(sent)] == [(0, "one"), (1, "two")]
    assert loaded(sent[-1])["choices"][0]["finish_reason"] == "tool_calls"


def test_a_name_that_would_have_to_be_hidden_is_blocked_and_the_verdict_says_so() -> None:
    """Rewritten, it would name nothing any more."""
    out = replies(PII)
    fed(out, named("mail boss@corp.com"))
    with pytest.raises(Stopped) as caught:
        fed(out, piece(arguments="{}"))
    assert caught.value.outcome.by == "pii"
    assert [v.act for v in out.outcome().verdicts] == ["block"]


def test_a_name_in_a_real_stream_is_blocked_before_it_is_sent(tmp_path: Path) -> None:
    model = Script(sse(named("call_ze"), piece(name="us"), piece(arguments="{}"), STOP, "[DONE]"))
    with standing(tmp_path, [SECRET], model=model) as stand:
        chunks = stand.stream()
        event = stand.spool.last()
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert not any(c.choices[0].delta.tool_calls for c in chunks)
    assert (event.outcome, event.blocked_by) == ("blocked", "secret")


def raw(stand: Any, body: dict[str, Any]) -> bytes:
    request = urllib.request.Request(f"{stand.server.url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: bytes = answer.read()
    return found


HI = {"model": "support-bot", "messages": [{"role": "user", "content": "hi"}]}


def test_a_stream_nobody_reads_is_the_upstreams_byte_for_byte(tmp_path: Path) -> None:
    """Comments, ids, event names, unknown fields, odd spacing, numbers as they were written."""
    wire = (b': OPENROUTER PROCESSING\n\nid: 7\nevent: odd\n'
            b'data:{"choices":[{"index":0,"delta":{"content":"\\u00e9 a"},"x_vendor":1.50}],"object":"y"}\n\n'
            b'retry: 10\ndata: {"choices": [],\ndata:  "vendor": 1e2}\n\n'
            b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    for size in (1, 7, len(wire)):
        model = Script([wire[n : n + size] for n in range(0, len(wire), size)])
        with standing(tmp_path / str(size), model=model) as stand:
            assert raw(stand, HI | {"stream": True}) == wire


def test_a_reply_nobody_changes_is_the_upstreams_byte_for_byte(tmp_path: Path) -> None:
    wire = (b' {"id":"r1", "choices":[{"index":0,"message":{"role":"assistant","content":"caf\\u00e9"},'
            b'"finish_reason":"stop"}],\n"x_vendor":{"deep":[1,2.50,1e3,null]},"usage":{"prompt_tokens":1,'
            b'"completion_tokens":1,"total_tokens":2}}\n')
    with standing(tmp_path, [PII, SECRET], model=Script(plain=wire)) as stand:
        assert raw(stand, HI) == wire


def test_comments_keep_a_guarded_stream_alive_and_say_nothing(tmp_path: Path) -> None:
    """A comment is a place for words like any other."""
    wire = [b": zeus\n\n", *sse(chunk("hi"), chunk("", 0, "stop"), "[DONE]")]
    with standing(tmp_path, [SECRET], model=Script(wire)) as stand:
        found = raw(stand, HI | {"stream": True})
    assert found.startswith(b":\n\ndata: ")
    assert b"zeus" not in found


@given(st.text(max_size=30), CUTS)
def test_names_that_are_allowed_arrive_as_they_were(name: str, places: list[int]) -> None:
    out = replies(SECRET)
    parts = cut(name.replace("zeus", ""), places) or [""]
    sent = fed(out, named(parts[0]))
    for part in parts[1:]:
        sent += fed(out, piece(name=part))
    sent += fed(out, STOP)
    assert "".join(c["function"]["name"] for c in calls(sent)) == name.replace("zeus", "")
