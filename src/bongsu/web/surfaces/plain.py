"""What OpenAI's smaller APIs share: no stream, no form of refusal but an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked, encode
from bongsu.web.errors import ApiError, wrong
from bongsu.web.masking import Masking
from bongsu.web.replies import Replies
from bongsu.web.slots import Slot
from bongsu.web.surface import Blocked


class WholeAsked(Asked):
    """A request whose answer comes whole."""

    __slots__ = ()

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        whole_only(self)


def whole_only(asked: Asked) -> None:
    """Raises where a stream is asked for."""
    if asked.stream:
        raise wrong("stream", "nothing, or false: answers of this API come whole", "true")


class Whole:
    """A surface without streams."""

    api = "openai"
    echoes = False
    shaped = False
    free = False

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:  # noqa: ARG002 (numbers only)
        return []

    def rewritten(self, reply: dict[str, Any], masking: Masking) -> bytes:  # noqa: ARG002
        return encode(reply)

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any] | None:  # noqa: ARG002
        return None

    def error(self, error: ApiError, call: str) -> dict[str, Any]:  # noqa: ARG002
        return error.error()

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,  # noqa: ARG002
                allowing: Allowing | None) -> Replies:  # noqa: ARG002
        raise wrong("stream", "nothing, or false: answers of this API come whole", "true")


def worded(asked: Asked, name: str) -> list[Slot]:
    """Slots of a text or of a list of texts; token numbers hide what guards would read."""
    found = asked.take(name).get(name)
    if isinstance(found, str):
        return [Slot(asked.changed, name)]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise wrong(name, "a text or a list of texts, since guards of this route read it", "something else")
    return [Slot(found, i) for i in range(len(found))]
