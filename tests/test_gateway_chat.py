"""The gateway, asked by the real OpenAI client: plain calls, streams, tags, costs, live routes, health."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.meter import Meter, Usage
from bongsu.ids import ulids
from bongsu.policy.model import Policy, Price
from bongsu.quantity import parse_rate
from gatewaykit import KEY, TOKENS, Stand, policy_for, standing, text_of


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with standing(tmp_path) as stand:
        yield stand


JSON = {"Content-Type": "application/json"}


def get(url: str, data: bytes | None = None, method: str | None = None,
        headers: dict[str, str] | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=data, method=method, headers=JSON | (headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.req("O5")
def test_a_chat_is_answered_and_leaves_one_fact(stand: Stand) -> None:
    """Every column a call can know is in its event: route, model, tokens, exact cost, times, tags, policy."""
    reply = stand.ask("hello there", user="kim@example.com", extra_headers={
        "x-bongsu-tier": "gold", "x-bongsu-conversation": "c-7",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert reply.choices[0].message.content.startswith("You said: hello there")
    assert reply.choices[0].finish_reason == "stop"
    [event] = stand.spool.events
    assert (event.route, event.upstream, event.request_model) == ("support-bot", "main", "support-bot")
    assert (event.model, event.attempts, event.fallback) == ("demo-large", 1, False)
    assert (event.outcome, event.status, event.finish_reason) == ("ok", 200, "stop")
    assert (event.input_tokens, event.output_tokens) == (6, 30)
    assert (event.cost, event.currency) == (6 * 2500 + 30 * 10_000, "USD")
    assert (event.tier, event.region, event.upstream_region) == ("gold", "kr", "us")
    assert event.conversation == TOKENS.token("CONVERSATION", "c-7")
    assert (event.environment, event.prompt_version, event.policy) == ("test", "v1", "hash-1")
    assert event.trace == "0af7651916cd43dd8448eb211c80319c"
    assert event.user.startswith("USER_")
    assert event.latency_ms is not None
    assert event.overhead_ms is not None
    assert 0 < event.overhead_ms < event.latency_ms
    assert event.response_id == reply.id
    assert (event.prompt, event.reply) == (None, None)


def test_the_caller_is_told_call_route_upstream_cost_and_overhead(stand: Stand) -> None:
    with stand.client() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="support-bot", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-request-id": "mine-1"})
    event = stand.spool.last()
    assert raw.headers["x-request-id"] == "mine-1"
    assert raw.headers["x-bongsu-call-id"] == event.id
    assert raw.headers["x-bongsu-route"] == "support-bot"
    assert raw.headers["x-bongsu-upstream"] == "main"
    assert Fraction(raw.headers["x-bongsu-cost"]) * 10**9 == event.cost
    assert float(raw.headers["x-bongsu-overhead-ms"]) > 0


def test_a_stream_brings_the_same_text_and_leaves_one_fact(stand: Stand) -> None:
    plain = stand.ask("hello").choices[0].message.content
    chunks = stand.stream("hello")
    assert text_of(chunks) == plain
    assert len(chunks) > 20, "the stream was collapsed"
    assert all(c.usage is None and c.choices for c in chunks), "usage was not asked for"
    event = stand.spool.last()
    assert (event.stream, event.outcome, event.finish_reason) == (True, "ok", "stop")
    assert (event.input_tokens, event.output_tokens, event.usage_estimated) == (5, 30, False)
    assert event.ttft_ms is not None
    assert event.latency_ms is not None
    assert event.ttft_ms <= event.latency_ms


def test_a_client_that_asks_for_usage_gets_it_once_and_last(stand: Stand) -> None:
    chunks = stand.stream("hello", stream_options={"include_usage": True})
    assert [c.usage.total_tokens for c in chunks if c.usage] == [35]
    assert chunks[-1].usage.completion_tokens == 30


def test_the_callers_key_stays_here_and_the_upstreams_is_used(tmp_path: Path) -> None:
    seen: list[dict[bytes, bytes]] = []

    async def nosy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(dict(scope["headers"]))
        await model(scope, receive, send)

    from bongsu.demo.model import DemoModel

    model = DemoModel()
    with standing(tmp_path, model=nosy) as stand:
        stand.ask()
    assert seen[0][b"authorization"] == f"Bearer {KEY}".encode()
    assert b"sk-client" not in b"".join(seen[0].values())


def test_unknown_fields_reach_the_model_untouched(stand: Stand) -> None:
    stand.ask(extra_body={"x_vendor": {"deep": [1, 2.50, None]}, "temperature": 0.25})
    sent = stand.model.seen[-1]
    assert sent["x_vendor"] == {"deep": [1, 2.5, None]}
    assert sent["temperature"] == 0.25
    assert sent["model"] == "demo-large"


def test_a_model_that_is_no_route_is_404_in_openai_shape(stand: Stand) -> None:
    with stand.client() as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-secret", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "model_not_found"
    assert "support-bot" not in str(caught.value)
    assert caught.value.request_id
    assert (stand.spool.last().outcome, stand.spool.last().status) == ("refused", 404)


@pytest.mark.parametrize(("body", "status", "code", "says"), [
    (b'{"model": "support-bot", ', 400, "invalid_json", "truncated"),
    (b"[]", 400, "invalid_json", "array"),
    (b'{"messages": []}', 400, "missing_required_parameter", "model"),
    (b'{"model": "support-bot"}', 400, "missing_required_parameter", "messages"),
    (b'{"model": 5, "messages": []}', 400, "invalid_value", "int"),
    (b'{"model": "support-bot", "messages": [], "stream": "yes"}', 400, "invalid_value", "str"),
    (b'{"model": "support-bot", "messages": [{"role": "user", "content": "\\ud80"}], "user": "\\ud80"}', 400,
     "invalid_json", "byte 73"),
    (b"\xff\xfe", 400, "invalid_json", ""),
    (b"[" * 100_000, 400, "invalid_json", ""),
])
def test_a_bad_body_is_400_and_says_what_is_wrong(stand: Stand, body: bytes, status: int, code: str, says: str) -> None:
    got, found = get(f"{stand.server.url}/v1/chat/completions", body)
    assert (got, found["error"]["code"]) == (status, code)
    assert says in found["error"]["message"]
    event = stand.spool.last()
    assert (event.outcome, event.service, event.policy) == ("refused", "support-bot", "hash-1")
    assert stand.model.seen == []


def test_a_body_over_the_limit_is_413_and_the_gateway_goes_on(tmp_path: Path) -> None:
    with standing(tmp_path, change=lambda p: replace(p, max_body=100_000)) as stand:
        with pytest.raises(openai.APIStatusError) as caught:
            stand.ask("x" * 3_000_000)
        assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
        assert stand.ask("x" * 50_000).choices[0].finish_reason == "stop"


@pytest.mark.parametrize("origin", ["redteam", "replay", "evaluation", "live", "mars"])
def test_a_caller_cannot_say_that_it_is_not_live(stand: Stand, origin: str) -> None:
    """Signals count live events only: whoever could choose the origin could hide from every alert."""
    stand.ask(extra_headers={"x-bongsu-origin": origin})
    assert stand.spool.last().origin == "live"


def test_the_routes_are_the_models(stand: Stand) -> None:
    with stand.client() as client:
        assert [m.id for m in client.models.list()] == ["support-bot"]
        assert client.models.retrieve("support-bot").owned_by == "bongsu"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("main")


def test_a_live_route_holds_from_the_next_request_and_ends_when_it_is_withdrawn(stand: Stand) -> None:
    assert stand.ask().model == "demo-large"
    stand.publisher.publish({"route/support-bot": "light"}, "hash-1", 1)
    assert stand.ask().model == "demo-small"
    assert stand.spool.last().upstream == "light"
    stand.publisher.publish({}, "hash-1", 2)
    assert stand.ask().model == "demo-large"


def test_a_stream_in_flight_is_left_alone_by_a_new_route(stand: Stand) -> None:
    stand.model.knobs["delay_ms"] = 5
    with stand.client() as client, client.chat.completions.create(
            model="support-bot", messages=[{"role": "user", "content": "hi"}], stream=True) as flow:
        first = next(flow)
        stand.publisher.publish({"route/support-bot": "light"}, "hash-1", 1)
        assert stand.ask().model == "demo-small"
        rest = list(flow)
    assert {c.model for c in [first, *rest]} == {"demo-large"}
    assert rest[-1].choices[0].finish_reason == "stop"


def test_a_live_target_that_does_not_exist_changes_nothing_and_readiness_says_so(stand: Stand) -> None:
    stand.publisher.publish({"route/support-bot": "nowhere"}, "hash-1", 1)
    assert stand.ask().model == "demo-large"
    status, said = get(f"{stand.server.url}/readyz")
    assert status == 503
    assert "nowhere" in said["problems"][0]


def test_a_new_policy_is_taken_over_and_a_broken_one_is_not(tmp_path: Path) -> None:
    """The gateway reads the policy control made current, without a restart; if it cannot, the old one stays."""
    asked: list[str] = []

    def reload(digest: str) -> Policy:
        asked.append(digest)
        if digest == "hash-3":
            raise ValueError("no such policy")
        return replace(policy_for(stand.upstream.url), hash=digest, apology="new")

    with standing(tmp_path, reload=reload) as stand:
        stand.publisher.publish({}, "hash-2", 1)
        stand.ask()
        assert stand.spool.last().policy == "hash-2"
        stand.publisher.publish({}, "hash-3", 2)
        stand.ask()
        stand.ask()
        assert stand.spool.last().policy == "hash-2"
        assert get(f"{stand.server.url}/readyz")[1]["refused_policy"] == "hash-3"
    assert asked == ["hash-2", "hash-3"]


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/healthz", "/health/readiness", "/readyz"])
def test_health_answers_under_all_its_names(stand: Stand, path: str) -> None:
    assert get(stand.server.url + path)[0] == 200


def test_readiness_names_policy_generation_and_how_long_control_has_been_silent(stand: Stand) -> None:
    stand.publisher.publish({}, "hash-1", 1_000_000)
    _, said = get(f"{stand.server.url}/health/readiness")
    assert (said["policy"], said["generation"], said["spool"]) == ("hash-1", 1, {"ok": True, "lost_events": 0})
    assert said["control_age_s"] > 1e9


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405), ("GET", "/", 404),
    ("POST", "/v1/nothing", 404), ("POST", "/v1/predict/", 404), ("GET", "/v1/predict/x", 405)])
def test_other_paths_and_methods_are_said_in_openai_shape(stand: Stand, method: str, path: str, status: int) -> None:
    got, found = get(stand.server.url + path, b"{}" if method == "POST" else None, method)
    assert got == status
    assert found["error"]["message"]


@pytest.mark.req("O4")
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6),
       st.tuples(*[st.integers(1, 10**6)] * 3))
def test_a_cost_is_the_exact_sum_rounded_once(into: int, out: int, cached: int, prices: tuple[int, int, int]) -> None:
    cached = min(cached, into)
    texts = [f"{p // 1000}.{p % 1000:03d} USD/1M" for p in prices]
    rates = [parse_rate(text) for text in texts]
    cost = Meter(Price(rates[0], rates[1], rates[2])).cost(Usage(into, out, cached))
    exact = (into - cached) * rates[0].nano + out * rates[1].nano + cached * rates[2].nano
    assert cost == round(exact)


def test_ids_rise_and_never_repeat() -> None:
    clock = iter([5_000_000, 5_000_100, 4_000_000, 9_000_000])
    source = ulids(lambda: next(clock))
    made = [source() for _ in range(4)]
    assert made == sorted(set(made))
    assert all(len(i) == 26 for i in made)
