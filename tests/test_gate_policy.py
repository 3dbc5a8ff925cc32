"""The gate's section of a policy: what it sets, what is worth a note, and what it means in words."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from bongsu.engine import latching
from bongsu.gate import Terms
from bongsu.policy import Policy, parse
from bongsu.policy.explain import explain
from bongsu.quantity import MINUTE

pytestmark = pytest.mark.req("A2", "G7")
SMALL = (Path(__file__).parent / "good/small.yaml").read_text(encoding="utf-8")


def policy(section: str, *changes: tuple[str, str]) -> Policy:
    text = SMALL.replace("alerts:\n", f"{section}alerts:\n", 1)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse(text, "small.yaml", {})


def test_without_a_section_the_gate_goes_by_the_defaults() -> None:
    assert policy("").plan.gate == Terms(Fraction(1, 2), Fraction(1, 4), Fraction(9, 10), None, ())
    assert policy("").notices == ()


def test_the_section_sets_every_term() -> None:
    found = policy("gate: {ladder: {notice: 40%, approval: 12.5%}, stale_after: 2m, min_coverage: 75%, latch: slow}\n")
    assert found.plan.gate == Terms(Fraction(2, 5), Fraction(1, 8), Fraction(3, 4), 2 * MINUTE, ("slow",))


def test_severe_alerts_and_named_ones_latch() -> None:
    found = policy("gate: {latch: [cost]}\n", ("clear: < 4s}", "clear: < 4s, tier: severe}"))
    assert latching(found.plan) == {"cost", "slow"}


def test_an_objective_is_left_out_by_its_own_word() -> None:
    found = policy("", ("window: 30d}", "window: 30d, gate: false}"))
    assert [objective.gate for objective in found.plan.objectives] == [False]


def test_a_gate_whose_overrides_nobody_may_approve_is_noted() -> None:
    (note,) = policy("gate: {min_coverage: 90%}\n").notices
    assert str(note) == ("small.yaml:19:7: note: gate: nobody may approve an override; name who may under "
                         "roles.approver")
    assert policy("roles: {approver: [kim]}\ngate: {min_coverage: 90%}\n").notices == ()


def test_the_gate_in_words() -> None:
    found = policy("roles: {approver: [kim, lee]}\ngate: {latch: cost, stale_after: 2m}\n",
                   ("window: 30d}", "window: 30d, gate: false}"))
    assert explain(found)[-1] == (
        "deploy gate: with 50% or less of an error budget left it says so, with 25% or less a person must approve "
        "(kim, lee), with none it denies; it cannot say if the last events are older than 2 minutes or less than 90% "
        "of the time has been seen; after cost it stays shut until a person clears it; it does not look at available; "
        "an incident that takes more than 20% of four weeks' budget needs a postmortem")


def test_the_gate_in_korean() -> None:
    found = policy("roles: {approver: [kim]}\ngate: {latch: cost}\n", ("window: 30d}", "window: 30d, gate: false}"))
    assert explain(found, "ko")[-1] == (
        "배포 게이트: 오류 예산이 50% 이하로 남으면 표시, 25% 이하이면 담당자 승인 필요(kim), 모두 쓰면 거부; "
        "마지막 이벤트 이후 5분 초과 또는 관측된 시간 90% 미만이면 판단 보류; cost 발생 뒤에는 담당자가 해제할 때까지 "
        "거부 유지; 제외한 목표: available; 장애 하나가 4주 오류 예산의 20% 초과 소진 시 사후 분석 필수")
