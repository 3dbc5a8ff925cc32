"""Upstreams that fail, in front of a real gateway: asked again within a budget, left alone, tried, timed out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.policy.model import Policy, Route
from bongsu.policy.patience import Breaker, Retries, Timeouts
from bongsu.quantity import SECOND, Duration
from gatewaykit import Script, Stand, chunk, reply, sse, standing, text_of
from servers import StandIn
from test_gateway_chat import get
from test_gateway_faults import ByModel

QUICK = Breaker(min_calls=3, rest=Duration(5 * SECOND))
MS = 1000


def patient(*, fallback: bool = False, retries: Retries | None = None, breaker: Breaker | None = None,
            timeouts: Timeouts | None = None) -> Callable[[Policy], Policy]:
    def change(policy: Policy) -> Policy:
        ups = {name: replace(up, breaker=breaker or Breaker(enabled=False), timeouts=timeouts or Timeouts())
               for name, up in policy.upstreams.items()}
        route = Route("support-bot", "main", fallback=("light",) if fallback else (), retries=retries)
        return replace(policy, upstreams=ups, routes={"support-bot": route})
    return change


class Flaky(Script):
    """Fails the first ``n`` times."""

    def __init__(self, n: int, status: int = 503, **more: Any) -> None:
        super().__init__(sse(chunk("hi", 0, "stop"), "[DONE]"), plain=reply("hi"), **more)
        self.n, self.bad = n, status

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.n -= 1
        self.status = self.bad if self.n >= 0 else 200
        await super().serve(scope, receive, send)


def failed(stand: Stand, **more: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        stand.ask(**more)
    return caught.value


class Ahead:
    """A timer that the test can put forward."""

    def __init__(self, stand: Stand) -> None:
        self.by = 0
        stand.gateway._timer = lambda: time.perf_counter_ns() + self.by


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_once_is_asked_again_and_the_fact_counts_it(tmp_path: Path, stream: bool) -> None:
    model = Flaky(1)
    with standing(tmp_path, model=model, change=patient(retries=Retries(backoff=Duration(MS)))) as stand:
        got = stand.stream() if stream else stand.ask()
        event = stand.spool.last()
    assert (text_of(got) if stream else got.choices[0].message.content) == "hi"
    assert (event.outcome, event.attempts, event.retries, event.fallback, event.upstream) == ("ok", 2, 1, False, "main")
    assert len(model.seen) == 2


@pytest.mark.req("P7")
def test_after_its_retries_the_next_upstream_is_asked(tmp_path: Path) -> None:
    main, light = Flaky(99), Flaky(0)
    change = patient(fallback=True, retries=Retries(most=2, backoff=Duration(MS)))
    with standing(tmp_path, model=ByModel(demo_large=main, demo_small=light), change=change) as stand:
        stand.ask()
        event = stand.spool.last()
    assert (event.attempts, event.retries, event.fallback, event.upstream) == (4, 2, True, "light")
    assert (len(main.seen), len(light.seen)) == (3, 1)


def test_a_model_that_is_down_is_not_stormed(tmp_path: Path) -> None:
    """Ten in reserve, then one in ten: 60 calls make at most 16 retries, not 60."""
    model = Script(status=500)
    retries = Retries(most=1, budget=Fraction(1, 10), backoff=Duration(10))
    with standing(tmp_path, model=model, change=patient(retries=retries)) as stand:
        for _ in range(60):
            failed(stand)
        assert sum(e.retries for e in stand.spool.calls()) == len(model.seen) - 60
    assert 10 <= len(model.seen) - 60 <= 16


@pytest.mark.parametrize("model", [Script(status=400, plain={"error": {"message": "no"}}),
                                   Script(status=429, headers=[(b"retry-after", b"9")]), Script(status=401)])
def test_what_would_fail_again_or_asked_to_wait_is_not_asked_again(tmp_path: Path, model: Script) -> None:
    with standing(tmp_path, model=model, change=patient(retries=Retries(backoff=Duration(MS)))) as stand:
        failed(stand)
    assert len(model.seen) == 1


@pytest.mark.req("D11")
@pytest.mark.parametrize("stream", [False, True])
def test_a_lone_upstream_that_fails_is_left_alone_tried_and_taken_back(tmp_path: Path, stream: bool) -> None:
    model = Flaky(3)
    with standing(tmp_path, model=model, change=patient(breaker=QUICK)) as stand:
        ahead = Ahead(stand)
        for _ in range(3):
            assert failed(stand, stream=stream).code == "upstream_unavailable"
        for _ in range(5):
            error = failed(stand, stream=stream)
            assert (error.status_code, error.code) == (503, "upstream_unavailable")
            assert 1 <= int(error.response.headers["retry-after"]) <= 5
        event = stand.spool.last()
        assert (event.circuit, event.attempts, event.upstream, event.outcome) == ("main", 0, "", "error")
        assert len(model.seen) == 3, "nobody waits for a model that is down"
        status, said = get(f"{stand.server.url}/readyz")
        assert (status, said["upstreams"]["main"]["circuit"]) == (200, "open")
        ahead.by = 6 * 10**9
        stand.ask(stream=stream)
        assert get(f"{stand.server.url}/readyz")[1]["upstreams"]["main"]["circuit"] == "closed"
        assert stand.spool.last().circuit == ""


def test_an_open_circuit_costs_a_call_with_a_fallback_nothing(tmp_path: Path) -> None:
    main, light = Script(status=500), Flaky(0)
    change = patient(fallback=True, breaker=QUICK)
    with standing(tmp_path, model=ByModel(demo_large=main, demo_small=light), change=change) as stand:
        for _ in range(6):
            stand.ask()
        events = stand.spool.calls()
    assert [(e.attempts, e.circuit, e.fallback) for e in events] == [(2, "", True)] * 3 + [(1, "main", True)] * 3
    assert len(main.seen) == 3


def test_a_live_change_does_not_make_a_circuit_forget(tmp_path: Path) -> None:
    model = Script(status=500)
    with standing(tmp_path, model=model, change=patient(breaker=QUICK)) as stand:
        for _ in range(3):
            failed(stand)
        stand.publisher.publish({"guard/none": "enforce"}, "hash-1", 5)
        failed(stand)
    assert len(model.seen) == 3


def test_replies_that_break_off_open_the_circuit_too(tmp_path: Path) -> None:
    model = Script(sse(chunk("hello ")), cut=True)
    breaker = replace(QUICK, min_calls=6)  # each of these calls began well and ended badly
    with standing(tmp_path, model=model, change=patient(breaker=breaker)) as stand:
        for _ in range(3):
            with pytest.raises(openai.APIError):
                stand.stream()
        assert failed(stand, stream=True).status_code == 503
    assert len(model.seen) == 3


def test_a_probe_whose_client_leaves_does_not_keep_the_circuit_half_open(tmp_path: Path) -> None:
    model = Flaky(3)
    with standing(tmp_path, model=model, change=patient(breaker=QUICK)) as stand:
        ahead = Ahead(stand)
        for _ in range(3):
            failed(stand)
        ahead.by = 6 * 10**9
        hanging = Hanging()
        stand.upstream.set_app(hanging)
        with pytest.raises(openai.APITimeoutError):
            stand.shared.with_options(timeout=0.3).chat.completions.create(
                model="support-bot", messages=[{"role": "user", "content": "hi"}])
        assert stand.spool.wait(4).outcome == "cancelled"
        stand.upstream.set_app(model)
        assert stand.ask().choices[0].message.content == "hi"


class Hanging(StandIn):
    """Sends ``pieces``, with a pause before each, and is then silent."""

    def __init__(self, *pieces: tuple[float, bytes], headers: bool = False) -> None:
        self.pieces, self.headers = pieces, headers

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        begun = self.headers
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        if begun:
            await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": True})
        for pause, body in self.pieces:
            await asyncio.sleep(pause)
            if not begun:
                await send(start)
                begun = True
            await send({"type": "http.response.body", "body": body, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            continue


PIECES = sse(chunk("a"), chunk("b"), chunk("c"), chunk("d"))


@pytest.mark.parametrize(("timeouts", "model", "stream"), [
    (Timeouts(first_byte=Duration(200 * MS)), Hanging(), False),
    (Timeouts(first_byte=Duration(200 * MS)), Hanging(), True),
    (Timeouts(first_byte=Duration(200 * MS)), Hanging(headers=True), True),
    (Timeouts(between=Duration(200 * MS)), Hanging((0.0, PIECES[0])), True),
    (Timeouts(first_byte=Duration(100 * MS), between=Duration(400 * MS)), Hanging((0.0, PIECES[0])), True),
    (Timeouts(total=Duration(300 * MS)), Hanging(*((0.1, piece) for piece in PIECES)), True),
    (Timeouts(total=Duration(200 * MS)), Hanging((0.0, b"{")), False)],
    ids=["whole", "stream", "headers only", "silence", "silence longer than first", "total", "whole total"])
def test_each_part_of_a_call_has_a_time_of_its_own(tmp_path: Path, timeouts: Timeouts, model: Hanging,
                                                   stream: bool) -> None:
    """The upstream's one time-out is twenty seconds here: only the phase's own can have ended the call."""
    def change(policy: Policy) -> Policy:
        found = patient(timeouts=timeouts)(policy)
        return replace(found, upstreams={n: replace(u, timeout=Duration(20 * SECOND))
                                         for n, u in found.upstreams.items()})

    with standing(tmp_path, model=model, change=change) as stand:
        with pytest.raises(openai.APIError) as caught:
            stand.ask(stream=stream)
        assert caught.value.code == "upstream_timeout"
        event = stand.spool.last()
    assert (event.outcome, event.error) == ("timeout", "upstream_timeout")


def test_a_first_byte_that_is_late_but_in_time_is_waited_for_though_silences_are_short(tmp_path: Path) -> None:
    timeouts = Timeouts(first_byte=Duration(900 * MS), between=Duration(300 * MS))
    pieces = [(0.5, PIECES[0]), (0.0, sse(chunk("", 0, "stop"), "[DONE]")[0]), (0.0, sse("[DONE]")[0])]
    with standing(tmp_path, model=Hanging(*pieces), change=patient(timeouts=timeouts)) as stand:
        assert text_of(stand.stream()) == "a"


def test_a_port_that_takes_no_connection_is_given_up_after_the_time_to_connect(tmp_path: Path) -> None:
    """A listener whose queue is full answers nothing: the connection is never made, so nothing can have arrived, and
    the retry and the fallback follow."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        queued = [socket.socket() for _ in range(4)]
        try:
            for one in queued:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))

            def change(policy: Policy) -> Policy:
                found = patient(fallback=True, timeouts=Timeouts(connect=Duration(200 * MS)))(policy)
                main = replace(found.upstreams["main"], url=f"http://127.0.0.1:{port}", timeout=Duration(20 * SECOND))
                return replace(found, upstreams={**found.upstreams, "main": main})

            with standing(tmp_path, change=change) as stand:
                stand.ask()
                event = stand.spool.last()
        finally:
            for one in queued:
                one.close()
    assert (event.upstream, event.fallback, event.attempts) == ("light", True, 2)
