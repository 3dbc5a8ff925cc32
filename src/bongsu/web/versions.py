"""Versions over the control API: which are live, back to the last good one, and the policy's own again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def _told(route: str) -> Iterator[None]:
    """What a desk cannot do, as whoever asked for it is told."""
    try:
        yield
    except KeyError:
        raise Wrong(404, "unknown_route", f"expected a route with versions, came {route[:80]!r}; see GET /v1/versions"
                    ) from None
    except RollbackFault as fault:
        raise Wrong(409, fault.code, str(fault)) from None


class _Ways:
    """What is done at each way, at one desk."""

    def __init__(self, desk: Versions) -> None:
        self._desk = desk

    async def every(self, _visit: Visit) -> Response:
        """Every route with versions: how its calls are spread, by whose word, and where a rollback leads."""
        return answer({"routes": self._desk.rows()})

    async def history(self, visit: Visit) -> Response:
        """The versions of a route that were live, newest first."""
        route = visit.request.path_params["route"]
        with _told(route):
            return answer({"route": route, "history": self._desk.history(route)})

    async def roll_back(self, visit: Visit) -> Response:
        """Make the last good version live at once, or the one named by `to`."""
        route, to = visit.request.path_params["route"], visit.form.get("to", "")
        if not isinstance(to, str):
            raise Wrong(400, "bad_to", f"'to' is the name of a version, came {type(to).__name__}")
        with _told(route):
            return answer(self._desk.roll_back(route, to, visit.actor, reason_of(visit)))

    async def restore(self, visit: Visit) -> Response:
        """The policy's own split again."""
        route = visit.request.path_params["route"]
        with _told(route):
            return answer(self._desk.restore(route, visit.actor, reason_of(visit)))

    async def confirm(self, visit: Visit) -> Response:
        """Ask before a route goes back."""
        name = visit.request.path_params["route"]
        row = next((row for row in self._desk.rows() if row.route == name), None)
        if row is None:
            return page("missing.html", visit.request, session=visit.session, status=404, secure=visit.site.secure)
        return page("confirm.html", visit.request, session=visit.session, secure=visit.site.secure, kind="rollback",
                    story_id=f"{name}: {row.previous}", hidden={}, back="/")

    async def confirmed(self, visit: Visit) -> Response:
        """Back to the last good version, with a reason."""
        route = visit.request.path_params["route"]
        with _told(route):
            self._desk.roll_back(route, "", visit.actor, reason_of(visit))
        return RedirectResponse("/", 303)


def version_ways(desk: Versions) -> tuple[Way, ...]:
    """The ways to a desk of versions."""
    ways = _Ways(desk)
    return (
        Way("GET", "/versions/{route:path}/rollback", ways.confirm, "admin", page=True),
        Way("POST", "/versions/{route:path}/rollback", ways.confirmed, "admin", page=True),
        Way("GET", "/v1/versions", ways.every, "admin"),
        Way("GET", "/v1/versions/{route:path}/history", ways.history, "admin"),
        Way("POST", "/v1/versions/{route:path}/rollback", ways.roll_back, "admin", body={
            "to": "a version; the last good one, if left out", **_BODY}),
        Way("DELETE", "/v1/versions/{route:path}/rollback", ways.restore, "admin", body=_BODY),
    )
