"""The control API over a real server: what it answers, to whom, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest

from boards import CALM, COST, PAST, SEVERE, FakeDesk
from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.web.access import Way
from bongsu.web.session import Brake, Sessions, token_matches
from bongsu.web.site import control_app
from servers import serving

TOKEN = "bsu_test_an-admin-token"
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FORM = "application/x-www-form-urlencoded"


@dataclass
class Reply:
    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def code(self) -> str:
        return str(self.json()["error"]["code"])


class Stay(urllib.request.HTTPRedirectHandler):
    """Shows redirects instead of following them."""

    def redirect_request(self, *args: Any) -> None:
        return None


class House:
    """A served control site, its desk, and a clock in the hand."""

    def __init__(self, **settings: Any) -> None:
        self.desk, self.now = FakeDesk(), 1_000 * SECOND
        self.app = control_app(self.desk, HASH, clock=lambda: self.now, **settings)
        self.url = ""

    def ask(self, path: str, headers: dict[str, str] | None = None, body: Any = None, method: str = "") -> Reply:
        form = (headers or {}).get("Content-Type") == FORM
        data = None if body is None else (urllib.parse.urlencode(body) if form else json.dumps(body)).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.url + path, data, headers, method=method or None)
        try:
            with urllib.request.build_opener(Stay).open(request, timeout=10) as answer:
                return Reply(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read().decode())

    def log_in(self, token: str = TOKEN, origin: str | None = None, **fields: str) -> Reply:
        headers = {"Content-Type": FORM, "Origin": self.url if origin is None else origin}
        return self.ask("/login", headers, {"token": token, **fields})

    def cookie(self) -> dict[str, str]:
        return {"Cookie": self.log_in().headers["Set-Cookie"].partition(";")[0]}

    def csrf(self, cookie: dict[str, str]) -> str:
        return self.ask("/automation", cookie).text.partition('name="csrf" value="')[2].partition('"')[0]


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    with serving(house.app) as server:
        house.url = server.url
        yield house


# ---- the gate ----


@pytest.mark.parametrize("decision", ["allow", "deny", "inconclusive"])
def test_the_gate_answers_200_for_every_verdict(house: House, decision: str) -> None:
    """Argo reads the decision from the body; any other status would be an error to it."""
    house.desk.document["data"]["decision"] = decision
    reply = house.ask("/v1/gate/support-bot?stage=canary", BEARER)
    assert (reply.status, reply.json()["data"]["decision"], reply.json()["data"]["stage"]) == (200, decision, "canary")


def test_the_gate_knows_no_other_service_and_no_odd_stage(house: House) -> None:
    assert house.ask("/v1/gate/other", BEARER).code() == "unknown_service"
    assert house.ask("/v1/gate/support-bot?stage=%3Cb%3E", BEARER).code() == "bad_stage"


def test_a_verdict_with_nan_is_a_failure_not_a_broken_document(house: House) -> None:
    """Go takes a body with NaN for plain text; better no verdict than one misread."""
    house.desk.document["data"]["budgetRemaining"] = float("nan")
    reply = house.ask("/v1/gate/support-bot", BEARER)
    assert (reply.status, reply.code()) == (500, "internal")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


# ---- what is read ----


def test_the_board_is_json_of_what_the_page_shows(house: House) -> None:
    board = house.ask("/v1/board", BEARER).json()
    assert board["service"] == CALM.service
    assert [row["name"] for row in board["objectives"]] == [row.name for row in CALM.objectives]
    assert board["objectives"][0]["burns"][0] == {"window": "1h", "burn": 0.4, "factor": 14.4, "severity": "page"}


def test_incidents_calls_and_the_audit_log_can_be_read(house: House) -> None:
    assert house.ask(f"/v1/incidents/{COST.id}", BEARER).json()["cause"] == COST.cause
    assert house.ask("/v1/incidents/INC-NONE", BEARER).code() == "unknown_incident"
    assert house.ask("/v1/calls/c_1", BEARER).json() == {"id": "c_1", "outcome": "ok"}
    assert house.ask("/v1/calls/c_2", BEARER).code() == "unknown_call"
    assert house.ask("/v1/audit?limit=2", BEARER).json() == {"records": [{"n": 0}, {"n": 1}]}
    note = house.ask("/v1/audit/checkpoint", BEARER)
    assert note.headers["Content-Type"].startswith("text/plain")
    assert note.text == house.desk.checkpoint()


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "٣"])
def test_an_odd_limit_is_explained(house: House, limit: str) -> None:
    reply = house.ask("/v1/audit?limit=" + urllib.parse.quote(limit), BEARER)
    assert (reply.status, reply.code()) == (400, "bad_limit")


def test_health_needs_no_token_and_readiness_says_when_it_is_not(house: House) -> None:
    assert house.ask("/healthz").json() == house.ask("/health/liveliness").json() == {"status": "ok"}
    assert house.ask("/readyz").status == 200
    house.desk.show(SEVERE)
    assert (house.ask("/readyz").status, house.ask("/health/readiness").json()["ready"]) == (503, False)


# ---- what is done ----


def test_the_switch_is_thrown_with_a_reason(house: House) -> None:
    assert house.ask("/v1/automation", BEARER, {"on": False, "reason": "a  drill"}).json() == {"automation": False}
    assert house.desk.done == [("automation", False, "admin (api)", "a drill")]


@pytest.mark.parametrize(("body", "code"), [
    ({"on": False}, "no_reason"), ({"on": False, "reason": "  "}, "no_reason"),
    ({"on": "false", "reason": "x"}, "bad_on"), ({"on": True, "reason": "x" * 501}, "long_reason"), ([1], "bad_body"),
    ({"on": True, "reason": "half \ud83d"}, "bad_body")])
def test_a_switch_without_reason_or_sense_is_not_thrown(house: House, body: Any, code: str) -> None:
    reply = house.ask("/v1/automation", BEARER, body)
    assert (reply.status, reply.code(), house.desk.done) == (400, code, [])


def test_a_body_without_end_is_cut(house: House) -> None:
    assert house.ask("/v1/automation", BEARER, {"reason": "x" * 70_000}).code() == "too_large"


def test_actions_are_taken_back_by_hand_once(house: House) -> None:
    assert house.ask(f"/v1/incidents/{COST.id}/undo", BEARER, {"reason": "false alarm"}).status == 200
    assert house.ask(f"/v1/incidents/{PAST.id}/undo", BEARER, {"reason": "x"}).code() == "nothing_to_undo"
    assert house.ask("/v1/incidents/INC-NONE/undo", BEARER, {"reason": "x"}).code() == "unknown_incident"


# ---- who may ----


@pytest.mark.req("X1")
def test_every_way_declares_who_may_take_it_and_admin_ways_are_closed(house: House) -> None:
    """Walks the table itself, so that a new route cannot be forgotten."""
    ways = house.app.state.ways
    assert {way.access for way in ways} == {"public", "admin", "reviewer"}
    assert {route.path for route in house.app.routes} == {way.path for way in ways}
    for way in (way for way in ways if way.access != "public"):
        path = way.path.replace("{service}", "support-bot").replace("{id}", COST.id)
        body: Any = {} if way.method == "POST" else None
        reply = house.ask(path, method=way.method, body=body)
        redirected = reply.status == 303 and reply.headers["Location"].startswith("/login")
        assert reply.status == 401 or (way.page and redirected), f"{way.method} {way.path}: {reply.status}"
        wrong = house.ask(path, {"Authorization": "Bearer wrong"}, method=way.method, body=body)
        assert wrong.status in (401, 303), f"{way.method} {way.path} with a wrong token: {wrong.status}"
    assert house.desk.done == []


def test_the_site_does_not_start_with_an_undeclared_way() -> None:
    async def open_door(visit: Any) -> Any:
        raise AssertionError(visit)

    with pytest.raises(ValueError, match=r"GET /backdoor: access is '', expected 'public', 'admin' or 'officer'"):
        control_app(FakeDesk(), HASH, ways=(Way("GET", "/backdoor", open_door),))


def test_a_token_does_not_open_pages_and_a_session_reads_the_api(house: House) -> None:
    assert house.ask("/", BEARER).status == 303
    assert house.ask("/v1/board", house.cookie()).status == 200


def test_a_write_with_token_and_cookie_is_refused(house: House) -> None:
    reply = house.ask("/v1/automation", BEARER | house.cookie() | {"Origin": house.url}, {"on": False, "reason": "x"})
    assert (reply.status, reply.code(), house.desk.done) == (400, "two_identities", [])


@pytest.mark.req("X1")
def test_a_write_by_cookie_needs_our_origin_and_the_sessions_token(house: House) -> None:
    cookie = house.cookie()
    csrf, body = house.csrf(cookie), {"on": False, "reason": "x"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert house.ask("/v1/automation", cookie | origin | {"X-CSRF-Token": csrf}, body).code() == "foreign_origin"
    for token in ({}, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": house.csrf(house.cookie())}):
        assert house.ask("/v1/automation", cookie | {"Origin": house.url} | token, body).code() == "csrf"
    assert house.desk.done == []
    assert house.ask("/v1/automation", cookie | {"Origin": house.url, "X-CSRF-Token": csrf}, body).status == 200
    assert house.desk.done == [("automation", False, "admin (cockpit)", "x")]


def test_login_gives_a_new_closed_cookie_each_time_and_logout_ends_it(house: House) -> None:
    first, second = house.log_in(), house.log_in()
    cookie = first.headers["Set-Cookie"]
    assert first.status == 303
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert cookie.partition(";")[0] != second.headers["Set-Cookie"].partition(";")[0]
    jar = {"Cookie": cookie.partition(";")[0], "Origin": house.url, "Content-Type": FORM}
    assert house.ask("/logout", jar, {"csrf": house.csrf(jar)}).status == 303
    assert house.ask("/v1/board", {"Cookie": jar["Cookie"]}).status == 401


def test_over_tls_the_cookie_is_bound_to_the_host() -> None:
    house = House(secure=True)
    with serving(house.app) as server:
        house.url = server.url
        reply = house.log_in(origin=server.url.replace("http:", "https:"))
    assert reply.headers["Set-Cookie"].startswith("__Host-bongsu=")
    assert "; Secure" in reply.headers["Set-Cookie"]
    assert reply.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_login_never_leads_away(house: House, away: str) -> None:
    assert house.log_in(next=away).headers["Location"] == "/"


def test_login_is_refused_from_elsewhere_and_slowed_after_wrong_tokens(house: House) -> None:
    assert house.log_in(origin="https://evil.example").status == 403
    assert [house.log_in("wrong").status for _ in range(6)] == [401] * 5 + [429]
    slowed = house.log_in()
    assert (slowed.status, slowed.headers["Retry-After"]) == (429, "60")
    house.now += MINUTE
    assert house.log_in().status == 303


def test_sessions_end_after_half_an_hour_alone_and_after_a_working_day() -> None:
    sessions = Sessions()
    session = sessions.open(0)
    assert sessions.find(session.id, 29 * MINUTE)
    assert sessions.find(session.id, 58 * MINUTE)
    assert sessions.find(session.id, 59 * MINUTE, touch=False)
    assert sessions.find(session.id, 88 * MINUTE) is None, "a page's timer does not keep a session alive"
    busy = sessions.open(0)
    assert all(sessions.find(busy.id, at) for at in range(0, 8 * HOUR, 20 * MINUTE))
    assert sessions.find(busy.id, 8 * HOUR) is None


def test_guessing_is_slowed_for_one_address_and_for_all_together() -> None:
    brake = Brake(tries=2, of_all=3, window=10)
    for client in ("a", "a"):
        brake.wrong(client, 0)
    assert (brake.wait("a", 4), brake.wait("b", 4), brake.wait("a", 10)) == (6, 0, 0)
    for at in (11, 12, 13):
        brake.wrong(f"c{at}", at)
    assert brake.wait("new", 14) == 7


def test_only_the_token_itself_matches() -> None:
    assert token_matches(TOKEN, HASH.upper())
    assert not any(token_matches(other, HASH) for other in ("", TOKEN + " ", TOKEN[:-1], HASH, "\udcff"))


# ---- how it is answered ----


@pytest.mark.parametrize("path", ["/", "/login", "/v1/board", "/nothing", "/static/cockpit.css",
                                  "/static/..%2fsite.py"])
def test_every_answer_is_guarded_against_framing_sniffing_and_foreign_scripts(house: House, path: str) -> None:
    headers = house.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] in ("no-store", "no-cache")


def test_errors_say_what_to_do_without_what_was_sent(house: House) -> None:
    """A wrong token is never echoed."""
    reply = house.ask("/v1/board", {"Authorization": "Bearer canary-41f"})
    assert (reply.status, reply.code()) == (401, "wrong_token")
    assert "canary" not in reply.text
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert house.ask("/v1/nothing", BEARER).code() == "not_found"
    assert house.ask("/v1/board", BEARER, {}, "POST").code() == "method_not_allowed"


def test_the_description_is_made_from_the_table(house: House) -> None:
    described = house.ask("/openapi.json").json()
    table = {(w.path, w.method.lower()) for w in house.app.state.ways if not w.page}
    assert {(path, method) for path, ways in described["paths"].items() for method in ways} == table
    operations = [op for ways in described["paths"].values() for op in ways.values()]
    assert len({op["operationId"] for op in operations}) == len(operations)
    assert all(op["summary"] for op in operations)
    gate = described["paths"]["/v1/gate/{service}"]["get"]
    assert [p["name"] for p in gate["parameters"]] == ["service", "stage"]
    assert gate["security"]
    assert described["paths"]["/healthz"]["get"]["security"] == []
