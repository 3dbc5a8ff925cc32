"""Durable steps: whatever dies or comes late, each step ends with exactly one recorded outcome."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from bongsu.actions.notify import Notify
from bongsu.actions.route import Route
from bongsu.ports import Change, Done
from bongsu.quantity import HOUR, SECOND
from bongsu.response import LEASE
from bongsu.stores import schema
from bongsu.stores.state import State
from bongsu.stores.steps import Claimed, Ended
from stage import T0, THREE, Call, actions_of, clear, fire, opened

ROUTE = (Route({"bot": "light"}),)
LIGHT = Done({"bot": "light"}, (Change("route/bot", "light"),))


def outcomes(state: State) -> list[tuple[str, str, str]]:
    with state.reading() as connection:
        table = schema.outcome
        return [tuple(row) for row in connection.execute(select(table.c.step, table.c.way, table.c.result))]


def changed_by(state: State, step: str) -> list[str]:
    """The keys of live policy that a step has in force."""
    table = schema.change
    with state.reading() as connection:
        return list(connection.scalars(select(table.c.key).where(table.c.owner == step)))


def states(state: State, incident: str = "INC-1") -> list[str]:
    return [shown.step.state for shown in state.steps(incident)]


def take(state: State, now: int) -> Claimed:
    claimed = state.claim(now)
    assert claimed is not None
    return claimed


def test_a_step_is_claimed_by_one_worker_until_its_lease_runs_out(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, ROUTE)
        first = take(state, T0)
        assert (first.way, first.settings, first.policy) == ("do", {"to": {"bot": "light"}}, "policy-1")
        assert state.claim(T0 + LEASE - 1) is None
        assert state.next_due() == T0 + LEASE
        second = take(state, T0 + LEASE)
        assert (second.step.key, second.step.fence) == (first.step.key, first.step.fence + 1)


def test_what_a_worker_says_after_its_lease_went_to_another_changes_nothing_and_is_audited(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, ROUTE)
        late = take(state, T0)
        winner = take(state, T0 + LEASE)
        assert not state.finish(late, LIGHT, T0 + LEASE)
        assert (state.changes(), outcomes(state)) == ({}, [])
        assert state.trail(1)[0].reason == "stale outcome ignored"
        assert state.finish(winner, LIGHT, T0 + LEASE)
        assert not state.refuse(winner, "twice", T0 + LEASE)
        assert outcomes(state) == [("INC-1/calm/0", "do", "done")]


def test_changes_live_from_the_outcome_to_the_undo_and_the_latest_of_a_key_wins(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        first = fire(state, ROUTE, "INC-1")
        assert state.finish(take(state, T0), LIGHT, T0)
        fire(state, (Route({"bot": "safe"}),), "INC-2", "harm")
        state.finish(take(state, T0), Done({}, (Change("route/bot", "safe"),)), T0)
        assert state.changes() == {"route/bot": "safe"}
        assert changed_by(state, "INC-1/calm/0") == ["route/bot"]
        clear(state, first)
        back = take(state, T0 + HOUR)
        assert back.way == "undo"
        state.finish(back, Done(), T0 + HOUR)
        assert state.changes() == {"route/bot": "safe"}, "the other incident's change stays"
        assert actions_of(state)[-1] == "step.undone"


def test_a_step_that_never_began_is_cancelled_and_one_that_runs_is_undone_when_it_ends(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state, (*ROUTE, Notify("ops")))
        running = take(state, T0)
        clear(state, one)
        assert states(state) == ["running", "undone"]
        state.finish(running, LIGHT, T0 + 1)
        assert states(state) == ["undo_waiting", "undone"]
        state.finish(take(state, T0 + 1), Done(), T0 + 1)
        assert (states(state), state.changes()) == (["undone", "undone"], {})
        assert sorted(outcomes(state)) == [("INC-1/calm/0", "do", "done"), ("INC-1/calm/0", "undo", "done"),
                                           ("INC-1/calm/1", "do", "cancelled")]


def test_a_step_that_must_not_be_repeated_becomes_unknown_when_its_worker_died(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, (Call(),))
        late = take(state, T0)
        assert state.claim(T0 + LEASE) is None
        assert (states(state), outcomes(state)) == (["unknown"], [("INC-1/calm/0", "do", "unknown")])
        assert not state.finish(late, Done(), T0 + LEASE)
        assert actions_of(state)[-2:] == ["step.unknown", "step.stale"]


def test_retries_wait_longer_each_time_and_end_after_a_day(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, (Notify("ops"),))
        now, waits = T0, []
        while claimed := state.claim(now):
            state.retry(claimed, "answered 503", now, after=7 * SECOND if not waits else None)
            due = state.next_due()
            if due is None:
                break
            waits.append((due - now) // SECOND)
            now = due
        assert waits[:5] == [7, 2, 4, 8, 16]
        assert max(waits) == 300
        assert now - T0 >= 24 * HOUR
        assert outcomes(state) == [("INC-1/calm/0", "do", "failed")]
        assert state.steps("INC-1")[0].why == "answered 503"


def test_the_kill_switch_holds_what_changes_traffic_and_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state)
        state.set_automation(False, "anna", "stop", T0)
        claimed = state.claim_due(T0, 10)
        assert [c.step.kind for c in claimed] == ["notify", "freeze"]
        state.settle([Ended(c, "done") for c in claimed], T0)
        assert [(s.step.kind, s.held, s.step.state) for s in state.held()] == [("route", True, "waiting")]
        assert state.next_due() is None
        state.set_automation(True, "anna", "go", T0)
        assert take(state, T0).step.kind == "route"
        assert state.held() == []


def test_a_live_change_under_way_when_the_switch_is_turned_off_takes_no_force(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, ROUTE)
        claimed = take(state, T0)
        state.set_automation(False, "anna", "stop", T0)
        assert state.finish(claimed, LIGHT, T0)
        assert (state.changes(), states(state), outcomes(state)) == ({}, ["waiting"], [])
        assert actions_of(state)[-1] == "step.held"
        state.set_automation(True, "anna", "go", T0)
        state.finish(take(state, T0), LIGHT, T0)
        assert state.changes() == {"route/bot": "light"}


def test_what_a_channel_is_told_of_one_alert_keeps_its_order_over_incidents(tmp_path: Path) -> None:
    """While 'it is over' of the first incident is retried, 'it fires' of the second waits behind it."""
    with opened(tmp_path) as state:
        one = fire(state, (Notify("ops"),))
        state.finish(take(state, T0), Done(), T0)
        clear(state, one, T0 + SECOND)
        state.retry(take(state, T0 + SECOND), "answered 503", T0 + SECOND)
        fire(state, (Notify("ops"), Notify("boss")), "INC-2", now=T0 + SECOND)
        other = take(state, T0 + SECOND)
        assert other.settings["channel"] == "boss", "another channel does not wait"
        assert state.claim(T0 + SECOND) is None
        over = take(state, T0 + 9 * SECOND)
        assert (over.way, over.incident.id) == ("undo", "INC-1")
        state.finish(over, Done(), T0 + 9 * SECOND)
        assert take(state, T0 + 9 * SECOND).incident.id == "INC-2"


def test_a_result_that_cannot_be_recorded_is_unknown_and_spoils_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state)
        odd, good, _ = sorted(state.claim_due(T0, 3), key=lambda claimed: claimed.step.n)
        assert state.settle([Ended(odd, "done", Done({"x": object()})), Ended(good, "done", LIGHT)], T0) == [True, True]
        assert states(state) == ["unknown", "done", "running"]
        assert "TypeError" in state.steps("INC-1")[0].why


def test_a_person_takes_back_what_no_alert_will(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, ROUTE)
        state.finish(take(state, T0), LIGHT, T0)
        assert state.take_back("INC-1", "calm", "anna", "fixed upstream", T0 + 5) == 1
        assert take(state, T0 + 5).way == "undo"
        assert state.take_back("INC-1", "calm", "anna", "again", T0 + 6) == 0
        assert (state.trail(1)[0].actor, state.trail(1)[0].detail) == ("anna", {"steps": 0})


class Interleavings(RuleBasedStateMachine):
    """Workers claim, die, come late, succeed, fail; incidents clear; the switch is turned; time passes."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.state = State(f"sqlite:///{self.folder.name}/state.db")
        self.now, self.held = T0, list[Claimed]()
        self.incident: Any = fire(self.state, (*THREE, Call()))

    @rule(seconds=st.integers(0, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule()
    def a_worker_claims(self) -> None:
        claimed = self.state.claim(self.now, "any")
        if claimed is not None:
            live = [c for c in self.held if c.step.key == claimed.step.key and c.step.lease_until > self.now]
            assert not [c for c in live if c.step.fence == claimed.step.fence]
            self.held.append(claimed)

    @rule(pick=st.integers(0, 99), result=st.sampled_from(["done", "retry", "refused"]), dies=st.booleans())
    def a_worker_reports(self, pick: int, result: Any, dies: bool) -> None:
        if not self.held:
            return
        claimed = self.held[pick % len(self.held)]
        newest = max(c.step.fence for c in self.held if c.step.key == claimed.step.key)
        done = LIGHT if claimed.step.kind == "route" else Done()
        accepted = self.state.settle([Ended(claimed, result, done)], self.now)[0]
        assert not (accepted and claimed.step.fence < newest), "a stale fence was believed"
        if dies:  # else it may report again, which must change nothing
            self.held.remove(claimed)

    @rule(on=st.booleans())
    def the_switch_is_turned(self, on: bool) -> None:
        self.state.set_automation(on, "anna", "try", self.now)

    @rule()
    def the_alert_clears(self) -> None:
        if self.incident:
            clear(self.state, self.incident, self.now)
            self.incident = None

    @invariant()
    def one_outcome_a_way_and_changes_only_of_steps_in_force(self) -> None:
        if not hasattr(self, "state"):
            return
        found = outcomes(self.state)
        assert len({(step, way) for step, way, _ in found}) == len(found)
        done = {(step, way) for step, way, result in found if result == "done"}
        for shown in self.state.steps("INC-1"):
            step = shown.step
            ways = {way for key, way, _ in found if key == step.key}
            in_force = (step.key, "do") in done and (step.key, "undo") not in done
            assert (step.state in ("waiting", "running")) == (not ways)
            assert bool(changed_by(self.state, step.key)) == (in_force and step.kind == "route")

    def teardown(self) -> None:
        if hasattr(self, "state"):
            self._everything_ends()
            self.state.close()
            self.folder.cleanup()

    def _everything_ends(self) -> None:
        self.state.set_automation(True, "anna", "finish", self.now)
        while (due := self.state.next_due()) is not None:
            self.now = max(self.now, due)
            for claimed in self.state.claim_due(self.now, 9):
                self.state.settle([Ended(claimed, "done", LIGHT if claimed.step.kind == "route" else Done())], self.now)
        kinds = Counter(way for _, way, _ in outcomes(self.state))
        assert kinds["do"] == 4


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


def test_a_new_control_waits_for_no_dead_workers_lease(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state)
        claimed = state.claim(T0, "dead")
        assert claimed is not None
        assert state.free_leases(T0 + 1) == 1
        again = [c.step.key for c in state.claim_due(T0 + 2, 10, "alive")]
        assert claimed.step.key in again
        assert not state.finish(claimed, Done(), T0 + 3), "what the dead one says late changes nothing"
