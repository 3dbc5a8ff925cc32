"""Silences and acknowledgements: over HTTP, from the command line, in the cockpit, and at a real desk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from boards import COST, INCIDENT, NOW, PAST
from bongsu.app import open_store
from bongsu.cli import cli
from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.language.sentences import say
from bongsu.mute import SilenceFault
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.policy import load
from bongsu.quantity import HOUR, SECOND
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.sources.spool import SpoolWriter
from servers import serving
from test_api import BEARER, FORM, TOKEN, House

pytestmark = pytest.mark.req("A1", "A3")
WHY = {"reason": "load test"}


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    with serving(house.app) as server:
        house.url = server.url
        yield house


def test_a_silence_is_made_with_an_author_a_reason_and_an_end(house: House) -> None:
    reply = house.ask("/v1/silences", BEARER, {"match": ["alert=cost"], "for": "2h", "by": "anna", **WHY})
    assert (reply.status, reply.json()["matchers"], reply.json()["ends"]) == (201, ["alert=cost"], NOW + 2 * HOUR)
    assert house.desk.done == [("silence", ("alert=cost",), "2h", "anna", "load test", "admin (api)")]
    assert house.ask("/v1/silences", BEARER).json()["silences"][0]["id"] == "SIL-1"


@pytest.mark.parametrize(("body", "code"), [
    ({"match": "alert=cost", "for": "2h", **WHY}, "bad_match"), ({"match": ["alert"], "for": "2h", **WHY}, "bad_match"),
    ({"match": [], "for": "2h", **WHY}, "no_match"), ({"match": ["a=b"], **WHY}, "bad_for"),
    ({"match": ["a=b"], "for": "91d", **WHY}, "bad_for"), ({"match": ["a=~("], "for": "2h", **WHY}, "bad_pattern"),
    ({"match": ["a=b"], "for": "2h"}, "no_reason"), ({"match": ["a=b"], "for": "2h", "by": 5, **WHY}, "bad_by"),
    ({"match": ["a=b"], "for": "2h", "starts": "soon", **WHY}, "bad_starts")])
def test_a_silence_that_cannot_be_is_told_why(house: House, body: dict[str, Any], code: str) -> None:
    reply = house.ask("/v1/silences", BEARER, body)
    assert (reply.status, reply.code(), house.desk.done) == (400, code, [])


def test_a_silence_ends_before_its_time_once_and_with_a_reason(house: House) -> None:
    assert house.ask("/v1/silences/SIL-1", BEARER, {}, "DELETE").code() == "no_reason"
    assert house.ask("/v1/silences/SIL-1", BEARER, WHY, "DELETE").status == 200
    assert house.ask("/v1/silences/SIL-2", BEARER, WHY, "DELETE").code() == "unknown_silence"


def test_an_incident_is_acknowledged_while_it_is_open(house: House) -> None:
    assert house.ask(f"/v1/incidents/{COST.id}/ack", BEARER, {"by": "anna", **WHY}).status == 200
    assert house.desk.done == [("ack", COST.id, "anna", "load test", "admin (api)")]
    assert house.ask(f"/v1/incidents/{PAST.id}/ack", BEARER, WHY).code() == "not_open"
    assert house.ask("/v1/incidents/INC-NONE/ack", BEARER, WHY).code() == "unknown_incident"
    assert house.ask(f"/v1/incidents/{COST.id}/ack", BEARER, {}).code() == "no_reason"


@pytest.mark.parametrize(("path", "method"), [("/v1/silences", "GET"), ("/v1/silences", "POST"),
                                              ("/v1/silences/SIL-1", "DELETE"), ("/v1/incidents/INC-1/ack", "POST")])
def test_nobody_without_a_token_may(house: House, path: str, method: str) -> None:
    assert house.ask(path, None, None if method == "GET" else WHY, method).status == 401
    assert house.desk.done == []


def test_the_verbs_say_what_they_did(house: House) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--url", house.url, "--token", TOKEN])

    made = run("silence", "add", "alert=cost", "model=~demo-.*", "--for", "2h", "--by", "anna", "--reason", "load test")
    assert made.exit_code == 0
    assert "keeps back alert=cost, model=~demo-.* until 2026-" in made.output
    assert "severe alerts, channels that cannot be muted, and that something is over are told" in made.output
    assert "SIL-1  alert=cost  from 2026-" in run("silence", "list").output
    assert run("silence", "remove", "SIL-1", "--reason", "done").output == "SIL-1 is removed\n"
    assert run("silence", "remove", "SIL-2", "--reason", "done").exit_code == 2
    assert run("ack", COST.id, "--reason", "on it").output == f"{COST.id} is acknowledged\n"
    assert run("ack", PAST.id, "--reason", "on it").exit_code == 1
    assert json.loads(run("silence", "list", "--json").output)[0]["by"] == "anna"


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("acknowledged by anna", "notices kept back by mute night", "next notice")),
    ("ko", ("확인: anna", "통보 보류: mute night", "다음 통보"))])
def test_the_cockpit_shows_who_took_charge_what_mutes_and_when_the_next_notice_comes(
        house: House, language: str, words: tuple[str, ...]) -> None:
    story = replace(COST, acknowledged_by="anna", muted_by=("mute night",), next_notice=NOW + HOUR)
    house.desk.show(replace(INCIDENT, incidents=(story,)))
    page = house.ask("/", house.cookie() | {"Accept-Language": language}).text
    assert [word for word in words if word not in page] == []
    assert f'id="ack-{COST.id}"' not in page, "it is acknowledged already"


def test_the_verb_status_says_who_took_charge_what_mutes_and_when_the_next_notice_comes(house: House) -> None:
    story = replace(COST, acknowledged_by="anna", muted_by=("mute night",), next_notice=NOW + HOUR)
    house.desk.show(replace(INCIDENT, incidents=(story, PAST), gate="deny", gate_reasons=("alert cost is firing",)))
    done = CliRunner().invoke(cli, ["status", "--url", house.url, "--token", TOKEN])
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == "gate: deny; alert cost is firing"
    assert done.output.splitlines()[-1] == (
        f"incident {COST.id} open: {COST.cause}; residual: contained; acknowledged by anna; kept back by mute night; "
        "next notice at 2026-09-21T15:13:20Z")
    assert PAST.id not in done.output, "what is over is in the cockpit"


def test_the_cockpit_s_button_takes_charge_with_a_reason(house: House) -> None:
    cookie = house.cookie()
    house.desk.show(INCIDENT)
    assert f'id="ack-{COST.id}"' in house.ask("/", cookie).text
    assert f"Take charge of {COST.id}?" in house.ask(f"/incidents/{COST.id}/ack", cookie).text
    form = cookie | {"Content-Type": FORM, "Origin": house.url}
    reply = house.ask(f"/incidents/{COST.id}/ack", form, {"csrf": house.csrf(cookie), **WHY})
    assert (reply.status, house.desk.done[-1][:2]) == (303, ("ack", COST.id))


def test_a_real_desk_silences_acknowledges_and_shows_what_comes_next(tmp_path: Path) -> None:
    """The demo's injection alert is severe: no silence keeps it back, and it may be acknowledged."""
    folder, now = Folder(tmp_path).create(), NOW
    store = open_store(folder)
    policy = load(demo_policy(), DEMO_ENVIRON)
    desk = ControlDesk(Control(policy, folder, store, lambda: now))
    try:
        with SpoolWriter(folder.spool, "one") as spool:
            spool.append([Event(id=f"b{i}", time=now - SECOND, blocked=True, blocked_by="strict") for i in range(20)])
        with pytest.raises(SilenceFault):
            desk.notices.silence((), "1h", None, "anna", "why", "admin")
        quiet = desk.notices.silence(("tier=~.*",), "1h", None, "anna", "why", "admin")
        known = desk.control.tokens.token("USER", "kim@example.com")
        for whom in ("kim@example.com", known):
            about = desk.notices.silence((f"user = {whom}", "alert=cost"), "1h", None, "anna", "why", "admin")
            assert set(about["matchers"]) == {"alert=cost", f"user={known}"}, "as alerts know people"
        for match in ("alert=~.*kim@example.com", "alert=cost of kim@example.com"):
            with pytest.raises(SilenceFault, match="expected no personal data"):
                desk.notices.silence((match,), "1h", None, "anna", "why", "admin")
        assert desk.notices.unsilence(about["id"], "admin", "done")
        desk.control.cycle()
        story = desk.board().incidents[0]
        assert (story.alert, story.muted_by, story.acknowledged_by) == ("injection", (), "")
        assert {a.words for a in story.actions if a.kind == "notify"} == {"ops is told", "security is told"}
        assert desk.notices.acknowledge(story.id, "", "on it", "admin")
        assert not desk.notices.acknowledge(story.id, "", "on it", "admin")
        now += SECOND
        desk.control.cycle()
        found = desk.incident(story.id)
        assert found is not None
        assert found.acknowledged_by == "admin"
        assert desk.notices.unsilence(quiet["id"], "admin", "done")
        assert desk.notices.silences() == []
    finally:
        desk.control.close()
        store.close()


