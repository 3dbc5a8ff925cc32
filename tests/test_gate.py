"""The gate: the worst reason decides, and not knowing is not allowing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction

import pytest

from bongsu.gate import Excuse, Reason, Terms, Verdict, document, excused, judge, noting
from bongsu.language.sentences import say
from bongsu.quantity import DAY, MINUTE, Duration
from bongsu.room.verdicts import heed
from bongsu.slo import Budget, Objective, Standing
from gatehouse import T0

pytestmark = pytest.mark.req("A2", "G7")
GOAL = Objective("available", "failures", Fraction(99, 100), Duration(30 * DAY))


def standing(bad: int, total: int = 10_000, seen: Fraction = Fraction(1), warming: bool = False) -> Standing:
    return Standing(GOAL, Budget(total, bad, GOAL.target), {}, seen, warming)


def decide(*standings: Standing, paging: tuple[str, ...] = (), freezes: dict[str, str] | None = None,
           stale: int = 0) -> tuple[str, list[str]]:
    now = 100 * MINUTE
    verdict = judge("bot", "", standings, paging, freezes or {}, now, now - stale, Duration(5 * MINUTE))
    return verdict.decision, [r.code for r in verdict.reasons]


@pytest.mark.parametrize(("bad", "decision", "code"), [
    (0, "allow", None), (49, "allow", None), (50, "allow", "budget_low"), (74, "allow", "budget_low"),
    (75, "inconclusive", "approval_required"), (99, "inconclusive", "approval_required"),
    (100, "deny", "budget_exhausted"), (150, "deny", "budget_exhausted"),
])
def test_the_ladder_of_what_is_left(bad: int, decision: str, code: str | None) -> None:
    assert decide(standing(bad)) == (decision, [code] if code else [])


def test_a_burn_that_pages_denies_whatever_is_left() -> None:
    assert decide(standing(0), paging=("burn",))[0] == "deny"


def test_a_freeze_denies_and_says_why() -> None:
    assert decide(freezes={"bot": "investigation"}) == ("deny", ["frozen"])


def test_stale_or_unseen_data_is_inconclusive() -> None:
    assert decide(standing(0), stale=6 * MINUTE) == ("inconclusive", ["data_stale"])
    assert decide(standing(0, seen=Fraction(8, 10))) == ("inconclusive", ["coverage_low"])


def test_a_deny_outweighs_not_knowing() -> None:
    assert decide(standing(100), stale=6 * MINUTE)[0] == "deny"


def test_warming_or_idle_alone_never_denies() -> None:
    assert decide(standing(0, warming=True)) == ("allow", [])
    assert decide(standing(0, total=0)) == ("allow", [])


def test_the_document_is_strict_json_without_nan() -> None:
    verdict = judge("bot", "canary", [standing(0, total=0)], (), {}, 100 * MINUTE, 0, Duration(MINUTE))
    data = json.loads(json.dumps(document(verdict, "2026-01-01T00:00:00Z"), allow_nan=False))["data"]
    assert data["decision"] == "inconclusive"
    assert data["budgetRemaining"] is None
    assert data["allow"] is False
    assert data["schema"] == "bongsu.gate/v1"


# ---- the policy's terms ----


@pytest.mark.parametrize(("bad", "code"), [(19, None), (20, "budget_low"), (89, "budget_low"),
                                           (90, "approval_required"), (99, "approval_required")])
def test_the_ladder_is_the_policys_and_exact_to_the_last_event(bad: int, code: str | None) -> None:
    """80 % and 10 %: 20 of 100 allowed leaves exactly 80 %, which is at the rung and not above it."""
    terms = Terms(notice=Fraction(8, 10), approval=Fraction(1, 10))
    verdict = judge("bot", "", [standing(bad)], (), {}, 0, 0, Duration(MINUTE), terms)
    assert [r.code for r in verdict.reasons] == ([code] if code else [])


def test_coverage_at_the_limit_is_enough_and_below_it_is_not() -> None:
    terms = Terms(min_coverage=Fraction(2, 3))
    for seen, decision in ((Fraction(2, 3), "allow"), (Fraction(2, 3) - Fraction(1, 10**12), "inconclusive")):
        assert judge("bot", "", [standing(0, seen=seen)], (), {}, 0, 0, Duration(MINUTE), terms).decision == decision


def test_the_gates_own_staleness_goes_before_the_services() -> None:
    for own, decision in ((Duration(MINUTE), "inconclusive"), (None, "allow")):
        found = judge("bot", "", [], (), {}, 3 * MINUTE, 0, Duration(5 * MINUTE), Terms(stale_after=own))
        assert found.decision == decision


def test_an_objective_out_of_the_gate_neither_denies_nor_counts_as_what_is_left() -> None:
    out = replace(standing(100), objective=replace(GOAL, name="hopeful", gate=False))
    verdict = judge("bot", "", [standing(10), out], (), {}, 0, 0, Duration(MINUTE))
    assert (verdict.decision, verdict.remaining) == ("allow", Fraction(9, 10))
    rows = document(verdict, "x")["data"]["objectives"]
    assert [(row["name"], row["gate"], row["decision"]) for row in rows] == [
        ("available", True, "allow"), ("hopeful", False, "deny")]


def test_an_alert_that_fires_is_not_said_to_be_over() -> None:
    verdict = judge("bot", "", [], ["attack"], {}, 0, 0, Duration(MINUTE), latched=["attack", "older"])
    assert [(r.code, r.about) for r in verdict.reasons] == [("page_active", "attack"), ("latched", "older")]


# ---- excuses ----

EXCUSE = Excuse("o_1", "park", "kim", "fix", T0)


def against(*reasons: tuple[str, str]) -> Verdict:
    decisions = {"deny": 2, "inconclusive": 1, "allow": 0}
    worst = max((d for _, d in reasons), key=decisions.__getitem__)
    return Verdict(worst, "bot", "", 0, 0, tuple(Reason(c, "x", d, c) for c, d in reasons))  # type: ignore[arg-type]


def test_an_excuse_takes_the_weight_and_leaves_the_reasons() -> None:
    for reasons in ((("budget_exhausted", "deny"),), (("approval_required", "inconclusive"), ("frozen", "deny"))):
        found = excused(against(*reasons), EXCUSE)
        assert (found.decision, found.excuse, found.reasons) == ("allow", EXCUSE, against(*reasons).reasons)


@pytest.mark.parametrize("unknown", ["data_stale", "coverage_low"])
def test_an_excuse_does_not_make_up_for_not_knowing_unless_it_says_so(unknown: str) -> None:
    only = against((unknown, "inconclusive"))
    assert excused(only, EXCUSE) == only
    both = excused(against(("frozen", "deny"), (unknown, "inconclusive")), EXCUSE)
    assert (both.decision, both.excuse) == ("inconclusive", EXCUSE)
    assert excused(only, replace(EXCUSE, including_stale=True)).decision == "allow"


def test_a_note_decides_nothing() -> None:
    before = against(("frozen", "deny"))
    assert noting(before, (Reason("x", "y", "allow", "z"),)).decision == "deny"
    assert heed(before, [], []) == before


def test_what_the_gate_writes_is_said_in_korean() -> None:
    for text in ("alert attack is over, but nobody has cleared the gate",
                 "override o_1 is not what was signed and excuses nothing",
                 "override o_1 by park, approved by kim, until 2026-01-01T00:00:00Z: a fix"):
        assert re.search("[가-힣]", say(text, "ko")), text
