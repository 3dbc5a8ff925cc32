"""The review queue over HTTP. A reviewer's own token opens it, and the admin's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.review import WORDS, ReviewFault
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of

ADMIN = "admin"
_REFUSED = ("over", "own_call", "own_doing", "claimed", "said_already")


class Reviews(Protocol):
    """What is asked of the desk of reviews; ``ReviewFault`` where it cannot be. Audited."""

    def cases(self, ended: bool = False) -> Sequence[Mapping[str, Any]]:
        """Those that wait, the most urgent first; or the last that are over."""
        ...

    def case(self, id_: str) -> Mapping[str, Any] | None: ...

    def claim(self, id_: str, name: str) -> Mapping[str, Any] | None: ...

    def decide(self, id_: str, name: str, word: str, reason: str, allow_for: str = "",
               remember: bool = False) -> Mapping[str, Any] | None: ...

    def reviewers(self) -> Mapping[str, str]: ...

    def appoint(self, name: str, user: str, reason: str, actor: str) -> Mapping[str, Any]:
        """A reviewer and their token, shown this once."""
        ...

    def dismiss(self, name: str, reason: str, actor: str) -> bool: ...


def who_of(visit: Visit) -> str:
    """The person at the desk. Who has the admin's token is one person."""
    return visit.reviewer or ADMIN


def wrong(fault: ReviewFault) -> Wrong:
    return Wrong(409 if fault.code in _REFUSED else 400, fault.code, str(fault))


def there(case: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if case is None:
        raise Wrong(404, "unknown_review", "no case has this id, or it is forgotten; /v1/reviews lists what waits")
    return case


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name, "")
    if not isinstance(value, str) or len(value) > 200:
        raise Wrong(400, f"bad_{name}", f"'{name}' is a short text")
    return value


def review_ways(desk: Reviews) -> tuple[Way, ...]:
    """The rows of the table for this queue."""

    async def listed(visit: Visit) -> Response:
        """Cases that wait for a person, the most urgent first; `state=over` lists the last that are over."""
        state = visit.request.query_params.get("state", "open")
        if state not in ("open", "over"):
            raise Wrong(400, "bad_state", f"'state' is open or over, came '{state[:20]}'")
        return answer({"reviews": desk.cases(state == "over")})

    async def shown(visit: Visit) -> Response:
        """One case with its masked texts; times are microseconds since 1970."""
        return answer(there(desk.case(visit.request.path_params["id"])))

    async def claim(visit: Visit) -> Response:
        """Look at a case, so that nobody else does meanwhile."""
        try:
            return answer(there(desk.claim(visit.request.path_params["id"], who_of(visit))))
        except ReviewFault as fault:
            raise wrong(fault) from None

    async def decide(visit: Visit) -> Response:
        """Say what it is; gateways know within a second."""
        remember = visit.form.get("remember", False)
        if not isinstance(remember, bool):
            raise Wrong(400, "bad_remember", "'remember' is true or false")
        try:
            return answer(there(desk.decide(visit.request.path_params["id"], who_of(visit), _text(visit, "verdict"),
                                            reason_of(visit), _text(visit, "allow"), remember)))
        except ReviewFault as fault:
            raise wrong(fault) from None

    why = {"reason": "why; goes into the audit log"}
    return (
        Way("GET", "/v1/reviews", listed, "reviewer", query={"state": "open (as if left out) or over"}),
        Way("GET", "/v1/reviews/{id}", shown, "reviewer"),
        Way("POST", "/v1/reviews/{id}/claim", claim, "reviewer", body={}),
        Way("POST", "/v1/reviews/{id}/decide", decide, "reviewer", body={
            "verdict": ", ".join(WORDS), "allow": "of a false alarm: for how long the guard lets it pass, e.g. 7d",
            "remember": "boolean: remember a confirmed prompt as an attack", **why}),
        *_people(desk, why),
    )


def _people(desk: Reviews, why: Mapping[str, str]) -> tuple[Way, ...]:
    async def reviewers(_visit: Visit) -> Response:
        """Who reviews."""
        return answer({"reviewers": sorted(desk.reviewers())})

    async def appoint(visit: Visit) -> Response:
        """Let somebody review. Their token is shown this once; one they had is worth nothing from now on."""
        try:
            return answer(desk.appoint(_text(visit, "name"), _text(visit, "user"), reason_of(visit), visit.actor), 201)
        except ReviewFault as fault:
            raise wrong(fault) from None

    async def dismiss(visit: Visit) -> Response:
        """Let them review no more."""
        name = visit.request.path_params["name"]
        if not desk.dismiss(name, reason_of(visit), visit.actor):
            raise Wrong(404, "unknown_reviewer", "nobody of this name reviews; /v1/reviewers lists who does")
        return answer({"name": name, "removed": True})

    return (
        Way("GET", "/v1/reviewers", reviewers, "admin"),
        Way("POST", "/v1/reviewers", appoint, "admin", body={
            "name": "of the person", "user": "what their own calls name as their user, if another name", **why}),
        Way("DELETE", "/v1/reviewers/{name}", dismiss, "admin", body=why),
    )
