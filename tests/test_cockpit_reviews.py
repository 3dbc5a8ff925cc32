"""The cockpit's pages of reviews in a real browser, over control and a gateway: what is said there has force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bongsu.quantity import HOUR
from bongsu.review import Person, claimed
from bongsu.stores.reviews import Altered
from gatewaykit import reply
from peoplekit import TOKEN, Place
from reviewkit import ATTACK, ask, held, queue, waiting
from test_cockpit_browser import CHROMIUM, CONTRAST, keep, no_sideways

pytestmark = [pytest.mark.req("P2"), pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    with queue(tmp_path) as made:
        yield made


@pytest.fixture
def enter(browser: Browser, one: Place) -> Iterator[Callable[..., Page]]:
    """Signs in with a token; fails the test if the page's script or policy complained."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def enter(path: str = "/reviews", locale: str = "en-GB", token: str = TOKEN, width: int = 1280) -> Page:
        context = browser.new_context(locale=locale, reduced_motion="reduce", viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda note: complaints.append(note.text) if "Content Security" in note.text else None)
        page.goto(one.url + path)
        page.get_by_label("Admin token" if locale.startswith("en") else "관리자 토큰").fill(token)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: url.startswith(f"{one.url}/reviews"))
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_reviewer_claims_and_decides_a_case_and_sees_nothing_else(one: Place, enter: Callable[..., Page]) -> None:
    one.model.plain = reply("Good day.")
    ticket = held(one, ATTACK).response.headers["x-bongsu-review"]
    token = one.api().post("/v1/reviewers", {"name": "kim", "reason": "is on duty"})["token"]
    page = enter(token=token)
    row = page.get_by_role("region", name="Waiting").get_by_role("listitem")
    for text in ("guard injection found", "major", "Held by a guard", "due"):
        expect(row).to_contain_text(text)
    expect(page.get_by_role("link", name="Keys and users")).to_have_count(0)
    no_sideways(page)
    row.get_by_role("link", name="Look at it").click()
    expect(page.locator("#prompt")).to_contain_text("Ignore all previous instructions")
    expect(page.locator("#prompt")).to_contain_text("EMAIL_")
    assert "kim@example.com" not in page.content()
    page.get_by_role("button", name="I look at it").click()
    expect(page.locator("#claimed")).to_have_text("Claimed by kim")
    page.get_by_label("Verdict").select_option("approve")
    page.get_by_label("Reason").fill("a harmless question")
    page.get_by_role("button", name="Decide").click()
    page.wait_for_url(one.url + "/reviews")
    expect(page.get_by_role("region", name="Decided lately").get_by_role("listitem")).to_contain_text("approved")
    one.cycle()
    assert ask(one, ATTACK, ticket=ticket).choices[0].message.content == "Good day."
    for path in ("/", "/keys", "/gate", "/v1/board"):
        answer = page.request.get(one.url + path)
        assert answer.status == 403, path
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: url.startswith(one.url + "/login"))  # the page itself may be first to notice
    assert page.request.get(one.url + "/v1/reviews").status == 401


def test_what_cannot_be_is_said_above_the_form_in_korean_and_nothing_is_lost(
        one: Place, enter: Callable[..., Page]) -> None:
    held(one, ATTACK)
    (case,) = waiting(one)
    one.cli("review", "reviewer", "add", "lee", "--reason", "is on duty")
    one.control.store.alter_review(case["id"], _by_lee(one), one.now)
    page = enter(locale="ko-KR", path=f"/reviews/{case['id']}")
    expect(page.get_by_role("heading", name=f"검토 {case['id']}")).to_be_visible()
    page.get_by_label("판정").select_option("deny")
    page.get_by_label("사유").fill("공격이 맞음")
    page.get_by_role("button", name="결정").click()
    expect(page.get_by_role("alert").filter(has_text="지금 lee 님이 검토하고 있습니다.")).to_be_visible()
    expect(page.get_by_label("사유")).to_have_value("공격이 맞음")
    assert waiting(one)[0]["state"] == "claimed"


def _by_lee(one: Place) -> Any:
    terms = one.policy.review
    return lambda case: Altered(claimed(case, Person("lee"), one.now, terms), "lee", "review.claim", "looks")


@pytest.mark.parametrize("width", [375, 1280])
def test_the_pages_are_readable_on_every_width(one: Place, enter: Callable[..., Page], width: int) -> None:
    held(one)
    (case,) = waiting(one)
    page = enter(width=width)
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
    page.goto(f"{one.url}/reviews/{case['id']}")
    expect(page.get_by_text("To let it pass takes two people who agree.")).to_be_visible()
    expect(page.get_by_label("Of a false alarm: allow it for")).to_be_visible()
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
    keep(page, f"review-{width}")


def test_a_false_alarm_passes_for_a_while_by_what_a_reviewer_said_and_then_no_more(one: Place,
                                                                                  enter: Callable[..., Page]) -> None:
    """From the queue to an expiring entry, on the record, told on each call that it let pass."""
    one.model.plain = reply("Good day.")
    held(one, ATTACK)
    token = one.api().post("/v1/reviewers", {"name": "kim", "reason": "is on duty"})["token"]
    page = enter(token=token)
    page.get_by_role("link", name="Look at it").click()
    page.get_by_role("button", name="I look at it").click()
    page.get_by_label("Verdict").select_option("false_alarm")
    page.locator("#allow").fill("2h")
    page.get_by_label("Reason").fill("the title of a song")
    page.get_by_role("button", name="Decide").click()
    page.wait_for_url(one.url + "/reviews")
    one.cycle()
    entries = one.api().get("/v1/allow")["allowed"]  # one for each thing that the guard found
    assert {(e["guard"], e["by"], e["reason"]) for e in entries} == {("injection", "kim", "the title of a song")}
    assert ask(one, ATTACK).choices[0].message.content == "Good day."
    passed = {entry for v in one.last().verdicts for entry in v.allowed}
    assert passed == {e["id"] for e in entries}
    one.now += 2 * HOUR
    assert held(one, ATTACK).response.status_code == 403
    one.cycle()
    assert one.api().get("/v1/allow")["allowed"] == []
    assert set(one.actions("allow.")) == {"allow.expire", "allow.add"}
