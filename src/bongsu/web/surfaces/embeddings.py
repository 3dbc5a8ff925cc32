"""OpenAI's embeddings: texts in, numbers out."""

from __future__ import annotations

from typing import Any

from bongsu.access.meter import Usage, read_usage
from bongsu.web.asked import Asked, decode_object
from bongsu.web.slots import Slot
from bongsu.web.surface import Told, short
from bongsu.web.surfaces.plain import Whole, WholeAsked, worded


class EmbeddingsAsked(WholeAsked):
    __slots__ = ()
    needs = ("input", "a text or a list of texts")

    def slots(self) -> list[Slot]:
        out = worded(self, "input")
        self.said = len(out)
        return out


class Embeddings(Whole):
    """``POST /v1/embeddings``."""

    path = "/embeddings"
    operation = "embeddings"

    def read(self, body: bytes) -> Asked:
        return EmbeddingsAsked(body)

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and isinstance(found.get("data"), list) else None

    def told(self, reply: dict[str, Any]) -> Told:
        usage = reply.get("usage")
        counted: Usage | None = read_usage({"completion_tokens": 0, **usage}) if isinstance(usage, dict) else None
        return Told(short(reply.get("model")), short(reply.get("id")), "", counted)
