"""The pack of reviews: each threshold on both sides of its boundary, judged by the real engine on a virtual clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import packkit
from bongsu.policy import PolicyError, parse
from bongsu.policy.explain import explain

HEAD = "bongsu: 1\nservice: {name: bot}\nextends: review\n"


def fires(alert: str, events: Sequence[str]) -> bool:
    return packkit.fires(alert, "review", *(f"{event}, kind: review" for event in events))


@pytest.mark.req("P2", "D12")
@pytest.mark.parametrize(("what", "alarm"), [("overdue", True), ("in_time", False), ("late", False)])
def test_one_case_that_was_not_decided_when_due_alarms(what: str, alarm: bool) -> None:
    assert fires("reviews_overdue", [f'at: "00:00:05", review: {what}']) is alarm


@pytest.mark.req("P2")
@pytest.mark.parametrize(("source", "alarm"), [("held", True), ("restricted", True), ("sampled", False)])
def test_a_case_that_waits_is_told_and_one_of_a_sample_is_not(source: str, alarm: bool) -> None:
    assert fires("reviews_asked", [f'at: "00:00:05", review: asked, name: {source}']) is alarm


@pytest.mark.req("D12")
@pytest.mark.parametrize(("waiting", "alarm"), [(50, False), (51, True)])
def test_more_than_fifty_cases_that_wait_alarm(waiting: int, alarm: bool) -> None:
    events = [f'at: "00:{minute:02}:05", review: queue, review_queue: {waiting}' for minute in range(3)]
    assert fires("reviews_waiting", events) is alarm


def test_the_promise_of_reviews_stops_no_deploy() -> None:
    policy = parse(HEAD, "p.yaml", {})
    (promise,) = policy.plan.objectives
    assert (promise.name, promise.gate) == ("reviews_in_time", False)
    assert {rule.name for rule in policy.plan.rules} == {"reviews_asked", "reviews_overdue", "reviews_waiting",
                                                         "guard_false_alarms"}


def test_a_policy_says_in_words_how_it_is_reviewed() -> None:
    policy = parse("""
bongsu: 1
service: {name: bot}
review: {due: {severe: 30m}, sample: 2%}
guards:
  injection: {check: injection, on: input, act: review}
""", "p.yaml", {})
    english, korean = explain(policy, "en"), explain(policy, "ko")
    assert any("a finding holds the call until a person has looked" in line for line in english)
    (said,) = [line for line in english if line.startswith("review: ")]
    assert "due within 30 minutes if severe, 4 hours if major, 1 day if minor" in said
    assert "2% of calls are sampled" in said
    assert any(line.startswith("검토: ") and "표본" in line for line in korean)
    assert any("will see no text" in str(note) for note in policy.notices)


@pytest.mark.parametrize(("written", "says"), [
    ("review: {sample: 200%}", "a share from 0% to 100%"),
    ("review: {keep: 1h}", "no shorter than due.minor"),
    ("review: {due: {severe: 2d}}", "severe no longer than major"),
    ("review: {two_people: [grave]}", "minor"),
    ("review: {sampel: 1%}", "did you mean 'sample'"),
], ids=["sample", "keep", "due", "two_people", "misspelt"])
def test_what_cannot_be_is_refused_with_its_place(written: str, says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(f"bongsu: 1\nservice: {{name: bot}}\n{written}\n", "p.yaml", {})
    assert says in str(refused.value)
    assert "p.yaml:3:" in str(refused.value)
