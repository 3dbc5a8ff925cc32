"""The cockpit: what a person at the desk sees and may do. Server-rendered; a little script keeps it fresh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from bongsu.guard import RANK
from bongsu.web import show
from bongsu.web.access import Visit, Way, Wrong, own_origin
from bongsu.web.api import reason_of
from bongsu.web.session import ABSOLUTE, token_matches
from bongsu.web.words import LANGUAGES, choose, say, span, word

LOOKS = ("auto", "light", "dark")
KEPT = 365 * 86400
TICK, HEARTBEAT_TICKS = 0.25, 40

_env = Environment(loader=PackageLoader("bongsu.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
                   undefined=StrictUndefined)
_env.globals.update(show=show, languages=LANGUAGES, looks=LOOKS, shadow_acts=tuple(RANK)[1:])

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
STATIC = {item.name: (item.read_bytes(), _TYPES[item.name.rpartition(".")[2]])
          for item in resources.files("bongsu.web").joinpath("static").iterdir() if item.is_file()}


def language(request: Request) -> str:
    asked, kept = request.query_params.get("lang"), request.cookies.get("lang")
    return choose(asked, kept, request.headers.get("accept-language", ""))


def page(name: str, request: Request, *, session: Any = None, status: int = 200, secure: bool = False,
         **values: Any) -> Response:
    """Render in the reader's language and look; both are kept in a cookie when asked for in the address."""
    lang, look = language(request), request.query_params.get("theme") or request.cookies.get("theme") or "auto"
    look = look if look in LOOKS else "auto"
    html = _env.get_template(name).render(
        t=partial(word, lang), said=partial(say, lang=lang), span=partial(span, lang=lang), lang=lang, look=look,
        session=session, csrf=session.csrf if session else "",  # who shows a token instead of a session sends no form
        path=request.url.path, fragment="fragment" in request.query_params, **values)
    response = HTMLResponse(html, status)
    for key, value in (("lang", lang), ("theme", look)):
        if key in request.query_params:
            response.set_cookie(key, value, max_age=KEPT, samesite="lax", httponly=True, secure=secure)
    return response


def show_page(visit: Visit, name: str, status: int = 200, **values: Any) -> Response:
    """A page for whoever visits."""
    return page(name, visit.request, session=visit.session, status=status, secure=visit.site.secure, **values)


# ---- what is seen ----


async def board(visit: Visit) -> Response:
    """The first page."""
    now_shown = visit.site.desk.revision()
    return show_page(visit, "board.html", board=visit.site.desk.board(), revision=now_shown)


async def incident(visit: Visit) -> Response:
    """One storyboard with its whole history."""
    revision, story = visit.site.desk.revision(), visit.site.desk.incident(visit.request.path_params["id"])
    if story is None:
        return show_page(visit, "missing.html", 404)
    return show_page(visit, "incident.html", story=story, revision=revision)


