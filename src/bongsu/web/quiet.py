"""The page of what is kept back: silences, mute windows, and what each channel hears next."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from bongsu.mute import SilenceFault
from bongsu.web.access import Visit, Way, Wrong
from bongsu.web.api import reason_of
from bongsu.web.cockpit import show_page
from bongsu.web.notices import by_of

PAGE = "/silences"
MOST_TEXT = 2000


async def shown(visit: Visit) -> Response:
    """Silences, mute windows and the next notices."""
    notices = visit.site.desk.notices
    return show_page(visit, "silences.html", silences=notices.silences(), mutes=notices.mutes(), told=notices.told(),
                     now=visit.site.clock())


async def form(visit: Visit) -> Response:
    """What is to be kept back, how long, and why."""
    return _form(visit)


async def add(visit: Visit) -> Response:
    """Keep it back. What cannot be is said above the form, which keeps what was typed."""
    typed = {name: str(visit.form.get(name, "")) for name in ("match", "for", "by")}
    if any(len(value) > MOST_TEXT for value in typed.values()):
        raise Wrong(400, "too_long", f"a field of this form has {MOST_TEXT} characters at most")
    match = tuple(line.strip() for line in typed["match"].splitlines() if line.strip())
    try:
        visit.site.desk.notices.silence(match, typed["for"].strip(), None, by_of(visit), reason_of(visit), visit.actor)
    except SilenceFault as fault:
        return _form(visit, str(fault), 400)
    except Wrong as wrong:
        return _form(visit, wrong.message, wrong.status)
    return RedirectResponse(PAGE, 303)


def _form(visit: Visit, problem: str = "", status: int = 200) -> Response:
    typed = {name: str(visit.form.get(name, usual)) for name, usual in (
        ("match", ""), ("for", "2h"), ("by", ""), ("reason", ""))}
    return show_page(visit, "silence.html", status, typed=typed, problem=problem)


async def confirm_end(visit: Visit) -> Response:
    """Ask before a silence ends early."""
    key = visit.request.path_params["id"]
    if key not in {one["id"] for one in visit.site.desk.notices.silences()}:
        return show_page(visit, "missing.html", 404)
    return show_page(visit, "confirm.html", kind="unsilence", story_id=key, hidden={}, back=PAGE)


async def end(visit: Visit) -> Response:
    """End a silence, with a reason."""
    visit.site.desk.notices.unsilence(visit.request.path_params["id"], visit.actor, reason_of(visit))
    return RedirectResponse(PAGE, 303)


QUIET: tuple[Way, ...] = (
    Way("GET", PAGE, shown, "admin", page=True),
    Way("POST", PAGE, add, "admin", page=True),
    Way("GET", f"{PAGE}/new", form, "admin", page=True),
    Way("GET", f"{PAGE}/{{id}}", confirm_end, "admin", page=True),
    Way("POST", f"{PAGE}/{{id}}", end, "admin", page=True),
)
