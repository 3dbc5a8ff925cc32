"""The pages of signals: all of them with their value now, and one with its past, its reference and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.web.access import Visit, Way
from bongsu.web.cockpit import language, show_page
from bongsu.web.plot import plot

PAGE = "/signals"


class Told(Protocol):
    """What is asked of signals, as people read it."""

    def overview(self) -> Sequence[Any]: ...

    def told(self, name: str, language: Any) -> tuple[Any, Any] | None: ...


def signal_pages(desk: Told) -> tuple[Way, ...]:
    """The rows of the table for these pages."""

    async def listed(visit: Visit) -> Response:
        """Every signal: its value now, its alerts, where they stand."""
        return show_page(visit, "signals.html", signals=desk.overview())

    async def one(visit: Visit) -> Response:
        """One signal in words and a chart."""
        found = desk.told(visit.request.path_params["name"], language(visit.request))
        if found is None:
            return show_page(visit, "missing.html", 404)
        explained, detail = found
        return show_page(visit, "signal.html", told=explained, detail=detail,
                         plot=plot(explained.points, explained.limits))

    return (
        Way("GET", PAGE, listed, "admin", page=True),
        Way("GET", f"{PAGE}/{{name}}", one, "admin", page=True),
    )
