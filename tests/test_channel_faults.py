"""Every channel that speaks HTTP, against a server that misbehaves: what comes later, and what never."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import outsiders
from bongsu.channels.alertmanager import Alertmanager
from bongsu.channels.http import Fleeting, Http, Own
from bongsu.channels.jira import Jira
from bongsu.channels.pagerduty import PagerDuty
from bongsu.channels.slack_api import SlackApi
from bongsu.channels.teams import Teams
from bongsu.channels.twilio import Twilio
from bongsu.ports import Channel, Notice, Receipt, Refused, Retry
from bongsu.quantity import HOUR, SECOND
from bongsu.secret import reveal
from outsiders import CANARY, Outsider, hangs, says, served

pytestmark = [pytest.mark.usefixtures("channel_secret"), pytest.mark.req("A1")]

NOW = 1_790_000_000_123_456
NOTICE = Notice("bongsu/bot/cost", "INC-1/calm/0/do", "bot: cost is firing", "cost is 15 over 1h, alert at > 10",
                "firing", "major", "bot", NOW, "http://desk/incidents/INC-1", {"alert": "cost", "incident": "INC-1"})
Made = tuple[Outsider, Callable[[str], Channel]]
SECRET = "secret://env/BONGSU_TEST_KEY"
MAKE: dict[str, Callable[[], Made]] = {
    "pagerduty": lambda: (outsiders.PagerDuty(), lambda url: PagerDuty(SECRET, f"{url}/v2/enqueue")),
    "teams": lambda: (outsiders.Teams(), lambda url: Teams(f"{url}/workflows/{CANARY}")),
    "twilio": lambda: (outsiders.Twilio(), lambda url: Twilio("AC" + "0" * 32, SECRET, "+12025550100", "+821012345678",
                                                              url=url)),
    "slack_api": lambda: (outsiders.Slack(), lambda url: SlackApi(SECRET, "#ops", f"{url}/api")),
    "jira": lambda: (outsiders.Jira(login=f"Bearer {CANARY}"), lambda url: Jira(url, "OPS", SECRET)),
    "alertmanager": lambda: (outsiders.Alertmanager(), lambda url: Alertmanager(url, token=SECRET)),
}


def send(kind: str, *notices: Notice, faults: Any = (), after: Any = (), timeout: int = 2 * SECOND) -> Any:
    """What came of each notice, and the stand-in. The canary is in no outcome, traceback or note."""
    async def play() -> Any:
        outsider, make = MAKE[kind]()
        outsider.faults, outsider.after = list(faults), list(after)
        memory, out = Fleeting(), []
        async with served(outsider), Http(reveal, lambda: NOW, timeout, memory) as outside:
            for notice in notices or (NOTICE,):
                try:
                    out.append(await make(outsider.url).send(notice, Own(outside, kind)))
                except (Retry, Refused) as error:
                    out.append(error)
        told = [line for error in out if isinstance(error, Exception) for line in traceback.format_exception(error)]
        assert CANARY not in "".join(told) + repr(out) + json.dumps(memory.__dict__)
        return (*out, outsider)
    return asyncio.run(play())


@pytest.mark.parametrize("kind", MAKE)
def test_a_notice_that_is_taken_has_a_receipt(kind: str) -> None:
    receipt, outsider = send(kind)
    assert isinstance(receipt, Receipt)
    assert 200 <= receipt.status < 300
    assert outsider.got


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(("fault", "after"), [
    (says(429, Retry_After="7"), 7 * SECOND), (says(503, Retry_After="99999999"), HOUR),
    (says(500, "oh no " + CANARY), None), (says(502, "<html>" + CANARY), None)])
def test_what_may_pass_is_tried_later_as_the_server_asks(kind: str, fault: Any, after: int | None) -> None:
    error, outsider = send(kind, faults=[fault])
    assert (type(error), error.after) == (Retry, after)
    assert len(outsider.got) == 1, "one request a try; trying again is the worker's to decide"


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410])
def test_what_will_not_pass_is_for_a_person(kind: str, status: int) -> None:
    error, _ = send(kind, faults=[says(status, json.dumps({"message": CANARY, "error": CANARY}))])
    assert isinstance(error, Refused)
    assert error.status == status
    assert f"answered {status}" in str(error)


@pytest.mark.parametrize("kind", MAKE)
def test_a_server_that_hangs_is_left_and_what_came_of_it_is_unclear(kind: str) -> None:
    error, _ = send(kind, faults=[hangs], timeout=SECOND // 5)
    assert isinstance(error, Retry)
    assert "no answer" in str(error)
    assert error.unclear


@pytest.mark.parametrize("kind", sorted(MAKE.keys() - {"teams", "alertmanager"}))
@pytest.mark.parametrize("body", ["<html>welcome</html>", "", "[]", '{"ok": "yes"}', "null", '{"issues": [{}]}'])
def test_a_stranger_at_the_address_who_says_200_has_not_taken_it(kind: str, body: str) -> None:
    """A captive portal or a proxy answers 200 to everything."""
    error, _ = send(kind, faults=[says(200, body)])
    assert isinstance(error, Retry | Refused)
    assert "something else may be at that address" in str(error)


@pytest.mark.parametrize("kind", ["teams", "alertmanager"])
def test_where_the_contract_has_no_body_another_status_is_a_stranger(kind: str) -> None:
    error, _ = send(kind, faults=[says(206)])
    assert isinstance(error, Refused)


@pytest.mark.parametrize("kind", sorted(MAKE.keys() - {"teams"}))
def test_a_missing_secret_waits_for_someone_to_put_it_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONGSU_TEST_KEY")
    error, outsider = send(kind)
    assert isinstance(error, Retry)
    assert SECRET in str(error)
    assert outsider.got == []


@pytest.mark.parametrize("kind", MAKE)
def test_a_notice_of_any_texts_keeps_the_contract(kind: str) -> None:
    """Long, empty, with markup, line ends, control characters and characters outside the base plane."""
    nasty = "<!channel> & \"x\" ]]> {noformat} [a](http://evil) \x00\x0b\n\r\t 한글 \U0001f525 " * 400
    odd = replace(NOTICE, title=nasty, text=nasty, facts={nasty[:50]: nasty, **{str(n): nasty for n in range(60)}},
                  key="k" * 400)
    for notice in (odd, replace(odd, text="", facts={}, url=""), replace(odd, language="ko", state="test")):
        receipt, _ = send(kind, notice)
        assert isinstance(receipt, Receipt)


@pytest.mark.parametrize("kind", ["alertmanager", "jira", "slack_api"])
def test_a_secret_that_a_header_cannot_hold_is_told_without_showing_it(
        kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONGSU_TEST_KEY", f"{CANARY}\r\nx-evil: 1")
    error, outsider = send(kind)
    assert isinstance(error, Refused)
    assert "what a header cannot" in str(error)
    assert outsider.got == []
