"""The objectives of a service together: golden numbers, laws, and where people see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.composite import composite
from bongsu.policy import Policy, PolicyError, parse
from bongsu.policy.explain import explain
from bongsu.quantity import DAY
from bongsu.room.desk import composite_row
from bongsu.slo import Budget, Objective, Standing
from gatehouse import POLICY, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2")

STRICT, LOOSE = Fraction(99, 100), Fraction(90, 100)


def judged(name: str, target: Fraction, bad: int, total: int = 1000, weight: int = 1) -> Standing:
    goal = Objective(name, "failures", target, DAY, weight=weight)
    return Standing(goal, Budget(total, bad, target), {}, Fraction(1), False)


def test_targets_of_99_and_90_are_judged_each_on_its_own_and_then_together() -> None:
    """20 bad of 1,000: twice the budget of one promise, a fifth of the other's."""
    seen = composite([judged("strict", STRICT, 20), judged("loose", LOOSE, 20)])
    assert (seen.known, seen.within, seen.share) == (2, 1, Fraction(1, 2))
    assert (seen.worst, seen.worst_remaining) == ("strict", -1)
    assert (seen.consumed, seen.remaining) == (Fraction(11, 10), Fraction(-1, 10))


def test_weights_move_the_whole_and_neither_the_worst_nor_how_many_are_kept() -> None:
    seen = composite([judged("strict", STRICT, 20, weight=1), judged("loose", LOOSE, 20, weight=3)])
    assert (seen.consumed, seen.remaining) == (Fraction(13, 20), Fraction(7, 20))
    assert (seen.worst, seen.worst_remaining, seen.within) == ("strict", -1, 1)


def test_a_budget_spent_to_the_last_event_is_not_within() -> None:
    """As doubles, 1 - 1000 / ((1 - 0.999) x 1,000,000) is above zero: the budget would look kept."""
    seen = composite([judged("exact", Fraction(999, 1000), 1000, 1_000_000), judged("idle", LOOSE, 0)])
    assert (seen.within, seen.worst_remaining, seen.remaining) == (1, 0, Fraction(1, 2))


def test_what_has_no_events_or_no_weight_is_in_none_of_the_numbers() -> None:
    seen = composite([judged("silent", STRICT, 0, 0), judged("left-out", STRICT, 900, weight=0),
                      judged("loose", LOOSE, 10)])
    assert (seen.objectives, seen.known, seen.within, seen.worst, seen.remaining) == (2, 1, 1, "loose", Fraction(9, 10))
    nothing = composite([judged("silent", STRICT, 0, 0)])
    assert (nothing.known, nothing.worst, nothing.remaining, nothing.share) == (0, "", None, None)


def test_of_equals_the_first_of_the_policy_is_the_worst() -> None:
    assert composite([judged("b", STRICT, 5), judged("a", LOOSE, 50)]).worst == "b"


goals = st.lists(st.tuples(st.integers(1, 999), st.integers(0, 500), st.integers(500, 900), st.integers(1, 1000)),
                 min_size=1, max_size=6)


@given(goals, st.integers(2, 50))
def test_the_whole_lies_between_the_best_and_the_worst_and_only_shares_of_weight_matter(
    told: list[tuple[int, int, int, int]], times: int
) -> None:
    rows = [judged(str(i), Fraction(t, 1000), bad, total, w) for i, (t, bad, total, w) in enumerate(told)]
    more = [judged(str(i), Fraction(t, 1000), bad, total, w * times) for i, (t, bad, total, w) in enumerate(told)]
    seen, left = composite(rows), [row.budget.remaining for row in rows if row.budget.remaining is not None]
    assert seen.remaining is not None
    assert min(left) == seen.worst_remaining <= seen.remaining <= max(left)
    assert composite(more) == seen
    assert seen.within == sum(not row.budget.exhausted for row in rows)


# ---- where it is seen ----

def weighed(weight: str) -> Policy:
    return parse(POLICY.replace("window: 1h}", f"window: 1h, weight: {weight}}}", 1), "p.yaml", {})


def test_a_weight_is_a_setting_and_is_explained() -> None:
    made = weighed("3")
    assert [o.weight for o in made.plan.objectives] == [3, 1]
    assert any(line.endswith("; where objectives are shown together it counts 3 times") for line in explain(made))
    assert any(line.endswith("; 여러 목표를 함께 볼 때 제외") for line in explain(weighed("0"), "ko"))
    assert not any("shown together" in line for line in explain(weighed("1")))
    for wrong in ("-1", "1001", "1.5"):
        with pytest.raises(PolicyError, match="expected a whole number"):
            weighed(wrong)


def test_one_objective_alone_is_no_composite() -> None:
    assert composite_row([judged("one", STRICT, 5), judged("out", LOOSE, 5, weight=0)]) is None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data", POLICY.replace("window: 1h}", "window: 1h, weight: 3}", 1)) as house:
        yield house


def test_the_board_and_the_verb_show_all_objectives_together(house: Gatehouse) -> None:
    """2 of 200 calls fail: a tenth of the budget at 90 %, ten budgets at 99.9 %."""
    house.feed(98)
    house.feed(2, outcome="error")
    house.tick(2)
    whole = house.ask("/v1/board")[1]["composite"]
    assert whole == {"objectives": 2, "known": 2, "within": 1, "share": 0.5, "worst": "hopeful",
                     "worst_remaining": -9.0, "remaining": float(1 - Fraction(103, 40)), "exhausted": True}
    said = house.run("status")
    assert ("together: 1 of 2 objectives within budget, -157.5% of the error budgets left (weighted), "
            "least of hopeful: -900.0%") in said.output
    assert json.loads(house.run("status", "--json").output)["composite"] == whole
    assert house.verdict()["decision"] == "allow", "hopeful does not decide about deploys, and a composite never does"
