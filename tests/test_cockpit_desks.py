"""The cockpit's pages of the gate and of silences, in a real browser, over a real control process's desk."""

# ruff: noqa: E501 - cases and scripts read as tables

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bongsu.ports import Refused
from browserkit import entering
from gatehouse import POLICY, TOKEN, Gatehouse, gatehouse
from test_channel_verbs import TOKEN as CHANNEL_TOKEN
from test_channel_verbs import house as channel_house
from test_cockpit_browser import CHROMIUM, CONTRAST, keep, no_sideways

pytestmark = [pytest.mark.browser, pytest.mark.req("A1", "A2", "A3"),
              pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]
MUTED = POLICY.replace("alerts:", "channels: {ops: {webhook: 'http://127.0.0.1:1/'}, legal: {webhook: 'http://127.0.0.1:1/', mutable: false}}\n"
                       "notify: {repeat: 1h, mute: {nightly: {times: '00:00..24:00', tiers: [minor], channels: [ops]},\n"
                       "                            never: {times: '00:00..24:00', years: 2001}}}\nalerts:", 1).replace(
    "tier: minor}", "tier: minor, to: [ops]}")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path, MUTED) as house:
        yield house
        house.app.state.closing.set()


@pytest.fixture
def enter(browser: Browser, house: Gatehouse) -> Iterator[Callable[..., Page]]:
    with entering(browser, house.url, TOKEN) as enter:
        yield enter


def test_a_latched_gate_is_cleared_with_a_reason_and_not_while_its_alert_fires(house: Gatehouse, enter: Callable[..., Page]) -> None:
    house.attack()
    page = enter("/")
    page.locator("#to-gate").click()
    held = page.get_by_role("region", name="Held shut until a person clears it")
    expect(held.get_by_text("attack", exact=True)).to_be_visible()
    expect(held.get_by_text("It can be cleared once the alert is over.")).to_be_visible()
    expect(page.locator("#clear-gate")).to_have_count(0)
    house.tick(30)
    page.locator("#clear-gate").press("Enter")
    dialog = page.get_by_role("dialog", name="Clear the gate?")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_role("button", name="Clear the gate").click()
    expect(dialog).to_be_visible()
    assert house.verdict()["decision"] == "deny", "no reason, no clearing"
    dialog.get_by_label("Reason").fill("a drill, looked at")
    dialog.get_by_role("button", name="Clear the gate").click()
    expect(page.get_by_text("Nothing holds the gate.")).to_be_visible()
    assert house.verdict()["decision"] == "allow"
    assert house.actions("gate.clear") == ["gate.clear"]
    record = next(r for r in house.store.trail(100) if r.action == "gate.clear")
    assert (record.actor, record.reason) == ("admin (cockpit)", "a drill, looked at")


def test_the_gate_is_not_cleared_without_the_forms_own_token(house: Gatehouse, enter: Callable[..., Page]) -> None:
    house.attack()
    house.tick(30)
    page = enter("/gate/clear")
    page.evaluate("document.querySelector('main input[name=csrf]').value = 'forged'")
    page.get_by_label("Reason").fill("forged")
    page.get_by_role("button", name="Clear the gate").click()
    expect(page.get_by_text("the page is out of date")).to_be_visible()
    assert house.actions("gate.clear") == []


def test_deployments_stand_among_incidents_on_a_timeline(house: Gatehouse, enter: Callable[..., Page]) -> None:
    said = {"source": "argo", "kind": "rollout-completed", "text": "bot is at revision 7", "detail": {"phase": "Healthy"}}
    assert house.ask("/v1/gate/bot/deployments", said) == (201, {"kept": True})
    assert house.ask("/v1/gate/flagger/event", {"name": "bot", "namespace": "prod", "phase": "Progressing", "metadata": {
        "eventMessage": "New revision <b>detected</b>", "eventType": "Normal"}})[0] == 200
    house.tick()
    house.attack()
    page = enter("/gate")
    lines = page.get_by_role("region", name="Deployments and incidents").get_by_role("listitem")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("Incident opened")
    expect(lines.nth(0).get_by_role("link", name="attack")).to_be_visible()
    texts = " ".join(lines.all_text_contents())
    assert "argo / rollout-completed / Healthy" in texts
    assert "bot is at revision 7" in texts
    assert "New revision <b>detected</b>" in texts, "what a tool says is text, never markup"
    keep(page, "gate-light-1280")


