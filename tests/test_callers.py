"""HTTP/1.1 as callers speak it to us: what goes over the wire, and what who serves is told; over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import uvicorn
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from bongsu.host.caller import CALLER, Caller
from bongsu.host.lobby import Lobby
from servers import body_of

App = Callable[[Any, Any, Any], Awaitable[None]]
CLOSE = b"connection: close\r\n"


def request(path: str, body: bytes = b"", head: bytes = b"", method: str = "POST", version: str = "1.1") -> bytes:
    return b"%b %b HTTP/%b\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n%b" % (
        method.encode(), path.encode(), version.encode(), head, len(body), body)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says what it was asked, in chunks or, where the query is ``whole``, with its length."""
    body = await body_of(receive)
    said = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} ".encode() + body
    headers = [(b"content-length", str(len(said)).encode())] if scope["query_string"] == b"whole" else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for at in range(0, len(said), 7):
        await send({"type": "http.response.body", "body": said[at : at + 7], "more_body": at + 7 < len(said)})


def serving(app: App, lobby: Lobby | None = None, **settings: Any) -> uvicorn.Server:
    protocol = (lobby or Lobby()).protocol()
    return uvicorn.Server(uvicorn.Config(app, http=protocol, log_config=None, lifespan="off", **settings))


@contextmanager
def served(app: App, **settings: Any) -> Iterator[int]:
    with running(app, **settings) as (port, _):
        yield port


