"""OpenAI's chat completions: what a request asks, and what a reply says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bongsu.access.meter import read_usage
from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked, decode_object, encode
from bongsu.web.errors import ApiError, wrong
from bongsu.web.masking import Masking
from bongsu.web.replies import Replies
from bongsu.web.slots import (
    OF_CHOICES,
    OF_REPLIES,
    Slot,
    content_slots,
    declared_slots,
    message_slots,
    noted_slots,
)
from bongsu.web.surface import Blocked, Told, short
from bongsu.web.surfaces.chat_stream import ChatReplies
from bongsu.web.surfaces.choices import annotation

_DECLARED = ("tools", "functions", "tool_choice", "function_call", "response_format", "metadata")
"""Fields whose texts the model or its provider reads, too."""
_OF_CHOICES = OF_CHOICES | {"message"}
REPEATED = 16
"""Most choices of a refusal."""


class ChatAsked(Asked):
    """A chat request. ``messages`` is decoded on demand only."""

    __slots__ = ("asks_usage", "n")
    needs = ("messages", "a list of messages")

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        options: dict[str, Any] = self.read("stream_options", dict, "an object") or {}
        self.asks_usage = self.stream and options.get("include_usage") is True
        self.n: int = min(self.read("n", int, "a whole number") or 1, REPEATED)

    def messages(self) -> list[Any]:
        found: list[Any] = self.read("messages", list, "a list of messages", required=True)
        if not found:
            raise wrong("messages", "at least one message", "an empty list")
        for i, message in enumerate(found):
            if not isinstance(message, dict):
                raise wrong(f"messages[{i}]", "an object", type(message).__name__)
        return found

    def slots(self) -> list[Slot]:
        self.changed["messages"] = messages = self.messages()
        out = [slot for message in messages for slot in message_slots(message)]
        prediction = self.read("prediction", dict, "an object")
        if prediction is not None:
            self.changed["prediction"] = prediction
            out += content_slots(prediction, "content")
        self.said = len(out)
        declared = self.take(*_DECLARED)
        return [*out, *declared_slots(declared)] if declared else out

    def body(self, model: bytes) -> bytes:
        """Usage is asked of every stream."""
        if self.stream and not self.asks_usage:
            options = self.read("stream_options", dict, "an object") or {}
            self.changed["stream_options"] = {**options, "include_usage": True}
        return super().body(model)


class Chat:
    """``POST /v1/chat/completions``."""

    path = "/chat/completions"
    operation = "chat"
    echoes = False
    shaped = True
    free = False
    api = "openai"

    def read(self, body: bytes) -> ChatAsked:
        return ChatAsked(body)

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and isinstance(found.get("choices"), list) else None

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        out: list[Slot] = []
        for choice in reply["choices"]:
            message = choice.get("message") if isinstance(choice, dict) else None
            if not isinstance(message, dict) or not isinstance(message.get("content"), str | list | None):
                return None
            out += message_slots(message, spoken=True)
            out += noted_slots(choice, _OF_CHOICES)
        return out + top_slots(reply)

    def rewritten(self, reply: dict[str, Any], masking: Masking) -> bytes:  # noqa: ARG002
        for choice in reply["choices"]:
            if isinstance(choice, dict) and choice.get("logprobs") is not None:
                choice["logprobs"] = None
        return encode(reply)

    def told(self, reply: dict[str, Any]) -> Told:
        reasons = (choice.get("finish_reason") for choice in reply["choices"] if isinstance(choice, dict))
        return Told(short(reply.get("model")), short(reply.get("id")),
                    next((r[:64] for r in reasons if isinstance(r, str)), ""), read_usage(reply.get("usage")))

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any]:
        """A completion like any other, whose text is the refusal."""
        said, results = blocked.sentence, annotation(blocked.guard)
        choice = {"message": {"role": "assistant", "content": said, "refusal": said},
                  "logprobs": None, "finish_reason": "content_filter", "content_filter_results": results}
        out: dict[str, Any] = {
            "id": f"chatcmpl-{blocked.call}", "object": "chat.completion", "created": blocked.created,
            "model": asked.model, "choices": [{"index": i, **choice} for i in range(_choices(asked))],
            "usage": blocked.usage.reply()}
        if blocked.on == "input":
            out["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": results}]
        return out

    def error(self, error: ApiError, call: str) -> dict[str, Any]:  # noqa: ARG002
        return error.error()

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,
                allowing: Allowing | None) -> Replies:
        asks_usage = isinstance(asked, ChatAsked) and asked.asks_usage
        return ChatReplies(guards, masking, call=call, asks_usage=asks_usage, choices=_choices(asked),
                           allowing=allowing)


def top_slots(reply: dict[str, Any]) -> list[Slot]:
    """What a reply says beside its choices: the sources that a model with a search behind it names."""
    return [slot._replace(beside=True) for slot in noted_slots(reply, OF_REPLIES)]


def _choices(asked: Asked) -> int:
    return asked.n if isinstance(asked, ChatAsked) else 1
