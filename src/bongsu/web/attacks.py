"""The attack memory over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.attack import AttackFault
from bongsu.web.access import Visit, Way, Wrong, answer
from bongsu.web.api import reason_of


class Attacks(Protocol):
    """What is asked of the desk of known attacks; ``AttackFault`` where it cannot be. Audited."""

    def add(self, text: str, note: str, lasts: str, sensitive: bool, reason: str, actor: str) -> dict[str, Any]:
        """Remember an attack."""
        ...

    def listed(self) -> Sequence[dict[str, Any]]:
        """Every one, the oldest first."""
        ...

    def remove(self, id_: str, reason: str, actor: str) -> bool:
        """Forget one; False where there is none."""
        ...


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name, "")
    if not isinstance(value, str):
        raise Wrong(400, f"bad_{name}", f"'{name}' is a text, came {type(value).__name__}")
    return value


def attack_ways(desk: Attacks) -> tuple[Way, ...]:
    """The rows of the table for this memory."""

    async def listed(_visit: Visit) -> Response:
        """Known attacks, the oldest first. A text is shown masked, and only where it is not sensitive."""
        return answer({"attacks": desk.listed()})

    async def add(visit: Visit) -> Response:
        """Remember an attack; texts that are mostly it are stopped within a second. Only hashes of it are needed."""
        sensitive = visit.form.get("sensitive", False)
        if not isinstance(sensitive, bool):
            raise Wrong(400, "bad_sensitive", "'sensitive' is true or false; true keeps hashes and no text")
        try:
            made = desk.add(_text(visit, "text"), _text(visit, "note"), _text(visit, "for"), sensitive,
                            reason_of(visit, as_it_is=True), visit.actor)
        except AttackFault as fault:
            raise Wrong(409 if fault.code in ("known_already", "full") else 400, fault.code, str(fault)) from None
        return answer(made, 201)

    async def remove(visit: Visit) -> Response:
        """Forget an attack before its time."""
        key = visit.request.path_params["id"]
        if not desk.remove(key, reason_of(visit), visit.actor):
            raise Wrong(404, "unknown_attack", "no known attack has this id; /v1/attacks lists them")
        return answer({"id": key, "removed": True})

    why = {"reason": "why; goes into the audit log"}
    return (
        Way("GET", "/v1/attacks", listed, "admin"),
        Way("POST", "/v1/attacks", add, "admin", body={
            "text": "the attack", "note": "what it is, for people", "for": "180d unless said, at most 366d",
            "sensitive": "boolean: keep hashes and no text", **why}),
        Way("DELETE", "/v1/attacks/{id}", remove, "admin", body=why),
    )
