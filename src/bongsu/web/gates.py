"""The gate's other ways: verdicts looked up and replayed, overrides, clearing, and Flagger's webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bongsu.override import OverrideFault
from bongsu.web.access import Handler, Visit, Way, Wrong, answer
from bongsu.web.api import reason_of, stage_of

FLAGGER = ("confirm-rollout", "confirm-promotion", "confirm-traffic-increase", "pre-rollout", "rollout")
"""Flagger's hooks that ask whether it may go on."""
SOURCES = ("argo", "ci", "flagger", "github", "gitlab", "person")
"""Who may say that something was deployed."""
_STATUS = {"not_pending": 409, "not_in_force": 409, "no_approvers": 403, "not_an_approver": 403, "own_request": 403}


def _unknown_service(name: str) -> Wrong:
    return Wrong(404, "unknown_service", f"no policy declares the service '{name[:100]}'; "
                 "the name is that of service.name in the policy")


def _fault(fault: OverrideFault) -> Wrong:
    return Wrong(_STATUS.get(fault.code, 400), fault.code, str(fault))


def _text(form: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = form.get(name, default)
    if not isinstance(value, str):
        came = "nothing" if value is None else type(value).__name__
        raise Wrong(400, f"bad_{name}", f"'{name}' is a text, came {came}")
    return value


# ---- verdicts ----


async def verdict(visit: Visit) -> Response:
    """A verdict as it was given."""
    found = visit.site.desk.gates.kept(visit.request.path_params["id"])
    if found is None:
        raise Wrong(404, "unknown_verdict", "no verdict has this id; it is data.verdictId of the gate's answer")
    return answer(found)


async def replay(visit: Visit) -> Response:
    """A verdict recomputed as of its time: the same or not, and why."""
    found = await asyncio.to_thread(visit.site.desk.gates.replay, visit.request.path_params["id"])
    if found is None:
        raise Wrong(404, "unknown_verdict", "no verdict has this id; it is data.verdictId of the gate's answer")
    return answer(found)


# ---- overrides ----


async def ask(visit: Visit) -> Response:
    """Ask for an override of the gate; it has force once another person approves it."""
    service, stale = visit.request.path_params["service"], visit.form.get("including_stale", False)
    if not isinstance(stale, bool):
        raise Wrong(400, "bad_including_stale", f"'including_stale' is true or false, came {type(stale).__name__}")
    try:
        made = visit.site.desk.gates.ask(
            service, stage_of(_text(visit.form, "stage", "")), _text(visit.form, "author"), reason_of(visit),
            _text(visit.form, "for"), stale, visit.actor)
    except KeyError:
        raise _unknown_service(service) from None
    except OverrideFault as fault:
        raise _fault(fault) from None
    return answer(made, 201)


async def overrides(visit: Visit) -> Response:
    """The latest overrides of a service, newest first, with their state."""
    service = visit.request.path_params["service"]
    try:
        return answer({"overrides": visit.site.desk.gates.overrides(service)})
    except KeyError:
        raise _unknown_service(service) from None


async def approve(visit: Visit) -> Response:
    """Approve an override that somebody else asked for: it is signed and in force from now on."""
    return _step(lambda key: visit.site.desk.gates.approve(key, _text(visit.form, "approver"), visit.actor), visit)


async def revoke(visit: Visit) -> Response:
    """Take the force from an override before its time."""
    reason = reason_of(visit)
    return _step(lambda key: visit.site.desk.gates.revoke(key, reason, visit.actor), visit)


def _step(work: Any, visit: Visit) -> Response:
    try:
        return answer(work(visit.request.path_params["id"]))
    except KeyError:
        raise Wrong(404, "unknown_override", "no override has this id; /v1/gate/SERVICE/overrides lists them") from None
    except OverrideFault as fault:
        raise _fault(fault) from None


async def clear(visit: Visit) -> Response:
    """Let deploys go on after severe alerts that are over."""
    service, reason = visit.request.path_params["service"], reason_of(visit)
    try:
        done = visit.site.desk.gates.clear(service, reason, visit.actor)
    except KeyError:
        raise _unknown_service(service) from None
    if not done["cleared"]:
        firing = ", ".join(done["firing"])
        raise Wrong(409, "nothing_to_clear", f"{firing} is firing still; clear the gate when it is over" if firing else
                    "no alert holds the gate shut, so there is nothing to clear")
    return answer(done)


# ---- Flagger ----


def _service(visit: Visit) -> str:
    """Whom a webhook is about: ``metadata.service``, else the canary's own name."""
    metadata = visit.form.get("metadata")
    named = metadata.get("service") if isinstance(metadata, Mapping) else None
    return named if isinstance(named, str) and named else _text(visit.form, "name")


def _decision(visit: Visit, stage: str) -> tuple[str, Mapping[str, Any]]:
    service = _service(visit)
    try:
        document = visit.site.desk.verdict_for(service, stage)
    except KeyError:
        raise _unknown_service(service) from None
    return str(document["data"]["decision"]), document


def _asking(stage: str) -> Handler:
    async def hook(visit: Visit) -> Response:
        """Whether Flagger may go on: 200 on allow, 403 on deny and inconclusive."""
        decision, document = _decision(visit, stage)
        return answer(document, 200 if decision == "allow" else 403)

    return hook


async def rollback(visit: Visit) -> Response:
    """Whether Flagger shall roll back. It does so on 2xx, so this is the other way round: 200 on deny only."""
    decision, document = _decision(visit, "rollback")
    return answer(document, 200 if decision == "deny" else 403)


async def event(visit: Visit) -> Response:
    """What Flagger says of a deployment, kept as a marker."""
    metadata, service = visit.form.get("metadata"), _service(visit)
    if not isinstance(metadata, Mapping):
        raise Wrong(400, "bad_metadata", f"'metadata' is a mapping, came {type(metadata).__name__}")
    detail = {name: _text(visit.form, name, "") for name in ("name", "namespace", "phase")}
    detail["timestamp"] = str(metadata.get("timestamp", ""))
    try:
        visit.site.desk.gates.mark(service, "flagger", str(metadata.get("eventType", "")),
                                   str(metadata.get("eventMessage", "")), detail, visit.actor)
    except KeyError:
        raise _unknown_service(service) from None
    return answer({"kept": True})


# ---- any other tool ----


async def deployment(visit: Visit) -> Response:
    """What a tool says of a deployment (Argo Rollouts' notifications, a pipeline), kept as a marker."""
    service, detail = visit.request.path_params["service"], visit.form.get("detail", {})
    if not isinstance(detail, Mapping) or not all(isinstance(one, str) for one in detail.values()):
        raise Wrong(400, "bad_detail", "'detail' is an object whose values are texts, came something else")
    source, kind = _text(visit.form, "source"), _text(visit.form, "kind", "")
    if source not in SOURCES:
        raise Wrong(400, "bad_source", f"'source' is one of {', '.join(SOURCES)}, came '{source[:50]}'")
    try:
        visit.site.desk.gates.mark(service, source, kind, _text(visit.form, "text"), dict(detail), visit.actor)
    except KeyError:
        raise _unknown_service(service) from None
    return answer({"kept": True}, 201)


_REASON = {"reason": "why; goes into the audit log"}
_HOOK = {"name": "the canary's name, and the service's unless metadata.service names it", "metadata": "object"}

GATES: tuple[Way, ...] = (
    Way("GET", "/v1/gate/verdicts/{id}", verdict, "admin"),
    Way("GET", "/v1/gate/verdicts/{id}/replay", replay, "admin"),
    *(Way("POST", f"/v1/gate/flagger/{hook}", _asking(hook), "admin", hook=True, body=_HOOK) for hook in FLAGGER),
    Way("POST", "/v1/gate/flagger/rollback", rollback, "admin", hook=True, body=_HOOK),
    Way("POST", "/v1/gate/flagger/event", event, "admin", hook=True, body=_HOOK),
    Way("POST", "/v1/gate/{service}/deployments", deployment, "admin", hook=True, body={
        "source": f"one of {', '.join(SOURCES)}", "kind": "the tool's own word for it", "text": "what happened",
        "detail": "object: texts"}),
    Way("GET", "/v1/gate/{service}/overrides", overrides, "admin"),
    Way("POST", "/v1/gate/{service}/overrides", ask, "admin", body={
        **_REASON, "for": "how long, e.g. 2h, at most 24h", "author": "who asks"}),
    Way("POST", "/v1/gate/overrides/{id}/approve", approve, "admin", body={"approver": "one of roles.approver"}),
    Way("POST", "/v1/gate/overrides/{id}/revoke", revoke, "admin", body=_REASON),
    Way("POST", "/v1/gate/{service}/clear", clear, "admin", body=_REASON),
)
