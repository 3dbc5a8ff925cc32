"""A policy in words: what will happen, in English and in Korean, without a word of YAML."""

import re
from importlib import resources
from pathlib import Path

import pytest

from bongsu.language.sentences import say
from bongsu.offline.checkup import check_policy, summed
from bongsu.policy import Policy, load, parse
from bongsu.policy.explain import explain
from bongsu.policy.phrases import PHRASES, TIERS, UNITS
from bongsu.room.advice import ADVICE

HERE = Path(__file__).parent
DEMO = Path(str(resources.files("bongsu") / "demo/bongsu.yaml"))
SMALL = (HERE / "good/small.yaml").read_text(encoding="utf-8")
ENVIRON = {"BONGSU_DEMO_URL": "http://127.0.0.1:9001", "BONGSU_DEMO_WEBHOOK": "http://127.0.0.1:9002/hook"}


def small(*changes: tuple[str, str]) -> Policy:
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, "small.yaml", {})


def test_an_alert_is_one_sentence_condition_actions_and_the_way_back() -> None:
    assert explain(load(DEMO, ENVIRON))[0] == (
        "alert cost (major): if cpt over 10 seconds stays above 120% of 0.0000050 USD for sure for 2 seconds, "
        "ops (slack) is told and support-bot moves to light; it clears when it stays below 0.0000055 USD for 3 "
        "seconds, and 5 seconds "
        "later all of this is taken back and those told hear that it is over")


def test_the_same_in_korean() -> None:
    assert explain(load(DEMO, ENVIRON), "ko")[0] == (
        "알림 cost(중대): 10초 동안의 cpt 값이 2초 내내 확실히 0.0000050 USD의 120% 초과이면, ops(slack) 통보, "
        "support-bot 트래픽을 light 쪽으로 전환; 3초 내내 0.0000055 USD 미만이면 해제, "
        "해제 5초 뒤 모두 원상 복구, 종료 통보")


def test_an_objective_says_how_many_bad_ones_it_allows() -> None:
    policy = small(("target: 99%", "target: 99.95%"))
    assert ("objective available: 99.95% of what failures counts must be good over 30 days: "
            "500 bad of a million are allowed") in explain(policy)
    assert ("목표 available: 30일 동안 failures 가운데 99.95% 이상이 정상: "
            "백만 건에 500건까지 허용") in explain(policy, "ko")


def test_a_burn_alert_names_its_factors_as_they_are_used() -> None:
    """At 90 % the factor 14.4 is out of reach and 9 is used: that is what the words say."""
    told = explain(small(("target: 99%", "target: 90%")))[2]
    assert told.startswith("alert available (major): if the error budget of available burns faster than 9x over 1 hour "
                           "and over the last 5 minutes or 6x over 6 hours and over the last 30 minutes, it is shown")


def test_a_guard_says_what_it_looks_for_what_a_finding_means_and_what_its_failure_means() -> None:
    assert ("guard pii: looks for pii in prompts and replies on bot; a finding is replaced by a token; "
            "it may take 20 ms, and if it fails the call is refused") in explain(small())
    shadow = small(("act: tokenise", "act: block, shadow: true"))
    assert "guard pii (shadow, it changes nothing): looks for pii in prompts and replies on bot" in explain(shadow)
    off = small(("act: tokenise", "act: block, enabled: false"))
    assert "guard pii is off until a playbook switches it on" in explain(off)


def test_a_route_says_where_calls_go_and_where_else_they_may() -> None:
    assert "route bot: calls go to main (big); if that fails, to small; light means small" in explain(small())


def test_an_alert_without_actions_says_that_nobody_is_told() -> None:
    assert explain(small())[1] == ("alert slow (minor): if latency over 30 seconds is above 5s for sure, it is shown, "
                                   "and nobody is told; it clears when it is below 4s")


def test_a_playbook_that_is_never_undone_waits_for_a_person() -> None:
    assert explain(small(("clear for 5s", "never")))[0].endswith(" (cost: taken back by a person)")


def test_both_languages_have_every_phrase_with_the_same_words_in_it() -> None:
    """A phrase that lacks a word would lose a fact in one language."""
    fields = {"{" + part.split("}")[0] + "}" for phrase in PHRASES["en"].values() for part in phrase.split("{")[1:]}
    assert PHRASES["en"].keys() == PHRASES["ko"].keys()
    for name, english in PHRASES["en"].items():
        assert {f for f in fields if f in english} == {f for f in fields if f in PHRASES["ko"][name]}, name
    assert UNITS["en"].keys() == UNITS["ko"].keys()
    assert TIERS["en"].keys() == TIERS["ko"].keys()


def test_a_budget_of_slices_and_a_calendar_are_said_in_words() -> None:
    text = SMALL.replace(
        "  available: {signal: failures, target: 99%, window: 30d}",
        "  available: {signal: failures, target: 99%, window: month, time_zone: Asia/Seoul}\n"
        "  quick: {signal: latency, good: < 2s, slice: 1h, target: 95%, window: 30d, nodata: bad}")
    policy = parse(text, "small.yaml", {})
    assert ("objective available: 99% of what failures counts must be good over each month (Asia/Seoul): "
            "10,000 bad of a million are allowed") in explain(policy)
    assert ("objective quick: 95% of the 1 hour slices of 30 days must have latency below 2000 ms: 36 bad slices are "
            "allowed, and one without data is bad") in explain(policy)
    assert any("허용되는 불량 구간 36개, 데이터 없는 구간은 불량" in line for line in explain(policy, "ko"))


def test_a_check_in_korean_is_korean_to_its_last_line(tmp_path: Path) -> None:
    """Notes and failed expectations too: what can be wrong with nothing but the meaning of a policy."""
    path = tmp_path / "bot.yaml"
    text = SMALL.replace("target: 99%", "target: 90%").replace("model: big,", "model: big, region: kr,", 1)
    path.write_text(text + """  - name: broken
    events: [{at: "00:00..05:00", every: 10s, outcome: error}]
    expect:
      - {between: "01:00..02:00", alert: available, state: firing}
      - {at: "04:00", alert: available, state: ok, never: true}
extends: [default]
borders: {kr: [kr]}
gate: {}
""", encoding="utf-8")
    report = check_policy(path, "ko")
    lines = [*report["words"], *report["notices"], *report["failures"], summed(report)]
    assert (len(report["failures"]), report["faults"]) == (2, [])
    assert len(report["notices"]) >= 6
    assert [line for line in lines if not re.search("[가-힣]", re.sub(r"^\S+: 참고: ", "", line))] == []
    assert any("14.4x 조건은 절대 발생할 수 없어 9x 조건을 대신 씁니다." in line for line in report["notices"])
    assert report["failures"][0].endswith("기대는 01:00~02:00 사이 available 항목이 firing 상태, 실제는 01:00부터 ok")
    assert summed(report).endswith("시험 2건, 기대 2건 어긋남")


@pytest.mark.parametrize("what", ADVICE)
def test_every_trouble_that_the_cockpit_shows_has_a_korean_form(what: str) -> None:
    assert re.search("[가-힣]", say(f"{ADVICE[what]} (it broke)", "ko"))
