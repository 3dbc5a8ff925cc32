"""Who is near a rate limit, who is beyond it, how many were refused: for the API and the cockpit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bongsu.access.pace import RateLimit
from bongsu.event import Event
from bongsu.quantity import DAY, MINUTE, SECOND
from bongsu.room.pressure import REMEMBERED, Callers
from browserkit import entering
from peoplekit import T0, TOKEN, Place, place
from test_cockpit_browser import CHROMIUM, CONTRAST, no_sideways
from test_rates import LIMITED


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, LIMITED, gateways=2) as made:
        yield made


def standing(one: Place) -> dict[tuple[str, str], dict[str, Any]]:
    """Each row by limit and subject, after one more cycle; of a person's name only the kind."""
    one.cycle()
    rows = one.api().get("/v1/limits")["limits"]
    return {(row["limit"], row["subject"].split("USER_")[0]): row for row in rows}


@pytest.mark.req("P6")
def test_everybody_who_called_of_late_is_shown_with_what_is_left_and_what_was_refused(limited: Place) -> None:
    assert standing(limited) == {}
    red, id_ = limited.key(team="red", requests=10)
    assert [limited.post(red, user="kim", gateway=n % 2).status for n in range(4)] == [200, 200, 429, 429]
    rows = standing(limited)
    assert set(rows) == {("", f"key/{id_}"), ("people", "user/"), ("gang", "team/red"), ("whole", "service/shop")}
    kim = rows["people", "user/"]
    assert (kim["requests"], kim["requests_left"], kim["refused"], kim["since"]) == (2, 0, 2, T0)
    assert (kim["used"], kim["wait_us"], kim["tokens"]) == (1.0, 30 * SECOND, 0)
    assert [(rows[name]["requests_left"], rows[name]["refused"]) for name in (("", f"key/{id_}"), ("gang", "team/red"))
            ] == [(8, 0), (1, 0)], "who is refused takes nothing of the other limits"
    assert 0 < rows["gang", "team/red"]["tokens_left"] < 1000
    assert "kim" not in str(limited.api().get("/v1/limits"))
    first, *_ = limited.api().get("/v1/limits")["limits"]
    assert first["limit"] == "people", "the most strained first"


def test_who_has_not_called_for_a_minute_is_at_rest_and_refusals_are_told_for_a_day(limited: Place) -> None:
    for _ in range(3):
        limited.post(user="kim")
    limited.cycle(MINUTE)
    assert {name: (row["used"], row["refused"], row["wait_us"]) for name, row in standing(limited).items()} == {
        ("people", "user/"): (0.0, 1, 0)}
    limited.post(user="kim")
    assert standing(limited)["people", "user/"]["refused"] == 1
    limited.cycle(DAY)
    assert standing(limited) == {}
    for _ in range(3):
        limited.post(user="kim")
    assert (standing(limited)["people", "user/"]["refused"], limited.now - T0) == (1, DAY + MINUTE)


def test_callers_are_remembered_the_last_of_those_that_a_limit_is_for() -> None:
    callers = Callers([RateLimit("people", "user", requests=1)])
    callers.saw([Event(id=str(n), time=n, user=f"u{n}", team="red") for n in range(REMEMBERED + 2)])
    callers.saw([Event(id="again", time=0, user="u2")])
    assert (len(callers.of("user")), callers.of("user")[0], callers.of("user")[-1]) == (REMEMBERED, "u3", "u2")
    assert callers.of("team") == ()


@pytest.fixture
def enter(browser: Browser, limited: Place) -> Iterator[Callable[..., Page]]:
    with entering(browser, limited.url, TOKEN, "/keys") as enter:
        yield enter


@pytest.mark.browser
@pytest.mark.req("P6")
@pytest.mark.skipif(CHROMIUM is None, reason="browser not run: no Chromium")
@pytest.mark.parametrize(("locale", "title", "nobody", "said"), [
    ("en-GB", "Rate limits", "Nobody is near a rate limit.",
     ("team/red", "gang", "0 of 3 requests left", "of 1,000 tokens left", "Refused for now", "2 refused since")),
    ("ko-KR", "호출 한도", "호출 한도에 가까운 대상이 없습니다.",
     ("team/red", "gang", "요청 3건 중 0건 남음", "토큰 1,000개 중", "지금은 거부됨", "거부 2건"))])
def test_the_cockpit_shows_who_is_limited_how_near_and_how_many_were_refused(
        limited: Place, enter: Callable[..., Page], locale: str, title: str, nobody: str,
        said: tuple[str, ...]) -> None:
    page = enter(locale=locale, width=390)
    section = page.get_by_role("region", name=title)
    expect(section.get_by_text(nobody)).to_be_visible()
    red, _ = limited.key("app", team="red")
    assert [limited.post(red, user=f"u{n}").status for n in range(5)] == [200, 200, 200, 429, 429]
    limited.cycle()
    page.reload()
    row = section.get_by_role("listitem").filter(has_text="team/red")
    for text in said:
        expect(row).to_contain_text(text)
    no_sideways(page)
    assert page.evaluate(CONTRAST)["weak"] == []
