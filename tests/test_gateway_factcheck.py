"""Claims of a reply looked up among those that fact checkers have rated: what is asked, what becomes of the reply, and
what a failure is."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.checks.factcheck import Factcheck
from bongsu.checks.factcheck_ratings import RATINGS, plain, share
from bongsu.checks.names import Names
from bongsu.event import Verdict
from bongsu.guard import Guard
from bongsu.host.shelf import Shelf
from bongsu.language.sentences import say
from bongsu.policy import PolicyError, load
from bongsu.policy.routing import Borders
from bongsu.ports import Secret, SecretError
from bongsu.quantity import SECOND, Duration
from bongsu.support import JudgeError
from bongsu.web.ops import Ops
from bongsu.web.plan import compile_plans
from bongsu.web.scrape import Admission
from factdesk import FactDesk, reviewed
from gatewaykit import KEY, Word, now, policy_for, standing
from servers import serving
from test_gateway_judge import said

TIMEOUT = Duration(5 * SECOND)
FLAT = reviewed("The earth is flat", "False", "Pants on fire!")
MOON = reviewed("People walked on the Moon in 1969", "True")
KOREAN = reviewed("백신이 자폐증을 일으킨다", "전혀 사실 아님", language="ko")
WRONG = "Thanks for asking! The Earth is flat. Most people love maps."


def guard(url: str, act: Any = "block", timeout: Duration = TIMEOUT, fails: Any = "closed", **check: Any) -> Guard:
    return Guard("facts", Factcheck(url=url, **{"key": "secret://env/FACTS", **check}), on=("output",), act=act,
                 reply="That is disputed.", timeout=timeout, fails=fails)


def ask(stand: Any, stream: bool = False) -> str:
    if stream:
        return "".join(c.choices[0].delta.content or "" for c in stand.stream("tell me") if c.choices)
    return str(stand.ask("tell me").choices[0].message.content)


@pytest.mark.req("D7", "R3")
@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_says_what_fact_checkers_call_false_is_withheld(tmp_path: Path, stream: bool) -> None:
    desk = FactDesk(FLAT, MOON, key=KEY)
    with serving(desk) as service, standing(tmp_path, [guard(service.url)], model=said(WRONG)) as stand:
        assert ask(stand, stream) == "That is disputed."
        event = stand.spool.last()
    assert (event.outcome, event.blocked_by, event.grounding_score) == ("blocked", "facts", 0.0)
    [verdict] = event.verdicts
    assert (verdict.act, verdict.kinds, verdict.error) == ("block", ("disputed",), "")
    assert sorted(asked["query"] for asked in desk.asked) == ["Most people love maps.", "The Earth is flat."]
    assert KEY not in "".join(desk.urls), "the key is in a header, never in an address"


@pytest.mark.parametrize(("text", "score", "act"), [
    ("People walked on the Moon in 1969.", 1.0, "allow"),
    ("The Earth is not flat.", None, "allow"),  # the opposite of what was rated false
    ("The Earth is round and old.", None, "allow"),  # found by a word, but it says something else
    ("백신은 자폐증을 일으킨다.", 0.0, "flag"),
    ("백신은 자폐증을 일으키지 않는다.", None, "allow"),
    ("Let me know if you have other questions!", None, "allow"),
])
def test_only_a_reviewed_claim_that_says_the_same_counts(tmp_path: Path, text: str, score: float | None,
                                                         act: str) -> None:
    with (serving(FactDesk(FLAT, MOON, KOREAN)) as service,
          standing(tmp_path, [guard(service.url, "flag")], model=said(text)) as stand):
        assert ask(stand) == text
        event = stand.spool.last()
    assert event.grounding_score == score
    assert [v.act for v in event.verdicts] == [act]


@pytest.mark.req("D7", "X2")
def test_the_service_is_sent_nothing_personal_and_no_more_claims_than_asked_for(tmp_path: Path) -> None:
    desk = FactDesk()
    names = Guard("names", Names(), on=("store",), act="tokenise", timeout=TIMEOUT)
    zeus = Guard("zeus", Word(), on=("output",), act="tokenise")  # what the policy hides is hidden here, too
    text = ("The mail of project zeus is kim@example.com today. Karen Smith opened the bridge in 1937. "
            "Call 010-1234-5678 for the tickets. This one is not asked about.")
    with (serving(desk) as service,
          standing(tmp_path, [names, zeus, guard(service.url, most=3, language="en")], model=said(text)) as stand):
        assert "This one is not asked about." in ask(stand)
    assert len(desk.asked) == 3
    assert all(asked["languageCode"] == "en" for asked in desk.asked)
    told = " ".join(asked["query"] for asked in desk.asked)
    for personal in ("kim@example.com", "Karen Smith", "1234-5678", "zeus"):
        assert personal not in told
    assert "opened the bridge in 1937" in told


@pytest.mark.req("R3")
@pytest.mark.parametrize(("desk", "why"), [
    (FactDesk(FLAT, key="another"), "status"), (FactDesk(FLAT, status=429), "status"),
    (FactDesk(FLAT, status=503), "status"), (FactDesk(answer=b"<html>"), "malformed"),
    (FactDesk(answer={"claims": "none"}), "malformed"),
    (FactDesk(answer={"claims": [{"text": 1, "claimReview": [{}]}]}), "malformed"),
    (FactDesk(answer={"claims": [{"text": "a", "claimReview": [{"textualRating": 5}]}]}), "malformed"),
], ids=["key", "quota", "down", "page", "claims", "text", "rating"])
def test_what_is_no_answer_is_a_failure_counted_apart(tmp_path: Path, desk: FactDesk, why: str,
                                                      caplog: pytest.LogCaptureFixture) -> None:
    with serving(desk) as service:
        with (standing(tmp_path / "closed", [guard(service.url)], model=said(WRONG)) as stand,
              caplog.at_level(logging.ERROR)):
            with pytest.raises(openai.InternalServerError) as caught:
                ask(stand)
            assert caught.value.status_code == 503
            event = stand.spool.last()
            assert [(v.act, v.error) for v in event.verdicts] == [("allow", why)]
            assert event.grounding_score is None
        assert "flat" not in caplog.text
        assert KEY not in caplog.text
        with standing(tmp_path / "open", [guard(service.url, fails="open")], model=said(WRONG)) as stand:
            assert ask(stand, stream=True) == WRONG
            assert stand.spool.last().verdicts[0].error == why


def test_a_service_that_is_too_slow_or_away_has_failed(tmp_path: Path) -> None:
    slow = Duration(SECOND)
    with (serving(FactDesk(sleeps=True)) as service,
          standing(tmp_path / "slow", [guard(service.url, timeout=slow)], model=said(WRONG)) as stand):
        with pytest.raises(openai.InternalServerError):
            ask(stand)
        assert stand.spool.last().verdicts[0].error == "timeout"
    with standing(tmp_path / "away", [guard("http://127.0.0.1:9")], model=said(WRONG)) as stand:
        with pytest.raises(openai.InternalServerError):
            ask(stand)
        assert stand.spool.last().verdicts[0].error == "unreachable"


def test_a_key_that_cannot_be_read_is_said_by_readiness_and_only_that_guard_is_without() -> None:
    def secrets(reference: str) -> Secret:
        if reference == "secret://env/FACTS":
            raise SecretError("secret://env/FACTS: not set")
        return Secret(KEY)

    plans = compile_plans(policy_for("http://127.0.0.1:9", [guard("http://127.0.0.1:9")]), {}, secrets)
    assert plans.problems == ("guard facts: its key cannot be read (SecretError)",)
    assert plans.routes["support-bot"].chain
    assert not plans.routes["support-bot"].sources


def test_a_service_outside_the_borders_is_not_asked(tmp_path: Path) -> None:
    desk = FactDesk(FLAT)

    def bordered(policy: Any) -> Any:
        return replace(policy, borders=Borders({"kr": frozenset({"kr"})}),
                       routes={"support-bot": replace(policy.routes["support-bot"], primary="light")})

    with serving(desk) as service:
        with standing(tmp_path / "us", [guard(service.url, region="us")], model=said(WRONG), change=bordered) as stand:
            with pytest.raises(openai.InternalServerError):
                ask(stand)
            assert desk.asked == []
        with standing(tmp_path / "kr", [guard(service.url, region="kr")], model=said(WRONG), change=bordered) as stand:
            assert ask(stand) == "That is disputed."


def test_a_sample_asks_about_some_replies_only(tmp_path: Path) -> None:
    desk = FactDesk(FLAT)
    with serving(desk) as service:
        some = replace(guard(service.url, "flag"), sample=Fraction(1, 2))
        with standing(tmp_path, [some], model=said("The Earth is flat.")) as stand:
            for _ in range(30):
                ask(stand)
            acts = [e.verdicts[0].act for e in stand.spool.calls()]
    assert set(acts) == {"flag", "skipped"}
    assert len(desk.asked) == acts.count("flag")


# ---- ratings ----

@pytest.mark.parametrize(("rating", "truth"), [
    ("FALSE", 0.0), ("Mostly-false", 0.25), ("Half True.", 0.5), ("False. The photo is of 2017.", 0.0),
    ("False - altered", 0.0), ("사실", 1.0), ("‘대체로 사실 아님’", 0.25), ("전혀 사실 아님", 0.0), ("판단 유보", None),
    ("Unproven", None), ("Four Pinocchios", None), ("True enough", None)])
def test_a_rating_in_words_is_a_share_of_truth_or_unknown(rating: str, truth: float | None) -> None:
    assert share(rating, RATINGS) == truth


def test_a_policy_adds_ratings_and_changes_them_and_several_are_one_mean() -> None:
    claim = [((0, 18), {"claims": [reviewed("The earth is flat", "Four Pinocchios", "Half true", "Unproven")]})]
    check = Factcheck("secret://env/K", ratings={"four pinocchios": 0.0})
    assert Factcheck("secret://env/K").rated("The Earth is flat.", claim).score == 0.5
    assert check.rated("The Earth is flat.", claim).score == 0.25
    assert replace(check, ratings={"Half-True": 0.9}).rated("The Earth is flat.", claim).score == 0.9


@given(st.text())
def test_a_rating_reads_the_same_however_it_is_written(rating: str) -> None:
    assert plain(plain(rating)) == plain(rating)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(
                        st.sampled_from(["claims", "claimReview", "text", "textualRating"]), inner), max_leaves=12))
def test_whatever_is_answered_is_a_verdict_or_a_judges_failure(answer: Any) -> None:
    try:
        found = Factcheck("secret://env/K").rated("The Earth is flat.", [((0, 18), answer)])
    except JudgeError:
        return
    assert found.score is None or 0 <= found.score <= 1


# ---- policy ----

def test_a_policy_says_where_and_how_claims_are_looked_up(tmp_path: Path) -> None:
    def read(settings: str) -> Any:
        path = tmp_path / "p.yaml"
        path.write_text("bongsu: 1\nservice: {name: s}\nupstreams:\n  main: {url: 'http://127.0.0.1:9', model: m}\n"
                        f"routes: {{s: {{primary: main}}}}\nguards:\n  facts: {{check: factcheck, {settings}}}\n",
                        encoding="utf-8")
        return load(path, {}).guards[0]

    good = "key: secret://env/F, on: output, act: review, timeout: 5s, fails: open, sample: 5%"
    assert read(good + ", ratings: {four pinocchios: 0}").check == Factcheck("secret://env/F",
                                                                             ratings={"four pinocchios": 0.0})
    for wrong, expected in ((good.replace("5s", "20ms"), "expected 1s or more, came 20ms; a service is asked"),
                            (good.replace("review", "tokenise"), "expected flag or block"),
                            (good + ", url: 'http://facts.example'", "expected https"),
                            (good + ", ratings: {nonsense: 2}", "from 0 (false) to 1 (true)"),
                            (good + ", most: 0", "expected 1 to 20 claims"),
                            (good.replace("key: secret://env/F", "key: abc"), "expected a secret reference")):
        with pytest.raises(PolicyError) as caught:
            read(wrong)
        assert expected in str(caught.value.faults[0])


def test_the_desk_of_these_tests_refuses_what_the_contract_does_not_know() -> None:
    def scope(query: str, method: str = "GET") -> dict[str, Any]:
        return {"path": "/v1alpha1/claims:search", "method": method, "query_string": query.encode(), "headers": []}

    desk = FactDesk(FLAT)
    assert desk._said(scope("query=flat&limit=3"))[0] == 400
    assert desk._said(scope("languageCode=en"))[0] == 400
    assert desk._said(scope("query=flat", "POST"))[0] == 404
    assert desk._said(scope("query=unheard"))[1] == {}


def test_a_reply_that_claims_nothing_costs_no_question(tmp_path: Path) -> None:
    desk, courtesy = FactDesk(FLAT), "Let me know if you have other questions!"
    with serving(desk) as service, standing(tmp_path, [guard(service.url)], model=said(courtesy)) as stand:
        assert ask(stand) == courtesy
        assert stand.spool.last().verdicts[0].act == "allow"
    assert desk.asked == []


@pytest.mark.req("D7")
def test_ratings_that_no_table_knows_are_counted_and_shown_until_a_policy_says_what_they_mean(tmp_path: Path) -> None:
    desk = FactDesk(reviewed("The earth is flat", "Quatre Pinocchios!", "Unproven", "Kim@example.com says no"))
    live = tmp_path / "live"
    live.mkdir()
    ops = Ops("0", Admission(loopback=True), Shelf(live, "0", now))
    with (serving(desk) as service,
          standing(tmp_path / "gateway", [guard(service.url)], model=said(WRONG), ops=ops) as stand):
        assert ask(stand) == WRONG, "what nobody can read is no verdict"
        event = stand.spool.last()
        [verdict] = event.verdicts
        assert (verdict.act, verdict.unread, event.grounding_score) == ("allow", ("Quatre Pinocchios!",), None)
        assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
        with urlopen(f"{stand.server.url}/metrics") as page:
            assert 'bongsu_guard_unread_ratings_total{worker="0",guard="facts"} 1' in page.read().decode()
        stand.gateway.note()
        trouble, = Shelf(live, "", now).troubles()
        assert trouble == ("guard facts: fact checkers rated claims in words that no table knows: Quatre Pinocchios! "
                           "(say what they mean under its ratings)")
        assert say(trouble, "ko") == ("가드 facts: 팩트체크 기관의 평가를 해석할 수 없습니다(Quatre Pinocchios!). "
                                      "정책의 ratings에 뜻을 적으세요.")
        stand.gateway.ops.metrics.unread.forget()  # as where a new policy comes
        stand.gateway.note()
        assert Shelf(live, "", now).troubles() == ()
    known = {"quatre pinocchios": 0.0}
    with (serving(desk) as service,
          standing(tmp_path / "told", [guard(service.url, ratings=known)], model=said(WRONG)) as it):
        assert ask(it) == "That is disputed."
        assert it.spool.last().verdicts[0].unread == ()
