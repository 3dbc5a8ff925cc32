"""Golden G10 through the whole engine: a calendar budget is judged to date, and its boundary excuses nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bongsu.cell import Cell
from bongsu.period import Calendar
from bongsu.quantity import DAY, HOUR, MINUTE
from gatehouse import T0, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2")

POLICY = """
bongsu: 1
service: {name: bot}
settings: {base_window: 1m}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'"}
objectives:
  available: {signal: failures, target: 99%, window: month, time_zone: Asia/Seoul}
alerts:
  available: {burn: available, tier: major}
"""
BEGIN, END = Calendar("month", "Asia/Seoul").span(T0 + 15 * DAY)
"""October 2026 in Seoul; control has been running since September."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data", POLICY) as house:
        yield house


def counted(house: Gatehouse, at: int, total: int, bad: int) -> None:
    """Events of one minute, as the runner hands them to the engine."""
    key = next(s.key for s in house.control.plan.signals if s.name == "failures")
    house.control.cells.add([Cell(key, (), at, part, n) for part, n in (("total", total), ("bad", bad)) if n])


def look(house: Gatehouse, at: int) -> str:
    """Control judges at a moment, and the gate is asked."""
    house.now = at
    house.control.cycle()
    return str(house.verdict()["decision"])


def test_g10_the_gate_decides_on_what_is_spent_to_date_and_people_are_shown_both(house: Gatehouse) -> None:
    """1.0M events so far, 8,000 bad, a third of the month gone, so 3.0M by its end: 80 % to date, 26.7 % projected."""
    assert look(house, BEGIN + DAY) == "allow"
    counted(house, BEGIN + DAY, 1_000_000, 8_000)
    decision = look(house, BEGIN + (END - BEGIN) // 3)
    (row,) = house.ask("/v1/board")[1]["objectives"]
    assert (row["total"], row["bad"]) == (1_000_000, 8_000)
    assert (row["remaining"], row["projected"]) == (pytest.approx(0.2), pytest.approx(0.8 / 3))
    (judged,) = house.verdict()["objectives"]
    assert judged["budgetRemaining"] == pytest.approx(0.2)
    assert decision == "inconclusive", "of what is projected, 73.3 % would be left, and deploys would go on unasked"
    assert house.codes() == ["approval_required"]


def test_g10_a_page_that_burns_over_the_boundary_keeps_the_gate_shut_though_the_budget_is_new(house: Gatehouse) -> None:
    for minute in range(-6 * 60, 60):
        counted(house, END + minute * MINUTE, 600, 600 if -40 <= minute < 0 else 0)
    assert look(house, END - 10 * MINUTE) == "deny"
    for minute in (1, 4, 20, 28):
        assert look(house, END + minute * MINUTE) == "deny"
        assert [r["code"] for r in house.verdict()["reasons"] if r["decision"] == "deny"] == ["page_active"]
        (row,) = house.ask("/v1/board")[1]["objectives"]
        assert (row["bad"], row["remaining"]) == (0, 1.0), "the new month has seen nothing bad"
    assert look(house, END + 30 * MINUTE) == "allow"
    assert look(house, END + HOUR) == "allow"
