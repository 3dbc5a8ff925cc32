"""Anthropic's counting of tokens: what a request for a message would ask, and how long that is. Nothing is generated.

Guards read it as they read the request itself, for the provider reads it just so. It costs nothing, so it draws on no
budget and adds no tokens to any sum. A version's own prompt and parameters are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bongsu.access.meter import NOTHING
from bongsu.web.asked import Asked, decode_object
from bongsu.web.errors import ApiError
from bongsu.web.surface import Told
from bongsu.web.surfaces.messages import Messages, MessagesAsked
from bongsu.web.surfaces.messages_stream import error_body
from bongsu.web.surfaces.plain import Whole, whole_only


class CountAsked(MessagesAsked):
    """A request for a message, without what only matters to its writing."""

    __slots__ = ()

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        whole_only(self)


class CountTokens(Whole):
    """``POST /v1/messages/count_tokens``."""

    path = "/messages/count_tokens"
    operation = "count_tokens"
    api = "anthropic"
    free = True

    def read(self, body: bytes) -> Asked:
        return CountAsked(body)

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
        return Messages().passed(headers)

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and type(found.get("input_tokens")) is int else None

    def told(self, reply: dict[str, Any]) -> Told:  # noqa: ARG002 (the count is the caller's, not this call's usage)
        return Told("", "", "", NOTHING)

    def error(self, error: ApiError, call: str) -> dict[str, Any]:
        return error_body(error, call)
