"""Every way into the control site, declared in one table: who may take it, and how a visitor proves it.

A way that does not say who may take it keeps the site from starting. Reads need the admin token or a session; writes by
cookie also need the session's CSRF token and our own Origin; a write that shows both a token and a cookie is refused,
since it is unclear who is asking.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bongsu.web.desk import Desk
from bongsu.web.session import Brake, Clock, Session, Sessions, token_matches

ACCESS = ("public", "admin", "officer", "reviewer")
_NOBODY: Mapping[str, str] = {}
MOST_BODY = 64 << 10


@dataclass(frozen=True)
class Site:
    """What every handler is given: the desk, who may sit at it, and the time."""

    desk: Desk
    admin: Callable[[], str]
    clock: Clock
    secure: bool = False
    sessions: Sessions = field(default_factory=Sessions)
    brake: Brake = field(default_factory=Brake)
    reviewers: Callable[[], Mapping[str, str]] = lambda: _NOBODY
    """Who reviews calls: name -> the SHA-256 of their token, as it is now."""

    @property
    def token_hash(self) -> str:
        """The SHA-256 of the admin token as it is now: it may be renewed while the site is open."""
        return self.admin()

    def holder(self, session: Session) -> str:
        """The hash of the token that a session must have been opened with."""
        return self.reviewers().get(session.who, "") if session.who else self.token_hash

    def reviewer(self, token: str) -> str:
        """Whose token this is; empty where no reviewer's."""
        return next((name for name, kept in self.reviewers().items() if token_matches(token, kept)), "")

    @property
    def cookie(self) -> str:
        return "__Host-bongsu" if self.secure else "bongsu"


@dataclass(frozen=True)
class Visit:
    """One admitted request: the site, the request, and how it proved itself. ``form`` holds a write's fields.

    ``reviewer`` is the name of a reviewer who came as one.
    """

    site: Site
    request: Request
    session: Session | None = None
    actor: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)
    reviewer: str = ""


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Way:
    """One row of the table. ``query`` and ``body`` name the inputs, for the API's description.

    A ``hook`` also takes the token as the password of its URL (basic authentication): for senders of webhooks that can
    be given a URL but no header. ``token`` knows a token that opens this way and no other (for access ``officer`` it is
    the only one that does); ``most`` is how many bytes
    a body may have. What is ``raw`` reads its body itself, and takes tokens only: a browser must not be made to
    send it.
    """

    method: str
    path: str
    handler: Handler
    access: str = ""
    page: bool = False
    hook: bool = False
    token: Callable[[str], bool] | None = None
    most: int = MOST_BODY
    raw: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)


class Wrong(Exception):
    """A request that cannot be answered: HTTP status, a code for machines, a sentence that says what to do."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Fraction):
        return float(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that every client can read: never NaN or Infinity, which Go and browsers refuse."""
    text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, dict(headers or {}), "application/json")


def refusal(wrong: Wrong) -> Response:
    return answer({"error": {"code": wrong.code, "message": wrong.message}}, wrong.status, wrong.headers)


def _bearer(request: Request, hook: bool) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if hook and scheme.lower() == "basic":
        try:
            return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return token.strip() if scheme.lower() == "bearer" else None


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


