"""A model that costs next to nothing: ``python bench/_upstream.py FD``. A hand-written HTTP/1.1 server on asyncio.

A JSON request gets the same reply of some 650 bytes; one with ``"stream":true`` gets 50 events, 4 ms apart. Who asks
what time it is gets a stream whose words say when they were sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from typing import cast

import uvloop
from _lag import TELLS, now_us, word

EVENTS, APART = 50, 0.004
TEXT = ("Thank you for asking. The committee met on Tuesday to discuss the budget for 2026 and the 14 open positions; "
        "nobody could agree on the final figures, which is why the chair asked for a second draft by Friday. It will "
        "be sent to all members before the next meeting, together with the minutes and the list of open questions.")
_HEAD = {"id": "chatcmpl-bench", "created": 1_700_000_000, "model": "bench-model"}
_USAGE = {"prompt_tokens": 120, "completion_tokens": 70, "total_tokens": 190}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAMED = re.compile(rb'"stream": ?true')


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def reply() -> bytes:
    body = _compact({**_HEAD, "object": "chat.completion", "usage": _USAGE, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": TEXT, "refusal": None}, "logprobs": None,
         "finish_reason": "stop"}]})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def _chunked(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def events() -> list[bytes]:
    """``EVENTS`` chunks of text, the last of them with all that ends a stream."""
    words = (TEXT.split(" ") * 2)[:EVENTS]
    out = []
    for i, text in enumerate(words):
        delta = {"role": "assistant", "content": text} if i == 0 else {"content": f" {text}"}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        out.append(_chunked(_compact({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})))
    out[-1] += END
    return out


def end() -> bytes:
    """All that ends a stream."""
    stop = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    return (_chunked(_compact({**_HEAD, "object": "chat.completion.chunk", "choices": [stop]}))
            + _chunked(_compact({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}))
            + _chunked(b"[DONE]") + b"0\r\n\r\n")


END = end()
REPLY, STREAM = reply(), events()
BEGIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def telling(i: int) -> bytes:
    """One event of a stream that tells the time."""
    said = word(now_us())
    delta = {"role": "assistant", "content": said} if i == 0 else {"content": f" {said}"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    event = _chunked(_compact({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}))
    return event if i + 1 < EVENTS else event + END


class Model(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.data = cast(asyncio.Transport, transport), b""
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (at := self.data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self.data, 0, at)
            end = at + 4 + (int(found[1]) if found else 0)
            if len(self.data) < end:
                return
            body, self.data = self.data[at + 4 : end], self.data[end:]
            if _STREAMED.search(body):
                self.tells = TELLS.encode() in body
                self.transport.write(BEGIN)
                self.next(0, self.loop.time() + APART)
            else:
                self.transport.write(REPLY)

    def next(self, i: int, at: float) -> None:
        self.loop.call_at(at, self.send, i, at)

    def send(self, i: int, at: float) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(telling(i) if self.tells else STREAM[i])
        if i + 1 < EVENTS:
            self.next(i + 1, at + APART)


async def main(fd: int) -> None:
    server = await asyncio.get_running_loop().create_server(Model, sock=socket.socket(fileno=fd))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
