"""What must hold of a data folder whatever was killed: facts once, cells the log's sums, one outcome a way."""

from __future__ import annotations

import sqlite3
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from bongsu.cell import Cells
from bongsu.host.folder import Folder
from bongsu.policy import load
from bongsu.room.control import CALLS
from bongsu.room.saving import TOKENS
from bongsu.runners.duckdb import Counter
from bongsu.stores.cells import CellStore
from bongsu.stores.log import EventLog

UNDER_WAY = "('waiting', 'running', 'undo_waiting', 'undo_running')"


@contextmanager
def reading(folder: Folder) -> Iterator[sqlite3.Connection]:
    """The state database, read while others write."""
    with closing(sqlite3.connect(f"file:{folder.state}?mode=ro", uri=True, timeout=10)) as db:
        yield db


def call_ids(folder: Folder) -> Tally[str]:
    """How often each call is in the event log."""
    found: Tally[str] = Tally()
    with EventLog(folder.events) as log:
        for _, table in log.read(0):
            found.update(table.filter(pc.equal(table["kind"], "call"))["id"].to_pylist())
    return found


def assert_each_once(folder: Folder, completed: Iterable[str]) -> Tally[str]:
    """Every call that a caller got whole has one event; no call has two."""
    found, wanted = call_ids(folder), set(completed)
    assert not wanted - set(found), f"{len(wanted - set(found))} of {len(wanted)} completed calls are in no log"
    assert set(found.values()) <= {1}
    return found


def assert_cells_are_the_log(folder: Folder, policy: Path, environ: Mapping[str, str]) -> None:
    """The kept cells equal those counted from the log anew, to the last one; each call is counted once."""
    plan = load(policy, environ).plan
    plan = replace(plan, signals=(*plan.signals, CALLS, TOKENS))
    counter, anew, calls = Counter(plan.signals, plan.base), Cells(plan.base), 0
    with EventLog(folder.events) as log:
        for _, table in log.read(0):
            anew.add(counter.count(table))
            calls += pc.sum(pc.equal(table["kind"], "call")).as_py() or 0
    store = CellStore(f"sqlite:///{folder.state}")
    try:
        kept = Cells(plan.base, store.cells())
    finally:
        store.dispose()
    assert sum(cell.n for cell in kept if cell.signal == CALLS.key) == calls
    assert kept.digest() == anew.digest()


def assert_each_step_ended_once(folder: Folder) -> list[tuple[str, str]]:
    """Every step ended, with one outcome a way, told once to the audit log; the (step, way) pairs that were done."""
    with reading(folder) as db:
        steps: dict[str, str] = dict(db.execute("SELECT key, state FROM step").fetchall())
        outcomes: list[Any] = db.execute("SELECT step, way, result FROM outcome").fetchall()
        bodies = [row[0] for row in db.execute("SELECT body FROM audit")]
    assert set(steps.values()) <= {"done", "undone", "cancelled"}, Tally(steps.values())
    assert Tally(step for step, way, _ in outcomes if way == "do") == Tally(steps.keys())
    undone = Tally(step for step, way, _ in outcomes if way == "undo")
    cancelled = {step for step, _, result in outcomes if result == "cancelled"}
    assert undone == Tally(key for key, state in steps.items() if state == "undone" and key not in cancelled)
    done = sum(b'"action":"step.done"' in body for body in bodies)
    assert done == sum(way == "do" and result == "done" for _, way, result in outcomes)
    return [(step, way) for step, way, result in outcomes if result == "done"]


def count(folder: Folder, what: str) -> int:
    """How many rows: ``TABLE [WHERE …]``."""
    with reading(folder) as db:
        return int(db.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def at_rest(folder: Folder) -> bool:
    """No incident is open and no step under way."""
    steps = count(folder, f"step WHERE state IN {UNDER_WAY}")
    return steps == 0 and count(folder, "incident WHERE phase != 'closed'") == 0
