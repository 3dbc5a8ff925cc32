"""Restrictions over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.access.restriction import RestrictionFault
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of


class Restrictions(Protocol):
    """What is asked of the desk; ``RestrictionFault`` where it cannot be. Audited."""

    def restrict(self, subject: str, rung: str, lasts: str, reason: str, appeal: str, actor: str) -> dict[str, Any]: ...

    def restrictions(self) -> Sequence[Mapping[str, Any]]: ...

    def unrestrict(self, subject: str, reason: str, actor: str) -> int: ...


def text_of(visit: Visit, name: str, default: str | None = None) -> str:
    value = visit.form.get(name, default)
    if not isinstance(value, str) or len(value) > 400:
        raise Wrong(400, f"bad_{name}", f"'{name}' is a text of at most 400 characters")
    return value


def restriction_ways(desk: Restrictions) -> tuple[Way, ...]:
    """The rows of the table for these restrictions."""

    async def listed(_visit: Visit) -> Response:
        """Who is restricted now; times are microseconds since 1970, `until` 0 has no end."""
        return answer({"restrictions": desk.restrictions()})

    async def restrict(visit: Visit) -> Response:
        """Put a user or a key on a rung of the ladder; in force within a second."""
        try:
            made = desk.restrict(text_of(visit, "subject"), text_of(visit, "rung"), text_of(visit, "for", ""),
                                 reason_of(visit), text_of(visit, "appeal", ""), visit.actor)
        except RestrictionFault as fault:
            raise Wrong(400, fault.code, str(fault)) from None
        return answer(made, 201)

    async def unrestrict(visit: Visit) -> Response:
        """Take back every restriction of a user or a key."""
        try:
            gone = desk.unrestrict(text_of(visit, "subject"), reason_of(visit), visit.actor)
        except RestrictionFault as fault:
            raise Wrong(400, fault.code, str(fault)) from None
        if not gone:
            raise Wrong(404, "not_restricted", "nothing restricts this user or key; /v1/restrictions lists who is")
        return answer({"lifted": gone})

    why = {"reason": "why; told to whom it is about, and goes into the audit log"}
    whom = {"subject": "user/NAME (kept as a token) or key/ID"}
    return (
        Way("GET", "/v1/restrictions", listed, "admin"),
        Way("POST", "/v1/restrictions", restrict, "admin", body={
            **whom, "rung": "warn, slow, light, review, suspended or reauthenticate",
            "for": "how long, e.g. 2h; until a person takes it back without", "appeal": "whom to ask", **why}),
        Way("DELETE", "/v1/restrictions", unrestrict, "admin", body={**whom, **why}),
    )
