"""The control site: the API and the cockpit behind one door."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bongsu.web.access import Site, Visit, Way, Wrong, answer, refusal, routes
from bongsu.web.api import API
from bongsu.web.cockpit import PAGES, problem_page
from bongsu.web.desk import Desk
from bongsu.web.gatepage import GATE_PAGES
from bongsu.web.gates import GATES
from bongsu.web.notices import NOTICES
from bongsu.web.openapi import describe
from bongsu.web.quiet import QUIET
from bongsu.web.session import Clock

log = logging.getLogger("bongsu.control")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
                               "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # 'no-referrer' would make browsers send 'Origin: null' with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guarded:
    """Adds the protective headers to whatever is answered, errors included."""

    def __init__(self, app: ASGIApp, secure: bool = False) -> None:
        self.app = app
        self.headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self.headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/v1/", "/health", "/ready", "/openapi", "/live", "/static"))


async def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, Wrong)
    if _is_api(request) or "fragment" in request.query_params:
        return refusal(error)
    return problem_page(request, error.status, error.message, error.headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = {404: ("not_found", "there is nothing at this address; /openapi.json lists what there is"),
                     405: ("method_not_allowed", "this address does not take this method; see /openapi.json"),
                     }.get(error.status_code, ("error", str(error.detail)))
    return await _wrong(request, Wrong(error.status_code, code, message, error.headers))


async def _left(_request: Request, _error: Exception) -> Response:
    """Whoever leaves before all was said is no fault of ours, and nobody is there to be answered."""
    return Response(status_code=400)


async def _broken(_request: Request, _error: Exception) -> Response:
    """Says that it is our fault and nothing about how; the traceback goes to the log of the process."""
    return refusal(Wrong(500, "internal", "bongsu failed to answer; the reason is in its log", HEADERS))


async def _unrecorded(request: Request, error: Exception) -> Response:
    """What cannot be written down is not done: whoever asked learns that, and what to do. No statement, no values."""
    assert isinstance(error, OperationalError)
    log.error("%s %s: %s", request.method, request.url.path, error.orig)
    full = "full" in str(error.orig)
    said = "the disk of bongsu's state is full" if full else "bongsu's state cannot be written now"
    todo = "free disk space and ask again" if full else "ask again; its log has the reason"
    return await _wrong(request, Wrong(507 if full else 503, "not_recorded", f"{said}, so nothing was done: {todo}",
                                       {"Retry-After": "5"}))


def _clock() -> int:
    return time.time_ns() // 1000


def _openapi(more: tuple[Way, ...]) -> Way:
    async def openapi(_visit: Visit) -> Response:
        """This description."""
        return answer(document)

    way = Way("GET", "/openapi.json", openapi, "public")
    document: dict[str, Any] = describe((*API, *GATES, *NOTICES, *(one for one in more if not one.page), way))
    return way


def control_app(desk: Desk, token_hash: str | Callable[[], str], *, secure: bool = False, clock: Clock = _clock,
                ways: tuple[Way, ...] = (),
                reviewers: Callable[[], Mapping[str, str]] = dict) -> Starlette:
    """The site. ``token_hash`` is the SHA-256 (hex) of the admin token, or what knows it now; ``secure``: it is served
    over TLS.

    ``ways`` adds rows to the table of routes; ``reviewers`` tells who reviews (name -> hash of their token).
    Set ``app.state.closing`` before the server stops, so that open live
    streams end and it can.
    """
    admin = token_hash if callable(token_hash) else lambda: str(token_hash)
    site = Site(desk, admin, clock, secure, reviewers=reviewers)
    table = (*API, *GATES, *NOTICES, _openapi(ways), *PAGES, *QUIET, *GATE_PAGES, *ways)
    app = Starlette(
        routes=routes(site, table),
        middleware=[Middleware(Guarded, secure=secure)],
        exception_handlers={Wrong: _wrong, HTTPException: _http, OperationalError: _unrecorded,
                            ClientDisconnect: _left, Exception: _broken},
    )
    app.router.redirect_slashes = False
    app.state.closing, app.state.ways = threading.Event(), table
    return app
