"""What each channel says, and what state that leaves at the other side."""

from __future__ import annotations

import asyncio
import json
import types
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from bongsu.channels import apprise as outlet
from bongsu.channels.apprise import Apprise
from bongsu.channels.http import Http
from bongsu.channels.twilio import Twilio
from bongsu.channels.webhook import SIGNATURE, Webhook, verified
from bongsu.ports import Receipt, Refused, Retry
from bongsu.quantity import SECOND
from bongsu.secret import reveal
from outsiders import CANARY, Outsider, hangs, says, served
from test_channel_faults import NOTICE, NOW, SECRET, send

pytestmark = [pytest.mark.usefixtures("channel_secret"), pytest.mark.req("A1")]

OVER = replace(NOTICE, state="resolved", delivery="INC-1/calm/0/undo", title="bot: cost is over")
SEEN = replace(NOTICE, state="acknowledged", delivery="INC-1/ack", title="bot: cost is seen")
TEST = replace(NOTICE, state="test", key="bongsu/bot/test/x", delivery="test/x/1", title="a test")
AGAIN = replace(NOTICE, delivery="INC-2/calm/0/do")


# ---- PagerDuty ----


def test_pagerduty_has_one_alert_a_key_from_trigger_over_acknowledge_to_resolve() -> None:
    *receipts, duty = send("pagerduty", NOTICE, NOTICE, SEEN)
    assert receipts == [Receipt(202, NOTICE.key)] * 3
    (alert,) = duty.alerts.values()
    assert (alert["state"], alert["count"], alert["opened"]) == ("acknowledged", 2, 1)
    event = alert["event"]
    assert event["payload"] == {
        "summary": "bot: cost is firing: cost is 15 over 1h, alert at > 10", "source": "bot", "severity": "error",
        "timestamp": "2026-09-21T14:13:20.123+00:00", "component": "bot", "class": "cost",
        "custom_details": {"Alert": "cost", "Incident": "INC-1"}}
    assert event["links"] == [{"href": NOTICE.url, "text": "Open"}]
    _, _, duty = send("pagerduty", NOTICE, OVER)
    assert [a["state"] for a in duty.alerts.values()] == ["resolved"]


@pytest.mark.parametrize(("tier", "severity"), [("severe", "critical"), ("major", "error"), ("minor", "warning"),
                                                ("info", "info")])
def test_pagerduty_is_told_the_tier_as_its_severity(tier: str, severity: str) -> None:
    _, duty = send("pagerduty", replace(NOTICE, tier=tier))
    assert [a["event"]["payload"]["severity"] for a in duty.alerts.values()] == [severity]


def test_a_test_of_pagerduty_leaves_nothing_open() -> None:
    _, duty = send("pagerduty", TEST)
    (alert,) = duty.alerts.values()
    assert (alert["state"], alert["event"]["payload"]["severity"]) == ("resolved", "info")


# ---- Teams ----


def test_a_card_of_teams_shows_texts_as_they_are_and_opens_the_incident() -> None:
    """In text runs, markdown and HTML are not read: a label cannot forge a link."""
    _, teams = send("teams", replace(NOTICE, title="[click](http://evil)", language="ko"))
    (card,) = teams.cards
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [[run["text"] for run in block["inlines"]] for block in card["body"]]
    assert runs == [["[click](http://evil)"], [NOTICE.text], ["알림: ", "cost"], ["인시던트: ", "INC-1"]]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "열기", "url": NOTICE.url}]


def test_the_colour_of_a_card_is_that_of_its_state() -> None:
    *_, teams = send("teams", NOTICE, OVER, SEEN, TEST)
    assert [c["body"][0]["inlines"][0]["color"] for c in teams.cards] == ["attention", "good", "warning", "accent"]


# ---- Twilio ----


def test_a_call_says_it_twice_in_the_notices_language() -> None:
    receipt, twilio = send("twilio", replace(NOTICE, title="<비용> & 알림", text="", language="ko"))
    assert receipt == Receipt(201, "CA" + "0" * 31 + "1")
    (call,) = twilio.calls
    said = ElementTree.fromstring(call["Twiml"])
    assert [(e.tag, e.get("language"), e.text) for e in said.iter("Say")] == [("Say", "ko-KR", "<비용> & 알림")] * 2
    assert (call["From"], call["To"]) == ("+12025550100", "+821012345678")


def test_whoever_was_called_is_told_by_message_that_it_is_over() -> None:
    *_, twilio = send("twilio", NOTICE, OVER)
    assert len(twilio.calls) == 1
    assert [m["Body"] for m in twilio.messages] == [f"bot: cost is over. {NOTICE.text}\n{NOTICE.url}"]


