"""A circuit on a clock of the test's: when it opens, how it is tried, what it takes to close."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.circuit import RESERVE, Circuit, Health, Pass, RetryBudget
from bongsu.policy.patience import Breaker, Retries
from bongsu.quantity import SECOND, Duration

RULE = Breaker(Fraction(1, 2), min_calls=4, over=Duration(10 * SECOND), rest=Duration(5 * SECOND))
S = 10**9


def leave(circuit: Circuit, now: int) -> Pass:
    found = circuit.ask(now)
    assert found is not None
    return found


def calls(circuit: Circuit, now: int, *well: bool | None) -> None:
    for one in well:
        leave(circuit, now).back(one, now)


def opened(now: int = 0) -> Circuit:
    circuit = Circuit(RULE)
    calls(circuit, now, False, False, False, False)
    assert circuit.standing == "open"
    return circuit


def test_it_opens_at_the_share_and_not_before_there_are_enough_calls() -> None:
    circuit = Circuit(RULE)
    calls(circuit, 0, True, False, False)
    assert circuit.standing == "closed"
    calls(circuit, 0, False)
    assert circuit.standing == "open"
    healthy = Circuit(RULE)
    calls(healthy, 0, True, True, True, False, False)
    assert healthy.standing == "closed"


def test_failures_that_are_long_over_are_forgotten() -> None:
    circuit = Circuit(RULE)
    calls(circuit, 0, False, False, False)
    calls(circuit, 11 * S, False, False, False)
    assert (circuit.standing, circuit.counts(11 * S)) == ("closed", (3, 3))


@pytest.mark.req("D11")
def test_an_open_one_is_not_asked_then_one_call_tries_it_and_closes_it() -> None:
    circuit = opened()
    assert (circuit.ask(5 * S - 1), circuit.wait(2 * S)) == (None, 3 * S)
    probe = leave(circuit, 5 * S)
    assert circuit.standing == "half_open"
    assert circuit.ask(5 * S) is None, "others wait while one tries"
    probe.back(True, 6 * S)
    assert circuit.standing == "closed"
    assert circuit.counts(6 * S) == (0, 0), "what it did before does not count against it"


def test_each_try_that_fails_makes_the_rest_twice_as_long_up_to_sixteen_times() -> None:
    circuit, now, rests = opened(), 0, []
    for _ in range(6):
        rests.append(circuit.wait(now) // S)
        now += circuit.wait(now)
        leave(circuit, now).back(False, now)
    assert rests == [5, 10, 20, 40, 80, 80]
    now += circuit.wait(now)
    leave(circuit, now).back(True, now)
    calls(circuit, now, False, False, False, False)
    assert circuit.wait(now) == 5 * S, "a success makes it young again"


def test_calls_from_before_a_turn_neither_close_nor_lengthen_it() -> None:
    circuit = Circuit(RULE)
    early = [leave(circuit, 0) for _ in range(8)]
    for one in early[:4]:
        one.back(False, 1)
    assert circuit.standing == "open"
    until = circuit.wait(1)
    early[4].back(False, 2)
    early[5].back(True, 2)
    assert (circuit.standing, circuit.wait(1)) == ("open", until)
    leave(circuit, 6 * S)
    early[6].back(True, 6 * S)
    assert circuit.standing == "half_open"


def test_a_probe_whose_client_left_makes_room_for_another() -> None:
    circuit = opened()
    leave(circuit, 5 * S).back(None, 5 * S)
    assert circuit.standing == "half_open"
    leave(circuit, 5 * S).back(True, 5 * S)
    assert circuit.standing == "closed"


def test_a_try_that_never_comes_back_holds_others_up_no_longer_than_its_lease() -> None:
    circuit = opened()
    circuit.lease = 3 * S
    frozen = leave(circuit, 5 * S)
    assert circuit.ask(8 * S - 1) is None
    second = leave(circuit, 8 * S)
    assert circuit.ask(9 * S) is None, "one at a time, as before"
    frozen.back(True, 9 * S)
    assert circuit.standing == "closed", "that it was answered is true, however late it is said"
    second.back(False, 9 * S)
    assert (circuit.standing, circuit.counts(9 * S)) == ("closed", (0, 0))


def test_a_lease_of_before_the_host_was_started_again_holds_nobody_up() -> None:
    circuit = opened(10**6 * S)
    leave(circuit, 10**6 * S + 5 * S)
    assert circuit.ask(10**6 * S + 5 * S) is None
    assert circuit.ask(1 * S) is not None, "the timer stands elsewhere now"


def test_what_says_nothing_about_health_is_not_counted_and_only_the_first_word_is() -> None:
    circuit = Circuit(RULE)
    calls(circuit, 0, None, None)
    one = leave(circuit, 0)
    one.back(True, 0)
    one.back(False, 0)
    assert circuit.counts(0) == (1, 0)


def test_a_reply_that_breaks_off_is_a_failure_of_one_that_is_closed_only() -> None:
    circuit = Circuit(RULE)
    for _ in range(4):
        circuit.broke(0)
    assert circuit.standing == "open"
    until = circuit.wait(0)
    circuit.broke(1)
    assert circuit.wait(0) == until


def test_one_that_is_switched_off_never_opens() -> None:
    circuit = Circuit(replace(RULE, enabled=False))
    calls(circuit, 0, *[False] * 50)
    assert circuit.standing == "closed"


@given(st.lists(st.tuples(st.integers(0, 4 * S), st.sampled_from([True, False, None])), max_size=80))
def test_whatever_comes_it_can_always_be_tried_again_in_the_end(story: list[tuple[int, bool | None]]) -> None:
    circuit, now = Circuit(RULE), 0
    for passed, well in story:
        now += passed
        found = circuit.ask(now)
        if found is not None:
            found.back(well, now)
        assert 0 <= circuit.counts(now)[1] <= circuit.counts(now)[0]
    now += 16 * 5 * S
    leave(circuit, now).back(True, now)
    assert circuit.standing == "closed"


@given(st.lists(st.booleans(), max_size=400))
def test_retries_never_exceed_their_share_of_the_calls_and_the_reserve(story: list[bool]) -> None:
    budget, taken = RetryBudget(Retries(budget=Fraction(1, 10))), 0
    for made, wanted in enumerate(story, 1):
        budget.call()
        taken += wanted and budget.take()
        assert taken <= made / 10 + RESERVE


def test_health_outlives_a_new_policy_and_begins_anew_under_another_rule() -> None:
    health = Health()
    circuit = health.circuit("main", RULE)
    assert health.circuit("main", Breaker(Fraction(1, 2), 4, Duration(10 * SECOND), Duration(5 * SECOND))) is circuit
    assert health.circuit("main", replace(RULE, min_calls=9)) is not circuit
    assert health.budget("r", None) is None
    assert health.budget("r", Retries()) is health.budget("r", Retries())
