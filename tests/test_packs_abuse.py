"""The pack of misuse: each threshold on both sides of its boundary, judged by the real engine on a virtual clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import packkit
from bongsu.actions.restrict import Restrict
from bongsu.alert import Threshold, looks
from bongsu.policy import parse

HEAD = "bongsu: 1\nservice: {name: bot}\nextends: abuse\n"


def fires(alert: str, events: Sequence[str], **when: str) -> bool:
    return packkit.fires(alert, "abuse", *events, **when)


def calls(n: int, more: str, bad: int, said: str, else_: str = "") -> list[str]:
    """``n`` calls within a minute, of which the first ``bad`` say so and the others say ``else_``."""
    return [", ".join(filter(None, (f'at: "00:00:{i * 50 // n:02}"', more, said if i < bad else else_)))
            for i in range(n)]


@pytest.mark.req("D13")
@pytest.mark.parametrize(("bad", "alarm"), [(2, False), (3, True)])
def test_a_user_of_whose_calls_more_than_a_fifth_is_blocked_alarms(bad: int, alarm: bool) -> None:
    assert fires("violation_rate", calls(10, "user: ann", bad, "blocked: true")) is alarm


@pytest.mark.req("D13")
def test_blocked_calls_of_many_users_are_no_ones_violation_rate() -> None:
    assert not fires("violation_rate", [f'at: "00:00:01", user: u{n}, blocked: true' for n in range(9)])
    assert not fires("violation_rate", calls(20, "", 20, "blocked: true"))


@pytest.mark.req("D13")
@pytest.mark.parametrize(("n", "alarm"), [(60, False), (61, True)])
def test_more_than_sixty_calls_of_a_user_in_a_minute_alarm(n: int, alarm: bool) -> None:
    assert fires("user_burst", calls(n, "user: ann", 0, "")) is alarm


@pytest.mark.req("D13")
@pytest.mark.parametrize(("bad", "alarm"), [(10, False), (11, True)])
def test_a_user_of_whose_prompts_more_than_half_repeat_others_alarms(bad: int, alarm: bool) -> None:
    events = calls(20, "user: ann", bad, "near_duplicate: true", "near_duplicate: false")
    assert fires("repeated_prompts", events) is alarm


@pytest.mark.req("D13")
@pytest.mark.parametrize(("n", "alarm"), [(3, False), (4, True)])
def test_more_than_three_calls_of_a_user_with_probing_in_an_hour_alarm(n: int, alarm: bool) -> None:
    assert fires("probing_calls", calls(9, "user: ann", n, "probing_findings: 2")) is alarm


@pytest.mark.req("D8")
@pytest.mark.parametrize(("bad", "alarm"), [(15, False), (30, True)])
def test_attacks_alarm_once_they_are_more_than_false_alarms_of_guards_give(bad: int, alarm: bool) -> None:
    """15 of 1,000 are 50 % more than ten, and what ten on average give once in ten times."""
    assert fires("attack_rate", calls(1000, "", bad, "injection_findings: 1")) is alarm


@pytest.mark.req("D8")
@pytest.mark.parametrize(("bad", "alarm"), [(10_000, False), (10_400, True)])
def test_ten_attacks_in_each_thousand_calls_are_still_no_alarm(bad: int, alarm: bool) -> None:
    """A million calls make the interval narrow enough for four of ten thousand."""
    when = next(rule.when for rule in parse(HEAD, "p.yaml", {}).plan.rules if rule.name == "attack_rate")
    assert isinstance(when, Threshold)
    assert when.signal.sli.kind == "rate"
    assert when.holds(when.signal.sli.evidence({"n": bad, "total": 1_000_000}, looks(when.over))) is alarm


@pytest.mark.req("D8")
def test_few_calls_are_no_rate_of_attacks() -> None:
    assert not fires("attack_rate", calls(99, "", 99, "injection_findings: 1"))


@pytest.mark.req("D9")
@pytest.mark.parametrize(("bad", "alarm"), [(500, False), (501, True)])
def test_a_key_that_covers_more_than_half_with_a_thousand_calls_alarms(bad: int, alarm: bool) -> None:
    events = calls(1000, "key: 0a1b2c3d", bad, "new_cluster: true", "new_cluster: false")
    assert fires("extraction", events) is alarm


@pytest.mark.req("D9")
def test_coverage_without_volume_is_no_extraction() -> None:
    assert not fires("extraction", calls(999, "key: 0a1b2c3d", 999, "new_cluster: true"))


@pytest.mark.req("D12")
@pytest.mark.parametrize(("reviewed", "alarm"), [(19, False), (18, True)])
def test_calls_to_be_reviewed_that_nobody_reviewed_alarm(reviewed: int, alarm: bool) -> None:
    """Of twenty marked calls one is exactly 5 %; a verdict of another name is no review, one of two hours later is."""
    marked = calls(20, "restriction: review", 0, "")
    others = calls(30, "restriction: slow", 0, "")
    labels = [f'at: "02:00:00", kind: label, call: boundary/{i}/0, label: fine, '
              f"name: {'review' if i < reviewed else 'feedback'}" for i in range(20)]
    assert fires("overdue_reviews", [*marked, *others, *labels], within="00:00..25:00:00") is alarm
    assert not fires("overdue_reviews", [*marked, *others, *labels], within="00:00..23:00:00"), "a day for the review"


@pytest.mark.req("D13")
def test_an_alert_by_user_can_restrict_that_user() -> None:
    policy = parse(f"""{HEAD}playbooks:
  spam:
    on: alert repeated_prompts
    do: [{{restrict: slow, of: user, for: 30m, reason: many repeated prompts}}]
  probing:
    on: alert probing_calls
    do: [{{restrict: review, of: user, for: 24h, reason: questions about internal systems}}]
  extraction:
    on: alert extraction
    do: [{{restrict: suspended, of: key, for: 1h, reason: pattern of model extraction}}]
""", "p.yaml", {})
    acts = {book.name: book.steps[0] for book in policy.plan.playbooks}
    assert all(isinstance(act, Restrict) for act in acts.values())
    by = {rule.name: (rule.by, rule.when.signal.labels)
          for rule in policy.plan.rules if isinstance(rule.when, Threshold)}
    assert by["probing_calls"] == (("user",), ("user",))
    assert by["extraction"] == (("key",), ("key",))
