"""Verdicts are kept, and can be recomputed as of their time; where that gives another answer, it is said why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bongsu.event import Event
from bongsu.quantity import DAY, SECOND
from gatehouse import POLICY, Gatehouse, gatehouse

pytestmark = pytest.mark.req("A2", "G7")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data") as made:
        yield made


def replayed(house: Gatehouse, verdict: str) -> tuple[bool, list[str]]:
    status, found = house.ask(f"/v1/gate/verdicts/{verdict}/replay")
    assert status == 200, found
    return found["same"], found["why"]


def test_a_verdict_can_be_looked_up_as_it_was_given(house: Gatehouse) -> None:
    verdict = house.verdict("canary")
    house.attack()
    assert house.ask(f"/v1/gate/verdicts/{verdict['verdictId']}") == (200, {"data": verdict})
    assert house.ask("/v1/gate/verdicts/g_none")[0] == 404
    assert house.ask("/v1/gate/verdicts/g_none/replay")[0] == 404


def test_verdicts_replay_the_same_whatever_happened_since(house: Gatehouse) -> None:
    """Allow, firing, latched, cleared and overridden, each recomputed when all of it is long over."""
    seen = [house.verdict()["verdictId"]]
    house.attack()
    seen.append(house.verdict()["verdictId"])
    house.now += 1
    made = house.ask("/v1/gate/bot/overrides", {"reason": "fix", "for": "20s", "author": "park"})[1]
    house.ask(f"/v1/gate/overrides/{made['id']}/approve", {"approver": "kim"})
    seen.append(house.verdict("canary")["verdictId"])
    house.tick(30)
    seen.append(house.verdict()["verdictId"])
    house.now += 1
    house.ask("/v1/gate/bot/clear", {"reason": "looked at"})
    seen.append(house.verdict("later")["verdictId"])
    house.now += 300 * SECOND
    seen.append(house.verdict("stale")["verdictId"])
    house.feed(50, outcome="error")
    house.tick(3)
    given = [house.ask(f"/v1/gate/verdicts/{v}")[1]["data"]["decision"] for v in seen]
    assert given == ["allow", "deny", "allow", "deny", "allow", "inconclusive"]
    assert [(v, replayed(house, v)[0]) for v in seen] == [(v, True) for v in seen]
    house.close()
    house.open()
    assert all(replayed(house, v)[0] for v in seen), "from what is stored alone"


def test_late_events_are_named_and_may_turn_it(house: Gatehouse) -> None:
    house.tick(10)
    verdict = house.verdict()["verdictId"]
    house.spool.append([Event(id=f"late{n}", time=house.now - 5 * SECOND, outcome="error") for n in range(50)])
    house.tick()
    same, why = replayed(house, verdict)
    assert not same
    assert "it said allow, it would be deny" in why
    assert ("objective available: 50 events of that time (50 bad) were counted after the verdict: late ones, or of the "
            "base window that was still open") in why


def test_another_policy_is_named(house: Gatehouse) -> None:
    house.feed(2, outcome="error")
    house.tick()
    verdict = house.verdict()["verdictId"]
    house.close()
    house.open(POLICY.replace("target: 90%", "target: 99%").replace("  hopeful: {signal: failures, target: 99.9%, "
                                                                  "window: 1h, gate: false}\n", ""))
    same, why = replayed(house, verdict)
    assert not same
    assert "the policy has changed since; this is what today's policy says of that time" in why
    assert "budget_exhausted of available is a reason now" in why
    assert "objective hopeful is no longer in the policy" in why


def test_counts_that_are_no_longer_kept_are_named(tmp_path: Path) -> None:
    policy = POLICY.replace("stale_after: 60s", "stale_after: 60s, retention: {log: 1d, lake: 1d, cells: 2d}")
    with gatehouse(tmp_path / "data", policy) as house:
        house.feed(30, outcome="error")
        house.tick()
        verdict = house.verdict()
        assert verdict["decision"] == "deny"
        house.now += 3 * DAY
        house.store.forget_cells(house.now - 2 * DAY)
        house.control.cycle()
        same, why = replayed(house, verdict["verdictId"])
        assert not same
        assert any("counts of that time are gone" in line for line in why)
        assert "counts older than 2d are not kept, and its windows reach back further" in why


def test_the_verb_says_same_or_different_by_its_exit(house: Gatehouse) -> None:
    house.tick(10)
    verdict = house.verdict()["verdictId"]
    same = house.cli("replay", verdict)
    assert (same.exit_code, same.output.split(":")[1].split("(")[0].strip()) == (0, "the same")
    house.spool.append([Event(id=f"late{n}", time=house.now - 5 * SECOND, outcome="error") for n in range(50)])
    house.tick()
    assert house.cli("replay", verdict).exit_code == 1
    assert house.cli("replay", "g_none").exit_code == 2


def test_a_verdict_of_an_older_version_is_not_guessed_at(house: Gatehouse) -> None:
    house.store.keep_verdict("g_old", "bot", "", "allow", {"data": {"decision": "allow", "asOf": "2026-01-01"}}, 1)
    assert house.ask("/v1/gate/verdicts/g_old/replay")[1]["same"] is None
    assert house.cli("replay", "g_old").exit_code == 3
