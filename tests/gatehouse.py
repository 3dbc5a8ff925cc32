"""A whole gate for tests: control, its desk and its site on a clock in the hand, asked over real HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bongsu.app import open_store
from bongsu.cli import cli
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.quantity import SECOND
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.postmortemdesk import PostmortemDesk
from bongsu.sources.spool import SpoolWriter
from bongsu.web.postmortems import postmortem_ways
from bongsu.web.site import control_app
from servers import serving

T0 = 1_790_000_000 * SECOND
TOKEN = "bsu_test_admin"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
POLICY = """
bongsu: 1
service: {name: bot}
settings: {base_window: 1s, stale_after: 60s}
upstreams: {main: {url: "http://127.0.0.1:1/v1", model: m}}
routes: {bot: {primary: main}}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'"}
  blocks: {kind: count, of: blocked}
  timeouts: {kind: count, of: "outcome = 'timeout'"}
objectives:
  available: {signal: failures, target: 90%, window: 1h}
  hopeful: {signal: failures, target: 99.9%, window: 1h, gate: false}
alerts:
  attack: {when: blocks > 5, over: 10s, clear: < 1, tier: severe}
  legal: {when: timeouts > 5, over: 10s, clear: < 1, tier: minor}
  slow: {when: timeouts > 500, over: 10s, clear: < 1, tier: minor}
roles: {approver: [kim, lee]}
gate: {latch: [legal]}
"""


class Gatehouse:
    """``tick`` lets time pass and control look; ``feed`` leaves events for it."""

    def __init__(self, root: Path, policy: str = POLICY) -> None:
        self.folder, self.text, self.now, self.url = Folder(root).create(), policy, T0, ""
        self.numbers = count()
        self.spool = SpoolWriter(self.folder.spool, "gateway-0")
        self.open()

    def open(self, policy: str = "") -> None:
        self.store = open_store(self.folder)
        self.control = Control(parse(policy or self.text, "policy.yaml", {}), self.folder, self.store,
                               lambda: self.now)
        self.desk = ControlDesk(self.control)
        self.app = control_app(self.desk, keys.digest(TOKEN), clock=lambda: self.now,
                               ways=postmortem_ways(PostmortemDesk(self.control)))

    def close(self) -> None:
        self.control.close()
        self.store.close(self.now)

    def feed(self, n: int, **columns: Any) -> None:
        columns = {"outcome": "ok", "model": "m"} | columns
        self.spool.append([Event(id=f"e{next(self.numbers)}", time=self.now, service="bot", **columns)
                           for _ in range(n)])

    def tick(self, seconds: int = 1) -> None:
        self.now += seconds * SECOND
        self.control.cycle()

    def attack(self) -> None:
        """A severe alert that fires; ``tick(30)`` ends it."""
        self.feed(10, blocked=True)
        self.tick()
        assert self.verdict()["decision"] == "deny"

    # ---- asking ----

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str = "") -> Any:
        """(status, JSON) of one request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (BEARER if headers is None else headers)
        request = urllib.request.Request(self.url + path, data, headers, method=method or None)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def verdict(self, stage: str = "") -> dict[str, Any]:
        data: dict[str, Any] = self.ask(f"/v1/gate/bot?stage={stage}")[1]["data"]
        return data

    def codes(self) -> list[str]:
        return [reason["code"] for reason in self.verdict()["reasons"]]

    def cli(self, *words: str) -> Result:
        return self.run("gate", *words)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--url", self.url, "--token", TOKEN])

    def actions(self, prefix: str) -> list[str]:
        """What the record says of one kind of action, oldest first."""
        return [r.action for r in reversed(self.store.trail(1000)) if r.action.startswith(prefix)]


@contextmanager
def gatehouse(root: Path, policy: str = POLICY) -> Iterator[Gatehouse]:
    house = Gatehouse(root, policy)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await house.app(scope, receive, send)

    try:
        with serving(app) as server:
            house.url = server.url
            house.feed(100)
            house.tick()
            yield house
    finally:
        house.close()
        house.spool.close()
