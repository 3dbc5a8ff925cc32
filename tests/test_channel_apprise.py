"""The real Apprise, where it is installed (``bongsu[apprise]``): a notice through it reaches a server of ours."""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from typing import Any

import pytest

from bongsu.channels.apprise import Apprise
from bongsu.channels.http import Http
from bongsu.ports import Receipt, Refused, Retry
from bongsu.quantity import SECOND
from bongsu.secret import reveal
from outsiders import CANARY, Outsider, says, served
from test_channel_contracts import OVER
from test_channel_faults import NOTICE, SECRET

pytestmark = [
    pytest.mark.skipif(find_spec("apprise") is None and not os.environ.get("CI"),
                       reason="no Apprise here: pip install 'bongsu[apprise]'"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of Apprise and its plug-ins


class Sink(Outsider):
    def answer(self, asked: Any) -> tuple[int, Any]:
        return 200, "ok"


def through(monkeypatch: pytest.MonkeyPatch, address: str, *notices: Any, faults: Any = ()) -> tuple[list[Any], Sink]:

    async def play() -> tuple[list[Any], Sink]:
        async with served(Sink(faults=list(faults))) as sink, Http(reveal, lambda: 0, SECOND) as outside:
            monkeypatch.setenv("BONGSU_TEST_KEY", address.format(at=sink.url.removeprefix("http://")))
            sends = (Apprise(SECRET).send(notice, outside) for notice in notices)
            return await asyncio.gather(*sends, return_exceptions=True), sink
    return asyncio.run(play())


def test_two_notices_reach_the_outside_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts, sink = through(monkeypatch, "json://{at}/" + CANARY, NOTICE, OVER)
    assert receipts == [Receipt(200)] * 2
    assert sorted((asked.json()["title"], asked.json()["type"]) for asked in sink.got) == [
        (NOTICE.title, "failure"), (OVER.title, "success")]
    assert all(NOTICE.text in asked.json()["message"] for asked in sink.got)


def test_what_apprise_cannot_deliver_comes_later_and_nothing_of_it_is_logged(
        monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    (error,), _ = through(monkeypatch, "json://{at}/" + CANARY, NOTICE, faults=[says(500, CANARY)])
    assert isinstance(error, Retry)
    (error,), _ = through(monkeypatch, CANARY + "://{at}", NOTICE)
    assert isinstance(error, Refused)
    out, err = capfd.readouterr()
    assert CANARY not in out + err + caplog.text + str(error)
