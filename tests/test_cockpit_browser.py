"""The cockpit in a real browser: read, kept fresh, switched off; in both languages and looks, on two widths.

Screenshots are kept in ``artifacts/`` as evidence of what a person sees.
"""

# ruff: noqa: E501 - cases and scripts read as tables

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from boards import ATTACK, CALM, COST, EMPTY, INCIDENT, NOW, SEVERE, FakeDesk
from bongsu.web.site import control_app
from browserkit import CHROMIUM
from servers import Server, serving

TOKEN = "bsu_test_browser"
ARTIFACTS = Path(__file__).parent.parent / "artifacts"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]


@dataclass
class Tower:
    """A served cockpit and the desk behind it."""

    desk: FakeDesk
    server: Server
    app: Any

    def leave(self) -> None:
        """End the live streams and the server: what a browser sees when control goes away."""
        self.app.state.closing.set()
        self.server.stop()


@pytest.fixture
def tower() -> Iterator[Tower]:
    desk = FakeDesk()
    app = control_app(desk, hashlib.sha256(TOKEN.encode()).hexdigest())
    with serving(app) as server:
        yield Tower(desk, server, app)
        app.state.closing.set()


@pytest.fixture
def open_page(browser: Browser, tower: Tower) -> Iterator[Callable[..., Page]]:
    """Signs in with a fresh browser profile; fails the test if the page's script or policy complained."""
    contexts, complaints = [], []

    def enter(width: int = 1280, height: int = 800, locale: str = "en-GB", look: Any = "light", path: str = "/") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale=locale, color_scheme=look,
                                      timezone_id="Asia/Seoul", reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.clock.install(time=NOW / 1_000_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda note: complaints.append(note.text) if "Content Security Policy" in note.text else None)
        page.goto(tower.server.url + path)
        page.get_by_label("Admin token" if locale.startswith("en") else "관리자 토큰").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(tower.server.url + path)
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []


def keep(page: Page, name: str) -> None:
    """A whole-page picture, as a test artifact."""
    ARTIFACTS.mkdir(exist_ok=True)
    target = ARTIFACTS / f"cockpit-{name}.png"
    page.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 20_000


