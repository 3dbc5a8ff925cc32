"""What a person must look at: who may decide it, until when, and what it comes to."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.review import (
    ESCALATE,
    EXPIRED,
    KEEPS,
    LETS,
    WORDS,
    Case,
    Due,
    Person,
    ReviewFault,
    Terms,
    claimed,
    decided,
    timed,
    waiting,
)

KIM, LEE, PARK = Person("kim", "user/USER_KIM"), Person("lee", "user/USER_LEE"), Person("park")
TERMS = Terms()


def case(**more: Any) -> Case:
    return Case(**{"id": "C1", "source": "held", "asked": 0, "due": 4 * HOUR, "guard": "injection", **more})


def refused(one: Case, who: Person, word: str, now: int = 1) -> str:
    with pytest.raises(ReviewFault) as fault:
        decided(one, who, word, "because", now, TERMS)
    return fault.value.code


@pytest.mark.req("P2")
@pytest.mark.parametrize("word", [*LETS, *KEEPS])
def test_one_person_decides_what_is_not_severe(word: str) -> None:
    done = decided(case(), KIM, word, "because", 7, TERMS)
    assert (done.state(7), done.word, done.ended, done.lets) == ("decided", word, 7, word in LETS)
    assert refused(done, LEE, "deny") == "over"


@pytest.mark.req("P2")
def test_what_is_severe_passes_only_if_two_agree_and_one_keeps_it_back() -> None:
    severe = case(priority="severe")
    one = decided(severe, KIM, "approve", "harmless", 1, TERMS)
    assert one.state(1) == "open"
    assert not one.lets
    assert refused(one, KIM, "approve") == "said_already"
    assert decided(one, LEE, "deny", "it is not", 2, TERMS).word == "deny"
    assert decided(one, LEE, "approve", "so it is", 2, TERMS).lets
    assert decided(severe, KIM, "confirmed", "an attack", 1, TERMS).word == "confirmed"


def test_it_was_a_false_alarm_only_if_all_say_so() -> None:
    one = decided(case(priority="severe"), KIM, "false_alarm", "", 1, TERMS)
    assert decided(one, LEE, "approve", "", 2, TERMS).word == "approve"
    assert decided(one, LEE, "false_alarm", "", 2, TERMS).word == "false_alarm"


@pytest.mark.req("P2")
def test_nobody_decides_about_their_own_calls_or_their_own_doing() -> None:
    assert refused(case(subject="user/USER_KIM"), KIM, "approve") == "own_call"
    assert refused(case(source="restricted", guard="", by="kim"), KIM, "approve") == "own_doing"
    assert decided(case(subject="user/USER_KIM", by="kim"), LEE, "approve", "", 1, TERMS).lets


def test_a_claim_keeps_others_out_until_it_lapses() -> None:
    mine = claimed(case(), KIM, 10, TERMS)
    assert mine.state(11) == "claimed"
    assert refused(mine, LEE, "deny", 11) == "claimed"
    with pytest.raises(ReviewFault, match="kim looks at it"):
        claimed(mine, LEE, 11, TERMS)
    assert claimed(mine, KIM, 20 * MINUTE, TERMS).claimed_until == 50 * MINUTE
    assert decided(mine, LEE, "deny", "", 10 + 30 * MINUTE, TERMS).word == "deny"


def test_what_is_escalated_is_severe_due_sooner_and_for_somebody_else() -> None:
    up = decided(case(), KIM, ESCALATE, "beyond me", 5, TERMS)
    assert (up.priority, up.due, up.state(5)) == ("severe", 5 + HOUR, "open")
    assert refused(up, KIM, "approve") == "said_already"
    assert refused(up, LEE, ESCALATE) == "bad_verdict"
    late = decided(case(), KIM, ESCALATE, "", 4 * HOUR - 1, TERMS)
    assert late.due == 4 * HOUR, "to escalate gives nobody more time"


def test_only_a_guard_can_be_wrong_or_right() -> None:
    assert case(guard="").words() == ("approve", "deny", ESCALATE)
    assert refused(case(guard=""), KIM, "false_alarm") == "bad_verdict"


@pytest.mark.req("P2", "D12")
def test_time_makes_a_case_overdue_once_and_ends_it_when_nobody_looks() -> None:
    one = case()
    assert timed(one, 4 * HOUR - 1, TERMS) == one
    overdue = timed(one, 4 * HOUR, TERMS)
    assert overdue.overdue
    assert timed(overdue, 5 * HOUR, TERMS) == overdue
    over = timed(overdue, 7 * DAY, TERMS)
    assert (over.word, over.state(7 * DAY), over.lets) == (EXPIRED, "expired", False)


@given(st.lists(st.tuples(st.sampled_from([KIM, LEE, PARK]), st.sampled_from(WORDS)), max_size=8),
       st.sampled_from(["minor", "major", "severe"]))
def test_whatever_is_said_severe_things_pass_by_two_people_or_not_at_all(
        said: list[tuple[Person, str]], priority: Any) -> None:
    one = case(priority=priority)
    for now, (who, word) in enumerate(said):
        before = one
        try:
            one = decided(one, who, word, "", now, TERMS)
        except ReviewFault:
            assert one == before
    agreed = {s.by for s in one.said if s.word in LETS}
    assert not one.lets or len(agreed) >= (2 if one.priority == "severe" else 1)
    assert len({s.by for s in one.said}) == len(one.said)
    if any(s.word in KEEPS for s in one.said):
        assert one.word in KEEPS


def test_the_most_urgent_stand_first() -> None:
    cases = (case(id="a", priority="minor"), case(id="b"), case(id="c", due=1), replace(case(id="d"), word="deny"),
             case(id="e", priority="severe", due=9 * HOUR))
    assert [one.id for one in waiting(cases)] == ["e", "c", "b", "a"]


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Terms(sample=Fraction(2)), "sample: expected a share"),
    (lambda: Terms(keep=Duration(HOUR)), "keep: expected a duration no shorter than due.minor"),
    (lambda: Terms(claim=Duration(0)), "claim: expected"),
    (lambda: Due(severe=Duration(2 * DAY)), "severe: expected"),
], ids=["sample", "keep", "claim", "due"])
def test_terms_that_cannot_be_are_refused_by_name(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
