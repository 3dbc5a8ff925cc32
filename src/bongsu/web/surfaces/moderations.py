"""OpenAI's moderations: what is wrong with a text, told by the upstream, or by the route's own guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bongsu.access.meter import NOTHING
from bongsu.ports import Finding
from bongsu.web.asked import Asked, decode_object
from bongsu.web.errors import wrong
from bongsu.web.parts import part_slots
from bongsu.web.slots import Slot
from bongsu.web.surface import Told, short
from bongsu.web.surfaces.plain import Whole, WholeAsked

USUAL = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
         "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic")
"""Categories that clients look for; no guard's finding is one of them."""


class ModerationsAsked(WholeAsked):
    """``input`` is a text, a list of texts, or a list of parts."""

    __slots__ = ()
    needs = ("input", "a text, a list of texts, or a list of parts")

    def slots(self) -> list[Slot]:
        found = self.take("input")["input"]
        if not isinstance(found, str | list):
            raise wrong("input", self.needs[1], type(found).__name__)
        out = part_slots(self.changed, "input")
        self.said = len(out)
        return out

    def asks(self) -> list[list[Slot]]:
        """The texts that each result is about: one result a text, and one for parts that belong together."""
        out = self.slots()
        found = self.changed["input"]
        texts = isinstance(found, list) and all(isinstance(text, str) for text in found)
        return [[slot] for slot in out] if texts else [out]


class Moderations(Whole):
    """``POST /v1/moderations``."""

    path = "/moderations"
    operation = "moderation"

    def read(self, body: bytes) -> Asked:
        return ModerationsAsked(body)

    def decode(self, body: bytes) -> dict[str, Any] | None:
        found = decode_object(body)
        return found if found is not None and isinstance(found.get("results"), list) else None

    def told(self, reply: dict[str, Any]) -> Told:
        return Told(short(reply.get("model")), short(reply.get("id")), "", NOTHING)


def result(found: Iterable[tuple[str, Finding]]) -> dict[str, Any]:
    """What guards found in a text, in the API's shape: categories are ``guard/kind``, scores the highest of each.

    >>> made = result([("pii", Finding("email", 0, 9, 0.9)), ("pii", Finding("email", 20, 29, 1.0))])
    >>> made["flagged"], made["categories"]["pii/email"], made["category_scores"]["pii/email"]
    (True, True, 1.0)
    """
    scores = dict.fromkeys(USUAL, 0.0)
    kinds = dict.fromkeys(USUAL, False)
    for guard, finding in found:
        name = f"{guard}/{finding.kind}"
        scores[name] = max(scores.get(name, 0.0), finding.score)
        kinds[name] = True
    return {"flagged": any(kinds.values()), "categories": kinds, "category_scores": scores,
            "category_applied_input_types": {name: ["text"] if found else [] for name, found in kinds.items()}}


def moderation(call: str, model: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"modr-{call}", "model": model, "results": list(results)}
