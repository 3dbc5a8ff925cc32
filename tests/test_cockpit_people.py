"""The cockpit's page of keys and users in a real browser, over control and a gateway: what is done there has force."""

# ruff: noqa: E501 - cases and scripts read as tables

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bongsu.access.restriction import RUNGS
from bongsu.actions.restrict import Restrict
from bongsu.host.keys import whole
from bongsu.quantity import DAY, HOUR
from bongsu.web.keypage import CHOICES, MOST
from bongsu.web.words import EN, say
from browserkit import entering
from peoplekit import POLICY, T0, TOKEN, Place, place
from test_cockpit_browser import CHROMIUM, CONTRAST, keep, no_sideways

pytestmark = [pytest.mark.req("P6", "A4"),
              pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]
BUDGETS = """
budgets:
  teams: {limit: 0.004 USD, window: month, per: team, soft: 20%}
  whole: {limit: 100 USD, window: 1d, per: service}
"""
PRICED = POLICY.replace("timeout: 5s}\n  light", "timeout: 5s, max_output: 100}\n  light").replace(
    "fail: closed}", "fail: closed, keys: required}", 1) + BUDGETS


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, PRICED) as made:
        yield made


@pytest.fixture
def enter(browser: Browser, one: Place) -> Iterator[Callable[..., Page]]:
    with entering(browser, one.url, TOKEN, "/keys") as enter:
        yield enter


def region(page: Page, name: str) -> Any:
    return page.get_by_role("region", name=name)