def test_no_pattern_of_a_silence_keeps_a_name_or_an_address(tmp_path: Path) -> None:
    """What matches people is a pattern of tokens; elsewhere an address is one with its dots escaped, too."""
    folder = Folder(tmp_path).create()
    store = open_store(folder)
    desk = ControlDesk(Control(load(demo_policy(), DEMO_ENVIRON), folder, store, lambda: NOW))
    try:
        token = desk.control.tokens.token("USER", "kim@example.com")
        for match in (r"user=~kim@example\.com", "user=~kim.minsu", "user!~kim", "user=~홍길동", "user=~KIMMINSU",
                      "user=~USER_KIM.*", f"user=~{token}|kim", "user=~.*kim"):
            with pytest.raises(SilenceFault, match="expected a pattern of tokens after user") as caught:
                desk.notices.silence((match,), "1h", None, "anna", "why", "admin")
            assert (caught.value.code, say(str(caught.value), "ko")[:4]) == ("personal", "user")
            assert say(str(caught.value), "ko") != str(caught.value)
        for match in (r"alert=~kim@example\.com", "alert!~kim@example[.]com"):
            with pytest.raises(SilenceFault, match="expected no personal data"):
                desk.notices.silence((match,), "1h", None, "anna", "why", "admin")
        for match in ("user=~.*", "user=~.+", "user!~", f"user=~{token}", f"user!~{token}|USER_E2_.*",
                      r"model=~demo\.\d+[a-z]"):
            made = desk.notices.silence((match,), "1h", None, "anna", "why", "admin")
            assert made["matchers"] == [match]
    finally:
        desk.control.close()
        store.close()
