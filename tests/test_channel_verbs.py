"""A channel is tried from the command line, the API and the cockpit; what came of it is shown and on the record."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bongsu.room.outlets
from boards import FakeDesk
from bongsu.cli import cli
from bongsu.policy import parse
from bongsu.ports import Notice, Receipt, Refused, Retry
from bongsu.registry import kind_of, kinds, part
from bongsu.room.outlets import Outlets
from bongsu.stores.state import State
from bongsu.web.channels import channel_ways
from bongsu.web.site import control_app
from machine import machine
from servers import serving
from stage import T0, opened

TOKEN = "bsu_test_an-admin-token"
POLICY = """
bongsu: 1
service: {name: bot, language: ko}
channels:
  ops:  {slack: secret://env/OPS}
  hook: {webhook: "http://127.0.0.1:9/x"}
"""


@dataclass
class Way:
    """What the way to the channels does, and the notices it was given."""

    outcome: Any
    got: list[tuple[str, Notice]]

    async def __call__(self, channel: str, notice: Notice) -> Receipt:
        self.got.append((channel, notice))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            await asyncio.sleep(60)
        return Receipt(202, "r-1")


@dataclass
class House:
    url: str
    state: State
    way: Way

    def run(self, *words: str, token: str = TOKEN) -> Any:
        return CliRunner().invoke(cli, ["channel", *words, "--url", self.url, "--token", token])


@contextmanager
def house(folder: Path, outcome: Any = "taken") -> Iterator[House]:
    policy, way = parse(POLICY, "x.yaml", {}), Way(outcome, [])
    with opened(folder) as state:
        outlets = Outlets(policy, way, state, lambda: T0, "http://desk")
        app = control_app(FakeDesk(), hashlib.sha256(TOKEN.encode()).hexdigest(), ways=channel_ways(outlets))
        with serving(app) as server:
            yield House(server.url, state, way)


def test_a_test_that_is_delivered_shows_its_receipt_and_is_on_record(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        result = home.run("test", "ops")
        assert (result.exit_code, result.output) == (0, "ops: delivered in 0 ms (status 202, receipt r-1)\n")
        ((channel, notice),) = home.way.got
        assert (channel, notice.state, notice.title, notice.url) == ("ops", "test", "bot: ops 채널 시험", "http://desk/")
        (record,) = home.state.trail(1)
        assert (record.action, record.actor, record.target) == ("channel.test", "admin (api)", "ops")
        assert record.detail == {"delivered": True, "status": 202, "id": "r-1"}


@pytest.mark.parametrize(("outcome", "why"), [
    (Retry("answered 503"), "answered 503"), (Refused("answered 404 no_service"), "answered 404 no_service"),
    (ValueError("hunter2"), "unexpected ValueError"), (None, "no outcome within 0.1 s")])
def test_a_test_that_is_not_delivered_says_why_and_exits_with_one(
        outcome: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bongsu.room.outlets, "PATIENCE", 0.1)
    with house(tmp_path, outcome) as home:
        result = home.run("test", "hook")
        assert (result.exit_code, result.output) == (1, f"hook: NOT delivered: {why}\n")
        found = json.loads(home.run("test", "hook", "--json").output)
        assert (found["delivered"], found["why"]) == (False, why)
        assert [record.reason for record in home.state.trail(2)] == [why] * 2


def test_a_channel_that_is_not_there_a_wrong_token_and_nobody_there_have_codes_of_their_own(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        missing = home.run("test", "boss/../x")
        assert (missing.exit_code, home.way.got) == (2, [])
        missing = home.run("test", "boss")
        assert missing.exit_code == 2
        assert "it has: hook, ops" in missing.output
        assert home.run("test", "ops", token="wrong").exit_code == 2
    assert home.run("test", "ops").exit_code == 4


def test_channels_are_listed_with_their_kinds(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        assert home.run("list").output == "hook  webhook\nops  slack\n"
        assert json.loads(home.run("list", "--json").output)[1] == {"name": "ops", "kind": "slack"}


def test_the_ways_are_described_with_the_others(tmp_path: Path) -> None:
    with house(tmp_path) as home, urllib.request.urlopen(f"{home.url}/openapi.json") as reply:
        assert {"/v1/channels", "/v1/channels/{name}/test"} <= json.load(reply)["paths"].keys()


def ask(url: str, cookie: str = "", form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, text, and the cookie that was set; redirects are followed without it."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    origin = "/".join(url.split("/")[:3])
    request = urllib.request.Request(url, data, {"Cookie": cookie, "Origin": origin})

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any) -> None:
            return None
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=10) as reply:
            return reply.status, reply.read().decode(), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get("set-cookie", "").partition(";")[0]


@pytest.mark.parametrize(("outcome", "words"), [
    ("taken", "ops: 0ms 만에 전달되었습니다(상태 202)."),
    (Refused("<b>no</b>"), "ops: 전달하지 못했습니다: &lt;b&gt;no&lt;/b&gt;")])
def test_the_cockpit_has_a_button_for_each_channel(outcome: Any, words: str, tmp_path: Path) -> None:
    with house(tmp_path, outcome) as home:
        status, _, cookie = ask(f"{home.url}/login", form={"token": TOKEN})
        assert (status, cookie[:7]) == (303, "bongsu=")
        status, html, _ = ask(f"{home.url}/channels?lang=ko", cookie)
        assert (status, html.count("시험 메시지 보내기")) == (200, 2)
        csrf = re.search(r'name="csrf" value="([^"]+)"', html)
        assert csrf is not None
        assert ask(f"{home.url}/channels/ops/test", cookie, {"csrf": "forged"})[0] == 403
        assert home.way.got == []
        status, html, _ = ask(f"{home.url}/channels/ops/test?lang=ko", cookie, {"csrf": csrf[1]})
        assert status == 200
        assert words in html
        assert [record.actor for record in home.state.trail(1)] == ["admin (cockpit)"]
        assert ask(f"{home.url}/channels/boss/test", cookie, {"csrf": csrf[1]})[0] == 404
        assert ask(f"{home.url}/channels")[0] == 303


def test_every_kind_of_channel_is_found_by_its_word() -> None:
    for word in kinds("channels"):
        cls = part("channels", word)
        assert kind_of("channels", object.__new__(cls)) == word
    assert kind_of("channels", object()) == ""


@pytest.mark.real
def test_a_channel_of_a_running_bongsu_is_tested_from_the_command_line(tmp_path: Path) -> None:
    """The real processes: the notice arrives, says that it is a test, and is on the record."""
    with machine(tmp_path) as one:
        done = one.run("channel", "test", "hook")
        assert done.returncode == 0, done.stderr
        (said,) = [body for path, _, body in one.receiver.got if path == "/webhook"]
        assert (said["state"], said["title"]) == ("test", "shop: test of channel hook")
        assert one.run("channel", "list").stdout == "hook  webhook\nslack  slack\n"
        assert "channel.test" in [r["action"] for r in one.api().get("/v1/audit")["records"]]
        one.receiver.got.clear()
        assert one.run("channel", "test", "nobody").returncode == 2