@pytest.mark.browser
def test_a_key_is_made_shown_once_and_lets_its_calls_in(one: Place, enter: Callable[..., Page]) -> None:
    page = enter("/")
    page.get_by_role("link", name="Keys and users").click()
    expect(page.get_by_text("There is no key yet.")).to_be_visible()
    page.get_by_role("link", name="New key").click()
    dialog = page.get_by_role("dialog", name="New key")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("shop <b>app</b>")
    dialog.get_by_label("user").fill("kim@example.com")
    dialog.get_by_label("team").fill("research")
    dialog.get_by_text("Limits, routes and kind").click()
    dialog.get_by_label("Requests a minute").fill("60")
    dialog.get_by_label("routes").fill("shop")
    dialog.get_by_role("button", name="Create the key").click()
    expect(page.get_by_role("heading", name="Keep this key now")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    assert whole(secret)
    one.cycle()
    assert one.post(secret).status == 200
    assert one.post(secret, route="plain").status == 403
    one.cycle()
    expect(page.locator("#secret")).to_have_text(secret)
    page.get_by_role("link", name="I have kept it").click()
    row = region(page, "Keys").get_by_role("listitem")
    for text in ("shop <b>app</b>", "team research", "USER_", "gateway:invoke", "routes shop", "60 requests/min", "expires", "used"):
        expect(row).to_contain_text(text)
    assert secret not in page.content()
    assert "kim@example.com" not in page.content()
    (kept,) = one.store.api_keys()
    assert (kept.by, kept.expires - kept.created, kept.origin) == ("admin (cockpit)", 90 * DAY, "live")


@pytest.mark.browser
def test_a_key_is_rotated_with_its_grace_and_revoked_with_a_reason(one: Place, enter: Callable[..., Page]) -> None:
    old, id_ = one.key("app")
    page = enter()
    page.locator(f"#rotate-{id_}").click()
    dialog = page.get_by_role("dialog", name="New secret for app?")
    dialog.get_by_role("button", name="Rotate").click()
    expect(dialog).to_be_visible()
    assert one.actions("key.rotate") == [], "no reason, no new secret"
    dialog.get_by_label("Reason").fill("every quarter")
    dialog.get_by_role("button", name="Rotate").click()
    new = page.locator("#secret").inner_text()
    one.cycle()
    assert [one.post(key).status for key in (old, new)] == [200, 200]
    page.get_by_role("link", name="I have kept it").click()
    expect(region(page, "Keys").get_by_text("two secrets live")).to_be_visible()
    page.locator(f"#revoke-{id_}").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("leaked")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(region(page, "Keys").get_by_text("Revoked", exact=True)).to_be_visible()
    expect(page.locator(f"#revoke-{id_}")).to_have_count(0)
    one.cycle()
    assert [one.post(key).status for key in (old, new)] == [401, 401]
    record = next(r for r in one.store.trail(20) if r.action == "key.revoke")
    assert (record.actor, record.reason) == ("admin (cockpit)", "leaked")
    page.goto(f"{one.url}/keys/{id_}/rotate")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


@pytest.mark.browser
def test_somebody_is_restricted_and_let_go_again(one: Place, enter: Callable[..., Page]) -> None:
    key, id_ = one.key("app", user="kim@example.com")
    page = enter()
    page.locator(f"#restrict-{id_}").click()
    dialog = page.get_by_role("dialog", name="Restrict a user or a key")
    expect(dialog.get_by_label("Who")).to_have_value(f"key/{id_}")
    dialog.get_by_label("How", exact=True).select_option("Suspended")
    dialog.get_by_label("How long").fill("1h")
    dialog.get_by_label("Reason").fill("asked for bombs")
    dialog.get_by_label("Appeal to").fill("ai-office@example.com")
    dialog.get_by_role("button", name="Restrict").click()
    row = region(page, "Restrictions in force").get_by_role("listitem")
    for text in ("app", id_, "Suspended", "asked for bombs", "by admin (cockpit)", "until", "ai-office@example.com"):
        expect(row).to_contain_text(text)
    one.cycle()
    refused = one.post(key)
    assert (refused.code(), "ai-office@example.com" in refused.text) == ((403, "suspended"), True)
    keep(page, "keys-light-1280")
    row.get_by_role("link", name="Lift").click()
    lift = page.get_by_role("dialog", name=f"Lift every restriction of key/{id_}?")
    lift.get_by_label("Reason").fill("appealed")
    lift.get_by_role("button", name="Lift").click()
    expect(page.get_by_text("Nobody is restricted.")).to_be_visible()
    one.cycle()
    assert one.post(key).status == 200
    assert one.actions("restrict.") == ["restrict.remove", "restrict.add"]
    (made,) = [r for r in one.store.trail(50) if r.action == "restrict.add"]
    assert made.detail["until"] == T0 + HOUR


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "words"), [
    ("en-GB", ("Restrict a user or a key", "Who", "Reason", "Restrict", "expected user/NAME or key/ID")),
    ("ko-KR", ("사용자나 키 제한하기", "대상", "사유", "제한", "user/이름 또는 key/ID"))])
def test_what_cannot_be_is_said_and_the_form_keeps_what_was_typed(one: Place, enter: Callable[..., Page], locale: str,
                                                                  words: tuple[str, ...]) -> None:
    """Without a script, too."""
    title, who, reason, button, said = words
    page = enter(locale=locale, script=False)
    page.get_by_role("link", name=title).click()
    page.get_by_label(who, exact=True).fill("mallory")
    page.get_by_label(reason, exact=True).fill("typed once")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#problem")).to_contain_text(said)
    expect(page.get_by_label(reason, exact=True)).to_have_value("typed once")
    page.get_by_label(who, exact=True).fill("user/mallory")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page).to_have_url(one.url + "/keys")
    assert one.api().get("/v1/restrictions")["restrictions"][0]["subject"].startswith("user/USER_")


@pytest.mark.browser
def test_a_form_without_its_own_token_changes_nothing(one: Place, enter: Callable[..., Page]) -> None:
    _, id_ = one.key("app")
    for path, field in (("/keys/new", "#name"), (f"/keys/{id_}/revoke", "#reason"), (f"/keys/{id_}/restrict", "#reason")):
        page = enter(path)
        page.evaluate("document.querySelector('main input[name=csrf]').value = 'forged'")
        page.locator(field).fill("forged")
        page.locator("#confirm").click()
        expect(page.get_by_text("the page is out of date")).to_be_visible()
    assert [key.name for key in one.store.api_keys()] == ["app"]
    assert (one.actions("key.revoke"), one.actions("restrict.")) == ([], [])


