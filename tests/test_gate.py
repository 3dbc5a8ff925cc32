"""The gate: the worst reason decides, and not knowing is not allowing."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from bongsu.gate import document, judge
from bongsu.quantity import DAY, MINUTE, Duration
from bongsu.slo import Budget, Objective, Standing

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
