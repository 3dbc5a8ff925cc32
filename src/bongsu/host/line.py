"""HTTP/1.1 as callers speak it to us: a connection, and one request after the other that comes over it.

llhttp reads what comes; uvicorn listens, and says when to end. What is between them is our own, since every call pays
for it (decision 22). There is one timer a connection, which stays while what it waits for is put off; when it rings,
what the connection waits for says what to do.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from math import inf
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from bongsu.host.caller import PLENTY, STATUS, Caller
from bongsu.host.deadline import Deadline, Pace

STALL = 75.0
"""Seconds in which some of a body has to come, and some of an answer has to be taken: more than the gateway waits for a
body, so that it is the gateway that answers, and writes down, where it is one of its calls."""
RATE = 4 << 10
"""Bytes a second of a body that comes slowly."""
MOST_AHEAD = 16
"""Requests of one connection that may wait for their turn before it has to wait, too."""
MOST_AT_ONCE = 256
"""Requests that may wait because they came in one piece."""
_PACE = Pace(STALL, RATE)
_COUNTED = frozenset((b"host", b"expect"))
_VERSIONS = frozenset(("1.0", "1.1"))


class Refused(Exception):
    """What comes is not taken: the ``status``, ``code`` and ``message`` of ``refusal``."""


class Connection(asyncio.Protocol):
    """One connection, as ``uvicorn.Config(http=...)`` makes them. What comes before its turn waits for it."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any],
                 _loop: asyncio.AbstractEventLoop | None = None) -> None:
        if not config.loaded:
            config.load()
        self.loop = _loop or asyncio.get_running_loop()
        self.full: asyncio.Event | None = None
        self.caller: Caller | None = None
        self._app, self._state, self._app_state = config.loaded_app, server_state, app_state
        self._keep = float(config.timeout_keep_alive)
        self._fixed: dict[str, Any] = {"type": "http", "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
                                       "root_path": config.root_path}
        self._parser: httptools.HttpRequestParser | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Caller] = deque()
        self._coming: Caller | None = None
        self._url = self._head = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = self._paused = False
        self._hosts = self._unsent = self._brought = 0
        self._until = inf
        self._began = inf
        self.deadline = Deadline(self.loop, self._late)

    # ---- from the wire ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._parser = cast(asyncio.Transport, transport), httptools.HttpRequestParser(self)
        self._fixed |= {"server": _address(transport, "sockname"), "client": _address(transport, "peername"),
                        "scheme": "https" if transport.get_extra_info("sslcontext") else "http"}
        self._state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._state.connections.discard(self)
        self._transport = self._parser = self._coming = None
        self._waiting.clear()
        self.deadline.close()
        self.resume_writing()
        caller, self.caller = self.caller, None
        if caller is not None:
            caller.leaves()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        self._head += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # nothing else is spoken here
            self.ends()
        except httptools.HttpParserError as error:
            why = error.__context__
            said = why if isinstance(why, Refused) else Refused(400, "invalid_http", "expected a request of HTTP/1.1")
            self.refuse(*said.args)
        else:
            if self._coming is not None:
                self._head = b""
                if not self._coming.whole:
                    self._moves(self._coming)

    def pause_writing(self) -> None:
        self.full = self.full or asyncio.Event()
        if self._transport is not None:
            self._flushes(self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        full, self.full = self.full, None
        if full is None:
            return
        full.set()
        if self.closing:
            return
        if self._coming is not None and not self._coming.whole:
            self._moves(self._coming)
        elif not self.busy:
            self.deadline.put_off(self.loop.time() + self._keep)

    # ---- from llhttp ----

    def on_message_begin(self) -> None:
        self._url, self._headers, self._expects, self._hosts, self._coming = b"", [], False, 0, None
        self._began, self._brought = inf, 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._coming is not None:  # after a body: nobody reads them, and they are no headers of the request
            return
        name = name.lower()
        if name in _COUNTED:
            if name == b"host":
                self._hosts += 1
            elif value.lower() == b"100-continue":
                self._expects = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if parser is None:
            return
        path, _, query = self._url.partition(b"?")
        if path[:1] != b"/":  # a proxy's form, with the host in front
            found = httptools.parse_url(self._url)
            path, query = found.path or b"/", found.query or b""
        plain, version = path.decode("ascii"), parser.get_http_version()
        if (version not in _VERSIONS or (self._hosts != 1 and version == "1.1")
                or (version == "1.0" and not _alone(self._head))):
            raise Refused(400, "invalid_http", "expected a request of HTTP/1.1 with one Host, or of HTTP/1.0")
        if len(self._waiting) >= MOST_AT_ONCE:
            raise Refused(400, "invalid_http", f"expected at most {MOST_AT_ONCE} requests before their turn")
        scope = {**self._fixed, "http_version": version, "method": parser.get_method().decode("ascii"),
                 "path": unquote(plain) if "%" in plain else plain, "raw_path": path, "query_string": query,
                 "headers": self._headers, "state": self._app_state.copy()}
        stays = version != "1.0" and parser.should_keep_alive()
        self._coming = Caller(self, scope, stays=stays, expects=self._expects and version == "1.1")
        if self.busy:
            self._waiting.append(self._coming)
            if self._crowded:
                self._pause()
        else:
            self._serve(self._coming)

    def on_body(self, body: bytes) -> None:
        coming = self._coming
        self._brought += len(body)
        if coming is not None and not coming.over and (coming.came(body) or self._crowded):
            self._pause()

    def on_message_complete(self) -> None:
        coming = self._coming
        if coming is None:
            return
        coming.ends()
        if not coming.stays:  # what still comes is thrown away, so that it is seen when who asks leaves
            self._parser = None
        elif coming.over and self.full is None:
            self.deadline.put_off(self.loop.time() + self._keep)

    # ---- from who serves ----

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def go_on(self) -> None:
        if self._coming is not None and not self._coming.whole:
            self._moves(self._coming)
        if self._paused and not self._crowded and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def answered(self, caller: Caller) -> None:
        self._state.total_requests += 1
        if not caller.stays:
            self.hang_up()
        elif self.closing:
            return
        else:
            now = self.loop.time()
            if self._waiting:
                self._serve(self._waiting.popleft())
            elif self.full is None:
                self.deadline.put_off(now + self._keep)
            self._until = now + self.pace.within
            self.go_on()

    def hang_up(self) -> None:
        """Once all that was written is sent, or nobody takes it."""
        if self._transport is None or self._transport.is_closing():
            return
        if unsent := self._transport.get_write_buffer_size():
            self._flushes(unsent)
        self._transport.close()

    def refuse(self, status: int, code: str, message: str) -> None:
        """Take nothing more, not even the rest of what is coming. What was asked before is answered first; who sent
        this is told why, unless an answer to it has begun."""
        coming, self._parser, told = self._coming, None, True
        if coming is None or coming.whole or coming is not self.caller:
            if coming is not None and not coming.whole:
                self._waiting.pop()
            if not self.ends():
                return
        else:
            told = coming.silent
            coming.leaves()
        if told and not self.closing:
            self.write(refusal(status, code, message))
        self.hang_up()

    def shutdown(self) -> None:
        """From uvicorn: the server ends."""
        if self.ends():
            self.hang_up()

    # ---- its state ----

    @property
    def pace(self) -> Pace:
        """How fast a body has to come, and an answer has to be taken."""
        return _PACE

    @property
    def busy(self) -> bool:
        return self.caller is not None and not self.caller.over

    @property
    def closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def ends(self) -> bool:
        """No more requests after those that are here; whether there are none."""
        if not self.busy or self.caller is None:
            return True
        last = self._waiting[-1] if self._waiting else self.caller
        last.stays = False
        if last.whole:
            self._parser = None
        return False

    def overdue(self) -> None:
        """Nothing came for as long as may be: of a body, or of another request."""
        coming = self._coming
        if coming is not None and not coming.whole and not coming.over:
            if self._paused or coming.expects:  # it is we who wait
                self._moves(coming)
            else:
                within, rate = self.pace
                self.refuse(408, "request_timeout", f"expected some of the body every {within:g} s, and all of it in "
                                                    f"as many and one more for each {rate} bytes; send it faster")
        elif not self.busy:
            self.hang_up()

    def _late(self) -> None:
        if self._transport is None:
            return
        if self.full is None and not self._transport.is_closing():
            self.overdue()
        elif (unsent := self._transport.get_write_buffer_size()) and unsent >= self._unsent:
            self._transport.abort()
        else:
            self._flushes(unsent)

    def _flushes(self, unsent: int) -> None:
        """So much is to be taken: some of it until the timer rings."""
        self._unsent = unsent
        self.deadline.put_off(self.loop.time() + self.pace.within)

    def _moves(self, coming: Caller) -> None:
        """Some of a body came, or may come again. What comes after the answer keeps its connection for a while only."""
        if self.full is not None or self.closing:
            return
        now = self.loop.time()
        if coming.over:
            due = min(now + self._keep, self._until)
        elif self._paused or coming.expects:  # it is we who wait: its time begins when we read on
            self._began, due = inf, now + self.pace.within
        else:
            if self._began == inf:
                self._began, self._brought = now, 0
            due = self.pace.due(self._began, now, self._brought)
        self.deadline.put_off(due)

    @property
    def _crowded(self) -> bool:
        """Whether more waits for its turn than may."""
        waiting = self._waiting
        return bool(waiting) and (len(waiting) >= MOST_AHEAD or sum(caller.held for caller in waiting) > PLENTY)

    def _serve(self, caller: Caller) -> None:
        self.caller = caller
        self.deadline.put_off(inf)
        task = self.loop.create_task(caller.run(self._app))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()


def _alone(head: bytes) -> bool:
    """Whether what came begins with a request of HTTP/1.0. llhttp reads two more protocols, RTSP and ICE, whose
    versions are 1.0 too; and who speaks HTTP/1.0 asks once, so what comes in one piece with another is not taken.

    >>> _alone(b"GET /a HTTP/1.0\\r\\n\\r\\n"), _alone(b"GET /a RTSP/1.0\\r\\n\\r\\n")
    (True, False)
    """
    return head.lstrip(b"\r\n").split(b"\n", 1)[0].rstrip().endswith(b" HTTP/1.0")


def _address(transport: asyncio.BaseTransport, name: str) -> tuple[str, int] | None:
    found = transport.get_extra_info(name)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None


def refusal(status: int, code: str, message: str) -> bytes:
    """An error in the shape of OpenAI's, of a connection that ends: which API is meant is not known before the path."""
    said: dict[str, Any] = {"message": message, "type": "invalid_request_error" if status < 500 else "server_error",
                            "param": None, "code": code}
    body = json.dumps({"error": said}).encode()
    return b"\r\n".join((STATUS[status], b"content-type: application/json", b"connection: close",
                         b"content-length: %d" % len(body), b"", body))