async def live(visit: Visit) -> Response:
    """Tells the page when there is something new to show (server-sent events)."""
    return StreamingResponse(_changes(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _changes(visit: Visit) -> AsyncIterator[str]:
    shown, ticks = -1, 0
    key = visit.session.id if visit.session else ""
    yield "retry: 1000\n\n"
    while not visit.request.app.state.closing.is_set():
        if visit.site.sessions.find(key, visit.site.clock(), touch=False, by=visit.site.holder) is None:
            yield "event: over\ndata: 0\n\n"
            return
        revision = visit.site.desk.revision()
        if revision != shown:
            shown = revision
            yield f"event: change\ndata: {revision}\n\n"
        elif ticks % HEARTBEAT_TICKS == 0:
            yield ": still here\n\n"
        ticks += 1
        await asyncio.sleep(TICK)


async def static(visit: Visit) -> Response:
    """A style sheet, script or picture of our own."""
    found = STATIC.get(visit.request.path_params["name"])
    if found is None:
        raise Wrong(404, "unknown_file", "no such file")
    return Response(found[0], media_type=found[1], headers={"Cache-Control": "no-cache"})


# ---- who comes in ----


def _inside(path: str) -> str:
    """Where to go after login: only ever a page of ours."""
    inside = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if inside else "/"


async def login_form(visit: Visit) -> Response:
    """The way in."""
    return show_page(visit, "login.html", next=_inside(visit.request.query_params.get("next", "/")), problem="")


async def login(visit: Visit) -> Response:
    """Check the token; a new session with a new id."""
    site, request = visit.site, visit.request
    client, now = request.client.host if request.client else "", site.clock()
    after = _inside(str(visit.form.get("next", "/")))
    form = partial(show_page, visit, "login.html", next=after)
    if not own_origin(request, secure=site.secure):
        return form(403, problem=word(language(request), "login_foreign"))
    wait = site.brake.wait(client, now)
    if wait:
        seconds = -(-wait // 1_000_000)
        response = form(429, problem=word(language(request), "login_wait", seconds=seconds))
        response.headers["Retry-After"] = str(seconds)
        return response
    token = str(visit.form.get("token", "")).strip()
    admin = token_matches(token, site.token_hash)
    who = "" if admin else site.reviewer(token)
    if not admin and not who:
        site.brake.wrong(client, now)
        return form(401, problem=word(language(request), "login_wrong"))
    site.sessions.close(request.cookies.get(site.cookie, ""))
    response = RedirectResponse("/reviews" if who and not after.startswith("/reviews") else after, 303)
    by = site.reviewers().get(who, "") if who else site.token_hash
    response.set_cookie(site.cookie, site.sessions.open(now, by, who).id, max_age=ABSOLUTE // 1_000_000,
                        path="/", httponly=True, samesite="lax", secure=site.secure)
    return response


async def logout(visit: Visit) -> Response:
    """End the session here and now, not only in the browser."""
    visit.site.sessions.close(visit.session.id if visit.session else "")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(visit.site.cookie, path="/", httponly=True, samesite="lax", secure=visit.site.secure)
    return response


# ---- what may be done ----


async def confirm_automation(visit: Visit) -> Response:
    """Ask before the switch is thrown."""
    on = not visit.site.desk.board().automation
    return show_page(visit, "confirm.html", kind="revive" if on else "kill", story_id="",
                 hidden={"on": "true" if on else "false"}, back="/")


async def automation(visit: Visit) -> Response:
    """Throw the switch, with a reason."""
    on = visit.form.get("on")
    if on not in ("true", "false"):
        raise Wrong(400, "bad_on", "'on' is true or false")
    visit.site.desk.set_automation(on == "true", visit.actor, reason_of(visit))
    return RedirectResponse("/", 303)


async def confirm_undo(visit: Visit) -> Response:
    """Ask before an incident's actions are taken back."""
    story = visit.site.desk.incident(visit.request.path_params["id"])
    if story is None:
        return show_page(visit, "missing.html", 404)
    return show_page(visit, "confirm.html", kind="undo", story_id=story.id, hidden={}, back=f"/incidents/{story.id}")


async def undo(visit: Visit) -> Response:
    """Take an incident's actions back, with a reason."""
    key = visit.request.path_params["id"]
    visit.site.desk.undo(key, visit.actor, reason_of(visit))
    return RedirectResponse(f"/incidents/{key}", 303)


async def confirm_ack(visit: Visit) -> Response:
    """Ask before somebody takes charge of an incident."""
    story = visit.site.desk.incident(visit.request.path_params["id"])
    if story is None:
        return show_page(visit, "missing.html", 404)
    return show_page(visit, "confirm.html", kind="ack", story_id=story.id, hidden={}, back=f"/incidents/{story.id}")


async def ack(visit: Visit) -> Response:
    """Take charge of an incident, with a reason."""
    key = visit.request.path_params["id"]
    visit.site.desk.notices.acknowledge(key, "", reason_of(visit), visit.actor)
    return RedirectResponse(f"/incidents/{key}", 303)


async def confirm_disallow(visit: Visit) -> Response:
    """Ask before an allowed false alarm is stopped again."""
    key = visit.request.path_params["id"]
    if key not in {row.id for row in visit.site.desk.allowed()}:
        return show_page(visit, "missing.html", 404)
    return show_page(visit, "confirm.html", kind="disallow", story_id=key, hidden={}, back="/")


async def disallow(visit: Visit) -> Response:
    """Take an entry of the allow-list back, with a reason."""
    visit.site.desk.disallow(visit.request.path_params["id"], visit.actor, reason_of(visit))
    return RedirectResponse("/", 303)


def problem_page(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """An error where a person would see it."""
    response = page("problem.html", request, status=status, message=message)
    response.headers.update(headers)
    return response


PAGES: tuple[Way, ...] = (
    Way("GET", "/", board, "admin", page=True),
    Way("GET", "/incidents/{id}", incident, "admin", page=True),
    Way("GET", "/live", live, "reviewer", page=True),
    Way("GET", "/automation", confirm_automation, "admin", page=True),
    Way("POST", "/automation", automation, "admin", page=True),
    Way("GET", "/incidents/{id}/undo", confirm_undo, "admin", page=True),
    Way("POST", "/incidents/{id}/undo", undo, "admin", page=True),
    Way("GET", "/incidents/{id}/ack", confirm_ack, "admin", page=True),
    Way("POST", "/incidents/{id}/ack", ack, "admin", page=True),
    Way("GET", "/allow/{id}", confirm_disallow, "admin", page=True),
    Way("POST", "/allow/{id}", disallow, "admin", page=True),
    Way("GET", "/login", login_form, "public", page=True),
    Way("POST", "/login", login, "public", page=True),
    Way("POST", "/logout", logout, "reviewer", page=True),
    Way("GET", "/static/{name}", static, "public", page=True),
)