def test_a_call_that_may_have_been_made_is_unclear_but_a_message_is_tried_again() -> None:
    assert Twilio("AC" + "0" * 32, SECRET, "+12025550100", "+821012345678").on_unknown == "never"
    assert Twilio("AC" + "0" * 32, SECRET, "+12025550100", "+821012345678", "sms").on_unknown == "retry"
    for fault in (hangs, says(500)):
        error, _ = send("twilio", NOTICE, faults=[fault], timeout=SECOND // 5)
        assert (type(error), error.unclear) == (Retry, True)
        error, _ = send("twilio", OVER, faults=[fault], timeout=SECOND // 5)
        assert (type(error), error.unclear) == (Retry, False)
    error, _ = send("twilio", NOTICE, faults=[says(429)])
    assert not error.unclear, "refused for now is known not to have happened"


def test_twilios_error_code_is_told_without_the_number_it_is_about() -> None:
    error, _ = send("twilio", NOTICE, faults=[says(400, '{"code": 21211, "message": "Invalid +821012345678"}')])
    assert str(error) == "answered 400 code 21211"


@pytest.mark.parametrize(("settings", "words"), [
    ({"account": "hello"}, "account: expected an account SID"), ({"to": "010-5555-4444"}, "to: expected a phone"),
    ({"sender": "bongsu"}, "sender: expected a phone number")])
def test_a_number_that_is_none_is_found_when_the_policy_is_read(settings: dict[str, str], words: str) -> None:
    good = {"account": "AC" + "0" * 32, "token": SECRET, "sender": "+12025550100", "to": "+821012345678"}
    with pytest.raises(ValueError, match=words) as caught:
        Twilio(**(good | settings))
    assert "5555" not in str(caught.value)


# ---- Slack's Web API ----


def test_slack_keeps_an_alert_in_one_thread_and_its_message_turns_green() -> None:
    *receipts, slack = send("slack_api", NOTICE, SEEN, OVER)
    first, seen, over = slack.messages.items()
    assert [r.id for r in receipts] == [first[0], seen[0], over[0]]
    assert [m.get("thread_ts") for _, m in (seen, over)] == [first[0]] * 2
    assert first[1]["text"].startswith(":white_check_mark:")
    assert (first[1]["attachments"][0]["color"], first[1]["channel"]) == ("#2e7d32", "C0OPS")


def test_the_next_incident_of_an_alert_begins_a_new_message() -> None:
    *_, slack = send("slack_api", NOTICE, OVER, AGAIN)
    assert [m.get("thread_ts") is None for m in slack.messages.values()] == [True, False, True]


def test_a_notice_that_slack_took_is_not_told_again_only_because_that_was_not_recorded() -> None:
    first, again, over, over_again, slack = send("slack_api", NOTICE, NOTICE, OVER, OVER)
    assert (first, over.status, over_again.status) == (again, 200, 200)
    assert len(slack.messages) == 2


def test_where_the_message_is_gone_a_new_one_begins() -> None:
    receipt, slack = send("slack_api", OVER)
    assert (receipt.status, len(slack.messages)) == (200, 1)
    receipt, _, slack = send("slack_api", NOTICE, SEEN, faults=[says(200, json.dumps(
        {"ok": True, "channel": "C0OPS", "ts": "1.0"}))])  # a message that somebody has deleted since
    assert receipt == Receipt(200, "1.0")
    assert [m.get("thread_ts") for m in slack.messages.values()] == [None]


@pytest.mark.parametrize(("word", "kind"), [
    ("ratelimited", Retry), ("internal_error", Retry), ("channel_not_found", Refused), ("not_in_channel", Refused),
    ("is_archived", Refused), ("invalid_auth", Refused), ("Secret <x>", Refused)])
def test_what_slack_says_is_not_ok_comes_later_or_never(word: str, kind: type[Exception]) -> None:
    error, _ = send("slack_api", faults=[says(200, json.dumps({"ok": False, "error": word}))])
    assert type(error) is kind
    assert str(error) == (f"chat.postMessage says {word}" if word.islower() else
                          "chat.postMessage says that it is not ok")


# ---- Alertmanager ----


def test_alertmanager_sees_the_same_labels_from_firing_to_over() -> None:
    """Otherwise it would be another alert, and the first would burn for a week."""
    *_, manager = send("alertmanager", NOTICE, OVER)
    (alert,) = manager.alerts.values()
    assert alert["labels"] == {"alertname": "cost", "service": "bot", "severity": "major", "bongsu_key": NOTICE.key}
    assert alert["endsAt"] == "2026-09-21T14:13:20.123Z"
    assert alert["generatorURL"] == NOTICE.url
    _, manager = send("alertmanager", NOTICE)
    (alert,) = manager.alerts.values()
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-09-21T14:13:20.123Z", "2026-09-28T14:13:20.123Z")


# ---- a template ----


class Sink(Outsider):
    def answer(self, asked: Any) -> tuple[int, Any]:
        return 200, "ok"


def hook(template: str, notice: Any = NOTICE) -> tuple[Any, Sink]:
    async def play() -> tuple[Any, Sink]:
        async with served(Sink()) as sink, Http(reveal, lambda: NOW) as outside:
            try:
                return await Webhook(sink.url, SECRET, template).send(notice, outside), sink
            except (Retry, Refused) as error:
                return error, sink
    return asyncio.run(play())


def test_a_template_makes_the_body_that_is_signed() -> None:
    receipt, sink = hook('{"text": {{ title | tojson }}, "is": "{{ state }}", "about": {{ facts | tojson }}}',
                         replace(NOTICE, title='"비용" \\ 알림\n'))
    assert receipt == Receipt(200)
    (asked,) = sink.got
    assert asked.json() == {"text": '"비용" \\ 알림\n', "is": "firing", "about": NOTICE.facts}
    assert verified(CANARY, asked.headers[SIGNATURE], asked.body, NOW)


@pytest.mark.parametrize(("template", "words"), [
    ('{"text": "{{ title }}"}', "does not make JSON"), ("{{ titel }}", "'titel' is undefined"),
    ("{% if %}", "with a mistake"), ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ("{% for i in range(10**9) %}x{% endfor %}", "Range too big"), ("{{ facts.update({'a': 1}) }}", "unsafe"),
    ("{{ facts['none'].x }}", "has no attribute 'none'"), ("{{ 1 // 0 }}", "ZeroDivisionError")])
def test_a_template_that_could_fail_is_found_when_the_policy_is_read(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^template: expected ") as caught:
        Webhook("http://x", template=template)
    assert words in str(caught.value)


def test_a_template_that_fails_on_one_notice_only_is_refused_with_the_reason() -> None:
    error, sink = hook('{"x": {{ facts["alert"] | tojson }}}', replace(NOTICE, facts={}))
    assert (type(error), str(error)) == (Refused, "the template fails (TypeError)")
    error, _ = hook('{"x": {{ "1" if facts | length else "{" }} }', replace(NOTICE, facts={}))
    assert str(error) == "the template does not make JSON of this notice"
    assert sink.got == []


# ---- Apprise ----


class FakeApprise(types.ModuleType):
    """As much of Apprise as we use; ``made`` counts its objects."""

    def __init__(self, takes: bool = True, knows: bool = True) -> None:
        super().__init__("apprise")
        self.made: list[Any] = []
        module = self

        class One:
            def __init__(self, asset: Any) -> None:
                module.made.append(self)

            def add(self, url: str) -> bool:
                self.url = url
                return knows

            def notify(self, **said: str) -> bool:
                self.said = said
                return takes

        self.Apprise, self.AppriseAsset = One, dict


def through_apprise(monkeypatch: pytest.MonkeyPatch, module: FakeApprise) -> list[Any]:
    monkeypatch.setattr(outlet, "find_spec", lambda name: name)
    monkeypatch.setattr(outlet, "import_module", lambda name: module)

    async def play() -> list[Any]:
        async with Http(reveal, lambda: NOW) as outside:
            return await asyncio.gather(*(Apprise(SECRET).send(n, outside) for n in (NOTICE, OVER)),
                                        return_exceptions=True)
    return asyncio.run(play())


def test_apprise_gets_an_object_for_each_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one object the second notice would wait for seconds."""
    module = FakeApprise()
    assert through_apprise(monkeypatch, module) == [Receipt(200)] * 2
    assert {one.url for one in module.made} == {CANARY}
    assert sorted(one.said["notify_type"] for one in module.made) == ["failure", "success"]
    assert "Alert: cost" in module.made[0].said["body"]


def test_apprise_that_fails_comes_later_and_an_address_it_does_not_know_never(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in through_apprise(monkeypatch, FakeApprise(takes=False)):
        assert (type(error), CANARY in str(error)) == (Retry, False)
    for error in through_apprise(monkeypatch, FakeApprise(knows=False)):
        assert (type(error), CANARY in str(error)) == (Refused, False)


def test_without_apprise_the_policy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'bongsu\[apprise\]'"):
        Apprise(SECRET)