@contextmanager
def running(app: App, **settings: Any) -> Iterator[tuple[int, uvicorn.Server]]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = serving(app, **settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()


def said(port: int, *pieces: bytes) -> bytes:
    """All that comes until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        for piece in pieces:
            line.sendall(piece)
        out = b""
        while data := line.recv(65536):
            out += data
    return out


def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    with served(echo) as port:
        out = said(port, request("/a?whole", b"1") + request("/b?whole", b"2") + request("/c?whole", b"3", CLOSE))
    assert out.count(b"HTTP/1.1 200") == 3
    assert out.index(b"POST /a?whole 1") < out.index(b"POST /b?whole 2") < out.index(b"POST /c?whole 3")
    assert out.count(CLOSE) == 1


def test_what_follows_a_request_that_was_to_be_the_last_is_not_answered() -> None:
    with served(echo) as port:
        out = said(port, request("/a?whole", b"1", CLOSE) + request("/b?whole", b"2"))
    assert out.count(b"HTTP/1.1 200") == 1
    assert b"/b" not in out


@pytest.fixture(scope="module")
def one() -> Iterator[int]:
    """A server for many examples."""
    with served(echo) as port:
        yield port


@given(cuts=st.sets(st.integers(0, 400), max_size=8), whole=st.booleans())
def test_however_a_request_is_cut_it_is_answered_alike(one: int, cuts: set[int], whole: bool) -> None:
    asked = request("/a?whole" if whole else "/a", b"x" * 100) + request("/b?whole", b"y" * 20, CLOSE)
    places = [0, *sorted(min(cut, len(asked)) for cut in cuts), len(asked)]
    out = said(one, *(asked[a:b] for a, b in pairwise(places)))
    assert out.count(b"HTTP/1.1 200") == 2
    assert out.endswith(b"POST /b?whole " + b"y" * 20)
    assert (b"transfer-encoding: chunked" in out) is not whole


def test_a_caller_of_http_1_0_reads_until_the_connection_ends() -> None:
    with served(echo) as port:
        head, _, body = said(port, request("/a", b"1", version="1.0")).partition(b"\r\n\r\n")
    assert (body, b"chunked" in head, b"connection: close" in head) == (b"POST /a? 1", False, True)


def test_a_head_is_answered_without_a_body_and_so_is_204() -> None:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with served(echo) as port:
        out = said(port, request("/a?whole", method="HEAD"), request("/b?whole", b"2", CLOSE))
    assert b"content-length: 14\r\n\r\nHTTP/1.1 200" in out
    with served(nothing) as port:
        out = said(port, request("/a"), request("/b", b"", CLOSE))
    assert out == b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"


def test_who_asks_first_whether_to_send_a_body_is_told_to() -> None:
    with served(echo) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(request("/a?whole", b"hi", b"expect: 100-continue\r\n" + CLOSE).removesuffix(b"hi"))
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"hi")
        assert line.recv(1000).endswith(b"POST /a?whole hi")


def test_a_path_may_have_a_host_in_front_and_signs_in_percent() -> None:
    with served(echo) as port:
        assert b"POST /a b?whole 1" in said(port, request("http://x:80/a%20b?whole", b"1", CLOSE))


@pytest.mark.parametrize("wrong", [b"what\r\n\r\n", b"GET nowhere HTTP/1.1\r\n\r\n",
                                   b"POST /\xff HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
                                   b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"])
def test_what_is_no_request_is_refused(wrong: bytes) -> None:
    with served(echo) as port:
        out = said(port, wrong)
        assert out.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b'"code": "invalid_http"' in out
        after = said(port, request("/a?whole", b"1") + wrong)
        assert after.endswith(b"POST /a?whole 1"), "what was asked before it is answered, and nothing after"


def test_another_protocol_is_not_spoken_but_the_request_is_answered() -> None:
    with served(echo) as port:
        out = said(port, request("/a?whole", b"", b"connection: upgrade\r\nupgrade: h2c\r\n", "GET"))
    assert out.startswith(b"HTTP/1.1 200")
    assert out.endswith(b"GET /a?whole ")


def test_a_fault_of_the_application_is_answered_or_told_by_hanging_up(caplog: pytest.LogCaptureFixture) -> None:
    async def falls(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        if scope["path"] == "/split":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"1\r\ny: 2")]})
        raise ValueError(f"the caller said {len(scope['path'])}")

    with served(falls) as port:
        assert said(port, request("/early")).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert said(port, request("/late")).endswith(b"\r\n\r\nhalf")
        split = said(port, request("/split"))
        assert (split[:12], b"y: 2" in split) == (b"HTTP/1.1 500", False)
    assert "ValueError in the application" in caplog.text
    assert "the caller said 6" not in caplog.text


def test_more_or_less_of_an_answer_than_was_announced_is_a_fault() -> None:
    async def miscounts(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"four" if scope["path"] == "/more" else b"2"})

    with served(miscounts) as port:
        assert said(port, request("/more")) == said(port, request("/less"))
        assert b"four" not in said(port, request("/more"))


def test_a_connection_that_nobody_uses_is_let_go() -> None:
    with served(echo, timeout_keep_alive=0) as port:
        assert said(port, request("/a?whole", b"1")).endswith(b"POST /a?whole 1")


def test_who_serves_is_told_once_that_the_caller_left_and_not_when_it_was_answered() -> None:
    left: list[str] = []
    gone, begun = threading.Event(), threading.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        caller: Caller = scope["extensions"][CALLER]
        await body_of(receive)
        over = asyncio.Event()

        def leave() -> None:
            left.append(scope["path"])
            over.set()

        caller.on_leave(leave)
        if scope["path"] == "/leaves":
            begun.set()
            await over.wait()
            assert (await receive())["type"] == "http.disconnect"
            caller.on_leave(leave)  # told at once, who asks late
            gone.set()
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    with served(waits) as port:
        said(port, request("/stays", b"", CLOSE))
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(request("/leaves"))
            assert begun.wait(30)
        assert gone.wait(30)
    assert left == ["/leaves", "/leaves"]


def test_a_slow_reader_makes_who_serves_wait_and_one_that_leaves_does_not_keep_it() -> None:
    sent, over = [0], threading.Event()

    async def pours(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        caller: Caller = scope["extensions"][CALLER]
        while not caller.left:
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
            sent[0] += 1
            await asyncio.sleep(0)
        over.set()

    with served(pours) as port:
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(request("/a"))
            line.recv(10)
            before = -1
            while before != sent[0]:  # until it waits
                before = sent[0]
                over.wait(0.5)
            assert sent[0] < 200, "it does not pour into the memory"
        assert over.wait(30)


def test_a_body_that_nobody_reads_waits_outside() -> None:
    kept: list[int] = []
    begun, go = threading.Event(), threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        while not go.is_set():
            await asyncio.sleep(0.01)
        more, size = True, 0
        while more:
            message = await receive()
            kept.append(len(message["body"]))
            size, more = size + kept[-1], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
        await send({"type": "http.response.body", "body": b"%08d" % size})

    with served(slow) as port:
        threading.Timer(0.5, go.set).start()
        assert said(port, request("/a", bytes(8 << 20), CLOSE)).endswith(b"%08d" % (8 << 20))
    assert max(kept) < 1 << 20


def test_a_server_that_ends_answers_what_it_was_asked() -> None:
    begun, go = threading.Event(), threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        while not go.is_set():
            await asyncio.sleep(0.01)
        await echo(scope, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = serving(slow)
        thread = threading.Thread(target=lambda: uvloop.run(server.serve(sockets=[sock])), daemon=True)
        thread.start()
        with socket.create_connection(sock.getsockname(), timeout=30) as line:
            line.sendall(request("/a?whole", b"1"))
            assert begun.wait(30)
            server.should_exit = True
            go.set()
            out = b""
            while data := line.recv(1000):
                out += data
        thread.join(30)
    assert not thread.is_alive()
    assert out.endswith(b"POST /a?whole 1")
