"""Virtual keys over HTTP. The secret of a key is in the answer that makes it, and in no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.access.apikey import KeyRefused
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of

TEXTS = ("name", "user", "team", "service", "tier", "region", "origin", "block", "expires")
LISTS = ("scopes", "routes")
WHOLES = ("requests", "tokens")
LONGEST = 320


class Keys(Protocol):
    """What is asked of the desk of keys; ``KeyRefused`` where it cannot be. Audited."""

    def create(self, asked: Mapping[str, Any], actor: str) -> dict[str, Any]:
        """A new key, its secret shown once."""
        ...

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Every key, without secrets."""
        ...

    def rotate(self, id_: str, grace: str, reason: str, actor: str) -> dict[str, Any] | None:
        """A new secret; None where no such key lives."""
        ...

    def revoke(self, id_: str, reason: str, actor: str) -> bool:
        """End a key; False where none of this id lives."""
        ...


def whole_fields(form: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new key, if each has the type that it must have; raises ``Wrong``."""
    for name, value in form.items():
        good = (isinstance(value, str) and len(value) <= LONGEST if name in TEXTS else
                isinstance(value, list) and all(isinstance(one, str) for one in value) if name in LISTS else
                type(value) is int if name in WHOLES else name == "reason")
        if not good:
            raise Wrong(400, "bad_field", f"'{name[:40]}': expected texts {', '.join(TEXTS)}, lists of texts "
                        f"{', '.join(LISTS)}, whole numbers {', '.join(WHOLES)}")
    if not form.get("name"):
        raise Wrong(400, "bad_name", "'name' says whose key it is; it is missing")
    return dict(form)


def _refused(fault: KeyRefused) -> Wrong:
    return Wrong(400, fault.code, str(fault))


def key_ways(desk: Keys) -> tuple[Way, ...]:
    """The rows of the table for these keys."""

    async def create(visit: Visit) -> Response:
        """Make a virtual key. The answer holds it, this once; only its hash is kept."""
        try:
            return answer(desk.create(whole_fields(visit.form), visit.actor), 201)
        except KeyRefused as fault:
            raise _refused(fault) from None

    async def listed(_visit: Visit) -> Response:
        """Every virtual key, without secrets; times are microseconds since 1970."""
        return answer({"keys": desk.keys()})

    async def rotate(visit: Visit) -> Response:
        """Give a key a new secret, shown this once; the old one lives on for the grace."""
        grace, key = visit.form.get("grace", ""), visit.request.path_params["id"]
        if not isinstance(grace, str):
            raise Wrong(400, "bad_grace", "'grace' is how long the old secret lives on, such as 24h")
        try:
            made = desk.rotate(key, grace, reason_of(visit), visit.actor)
        except KeyRefused as fault:
            raise _refused(fault) from None
        if made is None:
            raise _unknown()
        return answer(made)

    async def revoke(visit: Visit) -> Response:
        """End a key for good."""
        key = visit.request.path_params["id"]
        if not desk.revoke(key, reason_of(visit), visit.actor):
            raise _unknown()
        return answer({"id": key, "revoked": True})

    why = {"reason": "why; goes into the audit log"}
    return (
        Way("GET", "/v1/keys", listed, "admin"),
        Way("POST", "/v1/keys", create, "admin", body={
            "name": "whose key it is", "user": "whom its calls are of; kept as a token", "team": "", "tier": "",
            "region": "where its people are, for the policy's borders",
            "service": "this policy's, or none", "scopes": "array: gateway:invoke, models:read",
            "routes": "array: the routes it may call; every one if empty", "origin": "live, redteam or evaluation",
            "block": "reply or error: how a blocked call is answered", "expires": "in how long, e.g. 90d",
            "requests": "integer: a minute", "tokens": "integer: a minute"}),
        Way("POST", "/v1/keys/{id}/rotate", rotate, "admin", body={"grace": "e.g. 24h, at most 30d", **why}),
        Way("DELETE", "/v1/keys/{id}", revoke, "admin", body=why),
    )


def _unknown() -> Wrong:
    return Wrong(404, "unknown_key", "no key of this id lives; /v1/keys lists them")
