"""Versions over the control API: which are live, back to the last good one, and the policy's own again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.responses import RedirectResponse, Response

from bongsu.room.board import VersionRow
from bongsu.versions import RollbackFault
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.web.cockpit import page

_BODY = {"reason": "why; goes into the audit log"}


class Versions(Protocol):
    """Raises KeyError for a route without versions, ``RollbackFault`` where it cannot be done. Audited."""

    def rows(self) -> tuple[VersionRow, ...]: ...

    def history(self, route: str) -> list[Mapping[str, Any]]: ...

    def roll_back(self, route: str, to: str, actor: str, reason: str) -> Mapping[str, Any]: ...

    def restore(self, route: str, actor: str, reason: str) -> Mapping[str, Any]: ...


def version_ways(desk: Versions) -> tuple[Way, ...]:
    """The ways to a desk of versions."""

    def unknown(route: str) -> Wrong:
        return Wrong(404, "unknown_route", f"expected a route with versions, came {route[:80]!r}; see GET /v1/versions")

    async def every(_visit: Visit) -> Response:
        """Every route with versions: how its calls are spread, by whose word, and where a rollback leads."""
        return answer({"routes": desk.rows()})

    async def history(visit: Visit) -> Response:
        """The versions of a route that were live, newest first."""
        route = visit.request.path_params["route"]
        try:
            return answer({"route": route, "history": desk.history(route)})
        except KeyError:
            raise unknown(route) from None

    async def roll_back(visit: Visit) -> Response:
        """Make the last good version live at once, or the one named by `to`."""
        route, to = visit.request.path_params["route"], visit.form.get("to", "")
        if not isinstance(to, str):
            raise Wrong(400, "bad_to", f"'to' is the name of a version, came {type(to).__name__}")
        try:
            return answer(desk.roll_back(route, to, visit.actor, reason_of(visit)))
        except KeyError:
            raise unknown(route) from None
        except RollbackFault as fault:
            raise Wrong(409, fault.code, str(fault)) from None

    async def restore(visit: Visit) -> Response:
        """The policy's own split again."""
        route = visit.request.path_params["route"]
        try:
            return answer(desk.restore(route, visit.actor, reason_of(visit)))
        except KeyError:
            raise unknown(route) from None
        except RollbackFault as fault:
            raise Wrong(409, fault.code, str(fault)) from None

    async def confirm(visit: Visit) -> Response:
        """Ask before a route goes back."""
        name = visit.request.path_params["route"]
        row = next((row for row in desk.rows() if row.route == name), None)
        if row is None:
            return page("missing.html", visit.request, session=visit.session, status=404, secure=visit.site.secure)
        return page("confirm.html", visit.request, session=visit.session, secure=visit.site.secure, kind="rollback",
                    story_id=f"{name}: {row.previous}", hidden={}, back="/")

    async def confirmed(visit: Visit) -> Response:
        """Back to the last good version, with a reason."""
        route = visit.request.path_params["route"]
        try:
            desk.roll_back(route, "", visit.actor, reason_of(visit))
        except KeyError:
            raise unknown(route) from None
        except RollbackFault as fault:
            raise Wrong(409, fault.code, str(fault)) from None
        return RedirectResponse("/", 303)

    return (
        Way("GET", "/versions/{route:path}/rollback", confirm, "admin", page=True),
        Way("POST", "/versions/{route:path}/rollback", confirmed, "admin", page=True),
        Way("GET", "/v1/versions", every, "admin"),
        Way("GET", "/v1/versions/{route:path}/history", history, "admin"),
        Way("POST", "/v1/versions/{route:path}/rollback", roll_back, "admin", body={
            "to": "a version; the last good one, if left out", **_BODY}),
        Way("DELETE", "/v1/versions/{route:path}/rollback", restore, "admin", body=_BODY),
    )
