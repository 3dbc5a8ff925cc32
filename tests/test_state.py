"""State: what is committed is there after a restart, once, and proven."""

from __future__ import annotations

import sqlite3
import threading
from fractions import Fraction
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu.alert import State as AlertState
from bongsu.audit import verify
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan
from bongsu.ports import Done
from bongsu.quantity import MINUTE
from bongsu.stores.database import StateError
from bongsu.stores.saved import dump_engine, load_engine
from bongsu.stores.state import State, restore
from stage import T0, THREE, actions_of, clear, fire, incident, opened

CELLS = [Cell("cost", ("big", "오류"), 60, "n", 2), Cell("cost", (), 60, "n", 3), Cell("cost", (), 120, "total", 2**62)]


def test_cells_add_up_and_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        assert state.position() == 0
        assert state.fold(CELLS, 1)
        assert state.fold(CELLS[:2], 2)
    with opened(tmp_path) as state:
        assert state.position() == 2
        assert Cells(60, state.cells()).digest() == Cells(60, [*CELLS, *CELLS[:2]]).digest()
        assert sorted(state.cells(since=61)) == [CELLS[2]]


def test_a_batch_that_comes_twice_is_counted_once(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        assert state.fold(CELLS, 7)
        assert not state.fold(CELLS, 7)
        assert not state.fold(CELLS, 3)
        assert Cells(60, state.cells()).digest() == Cells(60, CELLS).digest()


def test_a_fold_that_fails_moves_neither_cells_nor_position(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        with pytest.raises(OverflowError):
            state.fold([CELLS[0], Cell("cost", (), 60, "n", 2**80)], 1)
        assert (state.position(), list(state.cells())) == (0, [])


def test_old_cells_are_forgotten_and_readers_advance_apart(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        state.fold(CELLS, 4)
        assert state.forget_cells(before=120) == 2
        assert list(state.cells()) == [CELLS[2]]
        assert state.advance("lake", 3)
        assert not state.advance("lake", 3)
        assert (state.position("lake"), state.position()) == (3, 4)


def test_an_objective_exists_since_it_was_first_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        assert state.created(["a", "b"], 5) == {"a": 5, "b": 5}
        assert state.created(["b", "c"], 9) == {"b": 5, "c": 9}


@given(st.dictionaries(st.tuples(st.text(max_size=3), st.tuples(st.text(max_size=3))),
                       st.builds(AlertState, phase=st.sampled_from(["ok", "firing"]), since=st.integers(0, 2**62),
                                 value=st.none() | st.fractions()), max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_engines_memory_reads_back_as_it_was_written(alerts: dict[tuple[str, tuple[str, ...]], AlertState]) -> None:
    state = EngineState(3, alerts, {("a", ("x",)): incident()})
    assert load_engine(dump_engine(state)) == state


def test_a_tick_is_kept_whole_and_written_only_if_something_changed(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        assert state.engine_state() == EngineState()
        one = fire(state)
        kept = state.engine_state()
        assert kept.incidents == {("cost", ()): one}
        assert not state.commit(kept, (), Plan("bot"), "policy-1", T0 + 1)
        later = EngineState(kept.watermark + 1, incidents=kept.incidents)
        assert state.commit(later, (), Plan("bot"), "policy-1", T0 + 1)
        assert actions_of(state) == ["alert.firing", "incident.open"]
    with opened(tmp_path) as state:
        assert state.engine_state().watermark == T0 + 1
        assert state.incidents() == [one]
        assert [s.step.state for s in state.steps(one.id)] == ["waiting"] * 3
        assert state.incident("INC-none") is None


def test_a_decision_that_comes_twice_begins_one_run(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state)
        fire(state)
        assert len(state.steps("INC-1")) == len(THREE)


def test_a_storyboard_tells_moves_steps_and_outcomes_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state)
        while claimed := state.claim(T0 + 1):
            state.finish(claimed, Done({"kind": claimed.step.kind}), T0 + 2)
        clear(state, one, T0 + 9)
        story = state.timeline(one.id)
        assert [(e.what, e.about) for e in story] == [
            ("alert", "cost"), *(("begun", f"INC-1/calm/{n}") for n in range(3)),
            *(("outcome", f"INC-1/calm/{n}") for n in range(3)), ("alert", "cost")]
        assert (story[0].facts["value"], story[1].text) == (Fraction(15), "ops is told")
        assert state.timeline("INC-none") == []
        assert state.incidents(phase="open") == []


def test_the_log_verifies_and_a_checkpoint_is_signed_once_an_interval_and_at_close(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    state = State(f"sqlite:///{tmp_path}/state.db", key)
    assert state.record("policy.load", "anna", "policy.yaml", "first", {"n": 1}, T0) == 0
    assert state.checkpoint(T0) is not None
    assert state.record("policy.load", "anna", "policy.yaml", "again", {}, T0 + 1) == 1
    assert state.checkpoint(T0 + MINUTE - 1) is None
    assert state.checkpoint(T0 + MINUTE) is not None
    assert state.checkpoint(T0 + 9 * MINUTE) is None, "nothing new to sign"
    state.record("policy.load", "anna", "policy.yaml", "third", {}, T0 + 2)
    vkey = state.vkey()
    state.close(T0 + 3)
    with opened(tmp_path, key) as state:
        report = verify(state.stored(), state.checkpoints(), vkey)
        assert (report.ok, report.records, report.covered, report.checkpoints) == (True, 3, 3, 3)
        assert [r.reason for r in state.trail(2)] == ["third", "again"]
        assert [r.seq for r in state.trail(2, before=1)] == [0]


@pytest.mark.parametrize("harm", ["UPDATE audit SET leaf = zeroblob(32) WHERE seq = 1",
                                  "DELETE FROM audit WHERE seq = 2", "DELETE FROM audit WHERE seq = 1"])
def test_a_log_that_was_changed_behind_our_back_is_not_signed_again(tmp_path: Path, harm: str) -> None:
    key = Ed25519PrivateKey.generate()
    state = State(f"sqlite:///{tmp_path}/state.db", key)
    for i in range(3):
        state.record("a", "b", "c", "d", {}, T0 + i)
    state.close(T0)
    with sqlite3.connect(tmp_path / "state.db") as raw:
        raw.execute(harm)
    raw.close()
    with opened(tmp_path, key) as state:
        state.record("a", "b", "c", "later", {}, T0 + 3) if "seq = 1" in harm else None
        with pytest.raises(StateError, match="audit verify"):
            state.checkpoint(T0 + 9 * MINUTE)
        assert len(state.checkpoints()) == 1


def test_a_state_without_a_key_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as state, pytest.raises(StateError, match=r"audit\.key"):
        state.checkpoint(T0)


def test_notes_verdicts_and_the_kill_switch_are_kept_and_audited(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        assert state.note("x") is None
        state.put_note("x", {"a": [1]})
        assert state.automation()
        assert state.set_automation(False, "anna", "strange routing", T0)
        assert not state.set_automation(False, "anna", "again", T0)
        assert state.keep_verdict("g_1", "bot", "canary", "deny", {"data": {"decision": "deny"}}, T0)
        assert not state.keep_verdict("g_1", "bot", "canary", "deny", {}, T0 + 1)
    with opened(tmp_path) as state:
        assert (state.note("x"), state.automation()) == ({"a": [1]}, False)
        assert state.verdict("g_1") == {"data": {"decision": "deny"}}
        assert state.verdict("g_2") is None
        assert actions_of(state) == ["automation.off", "automation.off", "gate.deny"]


def test_threads_write_at_once_and_nothing_is_lost_or_out_of_order(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with opened(tmp_path, key) as state:
        def write(who: int) -> None:
            for i in range(20):
                state.record("note", str(who), "x", str(i), {}, T0 + i)
                state.checkpoint(T0 + i, force=True)
        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state.checkpoint(T0, force=True)
        report = verify(state.stored(), state.checkpoints(), state.vkey())
        assert (report.ok, report.records, report.covered) == (True, 80, 80), report.why


def test_two_processes_on_one_file_keep_one_chain(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with opened(tmp_path, key) as one, opened(tmp_path, key) as two:
        for i in range(6):
            (one, two)[i % 2].record("a", "b", "c", str(i), {}, T0)
            (two, one)[i % 2].checkpoint(T0, force=True)
        assert verify(one.stored(), one.checkpoints(), two.vkey()).covered == 6


def test_a_backup_taken_while_running_restores_to_the_same_state(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state)
        state.fold(CELLS, 5)
        copy = state.backup(tmp_path / "backup")
        assert copy.stat().st_mode & 0o777 == 0o600
        state.record("after", "b", "c", "not in the backup", {}, T0)
        with pytest.raises(StateError, match="folder of its own"):
            state.backup(tmp_path / "backup")
        with pytest.raises(StateError, match="move it away"):
            restore(tmp_path / "backup", f"sqlite:///{tmp_path}/state.db")
    restore(tmp_path / "backup", f"sqlite:///{tmp_path}/new/state.db")
    with opened(tmp_path / "new") as again:
        assert again.position() == 5
        assert len(again.steps("INC-1")) == 3
        assert actions_of(again) == ["alert.firing", "incident.open"]


def test_a_broken_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(StateError, match="SQLite database"):
        restore(tmp_path, f"sqlite:///{tmp_path}/new/state.db")
    with pytest.raises(StateError, match=r"with state\.db"):
        restore(tmp_path / "nowhere", f"sqlite:///{tmp_path}/new/state.db")
    assert not (tmp_path / "new" / "state.db").exists()
