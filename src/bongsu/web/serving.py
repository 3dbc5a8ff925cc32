"""Who serves a call: most are passed on to a model; predictions are written down as such, moderations may stay here."""

from __future__ import annotations

from bongsu.web.call import Call
from bongsu.web.deciding import Deciding
from bongsu.web.judging import Judging
from bongsu.web.plan import RoutePlan
from bongsu.web.predicting import Predicting
from bongsu.web.serve_stream import Streamed


def serving(call: Call, plan: RoutePlan) -> type[Streamed]:
    if call.surface.operation == "predict":
        return Predicting
    if call.surface.operation == "moderation" and plan.route.moderation == "guards":
        return Judging
    if call.surface.operation == "decide":
        return Deciding
    return Streamed
