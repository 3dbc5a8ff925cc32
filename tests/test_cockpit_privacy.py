"""The cockpit's page of privacy in a real browser, over control and a gateway: what the officer does shows there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browserkit import entering
from peoplekit import TOKEN
from test_cockpit_browser import CHROMIUM, keep, no_sideways
from test_epochs import MAIL, after
from vaultkit import WHY, Safe, safe

pytestmark = [pytest.mark.browser, pytest.mark.req("X2"),
              pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")]
SAID = {
    "en-GB": ("Privacy", "Token epochs", "Vault", "Epoch {n}", "Now", "Key in the vault only",
              "Key destroyed: joins with nothing", "values sealed", "data keys destroyed", "joins until"),
    "ko-KR": ("개인정보", "토큰 세대", "금고", "{n}세대", "현재", "키가 금고에만 있음", "키 파기: 더는 결합되지 않음",
              "봉인된 값", "파기된 데이터 키", "결합 가능 기한"),
}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path) as made:
        yield made


@pytest.fixture
def enter(browser: Browser, one: Safe) -> Iterator[Callable[..., Page]]:
    with entering(browser, one.one.url, TOKEN, "/privacy") as enter:
        yield enter


def counted(page: Page, vault: str, name: str) -> int:
    row = page.get_by_role("region", name=vault).get_by_role("listitem").filter(
        has=page.get_by_text(name, exact=True))
    return int(row.locator(".meta").inner_text())


@pytest.mark.parametrize("locale", SAID)
def test_an_epoch_is_begun_joined_and_destroyed_and_the_page_says_so(one: Safe, enter: Callable[..., Page],
                                                                     locale: str) -> None:
    title, epochs, vault, nth, now, sealed, destroyed, values, shredded, until = SAID[locale]
    one.say(f"write to {MAIL}", subject="kim")
    old = one.token("email", MAIL)
    page = enter("/privacy", locale)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    rows = page.get_by_role("region", name=epochs).get_by_role("listitem")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(nth.format(n=1))
    expect(rows.first).to_contain_text(now)
    assert counted(page, vault, values) == 2, "the address, and who wrote it"

    after(one)  # the officer begins an epoch, and the one before is over for a day: so are sessions
    page = enter("/privacy", locale)
    rows = page.get_by_role("region", name=epochs).get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(now)
    expect(rows.nth(1)).to_contain_text(sealed)
    expect(rows.nth(1)).to_contain_text(until)

    new = one.token("email", MAIL)
    joined = one.cli("epoch", "join", old)
    assert (joined.exit_code, joined.stdout) == (0, f"{old}  {new}\n")
    assert MAIL not in page.content()

    done = one.cli("epoch", "destroy", "1")
    assert done.exit_code == 0, done.output
    page.reload()
    expect(rows.nth(1)).to_contain_text(destroyed)
    expect(rows.nth(1).locator(".chip.bad")).to_have_count(1)
    assert (counted(page, vault, values), counted(page, vault, shredded)) == (0, 0)
    assert one.cli("epoch", "join", old).stdout == f"{old}  joins no more\n"

    one.say(f"again {MAIL}", subject="kim")
    assert one.reveal(new) == {new: MAIL}
    assert one.cli("shred", "--subject", "kim").exit_code == 0
    assert one.reveal(new) == {new: None}
    page.reload()
    assert (counted(page, vault, values), counted(page, vault, shredded)) == (0, 1)
    records = [r for r in one.one.store.trail(50) if r.action in ("tokens.join", "vault.shred")]
    assert [r.target for r in records if r.action == "vault.shred"][1:] == ["epoch/1"]
    assert {(r.actor, r.reason, r.detail["ticket"]) for r in records} == {
        ("privacy officer", WHY["reason"], WHY["ticket"])}
    no_sideways(page)
    keep(page, f"privacy-{locale[:2]}")


def test_the_admin_only_looks_and_the_page_has_no_way_to_change_anything(one: Safe, enter: Callable[..., Page]) -> None:
    page = enter("/privacy")
    assert page.locator("main form, main button").count() == 0
    expect(page.get_by_text("Changes take the privacy officer's token")).to_be_visible()
    refused = one.one.cli("epoch", "destroy", "1", "--reason", "x", "--ticket", "T-1")
    assert refused.exit_code == 2
    assert "officer" in refused.output


def test_the_page_fits_a_narrow_screen(one: Safe, enter: Callable[..., Page]) -> None:
    after(one)
    page = enter("/privacy", "ko-KR", width=360)
    no_sideways(page)
