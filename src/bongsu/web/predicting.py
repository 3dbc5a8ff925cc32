"""A prediction served: passed through, and written down as one, with what the model was given and what it said."""

from __future__ import annotations

from typing import Any

from bongsu.guard import Outcome
from bongsu.pointer import find
from bongsu.policy.model import Policy
from bongsu.policy.predict import Predicted
from bongsu.web.ask import Answer
from bongsu.web.serve_stream import Streamed
from bongsu.web.surfaces.predict import PredictAsked

LONGEST = 256
Feature = float | str | bool | None


class Predicting(Streamed):
    """``predict`` of the route says where, in a request and a reply, the event's columns stand."""

    def check_request(self) -> Outcome | None:
        self.call.facts["kind"] = "prediction"
        if isinstance(self.request, PredictAsked):
            given = features(self.request.found, self._where(), self.policy)
            known = self.call.facts.get("features", {})
            self.call.facts["features"] = {**self.call.masking.features(given, self.policy.worded), **known}
        return super().check_request()

    def _checked(self, got: Answer, found: dict[str, Any]) -> bytes | Outcome:
        checked = super()._checked(got, found)
        where, facts = self._where(), self.call.facts
        value = find(found["reply"], where.prediction) if where.prediction else None
        if isinstance(value, str | int | float):
            facts["prediction"] = self.call.masking.tag(_said(value)[:LONGEST])
        score = find(found["reply"], where.score) if where.score else None
        if isinstance(score, int | float) and not isinstance(score, bool):
            facts["score"] = float(score)
        return checked

    def _where(self) -> Predicted:
        return self.plan.route.predict or Predicted()


def _said(value: str | float | bool) -> str:
    """A label as text: whole numbers without a point, truths as JSON has them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def features(found: Any, where: Predicted, policy: Policy) -> dict[str, Feature]:
    """The policy's declared features in a request: an object's fields, or those of the first row of a list."""
    box = find(found, where.features)
    if isinstance(box, list) and box:
        box = box[0]
    if not isinstance(box, dict):
        return {}
    picked = {name: box[name] for name in policy.features if name in box}
    return {name: value for name, value in picked.items() if value is None or isinstance(value, str | int | float)}
