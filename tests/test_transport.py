"""Our way to the models, against servers that answer as servers may: whole, in pieces, badly, late, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import socket
import ssl
import weakref
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.web import http1
from bongsu.web.transport import HttpTransport
from bongsu.web.upstream import (
    Endpoint,
    Flow,
    Limits,
    NotConnected,
    NotConnectedInTime,
    TimedOut,
    Unreachable,
    UpstreamError,
    whole,
)
from certificates import certificate

PATIENT = Limits(60, 60, 60, 60)
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-one: 1\r\n\r\nhello"
CHUNKED = (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
           b"3\r\nhel\r\n1;ext=1\r\nl\r\n1\r\no\r\n0\r\nx-trailer: 1\r\n\r\n")
TILL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
INFORMED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + PLAIN


class Server:
    """Answers each request of each connection with the next of ``says``; hangs up once it has nothing more to say,
    unless it ``stays``."""

    def __init__(self, *says: bytes, stays: bool = False, cut: list[int] | None = None) -> None:
        self.says, self.stays, self.cut = list(says), stays, cut or []
        self.asked: list[bytes] = []
        self.connections = self.gone = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.says or self.stays:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                self.asked.append(head + await reader.readexactly(length))
                if self.says:
                    await self._say(writer, self.says.pop(0))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone += 1
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, words: bytes) -> None:
        places = [0, *sorted(p % (len(words) + 1) for p in self.cut), len(words)]
        for begin, end in pairwise(places):
            writer.write(words[begin:end])
            await writer.drain()
            await asyncio.sleep(0)


def against(server: Server, work: Callable[[HttpTransport, Endpoint], Awaitable[None]], limits: Limits = PATIENT,
            tls: ssl.SSLContext | None = None) -> None:
    """Run ``work`` with a transport and the address of ``server``."""
    async def run() -> None:
        transport = HttpTransport()
        listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            url = f"https://127.0.0.1:{port}/v1" if tls else f"http://127.0.0.1:{port}/v1"
            try:
                await work(transport, Endpoint(url, limits, {"authorization": "Bearer k"}))
            finally:
                await transport.close()
                await until(lambda: len(asyncio.all_tasks()) == 1)

    uvloop.run(run())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


async def fails(asked: Awaitable[object], kind: type[UpstreamError]) -> UpstreamError:
    with pytest.raises(kind) as caught:
        await asked
    return caught.value


@given(st.sampled_from((PLAIN, CHUNKED, TILL_CLOSE, INFORMED)), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_reply_reads_the_same_however_its_bytes_are_cut(words: bytes, cut: list[int]) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        reply = await transport.send(to, b"{}", {})
        assert (reply.status, reply.body) == (200, b"hello")

    against(Server(words, cut=cut), work)


def test_a_request_says_what_it_must_and_nothing_twice() -> None:
    server = Server(PLAIN)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await transport.send(to.at("/chat"), b'{"a":1}', {"x-request-id": "r-1"})

    against(server, work)
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert (first, body) == (b"POST /v1/chat HTTP/1.1", b'{"a":1}')
    found = dict(line.split(b": ", 1) for line in lines)
    assert len(found) == len(lines)
    assert found.pop(b"host").startswith(b"127.0.0.1:")
    assert found == {b"accept-encoding": b"identity", b"content-type": b"application/json", b"content-length": b"7",
                     b"authorization": b"Bearer k", b"x-request-id": b"r-1"}


def test_a_header_with_a_line_end_in_it_is_refused_without_being_shown() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        for bad in ("k\r\nx-more: 1", "k\n", "k\r", "k\0"):
            with pytest.raises(ValueError, match="expected one line") as caught:
                await transport.send(to, b"{}", {"authorization": bad})
            assert "x-more" not in str(caught.value)

    server = Server(stays=True)
    against(server, work)
    assert not server.asked


def test_a_connection_is_used_again_and_one_that_says_it_closes_is_not() -> None:
    closing = PLAIN.replace(b"x-one: 1", b"connection: close")
    server = Server(PLAIN, CHUNKED, closing, PLAIN, stays=True)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        for _ in range(4):
            assert (await transport.send(to, b"{}", {})).body == b"hello"

    against(server, work)
    assert (len(server.asked), server.connections) == (4, 2)


@pytest.mark.parametrize("more", [PLAIN, b"junk", b"HTTP/1.1 200 OK\r\n"])
def test_bytes_that_nobody_asked_for_are_never_the_next_reply(more: bytes) -> None:
    """Else a reply could be put into another caller's call."""
    server = Server(PLAIN + more, PLAIN.replace(b"hello", b"other"), stays=True)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        for wanted in (b"hello", b"other"):
            try:
                assert (await transport.send(to, b"{}", {})).body == wanted
            except Unreachable:
                assert wanted == b"hello"

    against(server, work)
    assert server.connections == 2


