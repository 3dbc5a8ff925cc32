"""The control API: verdicts, the board, incidents, calls, the audit log, and the switch. Everything is JSON."""

from __future__ import annotations

import re

from starlette.responses import PlainTextResponse, Response

from bongsu.allow import AllowFault
from bongsu.privacy.personal import veiled
from bongsu.web.access import Visit, Way, Wrong, answer

MOST_RECORDS = 1000
MOST_REASON = 500
_STAGE = re.compile(r"[\w.:-]{0,64}")


def stage_of(text: str) -> str:
    """A stage of a rollout, as it was named."""
    if not _STAGE.fullmatch(text):
        raise Wrong(400, "bad_stage", "stage is a short name such as canary: letters, digits and .:-_, 64 at most")
    return text


async def gate(visit: Visit) -> Response:
    """May this service be deployed now? 200 for allow, deny and inconclusive: read `data.decision`."""
    service, stage = visit.request.path_params["service"], stage_of(visit.request.query_params.get("stage", ""))
    try:
        return answer(visit.site.desk.verdict_for(service, stage))
    except KeyError:
        raise Wrong(404, "unknown_service", f"no policy declares the service '{service}'; "
                    "the name is that of service.name in the policy") from None


async def board(visit: Visit) -> Response:
    """Everything the cockpit's first page shows."""
    return answer(visit.site.desk.board())


async def incident(visit: Visit) -> Response:
    """One incident: cause, actions and their state, residual risk, and its record."""
    found = visit.site.desk.incident(visit.request.path_params["id"])
    if found is None:
        raise Wrong(404, "unknown_incident", "no incident has this id; /v1/board lists the recent ones")
    return answer(found)


async def call(visit: Visit) -> Response:
    """What happened to one call: guards, route, cost, alerts, actions."""
    found = visit.site.desk.explain(visit.request.path_params["id"])
    if found is None:
        raise Wrong(404, "unknown_call", "no call has this id; it is in the x-bongsu-call-id header of every reply")
    return answer(found)


async def audit(visit: Visit) -> Response:
    """The last records of the audit log, newest last."""
    given = visit.request.query_params.get("limit", "50")
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:6]) <= MOST_RECORDS):
        raise Wrong(400, "bad_limit", f"limit is a whole number from 1 to {MOST_RECORDS}, came {given[:20]!r}")
    return answer({"records": visit.site.desk.audit_tail(int(given))})


async def checkpoint(visit: Visit) -> Response:
    """The audit log's size and root as a signed note; keep copies elsewhere to prove that it only grew."""
    return PlainTextResponse(visit.site.desk.checkpoint())


def reason_of(visit: Visit, *, as_it_is: bool = False) -> str:
    """Why a person does this; it is asked for, because the record of a switch without a reason helps nobody. Personal
    data in it is kept nowhere, so it is told by its kind; ``as_it_is`` for who refuses such a reason."""
    reason = visit.form.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Wrong(400, "no_reason", "say why in 'reason': the sentence goes into the audit log")
    if len(reason) > MOST_REASON:
        raise Wrong(400, "long_reason", f"'reason' has {len(reason)} characters, {MOST_REASON} at most")
    said = " ".join(reason.split())
    return said if as_it_is else veiled(said)


async def automation(visit: Visit) -> Response:
    """The kill switch: with `on` false, no automatic action changes traffic until it is true again."""
    on = visit.form.get("on")
    if not isinstance(on, bool):
        raise Wrong(400, "bad_on", f"'on' is true or false, came {type(on).__name__}")
    visit.site.desk.set_automation(on, visit.actor, reason_of(visit))
    return answer({"automation": on})


async def undo(visit: Visit) -> Response:
    """Take back by hand what an incident's playbooks did."""
    key, reason = visit.request.path_params["id"], reason_of(visit)
    if visit.site.desk.incident(key) is None:
        raise Wrong(404, "unknown_incident", "no incident has this id; /v1/board lists the recent ones")
    if not visit.site.desk.undo(key, visit.actor, reason):
        raise Wrong(409, "nothing_to_undo", "no action of this incident is in force, so there is nothing to take back")
    return answer({"incident": key, "undo": "begun"})


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name)
    if not isinstance(value, str):
        came = "nothing" if value is None else type(value).__name__
        raise Wrong(400, f"bad_{name}", f"'{name}' is a text, came {came}")
    return value


async def allow(visit: Visit) -> Response:
    """Let a guard pass a false alarm until a time; the text is hashed and forgotten."""
    guard, text, lasting = _text(visit, "guard"), _text(visit, "text"), _text(visit, "for")
    try:
        made = visit.site.desk.allow(guard, text, lasting, reason_of(visit), visit.actor)
    except AllowFault as fault:
        raise Wrong(404 if fault.code == "unknown_guard" else 400, fault.code, str(fault)) from None
    return answer(made, 201)


async def allowed(visit: Visit) -> Response:
    """What guards let pass now; times are microseconds since 1970."""
    return answer({"allowed": visit.site.desk.allowed()})


async def disallow(visit: Visit) -> Response:
    """Take an entry of the allow-list back before its time."""
    key = visit.request.path_params["id"]
    if not visit.site.desk.disallow(key, visit.actor, reason_of(visit)):
        raise Wrong(404, "unknown_entry", "no entry has this id; /v1/allow lists those there are")
    return answer({"id": key, "allowed": False})


async def alive(_visit: Visit) -> Response:
    """The process answers."""
    return answer({"status": "ok"})


async def ready(visit: Visit) -> Response:
    """Whether it can do its work; 503 with what is missing."""
    ok, detail = visit.site.desk.ready()
    return answer({"ready": ok, **detail}, 200 if ok else 503)


_REASON = {"reason": "why; goes into the audit log"}

API: tuple[Way, ...] = (
    Way("GET", "/v1/gate/{service}", gate, "admin", query={"stage": "the stage of the rollout, such as canary"}),
    Way("GET", "/v1/board", board, "admin"),
    Way("GET", "/v1/incidents/{id}", incident, "admin"),
    Way("POST", "/v1/incidents/{id}/undo", undo, "admin", body=_REASON),
    Way("GET", "/v1/calls/{id}", call, "admin"),
    Way("GET", "/v1/audit", audit, "admin", query={"limit": f"how many records, 1 to {MOST_RECORDS}"}),
    Way("GET", "/v1/audit/checkpoint", checkpoint, "admin"),
    Way("POST", "/v1/automation", automation, "admin", body={"on": "boolean: true or false", **_REASON}),
    Way("GET", "/v1/allow", allowed, "admin"),
    Way("POST", "/v1/allow", allow, "admin", body={
        "guard": "whose false alarm it is", "text": "what the guard found; it is not kept", "for": "7d, at most 90d",
        **_REASON}),
    Way("DELETE", "/v1/allow/{id}", disallow, "admin", body=_REASON),
    Way("GET", "/healthz", alive, "public"),
    Way("GET", "/health/liveliness", alive, "public"),
    Way("GET", "/readyz", ready, "public"),
    Way("GET", "/health/readiness", ready, "public"),
)
