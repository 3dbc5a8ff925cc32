"""The end of a gateway process, and news of its policy: neither cuts a stream in two."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.host import logs
from bongsu.policy.model import Route
from bongsu.web.ops import Ops
from bongsu.web.scrape import Admission
from gatewaykit import PII, Script, Stand, chunk, now, reply, sse, standing, text_of
from machine import until
from servers import StandIn

WORDS = [f"w{n} " for n in range(40)]


def slow(pause: float = 0.05) -> Script:
    return Script(sse(*(chunk(w) for w in WORDS), chunk("", reason="stop"), b"[DONE]"), plain=reply("ok"), pause=pause)


def ready(stand: Stand) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{stand.server.url}/readyz", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def begun(stand: Stand) -> Iterator[Any]:
    """A stream that is under way."""
    return iter(stand.shared.chat.completions.create(
        model="support-bot", messages=[{"role": "user", "content": "hi"}], stream=True))


def test_a_gateway_that_drains_is_not_ready_but_serves_what_comes_and_what_is_open(tmp_path: Path) -> None:
    with standing(tmp_path, model=slow(), ops=Ops(admission=Admission(loopback=True))) as stand:
        assert ready(stand)[0] == 200
        stream = begun(stand)
        first = next(stream)
        stand.gateway.ops.drain()
        status, said = ready(stand)
        assert (status, said["status"]) == (503, "draining")
        assert stand.ask("still here").choices[0].message.content == "ok"
        assert text_of([first, *stream]) == "".join(WORDS)
        assert stand.spool.wait(2).outcome == "ok"


def cut(stand: Stand, loops: list[asyncio.AbstractEventLoop]) -> None:
    """What the process does when the time for open calls is over."""
    loops[0].call_soon_threadsafe(stand.gateway.ops.cut)


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.AbstractEventLoop]:
    """The loop of the gateway, once it has served a call."""
    found: list[asyncio.AbstractEventLoop] = []
    began = Ops.began

    def noted(self: Ops, call: Any, task: Any) -> None:
        found.append(asyncio.get_running_loop())
        began(self, call, task)

    monkeypatch.setattr(Ops, "began", noted)
    return found


@pytest.mark.parametrize("guards", [(), (PII,)])
def test_a_stream_that_outlasts_the_drain_ends_as_streams_end_and_is_on_record(
        tmp_path: Path, guards: Any, loops: list[asyncio.AbstractEventLoop]) -> None:
    with standing(tmp_path, guards, model=slow(0.2)) as stand:
        stream = begun(stand)
        got = [next(stream)]
        cut(stand, loops)
        with pytest.raises(openai.APIError, match="this gateway ends"):
            got.extend(stream)
        event = stand.spool.wait(1)
    assert len(got) < len(WORDS)
    assert (event.outcome, event.error, event.stream) == ("error", "shutting_down", True)
    assert event.output_tokens


def test_a_whole_reply_that_outlasts_the_drain_is_a_503_that_says_to_try_again(
        tmp_path: Path, loops: list[asyncio.AbstractEventLoop]) -> None:
    asked = threading.Event()

    class Hanging(StandIn):
        async def serve(self, scope: Any, receive: Any, send: Any) -> None:
            asked.set()
            while (await receive())["type"] != "http.disconnect":
                continue

    with standing(tmp_path, model=Hanging()) as stand:
        ended: list[Exception] = []

        def call() -> None:
            try:
                stand.ask("hello")
            except openai.APIStatusError as error:
                ended.append(error)

        caller = threading.Thread(target=call)
        caller.start()
        assert asked.wait(20)
        cut(stand, loops)
        caller.join(20)
        event = stand.spool.wait(1)
    error, = ended
    assert isinstance(error, openai.InternalServerError)
    assert (error.status_code, error.code, error.response.headers["x-should-retry"]) == (503, "shutting_down", "true")
    assert (event.outcome, event.error, event.status) == ("error", "shutting_down", 503)


@pytest.mark.req("O3")
def test_a_stream_begun_before_a_change_of_policy_ends_whole_and_the_next_call_follows_the_new_one(
        tmp_path: Path) -> None:
    old: list[Any] = []

    def reload(digest: str) -> Any:
        return replace(old[0], hash=digest, routes={"other": Route("other", "main")})

    def keep(policy: Any) -> Any:
        old.append(policy)
        return policy

    with standing(tmp_path, (PII,), model=slow(), reload=reload, change=keep) as stand:
        stream = begun(stand)
        first = next(stream)
        stand.publisher.publish({}, "hash-2", now())
        until(lambda: ready(stand)[1]["policy"] == "hash-2", "the new policy is live")
        with pytest.raises(openai.NotFoundError):
            stand.ask("hello")
        assert text_of([first, *stream]) == "".join(WORDS)
        event = next(e for e in stand.spool.calls() if e.route == "support-bot")
    assert (event.outcome, event.policy) == ("ok", "hash-1")


# ---- logs ----


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """JSON logs of a process, in memory."""
    out, root, calls = io.StringIO(), logging.getLogger(), logging.getLogger(logs.CALLS)
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonFormatter("gateway-0"))
    before = calls.level
    root.addHandler(handler)
    calls.setLevel(logging.INFO)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        calls.setLevel(before)


def lines(written: io.StringIO) -> list[Any]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_each_call_is_one_line_of_json_with_its_ids_and_without_a_word_of_it(
        tmp_path: Path, written: io.StringIO) -> None:
    with standing(tmp_path, (PII,)) as stand:
        stand.ask("my plan: kim@example.com", user="kim@example.com", extra_headers={
            "x-request-id": "req-7", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
        until(lambda: lines(written), "the line of the call")
        event = stand.spool.last()
    said, = (line for line in lines(written) if line["logger"] == logs.CALLS)
    assert (said["call"], said["request_id"], said["trace"]) == (event.id, "req-7", "ab" * 16)
    assert (said["process"], said["level"], said["outcome"], said["route"]) == ("gateway-0", "info", "ok",
                                                                              "support-bot")
    assert said["latency_ms"] == event.latency_ms
    everything = written.getvalue()
    for hidden in ("kim", "plan", "sk-client", "sk-upstream", event.user):
        assert hidden not in everything


def test_an_error_that_is_not_ours_is_logged_by_class_and_place_not_by_its_words(written: io.StringIO) -> None:
    words = "kim@example.com said so"
    try:
        raise ValueError(words)
    except ValueError:
        logging.getLogger("bongsu.gateway").exception("policy %s cannot be loaded", "h")
    said, = lines(written)
    assert (said["error_type"], said["message"]) == ("ValueError", "policy h cannot be loaded")
    assert "test_an_error_that_is_not_ours" in said["stack"]
    assert "kim" not in written.getvalue()
