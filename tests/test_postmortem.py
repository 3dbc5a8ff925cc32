"""One incident that takes more than a fifth of four weeks' budget must be written up: due until somebody did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bongsu.alert import Rule, Signal, Threshold
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, tick
from bongsu.gate import Terms
from bongsu.language.sentences import say
from bongsu.notice import Tell
from bongsu.postmortem import FOUR_WEEKS, MOST, Debt, sentence, share, taken
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.slo import Objective, Slices
from gatehouse import POLICY, Gatehouse, gatehouse
from stage import actions_of, incident
from worlds import BLOCKS, FAILURES

pytestmark = pytest.mark.req("A2")
T = Fraction(99, 100)
FAILING = Rule("failing", Threshold(FAILURES, ">", Fraction(1, 10), Duration(5 * MINUTE), "<=", Fraction(1, 20)),
               tier="major", to=("ops",))
GOAL = Objective("available", "failures", T, Duration(30 * DAY))
NOW = 100 * DAY


def counted(at: int, total: int, bad: int, labels: tuple[str, ...] = ()) -> list[Cell]:
    return [Cell("failures", labels, at, "total", total), Cell("failures", labels, at, "bad", bad)]


def world(bad: int, before: int = 99_000) -> Cells:
    """1,000 events during the incident, the others a week before: 100,000 events, so 1,000 may be bad."""
    return Cells(MINUTE, [*counted(NOW - 7 * DAY, before, 0), *counted(NOW - MINUTE, 1000, bad)])


def charged(cells: Cells, goal: Objective = GOAL, **changes: Any) -> Fraction | None:
    return taken(cells, goal, FAILING, replace(incident(at=NOW), **changes), NOW)


# ---- the arithmetic ----


def test_just_a_fifth_is_no_more_than_a_fifth() -> None:
    assert charged(world(200)) == MOST == Fraction(1, 5)
    assert charged(world(201)) == Fraction(201, 1000) > MOST
    assert share(2, 1000, T) == MOST, "floats say 0.19999999999999982"


def test_the_budget_is_that_of_the_four_weeks_that_end_now() -> None:
    old = [*counted(NOW - FOUR_WEEKS - MINUTE, 10**6, 0), *counted(NOW - FOUR_WEEKS, 99_000, 0)]
    assert charged(Cells(MINUTE, [*old, *counted(NOW - MINUTE, 1000, 201)])) == Fraction(201, 1000)


def test_a_shorter_window_is_its_own_measure() -> None:
    assert charged(world(3), replace(GOAL, window=Duration(DAY))) == Fraction(3, 10)


def test_what_went_bad_before_the_window_of_the_alert_or_after_its_end_is_not_charged() -> None:
    cells = Cells(MINUTE, [*counted(NOW - 7 * DAY, 95_000, 0), *counted(NOW - 6 * MINUTE, 1000, 900),
                           *counted(NOW - 5 * MINUTE, 1000, 100), *counted(NOW - MINUTE, 1000, 100),
                           *counted(NOW + MINUTE, 1000, 900), *counted(NOW + 2 * MINUTE, 1000, 900)])
    one = replace(incident(at=NOW), phase="cleared", cleared=NOW)
    assert taken(cells, GOAL, FAILING, one, NOW + 3 * MINUTE) == Fraction(200, 1000)


def test_a_single_bad_event_of_a_quiet_night_is_bad_luck() -> None:
    assert charged(Cells(MINUTE, counted(NOW - MINUTE, 1, 1))) is None
    assert charged(Cells(MINUTE)) is None


def test_an_incident_of_some_labels_is_charged_with_theirs() -> None:
    cells = Cells(MINUTE, [*counted(NOW - MINUTE, 1000, 300, ("a",)), *counted(NOW - MINUTE, 1000, 50, ("b",))])
    one = incident(at=NOW)
    assert taken(cells, GOAL, FAILING, one, NOW, [("b",)]) == Fraction(50, 20)


def test_time_slices_are_charged_as_slices() -> None:
    """28 days of hours are 672; at 95 % 33.6 may be bad, a fifth of which is 6.72: six hours are less, seven more."""
    signal = Signal("psi", BLOCKS.sli, key="psi")
    goal = Objective("stable", "psi", Fraction(95, 100), Duration(30 * DAY), 0, None,
                     Slices(BLOCKS.sli, Duration(HOUR), "<=", Fraction(0), "good"))
    rule = replace(FAILING, when=Threshold(signal, ">", Fraction(0), Duration(HOUR), "<=", Fraction(0)))
    found = []
    for hours in (6, 7):
        cells = Cells(HOUR, [Cell("psi", (), NOW - n * HOUR, "n", 1) for n in range(1, hours + 1)])
        found.append(taken(cells, goal, rule, incident(at=NOW - (hours - 1) * HOUR), NOW))
    assert found == [Fraction(60, 336), Fraction(70, 336)]
    assert found[0] < MOST < found[1]


# ---- the engine ----


def play(minutes: int, most: Fraction = MOST) -> list[Any]:
    """A week of a hundred a minute, then a tenth of an hour that fails; every decision."""
    plan = Plan("bot", rules=(FAILING,), signals=(FAILURES,), objectives=(GOAL,),
                gate=Terms(postmortem=most))
    cells, state, out = Cells(MINUTE, counted(0, 100_000, 0)), EngineState(), list[Any]()
    for minute in range(1, minutes):
        bad = 100 if 5 <= minute < 11 else 0
        cells.add(counted((minute - 1) * MINUTE, 100, bad))
        state, decisions = tick(plan, cells, replace(state, watermark=minute * MINUTE), minute * MINUTE)
        out += decisions
    return [*out, state]


def test_it_is_due_once_and_those_told_that_it_is_over_hear_it() -> None:
    *out, state = play(30)
    (debt,) = [one for one in out if isinstance(one, Debt)]
    (over,) = [one for one in out if isinstance(one, Tell) and one.state == "resolved"]
    assert debt.objective == "available"
    assert debt.share > MOST
    assert over.proposals == (sentence(debt.incident, "available", MOST),)
    assert state.owed == frozenset(), "what is closed is remembered by the store"


def test_the_share_that_one_may_take_is_the_policys() -> None:
    assert not [one for one in play(30, Fraction(1)) if isinstance(one, Debt)]


# ---- the record, the gate, the verbs ----

FAILS = "  failing: {when: failures > 50%, over: 10s, clear: < 10%, tier: major}\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data", POLICY.replace("  slow:", f"{FAILS}  slow:")) as house:
        yield house


def outage(house: Gatehouse) -> str:
    """Of 1,020 calls 20 fail: of the 102 that may, 20 are just less than a fifth; 30 are more."""
    house.feed(1000)
    house.tick(30)
    house.feed(30, outcome="error")
    house.tick()
    return str(house.store.incidents()[0].id)


def test_it_is_on_the_record_and_in_the_verdict_until_it_is_written(house: Gatehouse) -> None:
    key = outage(house)
    assert "postmortem_due" in house.codes()
    verdict = house.verdict()
    (reason,) = [r for r in verdict["reasons"] if r["about"] == key and "available" in r["text"]]
    assert (reason["decision"], reason["text"]) == ("allow", sentence(key, "available", MOST))
    assert "postmortem.due" in actions_of(house.store)
    house.tick(30)
    house.feed(10)
    house.tick()
    assert house.store.incidents()[0].phase == "closed"
    assert "postmortem_due" in house.codes(), "an incident that is over still has to be written up"
    due = house.ask("/v1/postmortems")[1]["postmortems"]
    assert {one["objective"] for one in due} == {"available", "hopeful"}
    where = f"/v1/incidents/{key}/postmortem"
    assert house.ask(where, {"url": "javascript:alert(1)", "reason": "x"})[1]["error"]["code"] == "bad_url"
    assert house.ask(where, {"url": "https://wiki.example.com/1"})[1]["error"]["code"] == "no_reason"
    assert house.ask("/v1/incidents/INC-NONE/postmortem", {"url": "https://a.example.com", "reason": "x"})[0] == 404
    assert house.ask(where, {"url": "https://wiki.example.com/1", "reason": "kim wrote it"})[0] == 200
    assert "postmortem_due" not in house.codes()
    assert [a for a in actions_of(house.store) if a.startswith("postmortem.")] == [
        "postmortem.due", "postmortem.due", "postmortem.written"]
    board = house.desk.incident(key)
    assert board is not None
    assert "postmortem: https://wiki.example.com/1" in board.proposals
    assert house.ask(f"/v1/gate/verdicts/{verdict['verdictId']}/replay")[1]["same"], "as of then it was due"


def test_the_verbs_list_what_is_owed_and_take_what_is_written(house: Gatehouse) -> None:
    assert house.run("incident", "owed").exit_code == 0
    key = outage(house)
    owed = house.run("incident", "owed")
    assert (owed.exit_code, owed.output.count(key)) == (1, 2)
    said = house.run("incident", "postmortem", key, "--at", "https://wiki.example.com/1", "--reason", "kim wrote it")
    assert (said.exit_code, said.output) == (0, f"the postmortem of {key} is at https://wiki.example.com/1\n")
    assert house.run("incident", "owed").exit_code == 0


def test_a_restart_neither_forgets_nor_repeats_it(house: Gatehouse) -> None:
    key = outage(house)
    before = house.store.postmortems()
    house.close()
    house.open()
    house.tick()
    assert house.store.postmortems() == before
    assert {one.incident for one in before} == {key}
    assert actions_of(house.store).count("postmortem.due") == 2


def test_people_are_told_in_their_language() -> None:
    text = sentence("INC-A", "available", MOST)
    assert say(text, "ko") == (
        "INC-A 장애 하나가 available 목표 4주 오류 예산의 20%를 넘게 썼습니다. 사후 분석이 필요합니다.")
