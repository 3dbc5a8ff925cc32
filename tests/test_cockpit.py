"""The cockpit without a browser: words, order, bars, fires, and that what is shown is always text."""

# ruff: noqa: E501 - cases and scripts read as tables

from __future__ import annotations

import re
from dataclasses import asdict, replace
from fractions import Fraction
from html.parser import HTMLParser
from importlib import resources
from string import Formatter
from typing import Any

import pytest
from jinja2 import Environment, nodes
from starlette.requests import Request

from boards import ATTACK, BOARDS, CALM, COST, EMPTY, INCIDENT, NOW, SEVERE, FakeDesk, alert, objective
from bongsu import gate, incident
from bongsu.actions.freeze import Freeze
from bongsu.actions.notify import Notify
from bongsu.alert import Burning, Rule, State, Threshold
from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.room.advice import ADVICE
from bongsu.room.board import BurnRow
from bongsu.room.desk import alert_row
from bongsu.slo import PAIRS_30D
from bongsu.verbs.status import lines
from bongsu.web import show
from bongsu.web.cockpit import STATIC, page
from bongsu.web.session import Session
from bongsu.web.site import control_app
from bongsu.web.words import EN, KO, say
from worlds import BLOCKS, burn_rule
from worlds import objective as goal

BURNING = Burning(PAIRS_30D[0], Fraction(100, 3), Fraction(0), Fraction(72, 5))
TEMPLATES = sorted(p.name for p in resources.files("bongsu.web").joinpath("templates").iterdir())


def source(name: str) -> str:
    return resources.files("bongsu.web").joinpath("templates", name).read_text(encoding="utf-8")


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


# ---- words ----


@pytest.mark.req("O15")
def test_both_languages_have_the_same_words_with_the_same_holes() -> None:
    assert EN.keys() == KO.keys()
    assert [key for key in EN if holes(EN[key]) != holes(KO[key])] == []
    assert [key for key in KO if not re.search("[가-힣]", KO[key])] == []


class Prose(HTMLParser):
    """Collects what a reader would see or hear of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [value or "" for name, value in attrs if name in ("aria-label", "title", "alt", "placeholder")]

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_speaks_by_itself(name: str) -> None:
    """Every word comes from the tables; templates hold only marks such as · and →."""
    prose = Prose()
    prose.feed(re.sub(r"{%.*?%}|{{.*?}}", "", source(name), flags=re.DOTALL))
    assert [text.strip() for text in prose.seen if re.search(r"[^\W\d_]{2,}", text)] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_word_a_template_asks_for_is_there(name: str) -> None:
    asked = [call.args[0].value for call in Environment().parse(source(name)).find_all(nodes.Call)
             if isinstance(call.node, nodes.Name) and call.node.name == "t" and isinstance(call.args[0], nodes.Const)]
    assert [key for key in asked if key not in EN] == []


def test_every_state_a_board_may_hold_has_words() -> None:
    states = ("waiting", "held", "running", "done", "failed", "unknown", "undo_waiting", "undo_held", "undo_running", "undone")
    keys = [f"state_{s}" for s in states] + [f"phase_{p}" for p in (*show.PHASES, "open", "cleared", "closed")]
    keys += [f"gate_{d}" for d in ("allow", "deny", "inconclusive")] + [f"data_{d}" for d in ("seen", "none", "warming")]
    keys += [f"exposure_{e}{lead}" for e in ("none", "contained", "exposed") for lead in ("", "_lead")]
    keys += [f"{kind}_{n}" for kind in ("fires", "lead") for n in range(6)] + ["page", "ticket"]
    assert [key for key in keys if key not in EN] == []


def test_what_the_engine_writes_is_said_in_korean() -> None:
    """The sentences come from the engine itself, so a change of its words is noticed here."""
    threshold = Rule("blocks", Threshold(BLOCKS, ">", Fraction(10), MINUTE, "<=", Fraction(1)), by=("model",))
    verdict = gate.judge("bot", "", [], ["cost"], {"ops": "a drill"}, 600 * SECOND, 0, MINUTE)
    sentences = [incident.cause(threshold, Fraction(37), ("big",)), incident.cause(threshold, None, ()),
                 incident.cause(burn_rule(goal("0.99", HOUR)), Fraction(20), ()),
                 incident.cause(burn_rule(goal("0.99", HOUR)), Fraction(20), (), "", BURNING),
                 Notify("ops").words(), Freeze("why").words(), *(r.text for r in verdict.reasons)]
    assert len(sentences) == 9
    for sentence in sentences:
        assert re.search("[가-힣]", say(sentence, "ko")), sentence
        assert say(sentence, "en") == sentence
    assert say(sentences[3], "ko") == ("available 목표(99%)의 오류 예산 소진 속도는 허용 속도 대비 1시간 동안 33.3x, 5분 동안 0x입니다. "
                                       "알림 기준은 두 구간 모두 > 14.4x입니다.")
    assert say(incident.burns(replace(BURNING, short=None)), "ko") == "1시간 동안 33.3x, 5분 동안 데이터 없음"
    assert say(incident.burns(replace(BURNING, short=Fraction(20), chance=True)), "ko") == (
        "1시간 동안 33.3x, 5분 동안 20x, 우연일 수 있음")
    assert say(sentences[0], "ko") == "최근 1분 동안 blocks [model=big] 값이 37입니다. 알림 기준은 > 10입니다."
    delayed = replace(threshold, when=replace(threshold.when, delay=HOUR))
    assert say(incident.cause(delayed, Fraction(37), ("big",)), "ko") == (
        "1시간 전까지의 1분 동안 blocks [model=big] 값이 37입니다. 알림 기준은 > 10입니다.")


# ---- what is shown ----


@pytest.mark.parametrize(("board", "lit"), [(CALM, 1), (EMPTY, 0), (INCIDENT, 4), (SEVERE, 5)])
def test_fires_are_lit_by_severity(board: Any, lit: int) -> None:
    assert show.fires(board) == lit


def test_no_fire_means_no_eyes_and_one_means_all_is_well() -> None:
    assert show.fires(replace(CALM, watermark=NOW - 3 * MINUTE)) == 0
    assert show.fires(replace(CALM, automation=False)) == 2
    assert show.fires(replace(CALM, alerts=(alert("a", "pending", "severe"),))) == 2
    assert show.fires(replace(CALM, objectives=(objective("a", 0.2),))) == 2
    assert show.fires(replace(CALM, objectives=(objective("a", -0.1),))) == 3
    assert show.fires(replace(CALM, alerts=(alert("a", "firing", "severe"),), watermark=0)) == 5


@pytest.mark.parametrize(("left", "width", "mood", "text"), [
    (1.0, 100, "good", "100%"), (0.9996, 99.96, "good", "99.9%"), (0.5, 50, "half", "50.0%"), (0.25, 25, "low", "25.0%"),
    (0.0, 0, "bad", "0%"), (0.0001, 0.01, "low", "0.1%"), (-0.362, 36.2, "over", "-36.2%"), (-7.0, 100, "over", "-700.0%"),
    (None, 0, "none", "–")])
def test_a_budget_bar_shows_what_is_left_or_overdrawn(left: float | None, width: float, mood: str, text: str) -> None:
    assert show.budget_bar(objective("a", left)) == show.Bar(width, mood, text)


@pytest.mark.parametrize(("burn", "width", "mood"), [
    (None, 0, "none"), (0.0, 0, "good"), (7.2, 30, "good"), (14.4, show.LINE, "low"), (14.5, 60.42, "bad"), (999.0, 100, "bad")])
def test_a_burn_bar_crosses_its_line_exactly_when_it_alerts(burn: float | None, width: float, mood: str) -> None:
    bar = show.burn_bar(BurnRow("1h", burn, 14.4, "page"))
    assert (bar.width, bar.mood) == (width, mood)


def test_the_gravest_stands_on_top() -> None:
    assert [a.name for a in show.by_severity(SEVERE.alerts)][:4] == ["blocks", "cost", "available", "grounding"]
    assert [i.id for i in show.open_first(SEVERE.incidents)][:2] == [ATTACK.id, COST.id]
    assert [o.name for o in show.objectives_worst_first(SEVERE.objectives)] == ["available", "grounded", "fast"]


def test_a_message_sent_cannot_be_taken_back() -> None:
    assert show.can_undo(COST)
    assert not show.can_undo(replace(COST, actions=COST.actions[1:]))
    assert [show.state_key(a) for a in COST.actions] == ["state_done", "state_done_told"]


def pages(board: Any, lang: str) -> str:
    """The first page and its storyboards, rendered as the site does."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": f"lang={lang}".encode()}
    reply = page("board.html", Request(scope), session=Session("i", "c", 0, 0), board=board, revision=1)
    return bytes(reply.body).decode()


