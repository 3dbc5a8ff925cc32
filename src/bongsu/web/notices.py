"""Silences and acknowledgements over HTTP."""

from __future__ import annotations

from starlette.responses import Response

from bongsu.mute import SilenceFault
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of

LONGEST_NAME = 100
MOST_MATCHERS = 20


def by_of(visit: Visit) -> str:
    """Who it is, where the token alone does not say so."""
    by = visit.form.get("by", "")
    if not isinstance(by, str) or len(by) > LONGEST_NAME:
        raise Wrong(400, "bad_by", f"'by' is a name of at most {LONGEST_NAME} characters")
    return " ".join(by.split())


async def silence(visit: Visit) -> Response:
    """Keep notices back for a while; that something is over is told all the same."""
    match, lasting, starts = visit.form.get("match"), visit.form.get("for"), visit.form.get("starts")
    if not isinstance(match, list) or len(match) > MOST_MATCHERS or not all(isinstance(one, str) for one in match):
        raise Wrong(400, "bad_match", f"'match' is a list of at most {MOST_MATCHERS} texts such as alert=cost")
    if not isinstance(lasting, str):
        raise Wrong(400, "bad_for", "'for' is how long, such as 2h")
    if starts is not None and (not isinstance(starts, int) or isinstance(starts, bool)):
        raise Wrong(400, "bad_starts", "'starts' is a whole number of microseconds since 1970; leave it out for now")
    try:
        made = visit.site.desk.notices.silence(tuple(match), lasting, starts, by_of(visit), reason_of(visit),
                                               visit.actor)
    except SilenceFault as fault:
        raise Wrong(400, fault.code, str(fault)) from None
    return answer(made, 201)


async def silences(visit: Visit) -> Response:
    """What is kept back now or later; times are microseconds since 1970."""
    return answer({"silences": visit.site.desk.notices.silences()})


async def unsilence(visit: Visit) -> Response:
    """End a silence before its time."""
    key = visit.request.path_params["id"]
    if not visit.site.desk.notices.unsilence(key, visit.actor, reason_of(visit)):
        raise Wrong(404, "unknown_silence", "no silence has this id; /v1/silences lists those there are")
    return answer({"id": key, "silent": False})


async def acknowledge(visit: Visit) -> Response:
    """Take charge of an incident: it is not told again and not escalated; that it is over is told."""
    key, reason = visit.request.path_params["id"], reason_of(visit)
    if visit.site.desk.incident(key) is None:
        raise Wrong(404, "unknown_incident", "no incident has this id; /v1/board lists the recent ones")
    if not visit.site.desk.notices.acknowledge(key, by_of(visit), reason, visit.actor):
        raise Wrong(409, "not_open", "the incident is closed, or somebody has acknowledged it already")
    return answer({"incident": key, "acknowledged": True})


_REASON = {"reason": "why; goes into the audit log"}
_BY = {"by": "who, where the token does not say it"}

NOTICES: tuple[Way, ...] = (
    Way("GET", "/v1/silences", silences, "admin"),
    Way("POST", "/v1/silences", silence, "admin", body={
        "match": "array: texts such as alert=cost, tier=minor, model=~demo-.*", "for": "how long, e.g. 2h, at most 90d",
        "starts": "integer: microseconds since 1970, else now", **_BY, **_REASON}),
    Way("DELETE", "/v1/silences/{id}", unsilence, "admin", body=_REASON),
    Way("POST", "/v1/incidents/{id}/ack", acknowledge, "admin", body={**_BY, **_REASON}),
)
