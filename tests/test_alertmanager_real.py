"""A real Alertmanager: an alert of ours fires in it, stays one alert, and is over when we say so."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bongsu.channels.alertmanager import Alertmanager
from bongsu.channels.http import Http
from bongsu.ports import Receipt, Refused
from bongsu.secret import reveal
from machine import free_port
from servers import StandIn, body_of, serving
from test_channel_contracts import OVER, TEST
from test_channel_faults import NOTICE

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.req("A1"), pytest.mark.real,
    pytest.mark.skipif(BINARY is None and not os.environ.get("CI"),
                       reason="no Alertmanager here: apt-get install prometheus-alertmanager")]
CONFIG = """
route: {{receiver: hook, group_by: [bongsu_key], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""


class Hook(StandIn):
    """What Alertmanager's own webhook tells."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        self.got.append(json.loads(body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)


def until(probe: Any, what: str, within: float = 20.0) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        with suppress(OSError):  # not there yet
            if found := probe():
                return found
        time.sleep(0.05)
    raise AssertionError(f"expected within {within:g} s: {what}")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, Hook]]:
    assert BINARY is not None, "expected prometheus-alertmanager on the PATH (apt-get install prometheus-alertmanager)"
    hook, port = Hook(), free_port()
    with serving(hook) as sink:
        (tmp_path / "am.yml").write_text(CONFIG.format(url=sink.url), encoding="utf-8")
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [BINARY, "--config.file", str(tmp_path / "am.yml"), "--storage.path", str(tmp_path / "data"),
                 f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], stdout=log, stderr=log)
            url = f"http://127.0.0.1:{port}"
            try:
                until(lambda: urllib.request.urlopen(f"{url}/-/ready", timeout=1).close() is None, "Alertmanager ready")
                yield url, hook
            finally:
                process.terminate()
                process.wait(10)


def tell(url: str, *notices: Any) -> list[Receipt]:
    async def play() -> list[Receipt]:
        async with Http(reveal, lambda: time.time_ns() // 1000) as outside:
            return [await Alertmanager(url).send(notice, outside) for notice in notices]
    return asyncio.run(play())


def test_an_alert_fires_once_lasts_and_is_over_when_we_say_so(manager: tuple[str, Hook]) -> None:
    url, hook = manager
    now = time.time_ns() // 1000
    firing = replace(NOTICE, at=now)
    assert tell(url, firing, firing) == [Receipt(200)] * 2
    (alert,) = until(lambda: get(f"{url}/api/v2/alerts"), "the alert in Alertmanager")
    assert alert["labels"] == {"alertname": "cost", "service": "bot", "severity": "major", "bongsu_key": NOTICE.key}
    assert alert["annotations"]["description"] == NOTICE.text
    days = (time.mktime(time.strptime(alert["endsAt"][:10], "%Y-%m-%d")) - now / 10**6) / 86400
    assert 5.9 < days < 7.1, "it does not end by itself after five minutes"
    (told,) = until(lambda: hook.got, "its webhook told that it fires")
    assert (told["status"], len(told["alerts"])) == ("firing", 1)
    assert tell(url, replace(OVER, at=now)) == [Receipt(200)]
    over = until(lambda: [one for one in hook.got if one["status"] == "resolved"], "its webhook told that it is over")
    assert over[0]["alerts"][0]["labels"] == alert["labels"]
    assert get(f"{url}/api/v2/alerts") == []


def test_any_texts_are_taken_and_a_test_is_seen(manager: tuple[str, Hook]) -> None:
    url, _ = manager
    nasty = "<a> \"b\" \\ \n 한글 🔥 " * 200
    tell(url, replace(NOTICE, title=nasty, text=nasty, facts={nasty: nasty, "actions": nasty}), TEST)
    assert len(until(lambda: get(f"{url}/api/v2/alerts"), "both alerts")) == 2


def test_another_service_at_the_address_is_refused(manager: tuple[str, Hook]) -> None:
    url, _ = manager
    with pytest.raises(Refused, match="answered 404"):
        tell(f"{url}/elsewhere", NOTICE)
