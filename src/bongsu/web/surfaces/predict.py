"""Predictions of any HTTP model server: JSON in, JSON out, both as they are."""

from __future__ import annotations

from typing import Any

import msgspec

from bongsu.access.meter import NOTHING
from bongsu.web.asked import Asked
from bongsu.web.errors import malformed
from bongsu.web.halves import UNREADABLE, decode
from bongsu.web.parts import free_slots
from bongsu.web.slots import Slot
from bongsu.web.surface import Told
from bongsu.web.surfaces.plain import Whole

BEGINS = "/v1/predict/"


class PredictAsked(Asked):
    """A request for a prediction. Guards read its texts and names; nobody rewrites them, for other features would make
    another prediction."""

    __slots__ = ("found", "raw")
    needs = ("", "")
    rewritable = False

    def __init__(self, body: bytes, model: str) -> None:
        try:
            self.found: Any = decode(body)
        except UNREADABLE as error:
            raise malformed(str(error), "JSON") from None
        self.raw, self.model, self.user, self.stream, self.said = body, model, "", False, 0
        self.fields: dict[str, msgspec.Raw] = {}
        self.changed: dict[str, Any] = {}

    def slots(self) -> list[Slot]:
        out = [slot._replace(fixed=True) for slot in free_slots(self.found)]
        self.said = len(out)
        return out

    def body(self, model: bytes) -> bytes:  # noqa: ARG002 (the address says which)
        return self.raw

    def chars(self) -> int:
        return 0


class Predict(Whole):
    """``POST /v1/predict/ROUTE``; the upstream is called at its own address."""

    path = ""
    operation = "predict"
    api = "http"

    def __init__(self, model: str) -> None:
        self.model = model

    def read(self, body: bytes) -> PredictAsked:
        return PredictAsked(body, self.model)

    def decode(self, body: bytes) -> dict[str, Any] | None:
        """The reply, whatever JSON it is, under ``reply``."""
        try:
            return {"reply": decode(body)}
        except UNREADABLE:
            return None

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        return [slot._replace(fixed=True) for slot in free_slots(reply["reply"])]

    def told(self, reply: dict[str, Any]) -> Told:  # noqa: ARG002 (no two servers say it alike)
        return Told("", "", "", NOTHING)