async def read_form(request: Request, most: int = MOST_BODY) -> dict[str, Any]:
    """The fields of a write, from JSON or an HTML form of at most so many bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Wrong(413, "too_large", f"the body is longer than {most} bytes; send less")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            return {key: values[-1] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        fields_ = json.loads(body or b"{}")
    except (UnicodeDecodeError, ValueError):
        raise Wrong(400, "bad_body", "expected a JSON object in UTF-8; the body is not valid JSON") from None
    if not _is_text(fields_):
        raise Wrong(400, "bad_body", "the body holds half a character (a lone surrogate), which no store can keep")
    if not isinstance(fields_, dict):
        raise Wrong(400, "bad_body", f"expected a JSON object, came {type(fields_).__name__}")
    return fields_


def own_origin(request: Request, *, secure: bool) -> bool:
    """Whether the browser says that the write comes from one of our own pages."""
    origin = urlsplit(request.headers.get("origin", ""))
    schemes = ("https",) if secure else ("http", "https")
    return origin.scheme in schemes and bool(origin.netloc) and origin.netloc == request.headers.get("host", "")


def _by_cookie(site: Site, request: Request) -> Session | None:
    params = request.query_params
    timer = ("fragment" in params and "active" not in params) or request.url.path == "/live"
    key = request.cookies.get(site.cookie, "")
    return site.sessions.find(key, site.clock(), touch=not timer, by=site.holder) if key else None


def _may_write(site: Site, request: Request, session: Session, form: Mapping[str, Any]) -> None:
    if not own_origin(request, secure=site.secure):
        raise Wrong(403, "foreign_origin", "a write with a session must come from this site's own pages; "
                    "scripts use 'Authorization: Bearer <admin token>' and no cookie")
    given = request.headers.get("x-csrf-token") or str(form.get("csrf", ""))
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), session.csrf.encode()):
        raise Wrong(403, "csrf", "the page is out of date; reload it and try again")


async def _admit(site: Site, way: Way, request: Request) -> Visit:
    """Check the visitor against the way's access; raises ``Wrong`` when it may not be taken."""
    token, session = _bearer(request, way.hook), _by_cookie(site, request)
    writes = way.method != "GET"
    if writes and token is not None and request.cookies.get(site.cookie):
        raise Wrong(400, "two_identities", "came with a token and a session cookie; send one of them")
    if way.access == "officer":
        if token is None or way.token is None or not way.token(token):
            raise Wrong(401, "not_the_officer", "send 'Authorization: Bearer <the privacy officer's token>'; the "
                        "admin's does not open this, nor a session", {"WWW-Authenticate": "Bearer"})
        return Visit(site, request, None, "privacy officer", await read_form(request, way.most) if writes else {})
    if way.access == "reviewer":
        return await _review(site, way, request, token, session)
    if way.access == "admin" and session is not None and session.who:
        raise Wrong(403, "not_the_admin", "a reviewer looks at /reviews, and at nothing else")
    if way.access == "admin" and token is not None and not way.page:
        own = way.token is not None and way.token(token)
        if not own and not token_matches(token, site.token_hash):
            known = "the admin token" if way.token is None else "the admin token, nor the one that only this path takes"
            raise Wrong(401, "wrong_token", f"this is not {known}; the admin's was shown once, at the first start",
                        {"WWW-Authenticate": "Bearer"})
        form = await read_form(request, way.most) if writes and not way.raw else {}
        return Visit(site, request, None, way.path if own else "admin (api)", form)
    if way.access == "admin" and (session is None or way.raw):
        raise Wrong(401, "no_token", "send 'Authorization: Bearer <admin token>', or log in at /login",
                    {"WWW-Authenticate": "Bearer"})
    form = await read_form(request, way.most) if writes else {}
    if writes and session is not None and way.access == "admin":
        _may_write(site, request, session, form)
    return Visit(site, request, session, "admin (cockpit)" if session else "", form)


async def _review(site: Site, way: Way, request: Request, token: str | None, session: Session | None) -> Visit:
    """A reviewer, by their own token or session; or the admin, who may do what they may."""
    name = site.reviewer(token) if token is not None else session.who if session is not None else ""
    writes = way.method != "GET"
    if token is not None and not name and not token_matches(token, site.token_hash):
        raise Wrong(401, "wrong_token", "this is neither a reviewer's token nor the admin's",
                    {"WWW-Authenticate": "Bearer"})
    if token is None and session is None:
        raise Wrong(401, "no_token", "send 'Authorization: Bearer <a reviewer's token>', or log in at /login",
                    {"WWW-Authenticate": "Bearer"})
    form = await read_form(request, way.most) if writes else {}
    if writes and token is None and session is not None:
        _may_write(site, request, session, form)
    return Visit(site, request, session if token is None else None, f"reviewer {name}" if name else "admin", form, name)


def _endpoint(site: Site, way: Way) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            visit = await _admit(site, way, request)
        except Wrong as wrong:
            if way.page and wrong.status == 401 and way.method == "GET" and "fragment" not in request.query_params:
                here = request.url.path
                return RedirectResponse("/login" if here == "/" else f"/login?next={quote(here)}", 303)
            raise
        return await way.handler(visit)

    return endpoint


def routes(site: Site, ways: tuple[Way, ...]) -> list[Route]:
    """The table as routes; a way that does not declare its access is a ValueError before anything listens."""
    for way in ways:
        if way.access not in ACCESS:
            raise ValueError(f"{way.method} {way.path}: access is {way.access!r}, expected 'public', 'admin' or "
                             "'officer'; say in the table who may take this way")
    return [Route(way.path, _endpoint(site, way), methods=[way.method]) for way in ways]