@pytest.mark.parametrize(("body", "code"), [
    ({"source": "nobody", "text": "x"}, "bad_source"), ({"source": "ci"}, "bad_text"),
    ({"source": "ci", "text": "x", "detail": {"a": 1}}, "bad_detail"), ({"source": "ci", "text": "x", "detail": []}, "bad_detail")])
def test_a_deployment_that_cannot_be_kept_is_told_why(house: Gatehouse, body: dict[str, Any], code: str) -> None:
    status, said = house.ask("/v1/gate/bot/deployments", body)
    assert (status, said["error"]["code"]) == (400, code)
    assert house.ask("/v1/gate/other/deployments", {"source": "ci", "text": "x"})[0] == 404
    assert house.store.markers() == []


def test_a_silence_is_made_seen_and_ended_in_the_cockpit(house: Gatehouse, enter: Callable[..., Page]) -> None:
    page = enter("/")
    page.get_by_role("link", name="Silences").click()
    expect(page.get_by_text("Nobody has silenced anything.")).to_be_visible()
    page.get_by_role("link", name="Silence", exact=True).click()
    dialog = page.get_by_role("dialog", name="Keep notices back")
    expect(dialog.get_by_label("What", exact=True)).to_be_focused()
    dialog.get_by_label("What", exact=True).fill("alert=slow\ntier!=severe")
    dialog.get_by_label("How long").fill("3h")
    dialog.get_by_label("Who asks").fill("anna")
    dialog.get_by_label("Reason").fill("load test")
    dialog.get_by_role("button", name="Silence").click()
    mine = page.get_by_role("region", name="Silences people asked for").get_by_role("listitem")
    expect(mine).to_contain_text("alert=slow, tier!=severe")
    expect(mine).to_contain_text("load test")
    expect(mine).to_contain_text("by anna")
    (made,) = house.desk.notices.silences()
    assert (made["by"], made["reason"], made["ends"] - made["starts"]) == ("anna", "load test", 3 * 3600 * 10**6)
    keep(page, "silences-light-1280")
    mine.get_by_role("link", name="End now").click()
    end = page.get_by_role("dialog")
    end.get_by_label("Reason").fill("over early")
    end.get_by_role("button", name="End now").click()
    expect(page.get_by_text("Nobody has silenced anything.")).to_be_visible()
    assert house.desk.notices.silences() == []
    assert house.actions("silence")[-2:] == ["silence.add", "silence.remove"]


