"""Stand-ins for the services that channels speak to, each built from its published contract, with the state it keeps.

A request that breaks the contract is answered as the service would. ``faults`` are answers given instead.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs
from xml.etree import ElementTree

from aiohttp import web

CANARY = "T0PS3CRETcanary"
"""In every secret of the tests: it must be in no error, receipt or note."""

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(status: int, text: str = "", **headers: str) -> Fault:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return answer


async def hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Outsider:
    """A served stand-in. ``after`` faults answer once the request has taken effect: the reply that got lost."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    after: list[Fault] = field(default_factory=list)
    got: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path, {k.lower(): v for k, v in request.headers.items()},
                      await request.read())
        self.got.append(asked)
        if self.faults:
            return await self.faults.pop(0)(request)
        status, body = self.answer(asked)
        if self.after and asked.method != "GET" and "search" not in asked.path:
            return await self.after.pop(0)(request)
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        return web.Response(status=status, text=text if status != 204 else None, content_type=kind)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        raise NotImplementedError


T = TypeVar("T", bound=Outsider)


@asynccontextmanager
async def served(one: T) -> AsyncIterator[T]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", one.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


@dataclass
class PagerDuty(Outsider):
    """Events API v2 (OpenAPI of PagerDuty/api-schema, reference/events-v2): alerts by dedup key."""

    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        event = asked.json()
        wrong = self.wrong(event)
        if asked.path != "/v2/enqueue" or wrong:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            old = self.alerts.get(key, {"state": "resolved"})
            count = old["count"] + 1 if old["state"] != "resolved" else 1
            self.alerts[key] = {"state": "triggered", "count": count, "event": event,
                                "opened": old.get("opened", 0) + (old["state"] == "resolved")}
        elif key in self.alerts and self.alerts[key]["state"] != "resolved":
            self.alerts[key]["state"] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    @staticmethod
    def wrong(event: Any) -> list[str]:
        out = [name for name in ("routing_key", "event_action", "dedup_key") if not isinstance(event.get(name), str)]
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            out.append("event_action")
        if len(event.get("dedup_key", "")) > 255 or len(json.dumps(event)) > 512 * 1024:
            out.append("too long")
        if event.get("event_action") == "trigger":
            payload = event.get("payload", {})
            out += [n for n in ("summary", "source", "severity") if not isinstance(payload.get(n), str)]
            if payload.get("severity") not in ("critical", "error", "warning", "info"):
                out.append("severity")
            if len(payload.get("summary", "")) > 1024 or not isinstance(payload.get("custom_details", {}), dict):
                out.append("summary")
            out += ["links" for one in event.get("links", ()) if not re.match("https?://", one.get("href", ""))]
        return out


@dataclass
class Teams(Outsider):
    """A Workflows webhook ("when a Teams webhook request is received"): an envelope with one Adaptive Card."""

    cards: list[Any] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        body = asked.json()
        attachments = body.get("attachments", [])
        fits = (body.get("type") == "message" and len(attachments) == 1 and len(asked.body) <= 28 * 1024
                and attachments[0]["contentType"] == "application/vnd.microsoft.card.adaptive"
                and attachments[0]["content"].get("type") == "AdaptiveCard"
                and attachments[0]["content"].get("version") in ("1.2", "1.3", "1.4"))
        if not fits:
            return 400, {"error": {"code": "TriggerInputSchemaMismatch"}}
        self.cards.append(attachments[0]["content"])
        return 202, ""


@dataclass
class Twilio(Outsider):
    """REST API 2010-04-01: Calls.json and Messages.json, form-encoded, HTTP Basic."""

    account: str = "AC" + "0" * 32
    token: str = CANARY
    calls: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        scheme, _, login = asked.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(login).decode() != f"{self.account}:{self.token}":
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        form = {k: v[0] for k, v in parse_qs(asked.body.decode()).items()}
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")):
            return 400, {"code": 21211, "message": f"Invalid 'To' Phone Number: {form.get('To')}", "status": 400}
        kind = asked.path.removeprefix(f"/2010-04-01/Accounts/{self.account}/")
        if kind == "Calls.json":
            ElementTree.fromstring(form["Twiml"])
            self.calls.append(form)
            return 201, {"sid": f"CA{len(self.calls):032x}", "status": "queued"}
        if kind == "Messages.json" and 0 < len(form["Body"]) <= 1600:
            self.messages.append(form)
            return 201, {"sid": f"SM{len(self.messages):032x}", "status": "queued"}
        return 404, {"code": 20404, "status": 404}