def test_a_connection_the_server_has_closed_is_not_used() -> None:
    server = Server(PLAIN)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await transport.send(to, b"{}", {})
        await until(lambda: not transport._all)
        server.says = [PLAIN]
        assert (await transport.send(to, b"{}", {})).body == b"hello"

    against(server, work)
    assert server.connections == 2


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
                                   CHUNKED[:-5], b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
                                   b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
                                   b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello"])
def test_what_is_no_whole_reply_is_a_fault_of_the_upstream(words: bytes) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await fails(transport.send(to, b"{}", {}), Unreachable)

    against(Server(words), work)


@pytest.mark.parametrize("stream", [False, True])
def test_a_compressed_reply_is_refused_since_no_guard_could_read_it(stream: bool) -> None:
    packed = gzip.compress(b"hello")
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-length: %d\r\n\r\n%s"
                    % (len(packed), packed))

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        error = await fails((transport.stream if stream else transport.send)(to, b"{}", {}), Unreachable)
        assert "compresses" in str(error)

    against(server, work)


def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await fails(transport.send(to, b"{}", {}), Unreachable)

    against(Server(b"HTTP/1.1 200 OK\r\n" + b"x-more: 1\r\n" * 20_000), work)


def test_what_came_of_a_stream_is_read_before_its_end_is_known_to_be_broken() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        assert await flow.piece() == b"hel"
        await fails(flow.piece(), Unreachable)
        flow.close()

    against(Server(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n"), work)


@pytest.mark.parametrize("limits", [Limits(60, 0.05, 60, 60), Limits(60, 60, 60, 0.05)])
def test_silence_is_waited_for_only_so_long(limits: Limits) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await fails(transport.send(to, b"{}", {}), TimedOut)

    server = Server(stays=True)
    against(server, work, limits)
    assert server.gone == 1, "it is told that nobody waits any more"


@pytest.mark.parametrize("limits", [Limits(60, 60, 0.05, 60), Limits(60, 60, 60, 60, stream=0.05)])
def test_a_stream_that_stops_is_waited_for_only_so_long(limits: Limits) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        assert await flow.piece() == b"hello"
        await fails(flow.piece(), TimedOut)
        flow.close()

    against(Server(PLAIN.replace(b"length: 5", b"length: 9"), stays=True), work, limits)


async def poured(flow: Flow, wanted: int = 1 << 30) -> list[bytes]:
    """What comes until there is no more, or so many bytes are here."""
    got: list[bytes] = []

    def into(data: bytes) -> bool:
        got.append(data)
        return sum(map(len, got)) < wanted

    await flow.pour(into)
    return got


@given(st.sampled_from((PLAIN, CHUNKED, TILL_CLOSE)), st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_is_poured_is_all_that_came_and_then_nothing(words: bytes, cut: list[int]) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        begun = await poured(flow, 2)
        rest = await poured(flow)
        assert b"".join([*begun, *rest]) == b"hello"
        assert rest[-1] == b""
        assert await poured(flow) == [b""], "an end stays one"
        flow.close()

    against(Server(words, cut=cut), work)


def test_who_wants_no_more_is_given_the_rest_when_it_asks_again_and_what_it_raises_is_raised() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})

        def refuse(data: bytes) -> bool:
            raise LookupError(data.decode())

        with pytest.raises(LookupError) as caught:
            await flow.pour(refuse)
        assert str(caught.value).encode() + b"".join(await poured(flow)) == b"hello"
        flow.close()

    against(Server(CHUNKED, cut=[CHUNKED.index(b"hel") + 2]), work)


def test_what_a_stopped_stream_held_goes_with_it_and_waits_for_no_collector() -> None:
    class Call:
        """Who wants a stream knows its request and all that came."""

        def stops(self, data: bytes) -> bool:
            raise LookupError(data.decode())

    async def stopped(flow: Flow) -> weakref.ref[Call]:
        call = Call()
        with contextlib.suppress(LookupError):
            await flow.pour(call.stops)
        return weakref.ref(call)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        gc.disable()
        try:
            assert (await stopped(flow))() is None
        finally:
            gc.enable()
        flow.close()

    against(Server(CHUNKED, cut=[CHUNKED.index(b"hel") + 2]), work)


def test_what_came_is_poured_before_it_is_known_that_no_more_will() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow, got = await transport.stream(to, b"{}", {}), []
        await fails(flow.pour(lambda data: not got.append(data)), Unreachable)
        assert b"".join(got) == b"hel"
        flow.close()

    against(Server(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n"), work)


@pytest.mark.parametrize("limits", [Limits(60, 60, 0.05, 60), Limits(60, 60, 60, 60, stream=0.05)])
def test_what_is_poured_may_be_silent_only_so_long(limits: Limits) -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow, got = await transport.stream(to, b"{}", {}), []
        await fails(flow.pour(lambda data: not got.append(data)), TimedOut)
        assert b"".join(got) == b"hello"
        flow.close()

    against(Server(PLAIN.replace(b"length: 5", b"length: 9"), stays=True), work, limits)


def test_a_stream_that_is_given_up_ends_at_the_model() -> None:
    server = Server(PLAIN.replace(b"length: 5", b"length: 9"), stays=True)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        flow.close()
        flow.close()
        await until(lambda: server.gone == 1)

    against(server, work)


def test_a_slow_reader_makes_the_model_wait_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "PLENTY", 1 << 10)
    body = bytes(range(256)) * (1 << 14)
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body, PLAIN, stays=True)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        flow = await transport.stream(to, b"{}", {})
        connection = next(iter(transport._all))
        await until(lambda: connection._paused)
        assert await whole(flow.piece) == body
        flow.close()
        assert (await transport.send(to, b"{}", {})).body == b"hello"

    against(server, work)
    assert server.connections == 1


def test_nobody_at_home_is_known_to_have_received_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def work(transport: HttpTransport, _: Endpoint) -> None:
        await fails(transport.send(Endpoint(f"http://127.0.0.1:{port}", PATIENT), b"{}", {}), NotConnected)

    against(Server(), work)


def test_no_time_to_connect_is_no_connection_in_time() -> None:
    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await fails(transport.send(Endpoint(to.url, Limits(0, 60, 60, 60)), b"{}", {}), NotConnectedInTime)

    against(Server(PLAIN), work)


def test_a_model_behind_tls_is_asked_where_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, tls = Server(PLAIN, CHUNKED, stays=True), certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        for _ in range(2):
            assert (await transport.send(to, b"{}", {})).body == b"hello"

    against(server, work, tls=tls)
    assert (len(server.asked), server.connections) == (2, 1)


def test_a_model_whose_certificate_nobody_trusts_gets_no_request(tmp_path: Path) -> None:
    server = Server(PLAIN)

    async def work(transport: HttpTransport, to: Endpoint) -> None:
        await fails(transport.send(to, b"{}", {}), NotConnected)

    against(server, work, tls=certificate(tmp_path))
    assert not server.asked