def test_a_silence_that_cannot_be_says_why_and_keeps_what_was_typed(house: Gatehouse, enter: Callable[..., Page]) -> None:
    """Without a script, too."""
    page = enter("/silences", script=False)
    page.get_by_role("link", name="Silence", exact=True).click()
    page.get_by_label("What", exact=True).fill("alert")
    page.get_by_label("Who asks").fill("anna")
    page.get_by_label("Reason").fill("typed once")
    page.get_by_role("button", name="Silence").click()
    expect(page.get_by_role("alert").filter(has_text="expected NAME=VALUE")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("typed once")
    page.get_by_label("What", exact=True).fill("alert=slow")
    page.get_by_role("button", name="Silence").click()
    expect(page).to_have_url(house.url + "/silences")
    assert len(house.desk.notices.silences()) == 1


def test_mute_windows_and_the_next_notices_are_shown_with_what_keeps_them_back(house: Gatehouse, enter: Callable[..., Page]) -> None:
    house.feed(10, outcome="timeout")
    house.tick()
    house.tick()
    page = enter("/silences")
    mutes = page.get_by_role("region", name="Mute windows of the policy").get_by_role("listitem")
    expect(mutes).to_have_count(2)
    expect(mutes.nth(0)).to_contain_text("nightly")
    expect(mutes.nth(0)).to_contain_text("In force")
    expect(mutes.nth(1)).to_contain_text("Not now")
    due = page.get_by_role("region", name="Next notices").get_by_role("listitem")
    expect(due).to_have_count(1)
    expect(due).to_contain_text("ops")
    expect(due).to_contain_text("legal")
    expect(due).to_contain_text("notices kept back by mute nightly")


@pytest.mark.parametrize("path", ["/gate", "/silences", "/silences/new"])
def test_a_korean_reader_gets_korean_pages_that_fit_a_phone_and_can_be_read(house: Gatehouse, enter: Callable[..., Page], path: str) -> None:
    house.ask("/v1/gate/bot/deployments", {"source": "ci", "kind": "deploy", "text": "revision 8"})
    house.ask("/v1/silences", {"match": ["alert=slow"], "for": "2h", "by": "anna", "reason": "점검"})
    house.attack()
    house.tick(30)
    page = enter(path, "ko-KR", width=390)
    no_sideways(page)
    assert page.locator("main h1, main h2").first.inner_text() in ("배포 게이트", "알림 보류")
    assert page.evaluate(CONTRAST)["weak"] == []
    nameless = page.evaluate("[...document.querySelectorAll('main a, main button, main input:not([type=hidden]), main textarea')]"
                             ".filter((n) => !(n.textContent.trim() || n.ariaLabel || n.labels?.length)).length")
    assert nameless == 0


@pytest.mark.parametrize(("locale", "button", "delivered", "failed"), [
    ("en-GB", "Send a test", "ops: delivered in 0 ms (status 202).", "not delivered: answered 404 no_service"),
    ("ko-KR", "시험 메시지 보내기", "ops: 0ms 만에 전달되었습니다(상태 202).", "전달하지 못했습니다: 응답 404 no_service")])
def test_a_channel_is_tried_from_its_page_and_what_came_of_it_is_said(
        browser: Browser, tmp_path: Path, locale: str, button: str, delivered: str, failed: str) -> None:
    with channel_house(tmp_path) as home:
        page = browser.new_page(locale=locale)
        page.goto(home.url + "/channels")
        page.locator("#token").fill(CHANNEL_TOKEN)
        page.keyboard.press("Enter")
        page.locator("form[action='/channels/ops/test']").get_by_role("button", name=button).click()
        expect(page.get_by_role("status")).to_have_text(re.compile(re.escape(delivered)))
        home.way.outcome = Refused("answered 404 no_service")
        page.locator("form[action='/channels/hook/test']").get_by_role("button", name=button).press("Enter")
        expect(page.get_by_role("status")).to_contain_text(failed)
        assert [name for name, _ in home.way.got] == ["ops", "hook"]
        assert [(r.actor, r.target, r.detail["delivered"]) for r in reversed(home.state.trail(2))] == [
            ("admin (cockpit)", "ops", True), ("admin (cockpit)", "hook", False)]
        page.close()


OWING = POLICY.replace("  slow:", "  failing: {when: failures > 50%, over: 10s, clear: < 10%, tier: major}\n  slow:")


@pytest.fixture
def owing(tmp_path: Path) -> Iterator[Gatehouse]:
    """1,000 calls, then 30 that fail: more than a fifth of what the budget of an hour allows."""
    with gatehouse(tmp_path, OWING) as house:
        house.feed(1000)
        house.tick(30)
        house.feed(30, outcome="error")
        house.tick()
        yield house
        house.app.state.closing.set()


@pytest.mark.parametrize(("locale", "button", "field", "reason", "refused"), [
    ("en-GB", "Postmortem is written", "Where it can be read", "Reason", "That is no address"),
    ("ko-KR", "사후 분석 작성됨", "읽을 수 있는 주소", "사유", "올바른 주소가 아닙니다")])
def test_an_owed_postmortem_is_marked_as_written_with_its_address_and_a_reason(
        browser: Browser, owing: Gatehouse, locale: str, button: str, field: str, reason: str, refused: str) -> None:
    key = owing.store.incidents()[0].id
    with browser.new_context(locale=locale, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{owing.url}/incidents/{key}")
        page.get_by_label("Admin token" if locale.startswith("en") else "관리자 토큰").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator(f"#postmortem-{key}").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(field).fill("javascript:alert(1)")
        dialog.get_by_label(reason).fill("kim wrote it")
        dialog.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert").filter(has_text=refused)).to_be_visible()
        expect(page.get_by_label(reason)).to_have_value("kim wrote it")
        assert owing.actions("postmortem.written") == []
        page.get_by_label(field).fill("https://wiki.example.com/pm/1")
        page.evaluate("document.querySelector('main input[name=csrf]').value = 'forged'")
        page.get_by_role("button", name=button).click()
        expect(page.locator(".message")).to_be_visible()
        assert owing.actions("postmortem.written") == [], "the form's own token is asked for"
        page.goto(f"{owing.url}/incidents/{key}/postmortem")
        page.get_by_label(field).fill("https://wiki.example.com/pm/1")
        page.get_by_label(reason).fill("kim wrote it")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_text("https://wiki.example.com/pm/1").first).to_be_visible()
        expect(page.locator(f"#postmortem-{key}")).to_have_count(0)
    (record,) = [r for r in owing.store.trail(100) if r.action == "postmortem.written"]
    assert (record.actor, record.reason) == ("admin (cockpit)", "kim wrote it")
    assert owing.store.postmortems() == []
