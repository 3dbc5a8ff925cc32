"""The page of guards in shadow and in a sample, and that of one call: what guards said of it, and no text of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way
from bongsu.web.cockpit import show_page
from bongsu.web.plot import plot

PAGE, CALL = "/shadow", "/calls"
FACTS = ("route", "upstream", "outcome", "blocked_by", "sampled")
"""What the page of a call tells of it beside its guards; never what was said."""


class Watched(Protocol):
    """What is asked of guards that change nothing, or not everywhere."""

    def shown(self) -> Sequence[Any]: ...


def shadow_pages(desk: Watched) -> tuple[Way, ...]:
    """The rows of the table for these pages."""

    async def shown(visit: Visit) -> Response:
        """Every guard in shadow or in a sample: what it would have done, and how to let it."""
        guards = await asyncio.to_thread(desk.shown)  # the first look reads a week of the log
        return show_page(visit, "shadow.html", guards=[(g, [(r, plot(r.hours, ())) for r in g.routes])
                                                       for g in guards])

    async def call(visit: Visit) -> Response:
        """One call as its guards saw it."""
        found = await asyncio.to_thread(visit.site.desk.explain, visit.request.path_params["id"])
        if found is None:
            return show_page(visit, "missing.html", 404)
        facts = {name: found["facts"][name] for name in FACTS if found["facts"].get(name)}
        return show_page(visit, "call.html", id=found["call"], at=found["at"], facts=facts, guards=found["guards"])

    return (
        Way("GET", PAGE, shown, "admin", page=True),
        Way("GET", f"{CALL}/{{id}}", call, "admin", page=True),
    )