@pytest.mark.parametrize("phase", ["ok", "firing"])
def test_a_burn_alert_shows_both_its_windows_in_the_cockpit_and_on_the_command_line(phase: Any) -> None:
    rule, state = burn_rule(goal("0.99", HOUR)), State(phase, value=Fraction(100), data="seen")
    board = replace(CALM, alerts=(alert_row(rule, (), state, BURNING),))
    assert "33.3x over 1h and 0x over 5m" in pages(board, "en")
    assert "limit both &gt; 14.4x" in pages(board, "en")
    assert "1시간 동안 33.3x, 5분 동안 0x" in pages(board, "ko")
    assert "기준 두 구간 모두 &gt; 14.4x" in pages(board, "ko")
    assert f"alert burn (P1): {phase}, 33.3x over 1h and 0x over 5m (alert at both > 14.4x)" in [*lines(asdict(board))]
    nothing = alert_row(rule, (), State(data="none"), BURNING)
    assert (nothing.value, nothing.against) == ("no data", "> 6x"), "what is not seen is not made up"


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", BOARDS)
def test_every_board_renders_in_both_languages_without_inline_code(name: str, lang: str) -> None:
    """The content policy forbids inline styles and scripts, so there must be none."""
    html = pages(BOARDS[name], lang)
    assert f'<html lang="{lang}"' in html
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|javascript:", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html), "nothing comes from elsewhere"


def test_what_is_shown_is_always_text() -> None:
    """A label or a cause may carry what a user typed; it never becomes markup."""
    evil = '"><script>alert(1)</script>'
    html = pages(replace(INCIDENT, incidents=(replace(COST, cause=evil, labels={evil: evil}),), troubles=(evil,)), "en")
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 4


def test_the_page_needs_no_file_that_is_not_in_the_package() -> None:
    wanted = set(re.findall(r'"/static/([\w.]+)"', "".join(map(source, TEMPLATES))))
    assert wanted == set(STATIC)
    assert len(STATIC["cockpit.js"][0].splitlines()) <= 120


def test_a_desk_is_all_a_site_needs() -> None:
    assert control_app(FakeDesk(), "0" * 64).routes


@pytest.mark.parametrize("name", sorted(ADVICE))
def test_every_trouble_has_its_korean(name: str) -> None:
    said = f"{ADVICE[name]} (database or disk is full)"
    assert say(said, "ko") != said
