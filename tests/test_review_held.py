"""What a guard holds for a person: how its caller is told, and how it goes out when it was let pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from bongsu.quantity import DAY, HOUR, MINUTE
from bongsu.verbs.client import Client
from gatewaykit import Script, chunk, reply, sse
from peoplekit import Place, place
from reviewkit import ATTACK, HELD, SAID, ask, decide, held, queue, reviewer, waiting


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    with queue(tmp_path) as made:
        yield made


@pytest.mark.req("P2")
def test_a_reply_is_held_until_two_people_agree_and_then_goes_out_as_it_was(one: Place) -> None:
    error = held(one)
    ticket = error.response.headers["x-bongsu-review"]
    assert (error.code, error.response.headers["retry-after"]) == ("human_review_required", "3600")
    assert error.response.headers["x-should-retry"] == "false"
    assert "zeus" not in error.response.text
    (case,) = waiting(one)
    assert (case["source"], case["guard"], case["priority"], case["side"]) == ("held", "secret", "severe", "output")
    assert case["due"] - case["asked"] == HOUR
    shown = one.api().get(f"/v1/reviews/{case['id']}")
    assert shown["prompt"] == "hello"
    assert shown["reply"].startswith("Ask zeus, or mail EMAIL_")
    assert shown["tokens"] == [shown["reply"].split()[-1].rstrip(".")]
    kim, lee = reviewer(one, "kim"), reviewer(one, "lee")
    assert decide(kim, case["id"], "approve")["state"] == "open"
    one.cycle()
    assert held(one, ticket=ticket).code == "human_review_required"
    assert decide(lee, case["id"], "approve")["word"] == "approve"
    one.cycle()
    asked = len(one.model.seen)
    assert ask(one, ticket=ticket).choices[0].message.content == SAID.replace("kim@example.com", shown["tokens"][0])
    assert len(one.model.seen) == asked, "the model is not asked again"
    calls = [(e.outcome, e.review, e.status, e.cost) for e in one.events()]
    assert [c[:3] for c in calls] == [("held", "held", 403), ("refused", "", 403), ("ok", "released", 200)]
    assert [bool(c[3]) for c in calls] == [True, False, False], "what the model did is paid for once"
    assert one.actions("review.") == ["review.approve", "review.approve", "review.ask"]


@pytest.mark.req("P2")
def test_a_stream_is_held_whole_and_released_as_a_stream(one: Place) -> None:
    ticket = held(one, stream=True).response.headers["x-bongsu-review"]
    (case,) = waiting(one)
    for name in ("kim", "lee"):
        decide(reviewer(one, name), case["id"], "false_alarm")
    one.cycle()
    with pytest.raises(openai.ConflictError, match="about another request"):
        ask(one, ticket=ticket)
    chunks = ask(one, ticket=ticket, stream=True)
    whole = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert whole.startswith("Ask zeus, or mail EMAIL_")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert one.last().review == "released"


@pytest.mark.req("P2")
def test_a_prompt_that_is_held_may_be_sent_again_and_no_other(one: Place) -> None:
    one.model.plain = reply("Good day.")
    ticket = held(one, ATTACK).response.headers["x-bongsu-review"]
    assert not one.model.seen
    (case,) = waiting(one)
    assert (case["side"], case["due"] - case["asked"]) == ("input", 4 * HOUR)
    assert "kim@example.com" not in json.dumps(one.api().get(f"/v1/reviews/{case['id']}"))
    decide(one.api(), case["id"], "approve")
    one.cycle()
    with pytest.raises(openai.ConflictError):
        ask(one, ATTACK + " now", ticket=ticket)
    assert ask(one, ATTACK, ticket=ticket).choices[0].message.content == "Good day."
    assert one.last().review == "released"


@pytest.mark.req("P2")
def test_what_is_denied_stays_back_and_a_ticket_opens_for_its_own_key_only(one: Place) -> None:
    key, _ = one.key("kim")
    other, _ = one.key("lee")
    first = one.post(key)
    ticket, id_ = first.headers["x-bongsu-review"], first.json()["error"]["review"]
    one.cycle()
    decide(one.api(), id_, "deny")
    one.cycle()
    again = [(key, ticket), (other, ticket), (key, f"{id_}.{'A' * 43}"), (key, "../state.db"), (key, "x")]
    codes = []
    for who, given in again:
        with one.client(who) as client, pytest.raises(openai.APIStatusError) as refused:
            client.chat.completions.create(model="shop", messages=[{"role": "user", "content": "hello"}],
                                                    extra_headers={"x-bongsu-review": given})
        codes.append((refused.value.status_code, refused.value.code))
    assert codes == [(403, "review_denied"), *[(404, "unknown_review")] * 4]


@pytest.mark.req("P2", "X2")
def test_what_is_held_is_nowhere_in_clear_and_goes_when_its_time_is_over(one: Place) -> None:
    held(one)
    held(one, stream=True)
    files = [path for path in one.folder.root.rglob("*") if path.is_file()]
    assert len(list(one.folder.held.iterdir())) == 2
    assert not [path for path in files if b"kim@example.com" in path.read_bytes()]
    one.cycle(8 * DAY)
    one.cycle(MINUTE)
    assert not waiting(one)
    assert not list(one.folder.held.iterdir())
    assert {case["word"] for case in waiting(one, "over")} == {"expired"}
    one.cycle(8 * DAY)
    one.cycle(MINUTE)
    assert not waiting(one, "over")


def test_a_guard_with_a_reply_says_that_and_not_an_error(tmp_path: Path) -> None:
    policy = HELD.replace("act: review, priority: severe", "act: review, reply: A colleague looks at this first.")
    pieces = sse(chunk("Ask zeus."), chunk("", reason="stop"), b"[DONE]")
    with place(tmp_path, policy, model=Script(pieces, plain=reply(SAID))) as one:
        said = ask(one)
        assert said.choices[0].message.content == "A colleague looks at this first."
        assert said.choices[0].finish_reason == "content_filter"
        chunks = ask(one, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "A colleague looks at this first."
        one.cycle()
        assert len(waiting(one)) == 2
        raw = one.post()
        assert raw.status == 200
        assert raw.headers["x-bongsu-review"].startswith(f"{one.last().id}.")


def test_anthropics_sdk_is_told_the_same(tmp_path: Path) -> None:
    policy = HELD.replace("timeout: 5s}\n  light", "timeout: 5s, api: anthropic}\n  light", 1).replace(
        "shop: {primary: main, light: light}", "shop: {primary: main}")
    message = {"id": "m", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn",
               "stop_sequence": None, "content": [{"type": "text", "text": SAID}],
               "usage": {"input_tokens": 1, "output_tokens": 2}}
    with place(tmp_path, policy, model=Script(plain=message)) as one:
        asked: Any = {"model": "shop", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
        with anthropic.Anthropic(base_url=one.gateways[0], api_key="sk-any", max_retries=0) as client:
            with pytest.raises(anthropic.PermissionDeniedError) as refused:
                client.messages.create(**asked)
            one.cycle()
            for name in ("kim", "lee"):
                decide(reviewer(one, name), waiting(one)[0]["id"], "approve")
            one.cycle()
            ticket = refused.value.response.headers["x-bongsu-review"]
            said = client.messages.create(**asked, extra_headers={"x-bongsu-review": ticket})
        assert said.content[0].type == "text"
        assert said.content[0].text.startswith("Ask zeus")


def test_decide_says_that_a_person_must_look(one: Place) -> None:
    answer = Client(one.gateways[0]).post("/v1/decide", {"route": "shop", "on": "output", "text": "Ask zeus."})
    assert (answer["decision"], answer["reply"]) == ("review", one.policy.apology)
    one.cycle()
    assert waiting(one)[0]["source"] == "held"
