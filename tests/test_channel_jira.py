"""Jira: one issue an alert, whatever is lost on the way; closed when it is over."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import outsiders
from bongsu.channels.http import Fleeting, Http, Own
from bongsu.channels.jira import SETTLES, Jira
from bongsu.ports import Notice, Receipt, Refused, Retry
from bongsu.quantity import SECOND
from bongsu.secret import reveal
from outsiders import CANARY, hangs, says, served
from test_channel_contracts import AGAIN, OVER, SEEN, TEST
from test_channel_faults import NOTICE, NOW, SECRET

pytestmark = [pytest.mark.usefixtures("channel_secret"), pytest.mark.req("A1")]

BASIC = "Basic " + b64encode(f"bot@example.com:{CANARY}".encode()).decode()


@dataclass
class Desk:
    """A served Jira, a clock in the hand, and what a channel remembers."""

    jira: outsiders.Jira
    settings: dict[str, Any]
    now: int = NOW
    memory: Fleeting = field(default_factory=Fleeting)

    def send(self, notice: Notice) -> Any:
        async def play() -> Any:
            async with served(self.jira), Http(reveal, lambda: self.now, 2 * SECOND, self.memory) as outside:
                channel = Jira(**{"url": self.jira.url, "project": "OPS", "token": SECRET, **self.settings})
                try:
                    return await channel.send(notice, Own(outside, "tickets"))
                except (Retry, Refused) as error:
                    return error
        return asyncio.run(play())


@pytest.fixture(params=["3", "2"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """Cloud with a user's token, and Data Center with a bearer token."""
    if request.param == "3":
        return Desk(outsiders.Jira(api="3", login=BASIC), {"user": "bot@example.com"})
    return Desk(outsiders.Jira(api="2", login=f"Bearer {CANARY}"), {"api": "2", "issue_type": "Bug"})


def test_an_issue_is_created_commented_on_and_closed(desk: Desk) -> None:
    assert desk.send(NOTICE) == Receipt(201, "OPS-1")
    assert desk.send(SEEN) == Receipt(201, "OPS-1")
    assert desk.send(OVER) == Receipt(204, "OPS-1")
    (issue,) = desk.jira.issues.values()
    assert (issue["summary"], issue["status"], issue["by"], len(issue["comments"])) == (
        "bot: cost is firing", "done", "Resolve", 2)
    assert issue["issuetype"]["name"] == ("Task" if desk.jira.api == "3" else "Bug")
    assert NOTICE.text in str(issue["description"])
    assert NOTICE.url in str(issue["description"])


def test_the_next_incident_after_the_issue_was_closed_is_an_issue_of_its_own(desk: Desk) -> None:
    for notice in (NOTICE, OVER, AGAIN):
        desk.now += SETTLES
        assert isinstance(desk.send(notice), Receipt)
    assert desk.jira.open() == ["OPS-2"]


@pytest.mark.parametrize("fault", [hangs, says(502), says(504)])
def test_a_creation_whose_reply_is_lost_makes_no_second_issue(desk: Desk, fault: Any) -> None:
    """The search does not see the issue yet; nothing is created until it would."""
    desk.jira.after = [fault]
    assert desk.send(NOTICE).unclear
    desk.jira.unseen = {"OPS-1"}
    waits = desk.send(NOTICE)
    assert (type(waits), waits.alone, waits.after) == (Retry, True, SETTLES)
    desk.now += SETTLES - SECOND
    assert desk.send(NOTICE).after == SECOND
    desk.now, desk.jira.unseen = desk.now + SECOND, set()
    assert desk.send(NOTICE) == Receipt(201, "OPS-1")
    assert list(desk.jira.issues) == ["OPS-1"]


def test_a_creation_that_never_happened_is_done_again_after_the_wait(desk: Desk) -> None:
    desk.jira.faults = [says(200, '{"issues": []}'), hangs]
    assert desk.send(NOTICE).unclear
    desk.now += SETTLES
    assert desk.send(NOTICE) == Receipt(201, "OPS-1")
    assert len(desk.jira.issues) == 1


