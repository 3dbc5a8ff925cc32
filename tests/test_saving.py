"""A cost alarm says what a cheaper model would save, in money, at the traffic that is there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from boards import NOW
from bongsu.alert import Threshold
from bongsu.app import open_store
from bongsu.cell import Cell, Cells
from bongsu.event import Event
from bongsu.host.folder import Folder
from bongsu.language.message import describe
from bongsu.language.sentences import say
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.policy import load
from bongsu.quantity import SECOND, Duration
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.saving import TOKENS, savings
from bongsu.sources.spool import SpoolWriter

pytestmark = pytest.mark.req("A4")
DEMO = load(demo_policy(), DEMO_ENVIRON)
RULES = {rule.name: rule for rule in DEMO.plan.rules}


def tokens(route: str = "support-bot", upstream: str = "main", model: str = "demo-large", **parts: int) -> list[Cell]:
    return [Cell(TOKENS.key, (route, upstream, model), 0, part, n) for part, n in parts.items()]


def saved(cells: list[Cell], alert: str = "cost") -> list[tuple[str, Fraction]]:
    return [(one.light, one.hourly) for one in savings(DEMO, RULES[alert], (), Cells(SECOND, cells), 10 * SECOND)]


def test_the_saving_is_the_difference_of_both_prices_on_the_tokens_of_the_window_an_hour() -> None:
    """1,000 input and 2,000 output tokens in 10 s: 2.50 and 10 USD against 0.15 and 0.60 USD a million, times 360."""
    nano = 1000 * (2500 - 150) + 2000 * (10_000 - 600)
    assert saved(tokens(input=1000, output=2000)) == [("light", Fraction(nano * 360))]
    assert nano * 360 == 7_614_000_000


def test_the_tokens_of_a_delayed_alert_are_those_of_its_window() -> None:
    rule = RULES["cost"]
    assert isinstance(rule.when, Threshold)
    late = replace(rule, when=replace(rule.when, delay=Duration(60 * SECOND)))
    cells = Cells(SECOND, tokens(input=1000))
    assert savings(DEMO, late, (), cells, 10 * SECOND) == []
    assert savings(DEMO, late, (), cells, 70 * SECOND) == savings(DEMO, rule, (), cells, 10 * SECOND) != []


def test_cached_tokens_cost_what_input_costs_where_no_other_price_is_given() -> None:
    assert saved(tokens(input=1000, cached=400)) == saved(tokens(input=1000))


@pytest.mark.parametrize("cells", [
    [], tokens(upstream="light", input=9), tokens(route="other", input=9), tokens(upstream="gone", input=9)])
def test_nothing_is_proposed_where_nothing_is_known_or_saved(cells: list[Cell]) -> None:
    assert saved(cells) == []


def test_only_alerts_about_money_propose_and_only_for_what_they_are_about() -> None:
    assert saved(tokens(input=1000), "slow") == []
    rule = replace(RULES["cost"], by=("model",))
    cells = Cells(SECOND, tokens(input=1000))
    assert [len(savings(DEMO, rule, (model,), cells, 10 * SECOND)) for model in ("demo-large", "other")] == [1, 0]


def test_the_notice_and_the_storyboard_say_it_in_either_language(tmp_path: Path) -> None:
    folder, now = Folder(tmp_path).create(), NOW
    store = open_store(folder)
    desk = ControlDesk(Control(DEMO, folder, store, lambda: now))
    try:
        with SpoolWriter(folder.spool, "one") as spool:
            spool.append([Event(id=f"e{i}", time=now - SECOND, route="support-bot", upstream="main", model="demo-large",
                                input_tokens=60, output_tokens=300, cost=3_150_000, currency="USD") for i in range(20)])
        for _ in range(4):
            desk.control.cycle()
            now += SECOND
        line, limit = desk.board().incidents[0].proposals
        # 1,200 input and 6,000 output tokens in the alert's ten seconds
        assert line == "moving support-bot to light would save 21.3192 USD an hour"
        assert say(line, "ko") == "현재 트래픽 기준으로 support-bot 경로를 light 쪽으로 옮기면 시간당 21.3192 USD 절감"
        # at 39 output tokens a call: (1200 x 2500 + 780 x 10000) / 1980 = 5454.5 nano-USD a token; at 40 just 5500
        assert limit == ("limiting support-bot to 39 output tokens a call would save at least 18.792 USD an hour and "
                         "bring cpt to < 0.0000055 USD")
        told = next(c for c in store.claim_due(now, 10) if c.step.kind == "notify")
        assert describe(told).text.splitlines()[-2:] == [line, limit]
        assert describe(told, language="ko").text.splitlines()[-2:] == [say(line, "ko"), say(limit, "ko")]
        assert say(limit, "ko") == (
            "support-bot 경로의 출력을 호출당 39토큰으로 제한하면 시간당 18.792 USD 이상 절감되고 "
            "cpt 값이 < 0.0000055 USD 조건으로 돌아옵니다")
    finally:
        desk.control.close()
        store.close()