@pytest.mark.browser
def test_budgets_are_bars_with_both_limits_marked(one: Place, enter: Callable[..., Page]) -> None:
    key, _ = one.key("app", team="research")
    for _ in range(20):
        if one.post(key).status != 200:
            break
        one.cycle()
    assert one.post(key).code() == (429, "budget_exceeded")
    one.cycle()
    page = enter()
    rows = region(page, "Budgets").get_by_role("listitem")
    expect(rows).to_have_count(2)
    team = rows.nth(0)
    for text in ("team/research", "of 0.004 USD", "left", "until", "Soft limit reached", "A cheaper model: shop → "):
        expect(team).to_contain_text(text)
    expect(team.get_by_role("img", name=re.compile(r"spent; soft limit 0\.0008 USD, hard limit 0\.004 USD"))).to_be_visible()
    assert [mark.get_attribute("x") for mark in team.locator(".line").all()] == ["18.0", "90.0"]
    spent = one.api().get("/v1/budgets")["budgets"][0]["spent"]
    assert float(team.locator(".fill").get_attribute("width") or 0) == pytest.approx(spent / 4_000_000 * 90, abs=0.01)
    expect(rows.nth(1)).to_contain_text("service/shop")


@pytest.mark.browser
@pytest.mark.parametrize(("path", "title"), [("/keys", "키와 사용자"), ("/keys/new", "새 키"), ("/restrictions/new", "사용자나 키 제한하기")])
def test_a_korean_reader_gets_pages_that_fit_a_phone_and_can_be_read(one: Place, enter: Callable[..., Page], path: str,
                                                                     title: str) -> None:
    key, id_ = one.key("고객상담 앱", user="kim@example.com", team="research", origin="redteam")
    one.post(key)
    one.cli("restrict", f"key/{id_}", "light", "--reason", "반복 위반", "--appeal", "담당자")
    one.cycle()
    page = enter(path, "ko-KR", width=390)
    expect(page.locator("main h1, main h2").first).to_have_text(title)
    for details in page.locator("details").all():
        details.locator("summary").click()
    no_sideways(page)
    page.set_viewport_size({"width": 320, "height": 640})
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
    nameless = page.evaluate("[...document.querySelectorAll('main a, main button, main select, main input:not([type=hidden]), main textarea')]"
                             ".filter((n) => !(n.tagName !== 'SELECT' && n.textContent.trim() || n.ariaLabel || n.labels?.length)).length")
    assert nameless == 0


@pytest.mark.browser
def test_a_long_list_is_cut_and_says_so(one: Place, enter: Callable[..., Page]) -> None:
    for n in range(MOST + 3):
        one.api().post("/v1/keys", {"name": f"app {n}"})
    page = enter()
    expect(region(page, "Keys").get_by_role("listitem")).to_have_count(MOST)
    expect(page.get_by_text("and 3 more; the API lists them all")).to_be_visible()


def test_every_choice_and_state_has_words() -> None:
    asked = [f"{name}_{one}" for name in ("origin", "block", "rung") for one in CHOICES[name]]
    asked += ["key_expired", "key_revoked", "over_refuse", "over_light"]
    assert [key for key in asked if key not in EN] == []


@pytest.mark.parametrize("rung", RUNGS)
def test_what_a_playbook_does_to_somebody_is_said_in_korean(rung: Any) -> None:
    said = {whom: say(Restrict(rung, of).words(), "ko") for whom, of in (("사용자", "user"), ("키", "key"))}
    for whom, words in said.items():
        assert words.startswith(f"{whom} 제한: ")
        assert not re.search("[a-z]", words)
