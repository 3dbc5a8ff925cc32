"""Callers that break off, send what is no HTTP, or take nothing of what they asked for; over real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import weakref
from typing import Any

import pytest

from bongsu.host.caller import CALLER, Caller
from bongsu.host.line import MOST_AT_ONCE
from bongsu.host.lobby import Lobby
from linekit import connect, until
from servers import body_of
from test_callers import CLOSE, echo, request, running, said, served

CHUNKED = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


def rest(line: socket.socket) -> bytes:
    out = b""
    try:
        while data := line.recv(65536):
            out += data
    except ConnectionResetError:
        pass
    return out


async def answers(send: Any, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def heads(scope: Any, receive: Any, send: Any) -> None:
    """Says which headers it was asked with, after the body."""
    body = await body_of(receive)
    await answers(send, b"%b(%b)" % (b",".join(name for name, _ in scope["headers"]), body))


async def early(scope: Any, receive: Any, send: Any) -> None:
    """Answers before it has read anything where the path says so."""
    if scope["path"] == "/early":
        await answers(send, b"no", 401)
    else:
        await echo(scope, receive, send)


def test_what_follows_a_body_is_no_header_of_this_request_nor_of_the_next() -> None:
    with served(heads) as port:
        out = said(port, CHUNKED % b"/a" + b"1\r\nZ\r\n0\r\nauthorization: evil\r\nexpect: 100-continue\r\n\r\n",
                   request("/b", b"", CLOSE))
    assert b"authorization" not in out
    assert b"100 Continue" not in out
    assert b"host,transfer-encoding(Z)" in out
    assert out.endswith(b"host,connection,content-length()")


def test_what_follows_a_body_without_end_is_not_taken() -> None:
    lobby = Lobby(most_head=4096)
    with served(heads, lobby=lobby) as port, connect(port) as line:
        line.sendall(CHUNKED % b"/a" + b"0\r\n")
        sent = 0
        try:
            while sent < 64 << 20:
                sent += line.send(b"a: b\r\n" * 1000)
        except OSError:
            pass
        assert sent < 64 << 20
        until(lambda: lobby.left["head_too_large"] == 1, "it was sent away")


@pytest.mark.parametrize("stays", [True, False])
def test_who_takes_nothing_of_an_answer_is_let_go(stays: bool) -> None:
    async def big(scope: Any, receive: Any, send: Any) -> None:
        await answers(send, bytes(32 << 20))

    with running(big, lobby=Lobby(stall=0.5)) as (port, server), connect(port) as line:
        line.sendall(request("/a", b"", b"" if stays else CLOSE))
        until(lambda: server.server_state.total_requests == 1, "it was answered")
        until(lambda: not server.server_state.connections, "it is let go")
        assert len(rest(line)) < 32 << 20


def test_who_takes_an_answer_slowly_is_not_let_go() -> None:
    async def big(scope: Any, receive: Any, send: Any) -> None:
        await answers(send, bytes(16 << 20))

    with served(big, lobby=Lobby(stall=1.0)) as port, connect(port) as line:
        line.sendall(request("/a", b"", CLOSE))
        size = 0
        for _ in range(15):
            size += len(line.recv(1 << 20))
            time.sleep(0.1)
        assert size + len(rest(line)) > 16 << 20


def test_who_serves_a_stream_that_nobody_takes_is_told() -> None:
    left = threading.Event()

    async def pours(scope: Any, receive: Any, send: Any) -> None:
        caller: Caller = scope["extensions"][CALLER]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not caller.left:
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        left.set()

    with served(pours, lobby=Lobby(stall=0.5)) as port, connect(port) as line:
        line.sendall(request("/a"))
        assert left.wait(30)


def test_a_body_that_breaks_in_the_middle_is_refused_and_who_serves_is_told() -> None:
    told: list[str] = []
    over = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        while message["type"] == "http.request" and message["more_body"]:
            message = await receive()
        told.append(message["type"])
        over.set()

    with served(app) as port:
        out = said(port, CHUNKED % b"/a" + b"1\r\nZ\r\n", b"zz\r\n")
        assert over.wait(30)
    assert out.startswith(b"HTTP/1.1 400 Bad Request")
    assert out.count(b"HTTP/1.1 ") == 1
    assert told == ["http.disconnect"]


def test_a_body_that_breaks_before_its_turn_leaves_what_was_asked_before_it() -> None:
    go = threading.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        until_go = 0
        while not go.is_set() and until_go < 3000:
            await asyncio.sleep(0.01)
            until_go += 1
        await echo(scope, receive, send)

    with served(waits) as port:
        threading.Timer(0.3, go.set).start()
        out = said(port, request("/a?whole", b"1") + CHUNKED % b"/b", b"zz\r\n")
    assert out.count(b"HTTP/1.1 ") == 1
    assert out.endswith(b"POST /a?whole 1")


def test_one_answer_is_all_that_a_request_gets() -> None:
    with served(early) as port, connect(port) as line:
        line.sendall(CHUNKED % b"/early")
        first = line.recv(1000)
        line.sendall(b"zz\r\n")
        out = first + rest(line)
    assert out.startswith(b"HTTP/1.1 401")
    assert out.count(b"HTTP/1.1 ") == 1


def test_a_server_that_ends_reads_the_body_that_is_on_its_way() -> None:
    begun = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await echo(scope, receive, send)

    with running(app) as (port, server), connect(port) as line:
        line.sendall(request("/a?whole", b"1234567890").removesuffix(b"67890"))
        assert begun.wait(30)
        server.should_exit = True
        until(lambda: not _listens(port), "it takes nobody more")
        line.sendall(b"67890")
        assert rest(line).endswith(b"POST /a?whole 1234567890")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    except OSError:
        return False
    return True


def test_nothing_of_a_request_stays_until_the_collector_comes() -> None:
    kept: list[weakref.ref[Any]] = []

    class Seen:
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["seen"] = seen = Seen()
        kept.append(weakref.ref(seen))
        await answers(send, b"no", 401)

    gc.disable()
    try:
        with served(app) as port:
            for _ in range(3):
                said(port, request("/a", b"x" * 1000, CLOSE))
            until(lambda: all(one() is None for one in kept), "nothing is kept")
    finally:
        gc.enable()
    assert len(kept) == 3


def test_a_small_head_after_a_large_body_is_not_too_large() -> None:
    lobby = Lobby(most_head=4096)
    with served(echo, lobby=lobby) as port, connect(port) as line:
        line.sendall(request("/a?whole", b"x" * 60_000) + b"GET /b?whole HTTP/1.1\r\nho")
        time.sleep(0.1)
        line.sendall(b"st: x\r\n" + CLOSE + b"\r\n")
        assert rest(line).endswith(b"GET /b?whole ")
    assert lobby.left["head_too_large"] == 0


@pytest.mark.parametrize("headers", [b"a: " + b"b" * 5000 + b"\r\n", b"a: b\r\n" * 1000])
def test_a_head_that_comes_at_once_may_be_no_larger(headers: bytes) -> None:
    with served(echo, lobby=Lobby(most_head=4096)) as port:
        assert said(port, request("/a", b"", headers)).startswith(b"HTTP/1.1 431 ")


def test_only_so_many_requests_wait_for_their_turn() -> None:
    with served(echo) as port:
        out = said(port, b"GET /a?whole HTTP/1.1\r\nhost: x\r\n\r\n" * 300)
    assert out.count(b"HTTP/1.1 200") == 1 + MOST_AT_ONCE, "one that is served and those that wait"
    assert out.count(CLOSE) == 1


def test_many_requests_with_bodies_that_come_at_once_are_all_answered() -> None:
    with served(echo) as port, connect(port) as line:
        for n in range(60):
            line.sendall(request(f"/{n}?whole", b"x" * 9000, CLOSE if n == 59 else b""))
        out = rest(line)
    assert out.count(b"HTTP/1.1 200") == 60


def test_who_serves_is_told_that_a_caller_left_who_had_asked_twice() -> None:
    begun, left = threading.Event(), threading.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][CALLER].on_leave(left.set)
        begun.set()
        await body_of(receive)
        while not left.is_set():
            await asyncio.sleep(0.01)

    with served(waits) as port:
        with connect(port) as line:
            line.sendall(request("/a") + request("/b"))
            assert begun.wait(30)
        assert left.wait(30)


def test_a_body_of_which_nothing_comes_is_refused_in_time() -> None:
    with served(echo, lobby=Lobby(stall=0.3)) as port, connect(port) as line:
        line.sendall(request("/a", b"1234567890").removesuffix(b"4567890"))
        out = rest(line)
    assert out.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in out


def test_a_body_that_comes_slowly_and_one_that_nobody_reads_is_waited_for() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/later":
            await asyncio.sleep(1.5)
        await echo(scope, receive, send)

    with served(slow, lobby=Lobby(stall=0.7, rate=1)) as port:
        pieces = [request("/a?whole", b"x" * 10, CLOSE).removesuffix(b"x" * 10), *[b"x"] * 10]
        with connect(port) as line:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(0.1)
            assert rest(line).endswith(b"POST /a?whole " + b"x" * 10)
        assert said(port, request("/later?whole", b"x" * (1 << 20), CLOSE)).endswith(b"x" * 100)


def test_a_body_that_comes_after_its_answer_keeps_the_connection_for_the_next() -> None:
    with served(early, timeout_keep_alive=1) as port, connect(port) as line:
        line.sendall(request("/early", b"x" * 15).removesuffix(b"x" * 15))
        for _ in range(15):
            time.sleep(0.1)
            line.sendall(b"x")
        line.sendall(request("/next?whole", b"1", CLOSE))
        assert rest(line).endswith(b"POST /next?whole 1")


def test_who_asked_whether_to_send_a_body_and_was_answered_is_not_asked_for_more() -> None:
    with served(early) as port:
        out = said(port, request("/early", b"x" * 5, b"expect: 100-continue\r\n").removesuffix(b"x" * 5))
    assert out.startswith(b"HTTP/1.1 401")
    assert CLOSE in out


@pytest.mark.parametrize("wrong", [b"GET /a\r\n\r\n", b"GET /a HTTP/2.0\r\nhost: x\r\n\r\n", b"GET /a HTTP/1.1\r\n\r\n",
                                   b"GET /a HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", b"GET /a RTSP/1.0\r\n\r\n",
                                   b"POST http://x/a  RTSP/1.0\r\ncseq: 1\r\n\r\n", b"SOURCE /a ICE/1.0\r\n\r\n"])
def test_another_version_and_a_request_without_its_host_are_refused(wrong: bytes) -> None:
    with served(echo) as port:
        assert said(port, wrong).startswith(b"HTTP/1.1 400 ")
        assert said(port, wrong[:9], wrong[9:12], wrong[12:]).startswith(b"HTTP/1.1 400 ")
        assert said(port, request("/b?whole", b"1") + wrong).startswith(b"HTTP/1.1 200 "), "what was asked before"


@pytest.mark.parametrize("lines", [b"POST / HTTP/1.0\r\n", b"\r\nPOST / HTTP/1.0\r\n", b"POST  /  HTTP/1.0\r\n"])
def test_what_a_body_of_http_1_0_says_of_other_protocols_is_its_own(lines: bytes) -> None:
    with served(echo) as port:
        out = said(port, lines + b"content-length: 20\r\n\r\nsee  / RTSP/1.0 spec")
    assert out.startswith(b"HTTP/1.1 200 ")
    assert b"RTSP" in out


@pytest.mark.parametrize("first", [request("/b?whole", b"1"), request("/b?whole", b"/a RTSP/1.0")])
def test_a_request_of_http_1_0_is_taken_after_others_but_not_in_one_piece_with_them(first: bytes) -> None:
    last = request("/a?whole", b"2", version="1.0")
    with served(echo) as port:
        out = said(port, first + last)
        assert (out[:13], b"POST /a" in out) == (b"HTTP/1.1 200 ", False)
        with connect(port) as line:
            line.sendall(first)
            came = b""
            while not came.endswith(first.split(b"\r\n\r\n")[1]):
                came += line.recv(65536)
            line.sendall(last)
            assert b"POST /a?whole 2" in rest(line)


def test_a_caller_of_http_1_0_is_not_told_to_go_on() -> None:
    with served(echo) as port:
        out = said(port, request("/a", b"1", b"expect: 100-continue\r\n", version="1.0"))
    assert out.startswith(b"HTTP/1.1 200")
