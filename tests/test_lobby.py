"""Connections that are in no call: slow heads, endless heads, and too many of them; over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from bongsu.host.lobby import Lobby
from linekit import connect, until
from servers import StandIn, body_of

ASK = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


class Ok(StandIn):
    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def served(lobby: Lobby) -> Iterator[int]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(512)
    server = uvicorn.Server(uvicorn.Config(Ok(), http=lobby.protocol(), log_config=None, timeout_keep_alive=60))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        sock.close()
        assert not thread.is_alive()


def asks(port: int) -> bool:
    """One call on a connection of its own, as an honest client makes it; it connects again where it was sent away."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("POST", "/", b"{}")
        return line.getresponse().read() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def rest(line: socket.socket) -> bytes:
    out = b""
    while data := line.recv(65536):
        out += data
    return out


def error(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_a_client_that_sends_a_byte_of_a_header_now_and_then_is_told_and_let_go() -> None:
    lobby = Lobby(patience=0.5)
    with served(lobby) as port, connect(port) as line:
        line.sendall(b"POST / HTTP/1.1\r\nx-slow: ")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    line.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = b""
            while not answer.endswith(b"}}"):
                data = line.recv(65536)
                if not data:
                    break
                answer += data
        finally:
            stop.set()
            thread.join()
        assert error(answer) == (408, "request_timeout")
        until(lambda: not lobby.waiting, "nothing is kept of it")
    assert lobby.left["slow"] == 1


def test_a_client_that_says_nothing_is_let_go_and_so_is_one_that_is_slow_the_second_time() -> None:
    lobby = Lobby(patience=0.3)
    with served(lobby) as port:
        with connect(port) as line:
            assert rest(line) == b"", "nobody asked, so nobody is answered"
        with connect(port) as line:
            line.sendall(ASK)
            assert line.recv(65536).startswith(b"HTTP/1.1 200")
            until(lambda: len(lobby.waiting) == 1, "it waits between two requests")
            line.sendall(b"GET / HTTP/1.1\r\nx: ")
            assert error(rest(line)) == (408, "request_timeout")
        until(lambda: not lobby.waiting, "nothing is kept of them")
    assert lobby.left["slow"] == 2


def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    lobby = Lobby(most_head=4096)
    with served(lobby) as port, connect(port) as line:
        line.sendall(b"GET / HTTP/1.1\r\n")
        until(lambda: len(lobby.waiting) == 1, "it is connected")
        sent = 0
        try:
            while sent < 10 << 20:
                line.sendall(b"x-long: " + b"x" * 1000 + b"\r\n")
                sent += 1010
        except OSError:
            pass
        assert sent < 10 << 20
        until(lambda: lobby.left["head_too_large"] == 1, "it was sent away")


@pytest.mark.req("O3")
def test_for_one_more_than_may_wait_the_one_that_waited_longest_goes() -> None:
    lobby = Lobby(most=5)
    with served(lobby) as port:
        lines = [connect(port) for _ in range(5)]
        try:
            until(lambda: len(lobby.waiting) == 5, "all wait")
            lines[0].sendall(b"GET / HTTP/1.1\r\nx: ")
            until(lambda: next(iter(lobby.waiting))._begun, "the first has begun to ask")
            with connect(port) as late:
                late.sendall(ASK)
                assert late.recv(65536).startswith(b"HTTP/1.1 200")
                assert error(rest(lines[0])) == (503, "too_many_connections")
                until(lambda: len(lobby.waiting) == 5, "four of the five, and it that waits again")
                with connect(port):
                    assert rest(lines[1]) == b""
            for line in lines[3:]:
                line.sendall(ASK)
                assert line.recv(65536).startswith(b"HTTP/1.1 200"), "those who ask are served"
        finally:
            for line in lines:
                line.close()
        until(lambda: not lobby.waiting, "nothing is kept of those who left")
    assert lobby.left["crowded"] >= 2


@pytest.mark.timeout(120)
def test_an_honest_client_is_served_in_the_middle_of_a_flood_of_connections() -> None:
    lobby = Lobby(most=50)
    with served(lobby) as port:
        stop, opened = threading.Event(), []

        def flood() -> None:
            while not stop.is_set() and len(opened) < 2000:
                line = connect(port)
                line.sendall(b"GET / HTTP/1.1\r\nx: ")
                opened.append(line)
                if len(opened) > 200:
                    opened[-200].close()

        attacker = threading.Thread(target=flood)
        attacker.start()
        try:
            for n in range(30):
                until(lambda: asks(port), f"call {n} is served")
        finally:
            stop.set()
            attacker.join()
            for line in opened:
                line.close()
        assert len(lobby.waiting) <= 50
        until(lambda: not lobby.waiting, "nothing is kept of them")
