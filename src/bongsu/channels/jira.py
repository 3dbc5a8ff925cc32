"""Jira issues, through REST v3 (Cloud) or v2 (Data Center): created, commented on, closed; never two for one alert.

An issue is found again by its label, made from the alert's key. A search may not see what was created a moment ago, so
that is remembered too; and after a creation whose end is not known, nothing is created until a search would see it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import msgspec

from bongsu.channels.words import fit, plain
from bongsu.ports import Notice, Outside, Receipt, Refused, Retry, Secret
from bongsu.quantity import MINUTE

SETTLES = 2 * MINUTE
"""How long until a search sees an issue."""
LONGEST_SUMMARY, LONGEST_TEXT = 250, 20_000
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]{1,30}")
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,30}-[0-9]{1,12}")


@dataclass(frozen=True)
class Jira:
    """``{jira: https://example.atlassian.net, project: OPS, user: bot@example.com, token: secret://…}``.

    Without ``user`` the token is sent as a bearer token (Data Center, with ``api: 2``). ``done`` names the transition
    that closes an issue; without it, the first that leads to a status of the category done.
    """

    url: str = field(metadata={"form": "endpoint"})
    project: str
    token: str
    user: str = ""
    issue_type: str = field(default="Task", metadata={"key": "type"})
    api: Literal["3", "2"] = "3"
    done: str = ""

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            raise ValueError(f"project: expected the key of a project such as OPS, came '{self.project}'")

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        tracker = _Tracker(self, notice, outside)
        if notice.state == "test":
            made = await tracker.find() or await tracker.create()
            await tracker.close(made)
            return Receipt(204, made)
        issue = await tracker.find()
        if notice.state != "resolved":
            if issue is None:
                return Receipt(201, await tracker.create())
            await tracker.comment(issue)
            return Receipt(201, issue)
        if issue is None:  # closed or deleted by a person: nothing is left open
            return Receipt(200, tracker.last)
        await tracker.comment(issue)
        await tracker.close(issue)
        return Receipt(204, issue)


class _Tracker:
    """One notice on its way into Jira. ``last`` is the latest issue found, open or not."""

    def __init__(self, jira: Jira, notice: Notice, outside: Outside) -> None:
        self.jira, self.notice, self.outside = jira, notice, outside
        self.label = f"bongsu-{sha256(notice.key.encode()).hexdigest()[:16]}"
        self.note: dict[str, Any] = {}
        self.last = ""

    async def find(self) -> str | None:
        """The open issue of this alert, if there is one."""
        self.note = await self.outside.recall(self.label) or {}
        jql = f'project = "{self.jira.project}" AND labels = "{self.label}" ORDER BY created DESC'
        path = "search/jql" if self.jira.api == "3" else "search"
        found = await self._ask("POST", path, {"jql": jql, "fields": ["status"], "maxResults": 20})
        issues = {one["key"]: _is_done(one) for one in found["issues"]}
        known = self.note.get("issue", "")
        if known and known not in issues and (seen := await self._look(known)) is not None:
            issues[known] = seen
        self.last = next(iter(issues), "")
        still_open = [key for key, done in issues.items() if not done]
        since = abs(self.outside.now() - self.note.get("creating", -SETTLES))
        if not still_open and since < SETTLES:
            raise Retry("an issue may have been created a moment ago; waiting until a search would see it",
                        SETTLES - since, alone=True)
        return still_open[0] if still_open else None

    async def _look(self, issue: str) -> bool | None:
        """Whether an issue is done; None where there is none of that key any more."""
        try:
            return _is_done(await self._ask("GET", f"issue/{issue}?fields=status"))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def create(self) -> str:
        """A new issue; what cannot be known of its creation is kept for the next try."""
        fields = {"project": {"key": self.jira.project}, "issuetype": {"name": self.jira.issue_type},
                  "summary": fit(" ".join(self.notice.title.split()), LONGEST_SUMMARY),
                  "description": self._document(), "labels": ["bongsu", self.label]}
        await self.outside.remember(self.label, {"creating": self.outside.now()})
        try:
            made = await self._ask("POST", "issue", {"fields": fields})
        except Retry as error:
            if not error.unclear:
                await self.outside.remember(self.label, self.note or None)
            raise
        except Refused:
            await self.outside.remember(self.label, self.note or None)
            raise
        await self._told(made["key"])
        return str(made["key"])

    async def comment(self, issue: str) -> None:
        """Say it in a comment, unless that was done and only not recorded."""
        if self.note.get("delivery") == self.notice.delivery:
            return
        await self._ask("POST", f"issue/{issue}/comment", {"body": self._document()})
        await self._told(issue)

    async def close(self, issue: str) -> None:
        ways = (await self._ask("GET", f"issue/{issue}/transitions"))["transitions"]
        wanted = [way for way in ways if (way["name"] == self.jira.done if self.jira.done else
                                          _category(way["to"]) == "done")]
        if not wanted:
            name = f"named '{self.jira.done}'" if self.jira.done else "to a status of the category done"
            raise Refused(f"no transition {name} leads on from where {issue} is; name one with 'done:'")
        await self._ask("POST", f"issue/{issue}/transitions", {"transition": {"id": wanted[0]["id"]}})

    async def _told(self, issue: str) -> None:
        self.note = {"issue": issue, "delivery": self.notice.delivery}
        await self.outside.remember(self.label, self.note)

    def _document(self) -> Any:
        text = fit(plain(self.notice), LONGEST_TEXT)
        if self.jira.api == "2":  # as it is: in Jira's markup a text could forge a link
            return "{noformat}\n" + text.replace("{noformat}", "(noformat)") + "\n{noformat}"
        lines = [line for line in text.splitlines() if line.strip()]
        return {"type": "doc", "version": 1, "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": line, **_link(line, self.notice.url)}]}
            for line in lines]}

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        jira, outside = self.jira, self.outside
        token = outside.secret(jira.token).reveal()
        login = f"Basic {b64encode(f'{jira.user}:{token}'.encode()).decode()}" if jira.user else f"Bearer {token}"
        url = Secret(f"{outside.secret(jira.url).reveal().rstrip('/')}/rest/api/{jira.api}/{path}")
        answer = await outside.ask(method, url, b"" if body is None else msgspec.json.encode(body), {
            "content-type": "application/json", "accept": "application/json", "authorization": login})
        if answer.status == 204:
            return {}
        try:
            return _checked(path, msgspec.json.decode(answer.body))
        except (msgspec.DecodeError, KeyError, TypeError):
            raise Retry(f"answered {answer.status} without Jira's JSON: something else may be at that address",
                        unclear=True) from None


def _checked(path: str, said: Any) -> Any:
    """The answer, if it has what is read of it; KeyError or TypeError if not."""
    if path.startswith("search"):
        _ = [(_key(one), _is_done(one)) for one in said["issues"]]
    elif path.endswith("transitions"):
        _ = [(way["id"], way["name"], _category(way["to"])) for way in said["transitions"]]
    elif path == "issue":
        _key(said)
    elif "?" in path:
        _is_done(said)
    return said


def _key(issue: Any) -> str:
    if not _KEY.fullmatch(issue["key"]):
        raise KeyError("key")
    return str(issue["key"])


def _is_done(issue: Any) -> bool:
    return bool(_category(issue["fields"]["status"]) == "done")


def _category(status: Any) -> str:
    return str(status["statusCategory"]["key"])


def _link(line: str, url: str) -> dict[str, Any]:
    return {"marks": [{"type": "link", "attrs": {"href": url}}]} if url and line == url else {}
