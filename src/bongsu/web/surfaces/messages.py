"""Anthropic's Messages API: what a request asks, and what a reply says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked, decode_object, encode
from bongsu.web.errors import ApiError, wrong
from bongsu.web.masking import Masking
from bongsu.web.parts import part_slots
from bongsu.web.slots import Slot, declared_slots
from bongsu.web.surface import Blocked, Told, short
from bongsu.web.surfaces.messages_stream import MessageReplies, counted, error_body, read_tokens, refused

_DECLARED = ("tools", "tool_choice", "output_config", "output_format", "stop_sequences")
"""Fields whose texts the model or its provider reads, too."""
_PASSED = (b"anthropic-version", b"anthropic-beta")


class MessagesAsked(Asked):
    """A request for a message. The person is named in ``metadata``."""

    __slots__ = ()
    needs = ("messages", "a list of messages")

    def _user(self) -> str:
        found = (self.read("metadata", dict, "an object") or {}).get("user_id") or ""
        if not isinstance(found, str):
            raise wrong("metadata.user_id", "a text", type(found).__name__)
        return found

    def name_user(self, token: str) -> None:
        found = self.read("metadata", dict, "an object") or {}
        self.fields["metadata"] = msgspec.Raw(encode({**found, "user_id": token}))

    def slots(self) -> list[Slot]:
        messages = self.read("messages", list, "a list of messages", required=True)
        for i, message in enumerate(messages):
            if not isinstance(message, dict):
                raise wrong(f"messages[{i}]", "an object", type(message).__name__)
        self.changed["messages"] = messages
        self.take("system")
        out = part_slots(self.changed, "system") if "system" in self.changed else []
        out += part_slots(self.changed, "messages")
        self.said = len(out)
        declared = self.take(*_DECLARED)
        return [*out, *declared_slots(declared)] if declared else out


class Messages:
    """``POST /v1/messages``."""

    path = "/messages"
    operation = "chat"
    echoes = False
    shaped = True
    free = False
    api = "anthropic"

    def read(self, body: bytes) -> Asked:
        return MessagesAsked(body)

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
        return {name.decode(): headers[name].decode("latin-1") for name in _PASSED if name in headers}

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and isinstance(found.get("content"), list) else None

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        if not all(isinstance(block, dict) for block in reply["content"]):
            return None
        return part_slots(reply, "content", spoken=True)

    def rewritten(self, reply: dict[str, Any], masking: Masking) -> bytes:  # noqa: ARG002
        return encode(reply)

    def told(self, reply: dict[str, Any]) -> Told:
        return Told(short(reply.get("model")), short(reply.get("id")), short(reply.get("stop_reason"))[:64],
                    read_tokens(reply.get("usage")))

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any]:
        """A message like any other, whose text is the refusal."""
        return {"id": f"msg_{blocked.call}", "type": "message", "role": "assistant", "model": asked.model,
                "content": [{"type": "text", "text": blocked.sentence}], **refused(blocked.guard),
                "usage": counted(blocked.usage)}

    def error(self, error: ApiError, call: str) -> dict[str, Any]:
        return error_body(error, call)

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,  # noqa: ARG002
                allowing: Allowing | None) -> MessageReplies:
        return MessageReplies(guards, masking, call=call, allowing=allowing)
