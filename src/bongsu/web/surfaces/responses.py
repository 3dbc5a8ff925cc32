"""OpenAI's Responses API: what a request asks, and what a reply says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked, decode_object, encode
from bongsu.web.errors import ApiError, wrong
from bongsu.web.masking import Masking
from bongsu.web.parts import part_slots
from bongsu.web.slots import Slot, declared_slots
from bongsu.web.surface import Blocked, Told, short
from bongsu.web.surfaces.response_forms import counted, ending_of, message, read_counts, response
from bongsu.web.surfaces.responses_stream import ResponseReplies

_DECLARED = ("tools", "tool_choice", "text", "metadata")
"""Fields whose texts the model or its provider reads, too."""


class ResponsesAsked(Asked):
    """A request for a response; its ``input`` is a text or a list of items."""

    __slots__ = ()
    needs = ("model", "the name of a route")

    def slots(self) -> list[Slot]:
        found = self.take("instructions", "input", "prompt")
        if not isinstance(found.get("input", ""), str | list):
            raise wrong("input", "a text or a list of items", type(found["input"]).__name__)
        out = [slot for name in found for slot in part_slots(self.changed, name)]
        self.said = len(out)
        declared = self.take(*_DECLARED)
        return [*out, *declared_slots(declared)] if declared else out

    def chars(self) -> int:
        return sum(len(bytes(self.fields[name])) for name in ("instructions", "input") if name in self.fields)


class Responses:
    """``POST /v1/responses``."""

    path = "/responses"
    operation = "chat"
    api = "openai"
    echoes = True
    shaped = True
    free = False

    def read(self, body: bytes) -> Asked:
        return ResponsesAsked(body)

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and isinstance(found.get("output"), list) else None

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        if not all(isinstance(item, dict) for item in reply["output"]):
            return None
        out = part_slots(reply, "output", spoken=True)
        return out + part_slots(reply, "output_text") if "output_text" in reply else out

    def rewritten(self, reply: dict[str, Any], masking: Masking) -> bytes:
        """Beside its output a response repeats the request, with the aliases it was sent with."""
        for item in reply["output"]:
            for part in item.get("content") or () if isinstance(item, dict) else ():
                if isinstance(part, dict) and part.get("logprobs"):
                    part["logprobs"] = []
        return masking.restored(encode(reply))

    def told(self, reply: dict[str, Any]) -> Told:
        return Told(short(reply.get("model")), short(reply.get("id")), ending_of(reply),
                    read_counts(reply.get("usage")))

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any]:
        """A response like any other, whose text is the refusal."""
        said = message(f"msg_{blocked.call}", [blocked.sentence], "incomplete")
        return response(f"resp_{blocked.call}", blocked.created, asked.model, blocked.guard, [said],
                        counted(blocked.usage))

    def error(self, error: ApiError, call: str) -> dict[str, Any]:  # noqa: ARG002
        return error.error()

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,  # noqa: ARG002
                allowing: Allowing | None) -> ResponseReplies:
        return ResponseReplies(guards, masking, call=call, allowing=allowing)
