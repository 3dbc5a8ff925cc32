"""Postmortems over HTTP and in the cockpit: which are due, and that one is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeGuard
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of
from bongsu.web.cockpit import language, show_page
from bongsu.web.words import word

LONGEST_URL = 2000


class Postmortems(Protocol):
    """What is asked of them."""

    def due(self) -> list[Mapping[str, Any]]:
        """Those that nobody has written yet, the oldest first."""
        ...

    def written(self, incident: str, url: str, actor: str, reason: str) -> bool:
        """Somebody wrote it; False where none is due of the incident. Audited."""
        ...


def postmortem_ways(desk: Postmortems) -> tuple[Way, ...]:
    """The rows of the table."""

    async def due(_visit: Visit) -> Response:
        """Postmortems that are due; times are microseconds since 1970."""
        return answer({"postmortems": desk.due()})

    async def written(visit: Visit) -> Response:
        """Say where an incident's postmortem can be read."""
        url, incident = visit.form.get("url"), visit.request.path_params["id"]
        if not _is_address(url):
            raise Wrong(400, "bad_url", "'url' is where it can be read, such as https://wiki.example.com/pm/1: http or "
                                        f"https, without a password, {LONGEST_URL} characters at most")
        if not desk.written(incident, url, visit.actor, reason_of(visit)):
            raise Wrong(404, "none_due", "no postmortem of this incident is due; /v1/postmortems lists those that are")
        return answer({"incident": incident, "url": url})

    def owed(visit: Visit) -> bool:
        story = visit.site.desk.incident(visit.request.path_params["id"])
        return story is not None and story.owed

    def form(visit: Visit, status: int = 200, problem: str = "", **typed: Any) -> Response:
        return show_page(visit, "postmortem.html", status, story_id=visit.request.path_params["id"], problem=problem,
                         longest=LONGEST_URL, typed={"url": "", "reason": ""} | typed)

    async def ask(visit: Visit) -> Response:
        """Ask where it can be read, and what came of it."""
        return form(visit) if owed(visit) else show_page(visit, "missing.html", 404)

    async def said(visit: Visit) -> Response:
        """It is written: an address that is none is asked for again, with what was typed."""
        url, incident = str(visit.form.get("url", "")).strip(), visit.request.path_params["id"]
        if not owed(visit):
            return show_page(visit, "missing.html", 404)
        if not _is_address(url):
            return form(visit, 400, word(language(visit.request), "postmortem_bad_url"), url=url[:LONGEST_URL],
                        reason=str(visit.form.get("reason", "")))
        desk.written(incident, url, visit.actor, reason_of(visit))
        return RedirectResponse(f"/incidents/{incident}", 303)

    return (
        Way("GET", "/incidents/{id}/postmortem", ask, "admin", page=True),
        Way("POST", "/incidents/{id}/postmortem", said, "admin", page=True),
        Way("GET", "/v1/postmortems", due, "admin"),
        Way("POST", "/v1/incidents/{id}/postmortem", written, "admin", body={
            "url": "where it can be read", "reason": "who wrote it, and what came of it; goes into the audit log"}),
    )


def _is_address(text: Any) -> TypeGuard[str]:
    if not isinstance(text, str) or len(text) > LONGEST_URL:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.password
    except ValueError:
        return False