@pytest.mark.parametrize("fault", [says(429), says(400, '{"errors": {"priority": "required"}}')])
def test_a_creation_that_was_refused_leaves_nothing_to_wait_for(desk: Desk, fault: Any) -> None:
    desk.jira.faults = [says(200, '{"issues": []}'), fault]
    assert isinstance(desk.send(NOTICE), Retry | Refused)
    assert desk.send(NOTICE) == Receipt(201, "OPS-1")


def test_an_issue_that_the_search_does_not_see_yet_is_remembered(desk: Desk) -> None:
    desk.send(NOTICE)
    desk.jira.unseen = {"OPS-1"}
    assert desk.send(OVER) == Receipt(204, "OPS-1")
    assert list(desk.jira.issues) == ["OPS-1"]


def test_an_issue_is_found_by_its_label_though_nothing_is_remembered(desk: Desk) -> None:
    """Another machine, restored from a backup of before."""
    desk.send(NOTICE)
    desk.memory = Fleeting()
    assert desk.send(SEEN) == Receipt(201, "OPS-1")
    assert desk.send(replace(OVER, key="bongsu/bot/other")) == Receipt(200, ""), "not by that of another alert"
    assert desk.jira.open() == ["OPS-1"]


def test_a_comment_that_was_made_is_not_made_again_only_because_that_was_not_recorded(desk: Desk) -> None:
    for notice in (NOTICE, SEEN, SEEN):
        desk.send(notice)
    assert [len(issue["comments"]) for issue in desk.jira.issues.values()] == [1]


def test_what_a_person_closed_or_deleted_needs_no_closing(desk: Desk) -> None:
    desk.send(NOTICE)
    desk.jira.issues["OPS-1"]["status"] = "done"
    assert desk.send(OVER) == Receipt(200, "OPS-1")
    desk.jira.issues.clear()
    assert desk.send(OVER) == Receipt(200, "")


def test_a_test_leaves_no_open_issue(desk: Desk) -> None:
    assert desk.send(TEST) == Receipt(204, "OPS-1")
    assert desk.jira.open() == []


def test_the_transition_may_be_named_and_one_that_is_not_there_is_told(desk: Desk) -> None:
    desk.settings = {**desk.settings, "done": "Won't do"}
    desk.send(NOTICE)
    desk.send(OVER)
    assert desk.jira.issues["OPS-1"]["by"] == "Won't do"
    desk.settings = {**desk.settings, "done": "Ship it"}
    desk.send(AGAIN)
    error = desk.send(replace(OVER, delivery="INC-2/calm/0/undo"))
    assert (type(error), str(error)) == (
        Refused, "no transition named 'Ship it' leads on from where OPS-2 is; name one with 'done:'")


def test_a_link_is_one_only_in_our_own_words() -> None:
    """Markup in a label or a cause is shown as it is."""
    cloud, center = outsiders.Jira(api="3", login=BASIC), outsiders.Jira(api="2", login=f"Bearer {CANARY}")
    forged = replace(NOTICE, text="[here|http://evil] {noformat} h1. x")
    Desk(cloud, {"user": "bot@example.com"}).send(forged)
    Desk(center, {"api": "2"}).send(forged)
    marks = [part.get("marks") for line in cloud.issues["OPS-1"]["description"]["content"] for part in line["content"]]
    assert [m for m in marks if m] == [[{"type": "link", "attrs": {"href": NOTICE.url}}]]
    text = center.issues["OPS-1"]["description"]
    assert text.count("{noformat}") == 2
    assert text.startswith("{noformat}") and text.endswith("{noformat}")  # noqa: PT018


def test_a_project_key_that_could_be_read_as_jql_is_refused_when_the_policy_is_read() -> None:
    with pytest.raises(ValueError, match="project: expected the key of a project"):
        Jira("http://x", 'OPS" OR project = "HR', SECRET)