@dataclass
class Slack(Outsider):
    """Web API: chat.postMessage and chat.update of one workspace with one channel, #ops."""

    token: str = CANARY
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str = ""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return 200, {"ok": False, "error": "invalid_auth"}
        if self.error:
            return 200, {"ok": False, "error": self.error}
        body = asked.json()
        if asked.path == "/api/chat.postMessage":
            return 200, self.post(body)
        if asked.path == "/api/chat.update":
            if body["channel"] != "C0OPS":  # an update wants the id, not the name
                return 200, {"ok": False, "error": "channel_not_found"}
            if body["ts"] not in self.messages:
                return 200, {"ok": False, "error": "message_not_found"}
            self.messages[body["ts"]] |= body
            return 200, {"ok": True, "channel": "C0OPS", "ts": body["ts"]}
        return 200, {"ok": False, "error": "unknown_method"}

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["channel"] not in ("C0OPS", "#ops"):
            return {"ok": False, "error": "channel_not_found"}
        if "thread_ts" in body and body["thread_ts"] not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        ts = f"17900000{len(self.messages):02}.000100"
        self.messages[ts] = dict(body)
        return {"ok": True, "channel": "C0OPS", "ts": ts}


@dataclass
class Jira(Outsider):
    """REST v3 (Cloud) or v2 (Data Center) of one project; ``unseen`` are issues that its search does not see yet."""

    api: str = "3"
    login: str = ""
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != self.login:
            return 401, {"errorMessages": ["Client must be authenticated"]}
        path = asked.path.removeprefix(f"/rest/api/{self.api}/")
        body = asked.json() if asked.body else {}
        if asked.method == "POST" and path == ("search/jql" if self.api == "3" else "search"):
            return self.search(body)
        if asked.method == "POST" and path == "issue":
            return self.create(body["fields"])
        key, _, rest = path.removeprefix("issue/").partition("/")
        issue = self.issues.get(key)
        if issue is None:
            return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
        return self.of_issue(key, issue, asked.method, rest, body)

    def search(self, body: Any) -> tuple[int, Any]:
        asked = re.fullmatch(r'project = "OPS" AND labels = "([a-z0-9-]+)" ORDER BY created DESC', body["jql"])
        if asked is None or "status" not in body["fields"]:
            return 400, {"errorMessages": ["Error in the JQL Query"]}
        found = [self.shown(key) for key, issue in reversed(self.issues.items())
                 if asked[1] in issue["labels"] and key not in self.unseen]
        return 200, {"issues": found, "isLast": True}

    def create(self, fields: Any) -> tuple[int, Any]:
        document = isinstance(fields["description"], dict if self.api == "3" else str)
        if fields["project"] != {"key": "OPS"} or len(fields["summary"]) > 255 or "\n" in fields["summary"] or (
                not document or any(" " in label for label in fields["labels"])):
            return 400, {"errors": {"summary": "wrong"}}
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = {**fields, "status": "new", "comments": []}
        return 201, {"id": "1", "key": key}

    def of_issue(self, key: str, issue: Any, method: str, rest: str, body: Any) -> tuple[int, Any]:
        if (method, rest) == ("GET", ""):
            return 200, self.shown(key)
        if (method, rest) == ("POST", "comment"):
            issue["comments"].append(body["body"])
            return 201, {"id": str(len(issue["comments"]))}
        ways = {"11": ("Start", "indeterminate"), "31": ("Resolve", "done"), "41": ("Won't do", "done")}
        if (method, rest) == ("GET", "transitions"):
            return 200, {"transitions": [{"id": n, "name": name, "to": {"statusCategory": {"key": category}}}
                                         for n, (name, category) in ways.items()]}
        if (method, rest) == ("POST", "transitions"):
            issue["status"], issue["by"] = ways[body["transition"]["id"]][1], ways[body["transition"]["id"]][0]
            return 204, ""
        return 405, {}

    def shown(self, key: str) -> dict[str, Any]:
        return {"id": "1", "key": key, "fields": {"status": {"statusCategory": {"key": self.issues[key]["status"]}}}}

    def open(self) -> list[str]:
        return [key for key, issue in self.issues.items() if issue["status"] != "done"]


@dataclass
class Alertmanager(Outsider):
    """API v2: POST /api/v2/alerts takes a list of alerts with labels; the same labels are the same alert."""

    alerts: dict[str, Any] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if (asked.method, asked.path) != ("POST", "/api/v2/alerts"):
            return 404, ""
        for one in asked.json():
            if not all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", n) and v for n, v in one["labels"].items()):
                return 400, {"code": 400, "message": "invalid label set"}
            self.alerts[json.dumps(one["labels"], sort_keys=True)] = one
        return 200, ""
