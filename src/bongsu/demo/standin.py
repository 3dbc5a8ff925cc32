"""The demo's model in every API that routes can have, so that a policy can be tried before there is a model.

It says what it was told, as the demo's model does. Any other path that is posted to is a model server, which scores, or
a receiver of notices: what came is printed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import msgspec

from bongsu.demo.model import CREATED, DemoModel, Receive, Send, answer, body_of, tokens

DIMENSIONS = 8


class StandIn(DemoModel):
    """An ASGI application. ``tell`` is given a line for whatever nobody asked a model."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "lifespan" or scope["method"] != "POST" or path.startswith(("/demo/", "/v1/chat/")):
            await super().__call__(scope, receive, send)
            return
        try:
            request = msgspec.json.decode(await body_of(receive))
        except msgspec.DecodeError:
            request = None
        if not isinstance(request, dict):
            await answer(send, 400, {"error": {"message": "expected a JSON object", "code": "invalid_json"}})
        elif path in _SPEAKS:
            plain, events = _SPEAKS[path]
            said = self.reply(_as_chat(request))
            if request.get("stream"):
                await _stream(send, events(request, said))
            else:
                await answer(send, 200, plain(request, said))
        elif path in _COUNTS:
            await answer(send, 200, _COUNTS[path](request))
        else:
            self._tell(f"POST {path}: {msgspec.json.encode(request).decode()}")
            await answer(send, 200, {"predictions": [_score(request)]})


def _as_chat(request: dict[str, Any]) -> dict[str, Any]:
    """What ``reply`` needs to know, from a request of any API."""
    asked = request.get("messages") or request.get("input") or request.get("prompt") or ""
    end = asked if isinstance(asked, str) else asked[-1]
    last = end if isinstance(end, str) else end.get("content") or ""
    return {"model": request.get("model", ""), "messages": [{"content": last}],
            "max_tokens": request.get("max_tokens") or request.get("max_output_tokens")}


def _id(request: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()[:24]


def _counts(request: dict[str, Any], said: list[str]) -> dict[str, int]:
    chat = _as_chat(request)["messages"][0]["content"]
    return {"input_tokens": len(tokens(chat if isinstance(chat, str) else str(chat))) + 4, "output_tokens": len(said)}


# ---- Anthropic's messages ----


def _message(request: dict[str, Any], said: list[str]) -> dict[str, Any]:
    return {"id": f"msg_{_id(request)}", "type": "message", "role": "assistant", "model": request.get("model", ""),
            "content": [{"type": "text", "text": "".join(said)}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": _counts(request, said)}


def _message_events(request: dict[str, Any], said: list[str]) -> Iterator[dict[str, Any]]:
    whole = _message(request, said)
    usage = {"input_tokens": whole["usage"]["input_tokens"], "output_tokens": 1}
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for token in said:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
           "usage": {"output_tokens": len(said)}}
    yield {"type": "message_stop"}


def _counted(request: dict[str, Any]) -> dict[str, Any]:
    return {"input_tokens": _counts(request, [])["input_tokens"]}


# ---- OpenAI's completions ----


def _completion(request: dict[str, Any], said: list[str], reason: str | None = "stop") -> dict[str, Any]:
    count = _counts(request, said)
    usage = {"prompt_tokens": count["input_tokens"], "completion_tokens": count["output_tokens"],
             "total_tokens": sum(count.values())}
    return {"id": f"cmpl-{_id(request)}", "object": "text_completion", "created": CREATED,
            "model": request.get("model", ""), "usage": usage,
            "choices": [{"index": 0, "text": "".join(said), "logprobs": None, "finish_reason": reason}]}


def _completion_events(request: dict[str, Any], said: list[str]) -> Iterator[dict[str, Any] | str]:
    for token in said:
        yield {**_completion(request, [token], None), "usage": None}
    yield {**_completion(request, []), "usage": None}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**_completion(request, said), "choices": []}
    yield "[DONE]"


# ---- OpenAI's responses, embeddings, moderations ----


def _response(request: dict[str, Any], said: list[str], status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": "".join(said), "annotations": []}
    item = {"id": f"msg_{_id(request)}", "type": "message", "role": "assistant", "status": "completed",
            "content": [part]}
    count = _counts(request, said)
    done = status == "completed"
    usage = {**count, "total_tokens": sum(count.values()), "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}
    return {"id": f"resp_{_id(request)}", "object": "response", "created_at": CREATED, "status": status,
            "model": request.get("model", ""), "output": [item] if done else [], "usage": usage if done else None,
            "error": None, "incomplete_details": None, "instructions": request.get("instructions"), "metadata": {},
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0}


def _response_events(request: dict[str, Any], said: list[str]) -> Iterator[dict[str, Any]]:
    whole = _response(request, said)
    (item,) = whole["output"]
    (part,) = item["content"]
    at: dict[str, Any] = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response(request, [], "in_progress")},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": token, "logprobs": []} for token in said),
        {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole}]
    yield from ({**event, "sequence_number": n} for n, event in enumerate(events))


def _embeddings(request: dict[str, Any]) -> dict[str, Any]:
    asked = request.get("input", "")
    texts = asked if isinstance(asked, list) else [asked]
    used = sum(len(tokens(str(text))) for text in texts)
    return {"object": "list", "model": request.get("model", ""), "usage": {"prompt_tokens": used, "total_tokens": used},
            "data": [{"object": "embedding", "index": n, "embedding": _vector(str(text))}
                     for n, text in enumerate(texts)]}


def _moderation(request: dict[str, Any]) -> dict[str, Any]:
    """It finds nothing wrong."""
    asked = request.get("input", "")
    kinds = ("harassment", "hate", "self-harm", "sexual", "violence")
    result = {"flagged": False, "categories": dict.fromkeys(kinds, False), "category_scores": dict.fromkeys(kinds, 0.0)}
    return {"id": f"modr-{_id(request)}", "model": request.get("model", ""),
            "results": [result] * (len(asked) if isinstance(asked, list) else 1)}


def _vector(text: str) -> list[float]:
    """The same for the same text, and like nothing else."""
    return [(byte - 127.5) / 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


def _score(request: dict[str, Any]) -> dict[str, Any]:
    score = hashlib.sha256(msgspec.json.encode(request.get("features"))).digest()[0] / 255
    return {"label": int(score > 0.5), "score": round(score, 3)}


# ---- the wire ----


async def _stream(send: Send, events: Iterator[dict[str, Any]] | Iterator[dict[str, Any] | str]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for event in events:
        name = f"event: {event['type']}\n".encode() if isinstance(event, dict) and "type" in event else b""
        data = event.encode() if isinstance(event, str) else msgspec.json.encode(event)
        await send({"type": "http.response.body", "body": name + b"data: " + data + b"\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


_SPEAKS: dict[str, tuple[Callable[..., dict[str, Any]], Callable[..., Iterator[Any]]]] = {
    "/v1/messages": (_message, _message_events), "/v1/responses": (_response, _response_events),
    "/v1/completions": (_completion, _completion_events)}
_COUNTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "/v1/embeddings": _embeddings, "/v1/moderations": _moderation, "/v1/messages/count_tokens": _counted}
