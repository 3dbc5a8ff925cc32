"""Severe and named alerts hold the gate shut until a person clears it; objectives may be left out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse import POLICY, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2", "G7")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as made:
        yield made


def test_a_severe_alert_that_is_over_still_denies_until_it_is_cleared(house: Gatehouse) -> None:
    assert house.verdict()["decision"] == "allow"
    house.attack()
    assert house.codes() == ["page_active"]
    house.tick(30)
    assert house.codes() == ["latched"]
    house.tick(3000)
    house.feed(1)
    house.tick()
    assert house.verdict()["decision"] == "deny", "time alone clears nothing"
    assert house.ask("/v1/gate/bot/clear", {"reason": "looked at"}) == (200, {"cleared": ["attack"], "firing": []})
    assert house.verdict()["decision"] == "allow"
    assert house.actions("gate.latch") + house.actions("gate.clear") == ["gate.latch", "gate.clear"]


def test_it_holds_even_if_nobody_asked_while_the_alert_fired(house: Gatehouse) -> None:
    """The latch falls with the alert, not with the next question."""
    house.feed(10, blocked=True)
    house.tick()
    house.tick(30)
    assert house.codes() == ["latched"]


def test_an_alert_named_by_the_policy_denies_and_latches_whatever_its_tier(house: Gatehouse) -> None:
    house.feed(10, outcome="timeout")
    house.tick()
    assert house.codes() == ["page_active"]
    house.tick(30)
    assert house.codes() == ["latched"]
    assert house.cli("clear", "bot", "--reason", "counsel agreed").exit_code == 0
    assert house.verdict()["decision"] == "allow"


def test_a_restart_clears_nothing(house: Gatehouse) -> None:
    house.attack()
    house.tick(30)
    house.close()
    house.open()
    house.tick()
    assert house.codes() == ["latched"]


def test_what_fires_still_cannot_be_cleared(house: Gatehouse) -> None:
    """Else a pipeline would go on the moment it is over, though nobody has looked since."""
    house.attack()
    status, body = house.ask("/v1/gate/bot/clear", {"reason": "too soon"})
    assert (status, body["error"]["code"]) == (409, "nothing_to_clear")
    house.tick(30)
    assert house.codes() == ["latched"]


def test_an_alert_that_fires_again_latches_again(house: Gatehouse) -> None:
    for _ in range(2):
        house.attack()
        house.tick(30)
        assert house.codes() == ["latched"]
        assert house.cli("clear", "bot", "--reason", "looked at").exit_code == 0
    assert house.verdict()["decision"] == "allow"


@pytest.mark.parametrize(("path", "body", "status", "code"), [
    ("/v1/gate/bot/clear", {}, 400, "no_reason"), ("/v1/gate/bot/clear", {"reason": "x"}, 409, "nothing_to_clear"),
    ("/v1/gate/other/clear", {"reason": "x"}, 404, "unknown_service")])
def test_clearing_needs_a_reason_a_service_and_something_to_clear(house: Gatehouse, path: str, body: object,
                                                                  status: int, code: str) -> None:
    found, answer = house.ask(path, body)
    assert (found, answer["error"]["code"]) == (status, code)


def test_an_alert_firing_since_before_it_latched_is_held_when_it_ends(tmp_path: Path) -> None:
    """The policy is changed while the alert fires: its end does not slip by."""
    before = POLICY.replace("gate: {latch: [legal]}\n", "")
    with gatehouse(tmp_path / "data", before) as house:
        house.feed(10, outcome="timeout")
        house.tick()
        assert house.verdict()["decision"] == "allow"
        house.close()
        house.open(POLICY)
        house.tick()
        assert house.codes() == ["page_active"]
        house.tick(30)
        assert house.codes() == ["latched"]


def test_each_objective_is_listed_and_one_that_is_left_out_decides_nothing(house: Gatehouse) -> None:
    """One bad call of 101 spends the strict budget, which the gate does not look at; the other has 90 % left."""
    house.feed(1, outcome="error")
    house.tick()
    verdict = house.verdict()
    rows = {row["name"]: row for row in verdict["objectives"]}
    assert verdict["decision"] == "allow"
    assert (rows["hopeful"]["gate"], rows["hopeful"]["decision"]) == (False, "deny")
    assert (rows["available"]["gate"], rows["available"]["decision"]) == (True, "allow")
    assert (rows["available"]["bad"], rows["available"]["total"]) == (1, 101)
    assert verdict["budgetRemaining"] == rows["available"]["budgetRemaining"] == pytest.approx(1 - 10 / 101)
    assert rows["available"]["burn"]
    assert rows["available"]["warming"] is True
    assert rows["available"]["projected"] is None


def test_the_worst_objective_decides(tmp_path: Path) -> None:
    with gatehouse(tmp_path / "data", POLICY.replace(", gate: false", "")) as house:
        house.feed(1, outcome="error")
        house.tick()
        assert (house.verdict()["decision"], house.codes()) == ("deny", ["budget_exhausted"])


def test_the_board_shows_why_the_gate_is_shut_and_what_is_projected(tmp_path: Path) -> None:
    with gatehouse(tmp_path / "data", POLICY.replace("window: 1h}", "window: month, time_zone: Asia/Seoul}")) as house:
        house.attack()
        house.tick(30)
        board = house.ask("/v1/board")[1]
        assert board["gate"] == "deny"
        assert board["gate_reasons"] == ["alert attack is over, but nobody has cleared the gate"]
        assert board["objectives"][0]["projected"] == 0.0
