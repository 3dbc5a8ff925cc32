"""What people are told: cause, value against threshold, actions, link, in their language; no personal data."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bongsu.actions.block import Block
from bongsu.actions.notify import Notify
from bongsu.actions.route import Route
from bongsu.channels.words import LABELS, plain
from bongsu.incident import Incident
from bongsu.language.message import TEXTS, Language, describe, trial
from bongsu.ports import Notice
from bongsu.quantity import MINUTE
from bongsu.response import Step
from bongsu.room.worker import Worker, resolve_action
from bongsu.stores.steps import Claimed, Way
from stage import T0, fire, opened

CAUSE = "cpt is 0.0000063 USD over 1h, alert at > 0.000006 USD"
INCIDENT = Incident("INC-1", "bot", "cost", (), "major", T0, CAUSE)


def told(one: Incident, language: Language, way: Way = "do") -> Notice:
    step = Step("INC-1/calm/0", "INC-1/calm", one.id, 0, "notify")
    return describe(Claimed(step, way, {}, False, "retry", "", one, "p"), "http://desk", language)


def test_english_and_korean_say_the_same_things() -> None:
    assert TEXTS["en"].keys() == TEXTS["ko"].keys()
    assert LABELS["en"].keys() == LABELS["ko"].keys()


@pytest.mark.req("A1")
@pytest.mark.parametrize(("language", "title", "words"), [
    ("en", "bot: cost is firing", CAUSE),
    ("ko", "bot: cost 알림 발생", "최근 1시간 동안 cpt 값이 0.0000063 USD입니다. 알림 기준은 > 0.000006 USD입니다.")])
def test_a_notice_says_what_was_measured_against_what_and_where_to_look(
        language: Language, title: str, words: str) -> None:
    notice = told(INCIDENT, language)
    assert (notice.title, notice.text, notice.url) == (title, words, "http://desk/incidents/INC-1")
    assert notice.facts["tier"] == {"en": "P1 major", "ko": "P1 중대"}[language]
    assert notice.language == language


@pytest.mark.parametrize(("language", "title", "words"), [
    ("en", "bot: cost is over", f"Over after 12m. It was: {CAUSE}"),
    ("ko", "bot: cost 알림 해소", "12분 만에 해소되었습니다. 원인: 최근 1시간 동안 cpt 값이")])
def test_the_end_says_how_long_it_lasted(language: Language, title: str, words: str) -> None:
    notice = told(replace(INCIDENT, cleared=T0 + 12 * MINUTE + 345, closed=T0 + 20 * MINUTE), language, "undo")
    assert notice.title == title
    assert notice.text.startswith(words)
    assert notice.key == told(INCIDENT, language).key


def test_what_a_person_took_back_while_it_fires_is_not_said_to_have_cleared() -> None:
    assert told(INCIDENT, "en", "undo").text == f"Taken back by a person while it still fired: {CAUSE}"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_label_that_is_personal_data_is_told_by_its_kind_only(language: Language) -> None:
    one = replace(INCIDENT, labels=("gildong@example.com", "demo"),
                  cause="cpt [user=gildong@example.com] [model=demo] is 15 over 1h, alert at > 10")
    notice = told(one, language)
    assert "gildong" not in repr(notice)
    assert notice.facts["about"] == "[email], demo"
    assert "[user=[email]]" in notice.text
    assert notice.key != told(replace(one, labels=("cheolsu@example.com", "demo")), language).key
    assert notice.key == told(replace(one, opened=T0 + MINUTE), language).key


@pytest.mark.parametrize(("language", "actions"), [
    ("en", {"bot moves to light (done)", "guard pii is enforced (done)"}),
    ("ko", {"bot 경로를 light 쪽으로 전환(완료)", "가드 pii 강제 적용(완료)"})])
def test_a_notice_tells_which_actions_were_taken_and_how_they_stand(
        language: Language, actions: set[str], tmp_path: Path) -> None:
    got: list[Notice] = []

    async def send(channel: str, notice: Notice) -> None:
        got.append(notice)
        if len(got) == 1:
            raise ValueError("again, when the others are done")
        raise NotImplementedError

    with opened(tmp_path) as state:
        fire(state, (Notify("ops"), Route({"bot": "light"}), Block("pii")))
        for now in (T0, T0 + MINUTE):
            worker = Worker(state, resolve_action, send, lambda at=now: at, "one", language=language)
            asyncio.run(worker.drain())
    assert set(got[1].facts["actions"].split("; ")) == actions
    assert "ops" not in got[1].facts["actions"]
    label = {"en": "Actions", "ko": "조치"}[language]
    assert f"\n{label}: " in plain(got[1])


def test_a_trial_says_that_it_is_one() -> None:
    english, korean = trial("ops", "bot", T0), trial("ops", "bot", T0, "http://desk", "ko")
    assert (english.state, english.title, english.tier) == ("test", "bot: test of channel ops", "info")
    assert (korean.title, korean.url) == ("bot: ops 채널 시험", "http://desk/")
    assert english.delivery != trial("ops", "bot", T0 + 1).delivery, "a second test is one of its own"
    assert {"alert", "incident", "tier"} <= english.facts.keys(), "templates may rely on them"
