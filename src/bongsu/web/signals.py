"""Signals explained, and references registered and shown, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec
from starlette.responses import Response

from bongsu.web.access import Visit, Way, Wrong, answer

MOST_BODY = 8 << 20


class Signals(Protocol):
    """What is asked of signals."""

    def signals(self) -> Sequence[Any]: ...

    def explain(self, name: str, language: Any) -> Any: ...

    def season(self, name: str) -> Any: ...

    def wanted(self) -> dict[str, str]: ...

    def together(self) -> bool: ...

    def references(self) -> Sequence[Any]: ...

    def reference(self, name: str, version: str = "") -> Any: ...

    def register(self, given: Any, actor: str) -> tuple[Any, bool, list[str]]: ...


def signal_ways(desk: Signals) -> tuple[Way, ...]:
    """The rows of the table."""

    async def listed(_visit: Visit) -> Response:
        """Every signal with its kind."""
        return answer({"signals": desk.signals()})

    async def explained(visit: Visit) -> Response:
        """One signal: what is counted, its value with its interval, its reference, what would fire."""
        language = visit.request.query_params.get("lang", "en")
        if language not in ("en", "ko"):
            raise Wrong(400, "bad_lang", "'lang' is en or ko")
        found = desk.explain(visit.request.path_params["name"], cast(Any, language))
        if found is None:
            raise Wrong(404, "unknown_signal", "the policy has no signal of this name; /v1/signals (bongsu signal list)"
                                               " lists them")
        return answer(msgspec.to_builtins(found))

    async def season(visit: Visit) -> Response:
        """Which season (none, day, week) predicts an anomaly signal's own past best; the policy stays as it is."""
        found = await asyncio.to_thread(desk.season, visit.request.path_params["name"])
        if found is None:
            raise Wrong(404, "unknown_signal", "the policy has no signal of kind anomaly of this name; /v1/signals "
                                               "(bongsu signal list) lists all")
        return answer(found)

    async def references(_visit: Visit) -> Response:
        """Every version of every reference, the newest first, and the columns that one should have."""
        return answer({"references": msgspec.to_builtins(desk.references()), "wanted": desk.wanted(),
                       "together": desk.together()})

    async def reference(visit: Visit) -> Response:
        """One reference: its bins and counts."""
        found = desk.reference(visit.request.path_params["name"], visit.request.query_params.get("version", ""))
        if found is None:
            raise Wrong(404, "unknown_reference", "there is no such reference; /v1/references lists them")
        return answer(msgspec.to_builtins(found))

    async def register(visit: Visit) -> Response:
        """Register bins and counts under a name: signals that are compared with it count anew from the log."""
        try:
            one, new, names = desk.register(visit.form.get("reference"), visit.actor)
        except (ValueError, TypeError) as error:
            raise Wrong(400, "bad_reference", f"'reference' cannot be taken: {error}") from None
        return answer({"name": one.name, "version": one.version, "new": new, "in_force": names}, 201 if new else 200)

    return (
        Way("GET", "/v1/signals", listed, "admin"),
        Way("GET", "/v1/signals/{name}", explained, "admin", query={"lang": "en or ko"}),
        Way("GET", "/v1/signals/{name}/season", season, "admin"),
        Way("GET", "/v1/references", references, "admin"),
        Way("GET", "/v1/references/{name}", reference, "admin", query={"version": "which; else the newest"}),
        Way("POST", "/v1/references", register, "admin", most=MOST_BODY,
            body={"reference": "object: name, columns (bins and counts), rows, source, model_version"}),
    )