def no_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_wrong_token_stays_outside(browser: Browser, tower: Tower) -> None:
    page = browser.new_page()
    page.goto(tower.server.url + "/incidents/" + COST.id)
    page.get_by_label("Admin token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="not the admin token")).to_be_visible()
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(tower.server.url + "/incidents/" + COST.id)
    page.close()


def test_a_calm_board_says_so_and_shows_budgets_and_burn(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    expect(page.get_by_role("img", name="Beacon: 1 of 5 fires")).to_be_visible()
    expect(page.get_by_role("img", name="Error budget left: 81.2%")).to_be_visible()
    expect(page.get_by_text("No open incident")).to_be_visible()
    together = page.get_by_role("article", name="All objectives together")
    for text in ("3 of 3 within budget", "74.3%", "least left: grounded, 41.8%", "judges each objective on its own"):
        expect(together.get_by_text(text)).to_be_visible()
    keep(page, "calm-light-1280")


def test_one_overdrawn_budget_is_not_hidden_by_the_others(tower: Tower, open_page: Callable[..., Page]) -> None:
    tower.desk.show(SEVERE)
    together = open_page(locale="ko-KR").get_by_role("article", name="모든 목표를 함께")
    for text in ("목표 3개 가운데 2개가 예산 이내", "이벤트 없는 목표 1개", "가장 적게 남은 목표: available, -36.2%"):
        expect(together.get_by_text(text)).to_be_visible()


@pytest.mark.req("O15")
def test_the_storyboard_reads_cause_actions_residual_side_by_side(tower: Tower, open_page: Callable[..., Page]) -> None:
    tower.desk.show(SEVERE)
    page = open_page(look="dark")
    story = page.get_by_role("article", name="injection")
    acts = [act.bounding_box() for act in story.locator(".act").all()]
    expect(story.locator("h4")).to_have_text(["1Cause", "2Actions", "3Residual risk"])
    assert len({round(box["y"]) for box in acts if box}) == 1
    for text in ("blocks is 37 over 20s", "Held", "Failed", "HTTP 410", "Exposed", "no objective on this signal", "958"):
        expect(story.get_by_text(text).first).to_be_visible()
    expect(page.locator(".budget.over").get_by_text("36.2%")).to_be_visible()
    keep(page, "severe-dark-1280")


@pytest.mark.req("O15")
def test_the_page_follows_the_desk_and_keeps_what_the_reader_does(tower: Tower, open_page: Callable[..., Page]) -> None:
    """Open details, focus and scroll survive an update."""
    tower.desk.show(INCIDENT)
    page = open_page()
    page.locator(f"#history-{COST.id} > summary").click()
    page.locator(f"#undo-{COST.id}").focus()
    page.evaluate("scrollTo(0, 150)")
    tower.desk.show(replace(SEVERE, automation=True))
    expect(page.get_by_role("heading", name="Severe incident")).to_be_visible()
    expect(page.get_by_role("article", name=ATTACK.alert)).to_be_visible()
    assert page.locator(f"#history-{COST.id}").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == f"undo-{COST.id}"
    assert page.evaluate("scrollY") == 150


def test_times_are_those_of_the_reader(tower: Tower, open_page: Callable[..., Page]) -> None:
    tower.desk.show(INCIDENT)
    page = open_page()
    opened = page.locator(".story time").first
    expect(opened).to_have_text("6 minutes ago")
    page.clock.fast_forward("02:00")
    expect(opened).to_have_text("8 minutes ago")
    title = opened.get_attribute("title") or ""
    assert "23:07" in title or "11:07" in title, f"Seoul's time, not UTC's: {title}"


def test_the_kill_switch_asks_why_and_stops_all_automation(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.get_by_role("link", name="Stop all automation").press("Enter")
    dialog = page.get_by_role("dialog", name="Stop all automation?")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Stop all automation").click()
    dialog.get_by_role("button", name="Stop all automation").click()
    expect(dialog).to_be_visible()
    assert tower.desk.done == [], "no reason, no switch"
    dialog.get_by_label("Reason").fill("a drill")
    dialog.get_by_role("button", name="Stop all automation").click()
    expect(page.locator("#automation-off")).to_contain_text("Automation is off")
    assert tower.desk.done == [("automation", False, "admin (cockpit)", "a drill")]
    expect(page.get_by_role("link", name="Turn automation on")).to_be_visible()


def test_actions_are_taken_back_by_hand_without_a_script(tower: Tower, browser: Browser) -> None:
    """The page works where scripts are switched off."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(tower.server.url + "/incidents/" + COST.id)
    page.get_by_label("Admin token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Take back the actions").click()
    page.get_by_label("Reason").fill("false alarm")
    page.get_by_role("button", name="Take back the actions").click()
    expect(page).to_have_url(tower.server.url + "/incidents/" + COST.id)
    assert tower.desk.done == [("undo", COST.id, "admin (cockpit)", "false alarm")]
    context.close()


@pytest.mark.req("O15")
def test_a_korean_reader_gets_a_korean_page(tower: Tower, open_page: Callable[..., Page]) -> None:
    tower.desk.show(INCIDENT)
    page = open_page(locale="ko-KR")
    expect(page.get_by_role("heading", name="중대 장애")).to_be_visible()
    expect(page.get_by_text("최근 1시간 동안 cpt [model=demo-large] 값이 0.0000071 USD입니다.")).to_be_visible()
    expect(page.get_by_text("support-bot 경로를 light 쪽으로 전환").first).to_be_visible()
    expect(page.locator(".story time").first).to_have_text("6분 전")
    keep(page, "incident-ko-light-1280")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Major incident")).to_be_visible()
    page.goto(tower.server.url)
    expect(page.get_by_role("heading", name="Major incident")).to_be_visible()


@pytest.mark.parametrize(("name", "board", "locale", "look"), [
    ("severe-ko-dark", SEVERE, "ko-KR", "dark"), ("incident-light", INCIDENT, "en-GB", "light"), ("empty-light", EMPTY, "en-GB", "light")])
def test_a_phone_scrolls_down_only(tower: Tower, open_page: Callable[..., Page], name: str, board: Any, locale: str,
                                   look: str) -> None:
    tower.desk.show(board)
    page = open_page(390, 844, locale, look)
    no_sideways(page)
    keep(page, f"{name}-390")
    page.set_viewport_size({"width": 320, "height": 640})
    no_sideways(page)


def test_the_look_follows_the_system_until_the_reader_chooses(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page(look="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("link", name="Light", exact=True).click()
    page.wait_for_load_state()
    light = page.evaluate(ground)
    assert dark != light
    page.goto(tower.server.url)
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("board", [CALM, SEVERE, EMPTY], ids=["calm", "severe", "empty"])
def test_every_text_can_be_read_on_its_ground(tower: Tower, open_page: Callable[..., Page], board: Any, look: str) -> None:
    """WCAG AA: 4.5 to 1 for every piece of text on a plain ground, measured in the browser."""
    tower.desk.show(board)
    page = open_page(look=look)
    weak = page.evaluate(CONTRAST)
    assert weak["checked"] > 40
    assert weak["weak"] == []


def test_the_page_comes_back_by_itself(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.route("**/live", lambda route: route.abort())
    page.reload()
    expect(page.locator("#offline")).to_be_visible()
    page.unroute("**/live")
    expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
    tower.desk.show(INCIDENT)
    expect(page.get_by_role("heading", name="Major incident")).to_be_visible()


def test_a_session_that_ended_leads_to_the_login(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.context.clear_cookies()
    tower.desk.show(INCIDENT)
    expect(page).to_have_url(tower.server.url + "/login")


def test_a_reader_is_told_when_nobody_answers(tower: Tower, open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.locator("body.offline")).to_have_count(0)
    tower.leave()
    page.clock.run_for(4000)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("may be old")
    page.close()


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = (node) => { for (let n = node; n; n = n.parentElement) {
    const style = getComputedStyle(n);
    if (style.backgroundImage !== 'none') return [38, 49, 73, 255];
    const color = rgba(style.backgroundColor); if (color[3] === 255) return color; } return [255, 255, 255, 255]; };
  const weak = []; let checked = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility() || node.closest('.sr, .skip')) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05); checked += 1;
    if (ratio < 4.5) weak.push(`${walk.currentNode.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return {weak, checked};
}"""
