"""The cockpit's pages of signals in a real browser, over a control that really counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from bongsu.event import Event
from bongsu.quantity import SECOND
from bongsu.sources.spool import SpoolWriter
from browserkit import entering
from peoplekit import TOKEN, Place, place
from test_cockpit_browser import CHROMIUM, CONTRAST, keep, no_sideways

pytestmark = [pytest.mark.req("O15"), pytest.mark.browser,
              pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]
POLICY = """
bongsu: 1
service: {name: loans, environment: test}
settings: {base_window: 1s}
features: {age: number}
references: {training: {model_version: "7"}}
upstreams: {main: {url: "${TEST_MODEL}/v1", model: m}}
routes: {shop: {primary: main}}
guards:
  grounded: {check: grounding, on: output, act: flag, timeout: 1s, fails: open, sample: 10%}
signals:
  moved: {kind: drift, reference: training, min_events: 150}
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [route]}
  loose: {kind: ratio, bad: "grounding_score < 0.5", total: "grounding_score IS NOT NULL"}
  fair: {kind: gap, group: group, measure: selection_rate}
alerts:
  moved: {when: moved > 0.25, over: 10m, tier: major}
  failing: {when: failures > 5%, over: 1m, tier: severe}
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Place]:
    """Predictions that moved away from their reference, and calls of which one route's fail."""
    with place(tmp_path, POLICY, gateways=0) as made:
        path = tmp_path / "train.parquet"
        pq.write_table(pa.table({"age": [20.0 + i % 50 for i in range(600)]}), path)
        assert "in force" in made.cli("reference", "add", "train-7", str(path), "--model-version", "7").output
        made.cycle(SECOND)
        spool = SpoolWriter(made.folder.spool, "gateway-0")
        spool.append(Event(id=f"p{i}", time=made.now, kind="prediction", features={"age": 60.0 + i % 50},
                           group="ab"[i % 2], prediction="1" if i % 8 else "0") for i in range(400))
        spool.append(Event(id=f"c{i}", time=made.now, kind="call", route=HOSTILE if i % 4 else "shop",
                           outcome="error" if i % 4 == 0 else "ok") for i in range(200))
        spool.close()
        made.cycle(SECOND)
        made.cycle(SECOND)
        yield made


@pytest.fixture
def enter(browser: Browser, one: Place) -> Iterator[Callable[..., Page]]:
    with entering(browser, one.url, TOKEN, "/signals") as enter:
        yield enter


def test_from_the_board_to_every_signal_and_to_one(one: Place, enter: Callable[..., Page]) -> None:
    page = enter("/")
    page.get_by_role("link", name="Signals").click()
    expect(page.get_by_role("heading", name="Signals")).to_be_visible()
    rows = page.locator("#signals").get_by_role("listitem")
    failures = rows.filter(has=page.get_by_role("link", name="failures"))
    for text in ("25%", "from 200 events", "over 1m", "failing > 5%", "Firing", "by route"):
        expect(failures).to_contain_text(text)
    expect(rows.filter(has=page.get_by_role("link", name="loose"))).to_contain_text("no data")
    page.get_by_role("link", name="moved").click()
    page.wait_for_url(one.url + "/signals/moved")
    words = page.get_by_role("region", name="In words")
    for text in ("the largest distance (psi) of all features", "now this holds: alert moved"):
        expect(words).to_contain_text(text)
    expect(page.locator("#reference")).to_contain_text("train-7, version")
    expect(page.locator("#reference")).to_contain_text("600 rows")
    expect(page.locator("#least")).to_have_text("150 events")
    expect(page.get_by_role("img", name="The last 12 windows of 10m")).to_be_visible()
    expect(page.locator("#plot .bad .fill")).to_have_count(1)
    page.get_by_text("As numbers").click()
    windows = page.locator("#numbers").get_by_role("listitem")
    expect(windows).to_have_count(12)
    expect(windows.filter(has_text="beyond a threshold")).to_have_count(1)


def test_what_callers_wrote_is_text_and_new_events_show_by_themselves(one: Place, enter: Callable[..., Page]) -> None:
    page = enter("/signals/failures")
    apart = page.get_by_role("region", name="Label values")
    expect(apart).to_contain_text("route: 2 counted apart, of at most 1,000")
    expect(apart).to_contain_text(HOSTILE)
    expect(apart.locator("img")).to_have_count(0)
    spool = SpoolWriter(one.folder.spool, "gateway-0")
    spool.append([Event(id="late", time=one.now, kind="call", route="other", outcome="ok")])
    spool.close()
    one.cycle(SECOND)
    expect(apart).to_contain_text("route: 3 counted apart")


def test_a_value_has_its_interval_and_groups_are_named(one: Place, enter: Callable[..., Page]) -> None:
    page = enter("/signals/fair")
    expect(page.get_by_role("region", name="Now")).to_contain_text("25% between 1")
    expect(page.locator("#plot .good path")).to_have_count(1)
    expect(page.locator("#least")).to_have_text("30 of each group")
    apart = page.get_by_role("region", name="Label values")
    expect(apart).to_contain_text("group: 2 counted apart, of at most 100")
    expect(apart.locator(".label")).to_have_text(["a", "b"])


def test_a_korean_reads_korean_and_what_is_not_there_is_said(one: Place, enter: Callable[..., Page]) -> None:
    page = enter("/signals/loose", locale="ko-KR")
    expect(page.locator("#sampled")).to_have_text("grounded 가드는 호출의 10%만 검사")
    expect(page.locator("#reference")).to_contain_text("다른 것과 비교하지 않음")
    expect(page.get_by_role("region", name="말로 풀면")).to_contain_text("이 신호를 보는 알림 없음")
    answer = page.goto(one.url + "/signals/nobody")
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize("width", [375, 1280])
def test_the_pages_are_readable_on_every_width(one: Place, enter: Callable[..., Page], width: int) -> None:
    page = enter(width=width)
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
    keep(page, f"signals-{width}")
    page.goto(one.url + "/signals/moved")
    expect(page.get_by_role("heading", name="What it rests on")).to_be_visible()
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
    page.get_by_text("As numbers").click()
    no_sideways(page)
    keep(page, f"signal-{width}")
