"""One request and its answer, as ASGI tells them.

Who serves it need not keep a task that waits for its caller to leave, nor a timer for a body that is here already: that
is an extension of the scope, ``CALLER``. Head and body of an answer go out as one.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

log = logging.getLogger("bongsu.server")
CALLER = "bongsu.caller"
"""Where the ``Caller`` stands among the extensions of a scope."""
PLENTY = 64 << 10
"""Bytes of a body that may wait to be read."""
_NO_BODY = (204, 304)
_REASONS = {status.value: status.phrase for status in HTTPStatus}
STATUS = {status: f"HTTP/1.1 {status} {_REASONS.get(status, '')}".encode() for status in range(100, 600)}
Message = MutableMapping[str, Any]


class Line(Protocol):
    """The connection it came over. ``full`` is there while more was written than its reader takes."""

    full: asyncio.Event | None

    def write(self, data: bytes) -> None: ...

    def go_on(self) -> None:
        """What was read leaves room for more."""

    def answered(self, caller: Caller) -> None: ...

    def hang_up(self) -> None: ...


class Caller:
    """Who has asked, and waits for the answer: one request. ``whole`` says that all of it is here, ``over`` that it
    was answered, ``left`` that nobody waits any more, ``expects`` that the body comes when it is asked for; ``held``
    are the bytes of it that nobody has read yet. A caller that does not ``stay`` is not asked for another."""

    __slots__ = ("_chunked", "_fresh", "_head", "_length", "_line", "_moved", "_pieces", "_tell", "expects", "held",
                 "left", "over", "scope", "stays", "whole")

    def __init__(self, line: Line, scope: Message, *, stays: bool, expects: bool) -> None:
        self._line, self.scope, self.stays, self.expects = line, scope, stays, expects
        self._pieces: list[bytes] = []
        self.held = 0
        self._fresh = self.whole = self.over = self.left = False
        self._moved: asyncio.Event | None = None
        self._tell: Callable[[], object] | None = None
        self._head: bytes | None = None
        self._length: int | None = 0
        self._chunked = False
        scope["extensions"] = {CALLER: self}

    # ---- for who serves it ----

    def on_leave(self, tell: Callable[[], object] | None) -> None:
        """Have this called, once, if the caller leaves before it was answered; None takes it back."""
        self._tell = tell
        if self.left:
            self._told()

    async def receive(self) -> Message:
        """A piece of the body, or that there is nobody any more."""
        if self.expects and not self.left:
            self.expects = False
            self._line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._line.go_on()
        while not (self._fresh or self.over or self.left):
            self._moved = self._moved or asyncio.Event()
            self._moved.clear()
            await self._moved.wait()
        if self.over or self.left:
            return {"type": "http.disconnect"}
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._fresh, self._pieces, self.held = False, [], 0
        self._line.go_on()
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: Message) -> None:
        """An answer as ASGI tells it."""
        await self.ready()
        if self._head is None:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"expected http.response.start, came {message['type']}")
            self.begin(message["status"], message.get("headers", ()))
        elif message["type"] != "http.response.body" or self.over:
            raise RuntimeError(f"expected http.response.body before the last, came {message['type']}")
        else:
            self.say(message.get("body", b""), last=not message.get("more_body", False))

    @property
    def keeps_up(self) -> bool:
        """Whether what was written is being taken; nobody waits for who has left."""
        return self._line.full is None or self.left

    async def ready(self) -> None:
        """Wait until its reader has caught up."""
        if self._line.full is not None and not self.left:
            await self._line.full.wait()

    def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The head of an answer: it waits for the first of its body, as ASGI asks for."""
        if self.expects and not self.whole:  # whether the body comes all the same nobody can tell
            self.stays = False
        self.expects = False
        lines, given = list(headers), dict(headers)
        length = b"0" if self.scope["method"] == "HEAD" or status in _NO_BODY else given.get(b"content-length")
        self._length = None if length is None else int(length)
        self._chunked = self._length is None and self.scope["http_version"] == "1.1"
        if self._chunked:
            lines.append((b"transfer-encoding", b"chunked"))
        if (self._length is None and not self._chunked) or b"close" in given.get(b"connection", b"").lower():
            self.stays = False
        if not self.stays and b"connection" not in given:
            lines.append((b"connection", b"close"))
        head = b"\r\n".join([STATUS[status], *[b": ".join(line) for line in lines], b"", b""])
        if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2 or b"\0" in head:
            raise RuntimeError("a header of an answer: expected one line, came more")
        self._head = head

    def say(self, data: bytes, *, last: bool = False) -> None:
        """Some of its body. Nothing is said to who has left."""
        if self.left:
            return
        if self.scope["method"] == "HEAD":
            data = b""
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = data + b"0\r\n\r\n" if last else data
        elif self._length is None:
            pass  # all until the connection ends
        elif len(data) > self._length or (len(data) < self._length and last):
            raise RuntimeError(f"expected {self._length} more bytes of an answer, came {len(data)}")
        else:
            self._length -= len(data)
        head, self._head = self._head, b""
        self._line.write(head + data if head else data)
        if last:
            self.over = True
            self._move()
            self._line.answered(self)

    # ---- for its connection ----

    @property
    def silent(self) -> bool:
        """Whether nothing of the answer is on its way."""
        return self._head != b""

    def came(self, data: bytes) -> bool:
        """A piece of the body; whether more of it has to wait."""
        self._pieces.append(data)
        self.held += len(data)
        self._fresh = True
        self._move()
        return self.held > PLENTY

    def ends(self) -> None:
        self.whole = self._fresh = True
        self._move()

    def leaves(self) -> None:
        if not self.over:
            self.left = True
            self._move()
            self._told()

    async def run(self, app: Callable[..., Awaitable[None]]) -> None:
        """Have it served; whatever happens, it is answered or told by hanging up."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._line.hang_up()
            raise
        except Exception as error:  # noqa: BLE001 (a fault of the application; its words could quote the caller's)
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s in the application\n%s", type(error).__name__, where)
        finally:  # it stands in its own scope: what it holds would stay until the collector comes
            self._pieces = []
            self.scope["extensions"].pop(CALLER, None)
        if self.over or self.left:
            return
        if self._head is None:
            self.stays, said = False, b"Internal Server Error"
            self.begin(500, ((b"content-type", b"text/plain"), (b"content-length", b"%d" % len(said))))
            self.say(said, last=True)
        else:
            self._line.hang_up()

    def _move(self) -> None:
        if self._moved is not None:
            self._moved.set()

    def _told(self) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

