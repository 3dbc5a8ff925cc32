"""Exported rules in a real Prometheus, told to a real Alertmanager: a burning budget is told, and its end too."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bongsu.exports.names import metric
from bongsu.exports.prometheus import rules
from machine import free_port
from promkit import policy

PROMETHEUS, ALERTMANAGER = shutil.which("prometheus"), shutil.which("prometheus-alertmanager")
pytestmark = [
    pytest.mark.real, pytest.mark.req("A2", "A3", "O8"),
    pytest.mark.skipif(PROMETHEUS is None or ALERTMANAGER is None,
                       reason="Prometheus and Alertmanager are not installed (Debian: prometheus, "
                              "prometheus-alertmanager)")]

POLICY = """objectives:
  available: {signal: failures, target: 99%, window: 6h}
alerts:
  available: {burn: available, tier: major}
  share: {when: failures > 50%, over: 5s, clear: < 10%, for: 1s, clear_for: 2s, tier: minor}
"""
"""At 6 h the windows are those of 30 days, scaled: 30 s with 3 s, and 3 min with 15 s."""
HEAD = """bongsu: 1
service: {name: bot}
settings: {base_window: 1s}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'"}
"""
SCRAPES_A_SECOND, EVENTS = 2, 50


class Bot(ThreadingHTTPServer):
    """A service that is scraped, and hears what Alertmanager says. Each scrape finds some more events."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.failing = False
        self.bad = self.total = 0
        self.heard: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def told(self, alert: str, status: str) -> bool:
        with self.lock:
            return any(a["labels"]["alertname"] == alert and a["status"] == status
                       for message in self.heard for a in message["alerts"])


class _Answers(BaseHTTPRequestHandler):
    server: Bot

    def do_GET(self) -> None:
        with self.server.lock:
            body = "".join(f'{metric("failures", part)}{{service="bot"}} {n}\n'
                           for part, n in (("bad", self.server.bad), ("total", self.server.total))).encode()
            self.server.total += EVENTS
            self.server.bad += EVENTS if self.server.failing else 0
        self._send(body)

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.heard.append(message)
        self._send(b"")

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(bot: Bot) -> Iterator[str]:
    thread = threading.Thread(target=bot.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{bot.server_port}"
    finally:
        bot.shutdown()
        bot.server_close()
        thread.join()


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body = answer.read()
    return json.loads(body) if body[:1] in b"[{" else body


def until(what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer; fails with ``what`` where there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = holds()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@contextmanager
def stack(folder: Path, bot: str) -> Iterator[tuple[str, str]]:
    """(Prometheus, Alertmanager) with the exported rules, scraping and telling the bot."""
    teller, judge = free_port(), free_port()
    (folder / "rules.yml").write_text(rules(policy(POLICY, HEAD)))
    (folder / "am.yml").write_text(json.dumps({
        "route": {"receiver": "bot", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s",
                  "repeat_interval": "1h"},
        "receivers": [{"name": "bot", "webhook_configs": [{"url": f"http://{bot}/", "send_resolved": True}]}]}))
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": f"{1000 // SCRAPES_A_SECOND}ms", "scrape_timeout": "400ms",
                   "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"], "scrape_configs": [{"job_name": "bot", "static_configs": [{"targets": [bot]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{teller}"]}]}]}}))
    with (running([str(ALERTMANAGER), f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'am'}",
                   f"--web.listen-address=127.0.0.1:{teller}", "--cluster.listen-address="], folder / "am.log"),
          running([str(PROMETHEUS), f"--config.file={folder / 'prometheus.yml'}",
                   f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{judge}",
                   "--storage.tsdb.retention.time=1h", "--rules.alert.resend-delay=1s"], folder / "prometheus.log")):
        urls = f"http://127.0.0.1:{judge}", f"http://127.0.0.1:{teller}"
        for url in urls:
            until(f"{url} is ready", lambda url=url: get(f"{url}/-/ready"))
        yield urls


def phases(judge: str) -> dict[str, str]:
    return {a["labels"]["alertname"]: a["state"] for a in get(f"{judge}/api/v1/alerts")["data"]["alerts"]}


def test_a_burning_budget_is_told_by_alertmanager_and_so_is_its_end(tmp_path: Path) -> None:
    bot = Bot()
    with serving(bot) as address, stack(tmp_path, address) as (judge, teller):
        groups = get(f"{judge}/api/v1/rules")["data"]["groups"]
        assert {g["name"] for g in groups} == {"bongsu-bot-available", "bongsu-bot-alerts"}
        until("half the long window is lived through", lambda: get(
            f"{judge}/api/v1/query?query=bongsu:vote:ratio_rate30s")["data"]["result"])
        assert phases(judge) == {}, "calm"
        bot.failing = True
        until("both alerts fire", lambda: phases(judge) == {"available": "firing", "share": "firing"})
        active = until("Alertmanager has the burn alert", lambda: get(
            f"{teller}/api/v2/alerts?filter=alertname%3Davailable"))
        assert active[0]["labels"]["severity"] == "page"
        assert active[0]["labels"]["bongsu_id"] == "bot-available"
        until("the firing is told", lambda: bot.told("available", "firing") and bot.told("share", "firing"))
        bot.failing = False
        until("both ends are told", lambda: bot.told("available", "resolved") and bot.told("share", "resolved"), 90)
        failed = [r for g in get(f"{judge}/api/v1/rules")["data"]["groups"] for r in g["rules"] if r["health"] != "ok"]
        assert failed == []
