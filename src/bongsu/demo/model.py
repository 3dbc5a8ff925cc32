"""A small stand-in for a model: speaks the OpenAI chat API, answers the same to the same, and says what it is.

It is no language model. It repeats the last message and fills up with a fixed sentence until the reply has as many
tokens as its knob says; a token is a word. Knobs are turned by ``POST /demo/knobs`` and hold for the whole process:

    verbosity   tokens per reply (by default: demo-large 30, demo-small 20), never more than the call's max_tokens
    delay_ms    before a reply, or between the chunks of a stream
    fail        answer 500
    hang        never answer
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DEFAULTS = {"demo-large": 30, "demo-small": 20}
FINGERPRINT = "bongsu-demo-model"
CREATED = 1_700_000_000
_FILL = ("This", "is", "the", "demo", "model", "of", "bongsu", "speaking;", "it", "only", "repeats", "what", "it",
         "heard.")
_KNOBS: dict[str, type] = {"verbosity": int, "delay_ms": int, "fail": bool, "hang": bool}
_JSON = [(b"content-type", b"application/json")]


def tokens(text: str) -> list[str]:
    """A text in tokens that join to it again.

    >>> tokens("to be, or")
    ['to', ' be,', ' or']
    """
    words = text.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words)] if text else []


class DemoModel:
    """An ASGI application. ``seen`` holds the last requests it was sent, newest last, for who wants to look."""

    def __init__(self) -> None:
        self.knobs: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []
        self.cancelled = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body = await body_of(receive)
        match (scope["method"], scope["path"]):
            case ("POST", "/v1/chat/completions"):
                await self._chat(msgspec.json.decode(body), receive, send)
            case ("POST", "/demo/knobs"):
                await self._turn(msgspec.json.decode(body), send)
            case ("GET", "/demo/knobs"):
                await answer(send, 200, self.knobs)
            case ("GET", "/v1/models"):
                await answer(send, 200, {"object": "list", "data": [
                    {"id": name, "object": "model", "created": CREATED, "owned_by": "bongsu"} for name in DEFAULTS]})
            case _:
                await answer(send, 404, _error("not_found", "the demo model has /v1/chat/completions and /demo/knobs"))

    async def _turn(self, wanted: dict[str, Any], send: Send) -> None:
        """Set knobs; null sets one back to its default."""
        for name, value in wanted.items():
            kind = _KNOBS.get(name)
            if kind is None or not (value is None or type(value) is kind):
                expected = ", ".join(f"{k}: {v.__name__}" for k, v in _KNOBS.items())
                await answer(send, 400, _error("invalid_value", f"expected knobs {expected}; came {name!r}"))
                return
        for name, value in wanted.items():
            if value is None:
                self.knobs.pop(name, None)
            else:
                self.knobs[name] = value
        await answer(send, 200, self.knobs)

    async def _chat(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        self.seen = [*self.seen[-99:], request]
        knobs = dict(self.knobs)
        if knobs.get("hang"):
            while (await receive())["type"] != "http.disconnect":
                continue
            self.cancelled += 1
            return
        if knobs.get("fail"):
            await answer(send, 500, _error("server_error", "the demo model was told to fail"))
            return
        reply = self.reply(request)
        if request.get("stream"):
            await self._stream(request, reply, receive, send)
            return
        await asyncio.sleep(self._pause)
        await answer(send, 200, {
            **_head(request, "chat.completion"), "usage": usage(request, reply), "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "".join(reply), "refusal": None},
                 "logprobs": None, "finish_reason": "stop"}]})

    def reply(self, request: dict[str, Any]) -> list[str]:
        """The answer, in tokens."""
        wanted = self.knobs.get("verbosity", DEFAULTS.get(request.get("model", ""), 30))
        said = tokens(f"You said: {_last(request)}")
        most = request.get("max_tokens") or request.get("max_completion_tokens") or max(wanted, len(said))
        wanted = min(wanted, most)
        fill = [f" {_FILL[i % len(_FILL)]}" for i in range(wanted - len(said))]
        return [*said, *fill][:most]

    @property
    def _pause(self) -> float:
        """Seconds before what is said next: a knob that is turned in the middle of a stream is heeded."""
        return float(self.knobs.get("delay_ms", 0) / 1000)

    async def _stream(self, request: dict[str, Any], reply: list[str], receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        head = _head(request, "chat.completion.chunk")
        gone = asyncio.ensure_future(receive())
        try:
            await _event(send, head, {"role": "assistant", "content": ""})
            for token in reply:
                if pause := self._pause:
                    await asyncio.wait([gone], timeout=pause)
                if gone.done():
                    self.cancelled += 1
                    return
                await _event(send, head, {"content": token})
            await _event(send, head, {}, "stop")
            if (request.get("stream_options") or {}).get("include_usage"):
                await _data(send, {**head, "choices": [], "usage": usage(request, reply)})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
        finally:
            gone.cancel()


def usage(request: dict[str, Any], reply: list[str]) -> dict[str, int]:
    asked = sum(len(tokens(_text(m.get("content")))) + 4 for m in request["messages"])
    return {"prompt_tokens": asked, "completion_tokens": len(reply), "total_tokens": asked + len(reply)}


def _head(request: dict[str, Any], kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(msgspec.json.encode(request["messages"])).hexdigest()
    return {"id": f"chatcmpl-{digest[:24]}", "object": kind, "created": CREATED, "model": request["model"],
            "system_fingerprint": FINGERPRINT}


def _last(request: dict[str, Any]) -> str:
    return _text(request["messages"][-1].get("content"))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return content or ""


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": code}}


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request."""
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def answer(send: Send, status: int, found: dict[str, Any]) -> None:
    """A JSON object as the whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": _JSON})
    await send({"type": "http.response.body", "body": msgspec.json.encode(found)})


async def _event(send: Send, head: dict[str, Any], delta: dict[str, Any], reason: str | None = None) -> None:
    await _data(send, {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]})


async def _data(send: Send, found: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": b"data: " + msgspec.json.encode(found) + b"\n\n",
                "more_body": True})
