"""Postmortems over HTTP: which are due, and that one is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.responses import Response

from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of

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
        if not isinstance(url, str) or len(url) > LONGEST_URL or not _is_address(url):
            raise Wrong(400, "bad_url", "'url' is where it can be read, such as https://wiki.example.com/pm/1: http or "
                                        f"https, without a password, {LONGEST_URL} characters at most")
        if not desk.written(incident, url, visit.actor, reason_of(visit)):
            raise Wrong(404, "none_due", "no postmortem of this incident is due; /v1/postmortems lists those that are")
        return answer({"incident": incident, "url": url})

    return (
        Way("GET", "/v1/postmortems", due, "admin"),
        Way("POST", "/v1/incidents/{id}/postmortem", written, "admin", body={
            "url": "where it can be read", "reason": "who wrote it, and what came of it; goes into the audit log"}),
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.password
    except ValueError:
        return False
