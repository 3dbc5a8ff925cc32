"""How fast a body has to come, by a clock that the test moves: a byte now and then is not waited for for hours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from bongsu.host.caller import Caller
from bongsu.host.deadline import Deadline, Pace
from bongsu.host.line import RATE, STALL, Connection
from bongsu.host.lobby import Lobby
from bongsu.web.errors import ApiError
from bongsu.web.wire import body_of
from gatewaykit import standing

HEAD = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
HOUR = 3600.0


class Clockwork(asyncio.SelectorEventLoop):
    """A loop whose time stands still but for the steps of the test."""

    now = 1000.0

    def time(self) -> float:
        return self.now


def moved(test: Callable[[Callable[[float], Coroutine[Any, Any, None]]], Coroutine[Any, Any, Any]]) -> Any:
    """What came of a test that is given ``wait``."""
    loop = Clockwork()

    async def wait(seconds: float) -> None:
        loop.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(test(wait))


class Wire(asyncio.Transport):
    """Takes what is written, and lets itself be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.closed, self.paused = b"", False, False

    def write(self, data: Any) -> None:
        self.out += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def line_to(app: Any, lobby: Lobby | None = None) -> tuple[Connection, Wire]:
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    line, wire = (lobby or Lobby()).protocol()(config, ServerState(), {}), Wire()
    line.connection_made(wire)
    return line, wire


async def reads(scope: Any, receive: Any, send: Any) -> None:
    """Any application: it asks for the body until it is whole."""
    while (await receive()).get("more_body"):
        continue


@pytest.mark.parametrize("size", [1 << 20, 200 << 20])
def test_a_byte_every_nine_seconds_is_refused_when_the_first_time_is_over(size: int) -> None:
    async def test(wait: Any) -> tuple[int, bytes]:
        line, wire = line_to(reads)
        line.data_received(HEAD % size)
        await wait(0)
        for n in range(1000):
            if wire.closed:
                return n, wire.out
            line.data_received(b"x")
            await wait(9)
        return 1000, wire.out

    n, out = moved(test)
    assert n == -(-STALL // 9), "not for hours"
    assert out.startswith(b"HTTP/1.1 408 ")
    assert b"send it faster" in out


@pytest.mark.parametrize(("rate", "whole"), [(1.1, True), (0.5, False)])
def test_a_large_body_has_a_second_more_for_each_few_bytes(rate: float, whole: bool) -> None:
    """Ten MiB a little faster than they have to come take more than half an hour, and are read."""
    async def test(wait: Any) -> tuple[bool, float]:
        line, wire = line_to(reads)
        line.data_received(HEAD % (10 << 20))
        await wait(0)
        sent, began = 0, asyncio.get_running_loop().time()
        while sent < 10 << 20 and not wire.closed:
            piece = min(int(RATE * rate) * 10, (10 << 20) - sent)
            line.data_received(bytes(piece))
            sent += piece
            await wait(10)
        return b"408" not in wire.out, asyncio.get_running_loop().time() - began

    took = moved(test)
    assert took[0] is whole
    assert (took[1] > HOUR / 2) is whole


def test_what_nobody_reads_is_not_too_slow_and_has_its_time_once_it_is_read() -> None:
    async def test(wait: Any) -> list[bool]:
        go, seen = asyncio.Event(), []

        async def later(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await reads(scope, receive, send)

        line, wire = line_to(later)
        line.data_received(HEAD % (1 << 20))
        line.data_received(bytes(100_000))
        seen.append(wire.paused)
        await wait(HOUR)
        seen.append(wire.closed)
        go.set()
        await wait(0)
        seen.append(wire.paused)
        for _ in range(5):
            await wait(9)
            line.data_received(b"x")
        seen.append(wire.closed)
        for _ in range(9):
            await wait(9)
            line.data_received(b"x")
        return [*seen, wire.closed]

    assert moved(test) == [True, False, False, False, True]


def test_a_server_may_be_told_another_rate() -> None:
    lobby = Lobby()
    assert lobby.pace == Pace(STALL, RATE)
    lobby.hurry(1 << 20)

    async def test(wait: Any) -> bool:
        line, wire = line_to(reads, lobby)
        line.data_received(HEAD % (1 << 20))
        for _ in range(10):
            await wait(10)
            line.data_received(bytes(RATE * 11))
        return wire.closed

    assert moved(test)


class Slow(Caller):
    """Sends so many bytes every nine seconds."""

    def __init__(self, wait: Any, piece: bytes, times: int) -> None:
        self.whole, self._wait, self._piece, self.left_over = False, wait, piece, times

    async def receive(self) -> Any:
        await self._wait(9)
        self.left_over -= 1
        return {"type": "http.request", "body": self._piece, "more_body": self.left_over > 0}


@pytest.mark.parametrize(("size", "times", "refused_after"), [
    (1, 100, 6), (8 * RATE, 30, None), (10 * RATE, 100, None)])
def test_the_gateway_answers_a_body_that_comes_too_slowly(size: int, times: int, refused_after: int | None) -> None:
    async def test(wait: Any) -> tuple[int, ApiError | None]:
        caller = Slow(wait, bytes(size), times)
        try:
            return len(await body_of(caller, 1 << 30, Pace(60, RATE))), None
        except ApiError as error:
            return times - caller.left_over, error

    found, error = moved(test)
    if refused_after is None:
        assert (found, error) == (size * times, None)
    else:
        assert error is not None
        assert (error.status, error.code) == (408, "request_timeout")
        assert f"{RATE} bytes" in error.message
        assert found == refused_after


def test_a_policy_says_how_fast_for_calls_and_for_their_connections(tmp_path: Path) -> None:
    with standing(tmp_path, change=lambda p: replace(p, body_rate=64 << 10)) as stand:
        assert stand.gateway.ops.lobby.pace == Pace(STALL, 64 << 10)
        faster = replace(stand.gateway._plans.policy, body_rate=128 << 10)
        stand.gateway._take(faster, stand.gateway._live.current())
        assert stand.gateway.ops.lobby.pace == Pace(STALL, 128 << 10)


def test_a_deadline_rings_once_and_only_when_it_was_not_put_off() -> None:
    rung: list[float] = []

    async def test(wait: Any) -> None:
        loop = asyncio.get_running_loop()
        deadline = Deadline(loop, lambda: rung.append(loop.time() - 1000))
        deadline.put_off(1010)
        for _ in range(4):
            await wait(4)
            deadline.put_off(loop.time() + 10)
        deadline.put_off(1020)  # sooner
        await wait(5)
        await wait(50)
        deadline.put_off(loop.time() + 1)
        deadline.put_off(float("inf"))
        await wait(50)
        deadline.put_off(loop.time() + 1)
        deadline.close()
        await wait(50)

    moved(test)
    assert rung == [21]
