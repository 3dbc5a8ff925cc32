"""A stream that is held for a person, on every surface that streams: held whole, released as it was, paid for once."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import anthropic
import pytest

import test_gateway_messages as messages
import test_gateway_responses as responses
from gatewaykit import Script, chunk, sse
from peoplekit import Place, place
from reviewkit import HELD, decide, reviewer, waiting
from test_gateway_receipt import ASKS, comments
from test_gateway_surfaces import WAYS

SAYS = {
    "chat": lambda: Script(sse(chunk("Ask ze"), chunk("us."), chunk("", reason="stop"), b"[DONE]")),
    "messages": lambda: messages.streaming(messages.grown(0, "text", "Ask ze", "us.")),
    "responses": lambda: responses.streaming(responses.grown(0, "text", "Ask ze", "us.")),
    "completions": lambda: Script(sse(*({"id": "c", "object": "text_completion", "model": "m", "choices": [
        {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}]}
        for text, reason in (("Ask ze", None), ("us.", None), ("", "stop"))), b"[DONE]"))}
ENDS = {"chat": b"data: [DONE]", "completions": b"data: [DONE]", "messages": b'"message_stop"',
        "responses": b'"response.completed"'}
POLICY = HELD.replace("shop: {primary: main, light: light}", "shop: {primary: main}")
ANTHROPIC = POLICY.replace("timeout: 5s}\n  light", "timeout: 5s, api: anthropic}\n  light", 1)


def post(one: Place, name: str, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body of a streamed request."""
    body = {"model": "shop", "stream": True, **WAYS[name].body}
    request = urllib.request.Request(f"{one.gateways[0]}/v1/{WAYS[name].path}", json.dumps(body).encode(),
                                     {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def let_pass(one: Place) -> None:
    """Two people look at what waits, as severe things need."""
    one.cycle()
    (case,) = waiting(one)
    for who in ("kim", "lee"):
        decide(reviewer(one, who), case["id"], "approve")
    one.cycle()


@pytest.mark.req("P2")
@pytest.mark.parametrize("name", SAYS)
def test_a_stream_is_held_whole_and_released_with_its_end_on_every_surface(tmp_path: Path, name: str) -> None:
    with place(tmp_path, ANTHROPIC if name == "messages" else POLICY, model=SAYS[name]()) as one:
        status, headers, said = post(one, name)
        error = json.loads(said)
        assert (status, error["error"]["code"]) == (403, "human_review_required")
        assert error.get("type") == ("error" if name == "messages" else None)
        assert b"ze" not in said
        ticket = {"x-bongsu-review": headers["x-bongsu-review"]}
        assert post(one, name, **ticket)[0] == 403, "nobody has looked yet"
        let_pass(one)
        asked = len(one.model.seen)
        status, headers, said = post(one, name, **ticket)
        assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        assert len(one.model.seen) == asked, "the model is not asked again"
        calls = [(e.outcome, e.review, bool(e.cost)) for e in one.events()]
    assert b"us." in said
    assert ENDS[name] in said.rstrip().split(b"\n\n")[-1]
    assert comments(said) == []
    assert calls == [("held", "held", True), ("refused", "", False), ("ok", "released", False)]


@pytest.mark.req("O4")
@pytest.mark.parametrize("name", SAYS)
def test_a_released_stream_says_what_it_cost_in_its_last_event_to_who_asks(tmp_path: Path, name: str) -> None:
    """Nothing more: what the model did was paid for when it was held."""
    with place(tmp_path, ANTHROPIC if name == "messages" else POLICY, model=SAYS[name]()) as one:
        ticket = {"x-bongsu-review": post(one, name, **ASKS)[1]["x-bongsu-review"]}
        let_pass(one)
        plain, asked = post(one, name, **ticket)[2], post(one, name, **ticket, **ASKS)[2]
        assert one.last().cost == 0
    most, last = asked.rstrip().rsplit(b"\n\n", 1)
    assert comments(last) == [("x-bongsu-cost", "0.000000000"), ("x-bongsu-currency", "USD")]
    assert comments(most) == []
    assert b"\n".join(line for line in asked.split(b"\n") if not line.startswith(b": ")) == plain


def test_a_refusal_in_a_guards_own_words_says_what_the_held_stream_cost(tmp_path: Path) -> None:
    policy = POLICY.replace("act: review, priority: severe", "act: review, reply: A colleague looks at this first.")
    with place(tmp_path, policy, model=SAYS["chat"]()) as one:
        said = post(one, "chat", **ASKS)[2]
        assert b"A colleague looks" in said
        cost = one.last().cost
    assert cost
    assert comments(said)[0] == ("x-bongsu-cost", f"0.{cost:09d}")


def test_anthropics_client_adds_a_released_stream_up_to_the_message(tmp_path: Path) -> None:
    with place(tmp_path, ANTHROPIC, model=SAYS["messages"]()) as one:
        ticket = post(one, "messages")[1]["x-bongsu-review"]
        let_pass(one)
        with anthropic.Anthropic(base_url=one.gateways[0], api_key="sk-any", max_retries=0) as client, \
                client.messages.stream(model="shop", max_tokens=5, messages=[{"role": "user", "content": "hi"}],
                                       extra_headers={"x-bongsu-review": ticket} | ASKS) as flow:
            got = flow.get_final_message()
    assert got.content[0].type == "text"
    assert got.content[0].text == "Ask zeus."


def test_openais_client_adds_a_released_stream_up_to_the_response(tmp_path: Path) -> None:
    with place(tmp_path, POLICY, model=SAYS["responses"]()) as one:
        ticket = post(one, "responses")[1]["x-bongsu-review"]
        let_pass(one)
        with one.client("sk-any") as client:
            events = list(client.responses.create(model="shop", input="hi", stream=True,
                                                  extra_headers={"x-bongsu-review": ticket} | ASKS))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Ask zeus."
