"""Retention ends what nobody needs any more: damaged segments, verdicts, what channels remember of an alert."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bongsu.actions.freeze import Freeze
from bongsu.actions.notify import Notify
from bongsu.alert import Phase
from bongsu.engine import Changed, EngineState, Moved, Plan
from bongsu.ports import Change, Done
from bongsu.quantity import DAY, MINUTE
from bongsu.slo import tail
from bongsu.sources.spool import SpoolReader
from bongsu.stores import schema
from bongsu.stores.state import State
from gatehouse import POLICY, Gatehouse, gatehouse
from stage import T0, clear, fire, opened

pytestmark = pytest.mark.req("X6")
KEPT = POLICY.replace("stale_after: 60s", "stale_after: 60s, retention: {log: 1d, lake: 1d, cells: 2d}")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gatehouse]:
    with gatehouse(tmp_path / "data", KEPT) as house:
        yield house


def test_verdicts_and_notes_of_channels_end_with_the_cells_and_that_is_on_the_record(house: Gatehouse) -> None:
    old = house.verdict()["verdictId"]
    house.store.put_note("channel/ops/bongsu/bot/cost", {"ts": "1"}, house.now)
    house.store.put_note("channel_of_another_kind", 1)
    house.now += 3 * DAY
    house.store.put_note("channel/ops/bongsu/bot/slow", {"ts": "2"}, house.now)
    new = house.verdict()["verdictId"]
    house.control.cycle()
    house.control.upkeep.sweep()
    assert (house.store.verdict(old), house.store.verdict(new) is None) == (None, False)
    assert house.store.note("channel/ops/bongsu/bot/cost") is None
    assert house.store.note("channel/ops/bongsu/bot/slow") == {"ts": "2"}
    assert house.store.note("channel_of_another_kind") == 1
    record = next(r for r in house.store.trail(100) if r.action == "retention")
    assert (record.detail["verdicts"], record.detail["notes"]) == (1, 1)


def test_what_was_remembered_before_its_time_was_kept_counts_from_now(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.put_note("channel/ops/x", 1)
        assert state.forget(T0, DAY) == {"verdicts": 0, "notes": 0, "runs": 0, "moves": 0}
        assert state.forget(T0 + DAY, DAY)["notes"] == 0
        assert state.forget(T0 + DAY + 1, DAY)["notes"] == 1


def test_a_damaged_segment_is_kept_as_long_as_the_log(tmp_path: Path) -> None:
    old, new = tmp_path / "a.spool.damaged", tmp_path / "b.spool.damaged"
    for path, at in ((old, T0 - 1), (new, T0)):
        path.write_bytes(b"x")
        os.utime(path, ns=(at * 1000, at * 1000))
    assert SpoolReader(tmp_path).drop_damaged(T0) == 1
    assert (old.exists(), new.exists()) == (False, True)


# ---- runs and moves ----


def carried(state: State, at: int) -> None:
    while (claimed := state.claim(at)) is not None:
        state.finish(claimed, Done({}, (Change("freeze/bot", claimed.step.key),) if claimed.step.kind == "freeze"
                                   and claimed.way == "do" else ()), at)


def held(state: State) -> dict[str, int]:
    with state.reading() as connection:
        return {name: connection.scalar(select(func.count()).select_from(schema.metadata.tables[name])) or 0
                for name in ("run", "step", "outcome", "moved", "incident")}


def test_runs_that_are_over_go_with_their_steps_and_the_incident_stays_as_a_line(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state)
        carried(state, T0)
        clear(state, one)
        carried(state, T0 + DAY)
        assert held(state) == {"run": 1, "step": 3, "outcome": 6, "moved": 2, "incident": 1}
        assert state.forget(T0 + 3 * DAY, 3 * DAY)["runs"] == 0
        assert len(state.timeline("INC-1")) == 11, "kept whole until its last outcome is old enough"
        assert state.forget(T0 + 5 * DAY, 3 * DAY) == {"verdicts": 0, "notes": 0, "runs": 1, "moves": 1}
        assert held(state) == {"run": 0, "step": 0, "outcome": 0, "moved": 1, "incident": 1}
        assert state.incident("INC-1") is not None
        assert any(r.action == "step.undone" for r in state.trail(100)), "the audit log keeps everything"


def test_what_an_open_incident_or_a_change_in_force_or_a_step_that_waits_stands_on_is_kept(tmp_path: Path) -> None:
    """A freeze that a person has to take back, a notice that is still tried, an alert that never cleared."""
    with opened(tmp_path) as state:
        fire(state, (Notify("ops"),), "INC-1", "open")
        closed = fire(state, (Freeze("x"),), "INC-2", "frozen")
        carried(state, T0)
        over = replace(closed, phase="closed", cleared=T0, closed=T0)
        state.commit(EngineState(T0 + 1), (Changed(over),), Plan("bot"), "p", T0)  # closed, and not taken back
        waits = fire(state, (Notify("ops"),), "INC-3", "waits")
        state.commit(EngineState(T0 + 2), (Changed(replace(waits, phase="closed", cleared=T0, closed=T0)),),
                     Plan("bot"), "p", T0)
        assert state.forget(T0 + 9 * DAY, DAY)["runs"] == 0
        assert held(state)["step"] == 3
        assert state.frozen_at(T0 + 9 * DAY), "a verdict of then is recomputed with the freeze"
        state.take_back("INC-2", "calm", "kim", "", T0 + 9 * DAY)
        carried(state, T0 + 9 * DAY)
        assert state.forget(T0 + 9 * DAY, DAY)["runs"] == 0, "verdicts between then and now may be replayed"
        assert state.forget(T0 + 11 * DAY, DAY)["runs"] == 2
        assert [s.step.incident for s in state.steps("INC-1")] == ["INC-1"], "its incident is open"


STEPS = st.lists(st.tuples(st.sampled_from(("a", "b")), st.sampled_from(("ok", "pending", "firing", "clearing")),
                           st.integers(0, 3)), max_size=12)


def test_what_alerts_were_at_any_kept_moment_can_still_be_said(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        now = 0

        @settings(max_examples=30)
        @given(moves=STEPS, before=st.integers(0, 30))
        def law(moves: list[tuple[str, Phase, int]], before: int) -> None:
            nonlocal now
            at = begun = now = now + 1000
            for alert, after, wait in moves:
                at += wait
                move = Moved(alert, (), "ok", after, None, at, "")
                state.commit(EngineState(at), (move,), Plan("bot"), "p", at)
            moments = range(begun + before, begun + 40)
            was = [state.phases_at(moment) for moment in moments]
            state.forget(begun + before, 0)
            assert [state.phases_at(moment) for moment in moments] == was
        law()


def test_many_runs_go_in_more_than_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bongsu.stores.retention", "bongsu.stores.state"):
        monkeypatch.setattr(f"{module}.MOST_RUNS", 2)
    with opened(tmp_path) as state:
        for n in range(5):
            one = fire(state, (Notify("ops"),), f"INC-{n}", f"alert-{n}")
            carried(state, T0)
            clear(state, one)
            carried(state, T0 + MINUTE)
        assert state.forget(T0 + 2 * DAY, DAY)["runs"] == 5
        assert held(state)["step"] == 0


# ---- what every tick asks again ----


@given(st.integers(0, 12), st.integers(1, 12), st.fractions(0, 1, max_denominator=50))
def test_the_binomial_tail_is_exact_and_remembered(k: int, n: int, p: Fraction) -> None:
    assert tail(k, n, p) == sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))
    hits = tail.cache_info().hits
    tail(k, n, p)
    assert tail.cache_info().hits == hits + 1
