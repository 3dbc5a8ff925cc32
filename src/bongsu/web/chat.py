"""The chat completions API: what a request asks, and what a reply says.

Only what must be known is decoded; every other field of a request goes on byte for byte. Messages that a guard has
read are written again from what it read, so that no second key of the same name can hide from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bongsu.web.errors import malformed, missing, wrong
from bongsu.web.slots import Slot, content_slots, declared_slots, message_slots

Fields = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(Fields)
_any = msgspec.json.Decoder()
encode = msgspec.json.Encoder().encode


_DECLARED = ("tools", "functions", "tool_choice", "function_call", "response_format", "metadata")
"""Fields whose texts the model or its provider reads, too."""


class Request:
    """A chat request. ``messages`` is decoded on demand only."""

    __slots__ = ("_declared", "_fields", "_messages", "_prediction", "asks_usage", "model", "n", "said", "stream",
                 "user")

    def __init__(self, body: bytes) -> None:
        try:
            self._fields = _fields.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise malformed(str(error)) from None
        self.model = self._read("model", str, "the name of a route", required=True)
        if "messages" not in self._fields:
            raise missing("messages", "a list of messages")
        self.stream: bool = self._read("stream", bool, "true or false") or False
        self.user: str = self._read("user", str, "a text") or self._read("safety_identifier", str, "a text") or ""
        options: dict[str, Any] = self._read("stream_options", dict, "an object") or {}
        self.asks_usage = self.stream and options.get("include_usage") is True
        self.n: int = self._read("n", int, "a whole number") or 1
        self._messages: list[Any] | None = None
        self._prediction: Any = None
        self._declared: dict[str, Any] = {}
        self.said = 0

    def _read(self, name: str, kind: type, expected: str, *, required: bool = False) -> Any:
        raw = self._fields.get(name)
        if raw is None:
            if required:
                raise missing(name, expected)
            return None
        try:
            value = _any.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise malformed(f"{name}: {error}") from None
        if value is None and not required:
            return None
        if not isinstance(value, kind):
            raise wrong(name, expected, type(value).__name__)
        return value

    def messages(self) -> list[Any]:
        if self._messages is None:
            found = self._read("messages", list, "a list of messages", required=True)
            if not found:
                raise wrong("messages", "at least one message", "an empty list")
            for i, message in enumerate(found):
                if not isinstance(message, dict):
                    raise wrong(f"messages[{i}]", "an object", type(message).__name__)
            self._messages = found
            self._prediction = self._read("prediction", dict, "an object")
            self._declared = {name: self._read(name, object, "") for name in _DECLARED if name in self._fields}
        return self._messages

    def slots(self) -> list[Slot]:
        """Every text that a model will read. The first ``said`` are of the conversation, the others stand beside it."""
        out = [slot for message in self.messages() for slot in message_slots(message)]
        if self._prediction is not None:
            out += content_slots(self._prediction, "content")
        self.said = len(out)
        if self._declared:
            out += declared_slots(self._declared)
        return out

    def body(self, model: bytes) -> bytes:
        """The request as sent on: ``model`` (JSON) is the upstream's; usage is asked of every stream."""
        fields: dict[str, Any] = dict(self._fields)
        fields["model"] = msgspec.Raw(model)
        if self._messages is not None:
            fields["messages"] = self._messages
            if self._prediction is not None:
                fields["prediction"] = self._prediction
            fields |= self._declared
        if self.stream and not self.asks_usage:
            options = self._read("stream_options", dict, "an object") or {}
            fields["stream_options"] = {**options, "include_usage": True}
        return encode(fields)

    def name_user(self, token: str) -> None:
        """Send ``token`` on in place of whatever named the person."""
        for name in ("user", "safety_identifier"):
            if name in self._fields:
                self._fields[name] = msgspec.Raw(encode(token))

    def chars(self) -> int:
        """How long the messages are, for an estimate."""
        raw = self._fields["messages"]
        return len(bytes(raw))


def decode_reply(body: bytes) -> dict[str, Any] | None:
    """A whole reply, or None where it is not a chat completion."""
    try:
        found = _any.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("choices"), list) else None


def reply_slots(reply: dict[str, Any]) -> list[Slot] | None:
    """Every text of a reply, or None where a choice has a shape whose texts cannot be found."""
    out: list[Slot] = []
    for choice in reply["choices"]:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or not isinstance(message.get("content"), str | list | None):
            return None
        out += message_slots(message, spoken=True)
    return out


def drop_logprobs(reply: dict[str, Any]) -> None:
    """Token lists spell out a text that was changed or withheld."""
    for choice in reply["choices"]:
        if isinstance(choice, dict) and choice.get("logprobs") is not None:
            choice["logprobs"] = None


def finish_of(reply: dict[str, Any]) -> str:
    for choice in reply["choices"]:
        if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
            return str(choice["finish_reason"])
    return ""


def annotation(guard: str) -> dict[str, Any]:
    """Which guard filtered, in Azure's shape; never what it saw."""
    return {guard: {"filtered": True, "detected": True}}


def refusal(call: str, created: int, model: str, sentence: str, guard: str, on: str, choices: int,
            usage: dict[str, int]) -> dict[str, Any]:
    """A blocked reply: a completion like any other, whose text is the refusal."""
    choice = {"message": {"role": "assistant", "content": sentence, "refusal": sentence},
              "logprobs": None, "finish_reason": "content_filter", "content_filter_results": annotation(guard)}
    out: dict[str, Any] = {"id": f"chatcmpl-{call}", "object": "chat.completion", "created": created, "model": model,
                           "choices": [{"index": i, **choice} for i in range(choices)], "usage": usage}
    if on == "input":
        out["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": annotation(guard)}]
    return out


def joined(texts: Sequence[str]) -> str:
    """Texts of one side as they are kept."""
    return "\n".join(texts)
