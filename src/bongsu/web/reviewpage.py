"""The page of reviews: what waits and until when, one case at a time, and what is said of it. Texts are masked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from bongsu.review import ReviewFault
from bongsu.web.access import Visit, Way, Wrong
from bongsu.web.api import reason_of
from bongsu.web.cockpit import show_page
from bongsu.web.reviews import Reviews, who_of

PAGE = "/reviews"
MOST = 100
"""Rows of each list; the API has them all."""


def review_pages(desk: Reviews) -> tuple[Way, ...]:
    """The rows of the table for this page and its forms."""

    def one(visit: Visit, status: int = 200, problem: str = "") -> Response:
        case = desk.case(visit.request.path_params["id"])
        if case is None:
            return show_page(visit, "missing.html", 404)
        typed = {name: str(visit.form.get(name, "")) for name in ("verdict", "reason", "allow", "remember")}
        return show_page(visit, "review.html", status, case=case, who=who_of(visit), problem=problem, typed=typed,
                         reviewer=visit.reviewer)

    async def shown(visit: Visit) -> Response:
        """What waits, the most urgent first, and what was decided last."""
        waiting, over = desk.cases(), desk.cases(ended=True)
        return show_page(visit, "reviews.html", waiting=waiting[:MOST], over=over[:MOST], reviewer=visit.reviewer,
                         more={"waiting": max(0, len(waiting) - MOST), "over": max(0, len(over) - MOST)})

    async def case(visit: Visit) -> Response:
        """One case with its texts."""
        return one(visit)

    async def claim(visit: Visit) -> Response:
        """Look at it, so that nobody else does."""
        return _done(visit, lambda: desk.claim(visit.request.path_params["id"], who_of(visit)), one)

    async def decide(visit: Visit) -> Response:
        """Say what it is. What cannot be is said above the form, which keeps what was typed."""
        form = visit.form

        def said() -> Mapping[str, Any] | None:
            allow = str(form.get("allow", "")).strip() if form.get("verdict") == "false_alarm" else ""
            return desk.decide(visit.request.path_params["id"], who_of(visit), str(form.get("verdict", "")),
                               reason_of(visit), allow[:64],
                               form.get("remember") == "yes" and form.get("verdict") == "confirmed")

        return _done(visit, said, one)

    return (
        Way("GET", PAGE, shown, "reviewer", page=True),
        Way("GET", f"{PAGE}/{{id}}", case, "reviewer", page=True),
        Way("POST", f"{PAGE}/{{id}}/claim", claim, "reviewer", page=True),
        Way("POST", f"{PAGE}/{{id}}/decide", decide, "reviewer", page=True),
    )


def _done(visit: Visit, work: Callable[[], Mapping[str, Any] | None],
          again: Callable[[Visit, int, str], Response]) -> Response:
    try:
        found = work()
    except ReviewFault as fault:
        return again(visit, 409, str(fault))
    except Wrong as wrong:
        return again(visit, wrong.status, wrong.message)
    if found is None:
        return show_page(visit, "missing.html", 404)
    id_ = visit.request.path_params["id"]
    return RedirectResponse(PAGE if found["word"] else f"{PAGE}/{id_}", 303)
