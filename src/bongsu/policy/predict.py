"""Where, in the JSON of a prediction server, the columns of an event stand."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bongsu.pointer import is_pointer
from bongsu.policy.fault import Misfit, quoted


@dataclass(frozen=True)
class Predicted:
    """JSON pointers (RFC 6901). ``features`` points into the request, to an object or a list of such (the whole body,
    if left out); ``prediction`` and ``score`` point into the reply."""

    prediction: str = ""
    score: str = ""
    features: str = ""

    def __post_init__(self) -> None:
        for f in fields(self):
            if not is_pointer(value := getattr(self, f.name)):
                raise Misfit("a JSON pointer such as /outputs/0/label", quoted(value), field=f.name)
