"""The control process's engine room, in this process, on a clock of the test's: time, retention, full stores."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import event as listening

from bongsu.channels.http import Http
from bongsu.demo.run import _serve_sink
from bongsu.demo.sink import Sink
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.folder import Folder
from bongsu.policy import parse
from bongsu.policy.model import Heartbeat
from bongsu.ports import Secret
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND, Duration
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.heartbeat import beat
from bongsu.room.worker import Worker, resolve_action
from bongsu.sources.spool import SpoolWriter
from bongsu.stores.state import State
from ledger import assert_cells_are_the_log, call_ids
from stage import actions_of

T0 = 1_790_000_000 * SECOND
POLICY = """
bongsu: 1
service: {name: shop}
settings: {base_window: 1s, stale_after: 10s, retention: {log: 2d, lake: 5d, cells: 3d}}
upstreams: {main: {url: "http://127.0.0.1:1/v1", model: m}, light: {url: "http://127.0.0.1:1/v1", model: s}}
routes: {shop: {primary: main, light: light}}
signals: {failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'"}, calls: {kind: count, of: "kind = 'call'"}}
objectives: {available: {signal: failures, target: 50%, window: 1h}}
alerts:
  errors: {when: failures > 50%, evidence: value, over: 10s, clear: < 10%, for: 3s, clear_for: 3s, tier: major, to: [hook]}
playbooks:
  errors: {on: alert errors, do: [{route: {shop: light}}], undo_when: clear for 2s}
channels: {hook: {webhook: "http://127.0.0.1:1/hook"}}
"""  # noqa: E501


class Room:
    """A control process without the process: the test turns its clock and its cycles."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root / "data").create()
        (root / "policy.yaml").write_text(POLICY, encoding="utf-8")
        self.path = root / "policy.yaml"
        self.policy = parse(POLICY, "policy.yaml", {})
        self.now = T0
        self.store = State(f"sqlite:///{self.folder.state}", keys.audit_key(self.folder.keys), checkpoint_every=SECOND)
        self.spool = SpoolWriter(self.folder.spool, "gateway-0")
        self.control = self.begin()
        self.numbers = itertools.count()

    def begin(self) -> Control:
        return Control(self.policy, self.folder, self.store, lambda: self.now)

    def restart(self) -> None:
        """As after a kill: nothing is closed that a kill would not close."""
        self.control.log.close()
        self.control = self.begin()

    def calls(self, n: int = 1, outcome: str = "ok") -> None:
        self.spool.append(Event(id=f"c{next(self.numbers)}", time=self.now, service="shop", route="shop",
                                outcome=outcome) for _ in range(n))

    def live(self, seconds: int, n: int = 1, outcome: str = "ok") -> None:
        """So many seconds of calls, a cycle each."""
        for _ in range(seconds):
            self.calls(n, outcome)
            self.now += SECOND
            self.control.cycle()

    def phase(self) -> str:
        return next((state.phase for _, _, state in self.control.view().alerts if state), "")

    def total(self) -> int:
        return ControlDesk(self.control).board().calls_total

    def counted_once(self) -> None:
        assert set(call_ids(self.folder).values()) <= {1}
        assert_cells_are_the_log(self.folder, self.path, {})

    def close(self) -> None:
        self.spool.close()
        self.control.close()
        self.store.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    one = Room(tmp_path)
    try:
        yield one
    finally:
        one.close()


@pytest.mark.req("O2")
def test_a_new_signal_leaves_out_what_it_cannot_count_and_control_begins(room: Room) -> None:
    room.spool.append(Event(id=name, time=room.now, latency_ms=took) for name, took in (("huge", 1e300), ("fair", 5.0)))
    room.live(2)
    took = POLICY.replace("signals: {", "signals: {took: {kind: sum, of: latency_ms}, ")
    room.policy = parse(took, "policy.yaml", {})
    room.restart()
    signal = next(s for s in room.control.plan.signals if s.name == "took")
    assert sum(cell.n for cell in room.store.cells() if cell.signal == signal.key and cell.part == "n") >= 1
    assert "event.uncountable" in actions_of(room.store)


# ---- the clock ----


def test_a_clock_that_goes_back_a_little_is_waited_for(room: Room) -> None:
    room.live(5)
    seen = room.control.now
    room.now -= 3 * SECOND
    room.control.cycle()
    assert room.control.now == seen
    room.live(5)
    assert room.control.now == room.now
    assert "clock.back" not in actions_of(room.store)
    room.counted_once()


@pytest.mark.parametrize("jump", [-2 * HOUR, 2 * HOUR, -40 * DAY, 400 * DAY])
@pytest.mark.parametrize("restarted", [False, True])
def test_whatever_the_clock_does_calls_count_once_and_alerts_still_come_and_go(room: Room, jump: int,
                                                                              restarted: bool) -> None:
    """Also across a restart; a jump alone neither fires nor clears anything."""
    room.live(15, 2)
    assert room.phase() == "ok"
    room.now += jump
    if restarted:
        room.restart()
    room.control.cycle()
    assert room.phase() == "ok"
    assert not room.store.incidents()
    room.live(12, 2, "error")
    assert room.phase() == "firing"
    (incident,) = room.store.incidents()
    assert incident.opened <= room.now
    room.live(20, 2)
    assert room.phase() == "ok"
    assert [i.phase for i in room.store.incidents()] == ["closed"]
    assert len(call_ids(room.folder)) == 2 * 47
    room.counted_once()
    assert room.control.view().watermark <= room.now
    assert ("clock.back" in actions_of(room.store)) == (jump < 0)


def test_a_retry_that_waits_seconds_does_not_wait_for_what_the_clock_went_back(room: Room) -> None:
    room.live(12, 2, "error")
    claimed = room.store.claim(room.now)
    assert claimed is not None
    room.store.retry(claimed, "answered 503", room.now)
    room.now -= 30 * DAY
    room.live(1)
    due = room.store.next_due()
    assert due is not None
    assert due <= room.now


def test_a_clock_that_comes_back_from_the_future_leaves_nothing_standing_still(room: Room) -> None:
    """An alert that fired in the future clears in the present, and its playbook is taken back."""
    room.now += 30 * DAY
    room.live(12, 2, "error")
    assert room.phase() == "firing"
    room.now -= 30 * DAY
    room.live(1)
    verdict = room.control.verdict("")
    assert verdict.stale == 0
    room.live(20, 2)
    assert room.phase() == "ok"
    assert [i.phase for i in room.store.incidents()] == ["closed"]
    assert room.control.publisher.last.at >= room.now - 3 * SECOND, "gateways hear of control again"
    room.counted_once()


def test_a_wrong_clock_does_not_delete_what_is_kept(room: Room) -> None:
    """A year ahead for a minute: everything would be too old, so retention waits for an hour."""
    room.live(5)
    room.now += 365 * DAY
    room.live(60)
    assert len(call_ids(room.folder)) == 65
    room.now -= 365 * DAY
    room.live(60)
    assert len(call_ids(room.folder)) == 125


# ---- retention ----


@pytest.mark.req("X6")
def test_retention_really_removes_and_is_on_the_record(room: Room) -> None:
    """Log for 2 days, cells for 3, lake for 5; what leaves the log is in the lake."""
    room.live(10)
    first = call_ids(room.folder)
    for day in range(1, 8):
        room.now += DAY
        room.live(2)
        for _ in range(3):
            room.now += HOUR // 2
            room.live(1)
        in_log, in_lake = call_ids(room.folder).keys(), lake_ids(room.folder)
        assert bool(first.keys() & in_log) == (day <= 1)
        assert bool(first.keys() & in_lake) == (day <= 5)
        assert (min(cell.start for cell in room.store.cells()) <= T0 + MINUTE) == (day <= 2)
    for path in room.folder.lake.iterdir():
        assert path.name > "date=2026-09-2", "young dates stay"
    records = [r for r in room.store.trail(10_000) if r.action == "retention"]
    assert {name for r in records for name, n in r.detail.items() if n} == {"batches", "files", "cells"}
    assert room.control.troubles == {}


def lake_ids(folder: Folder) -> set[str]:
    return {id_ for path in folder.lake.rglob("*.parquet") for id_ in pq.read_table(path)["id"].to_pylist()}


# ---- stores that cannot be written ----


def cap(connection: sqlite3.Connection, full: bool) -> None:
    """Let a database grow no more: what SQLite then says is what it says on a full disk."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0] if full else 2**30
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_event_log_is_a_trouble_and_later_everything_is_counted_once(room: Room) -> None:
    room.live(3)
    room.control.log._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    cap(room.control.log._db, full=True)
    while not room.control.troubles:
        room.live(1, 500)
    assert "free disk space" in room.control.troubles["ingest"]
    watermark = room.control.engine.watermark
    room.live(11, 100)
    assert room.control.engine.watermark == watermark
    assert ControlDesk(room.control).ready()[0] is False
    verdict = room.control.verdict("")
    assert verdict.decision == "inconclusive"
    assert "data_stale" in {r.code for r in verdict.reasons}
    cap(room.control.log._db, full=False)
    room.live(1)
    assert room.control.troubles == {}
    assert len(call_ids(room.folder)) == next(room.numbers)
    room.counted_once()


@pytest.fixture
def full_state(room: Room) -> Iterator[list[bool]]:
    """While the list holds True no statement but a read may change the state database."""
    full = [False]

    def refuse(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if full[0] and statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            raise sqlite3.OperationalError("database or disk is full")

    listening.listen(room.store._engine, "before_cursor_execute", refuse)
    yield full
    listening.remove(room.store._engine, "before_cursor_execute", refuse)


def test_a_state_that_cannot_be_written_stops_decisions_not_the_process(room: Room, full_state: list[bool]) -> None:
    room.live(12)
    full_state[0] = True
    room.live(12, 3, "error")
    assert room.control.troubles
    assert all("disk is full" in words and "error" not in words for words in room.control.troubles.values())
    assert not room.store.incidents(), "nothing is decided that is not recorded"
    told = ControlDesk(room.control).verdict("canary")["data"]
    assert told["decision"] == "inconclusive"
    assert "not_recorded" in {r["code"] for r in told["reasons"]}
    full_state[0] = False
    room.live(12, 3, "error")
    assert room.control.troubles == {}
    assert room.phase() == "firing"
    assert len(room.store.incidents()) == 1
    room.counted_once()


def test_steps_wait_until_they_can_be_recorded_again(room: Room, full_state: list[bool]) -> None:
    """The worker ends rather than act without a record; the process hires another, and the step is done."""
    from bongsu.app import _work

    room.live(12, 3, "error")
    assert room.store.incidents()
    full_state[0] = True

    async def play() -> None:
        stop, crew = asyncio.Event(), []

        async def nobody(channel: str, notice: object) -> object:
            raise AssertionError("no channel is asked while nothing can be recorded")

        def hire() -> Worker:
            crew[:] = [Worker(room.store, resolve_action, nobody, lambda: room.now, "w")]  # type: ignore[list-item]
            return crew[0]

        work = asyncio.create_task(_work(stop, hire, room.control))
        while "steps" not in room.control.troubles:
            await asyncio.sleep(0.01)
        stop.set()
        await work

    asyncio.run(play())
    assert "free disk space" in room.control.troubles["steps"]
    assert all(s.step.state == "waiting" for i in room.store.incidents() for s in room.store.steps(i.id))


# ---- the dead-man's switch ----


def test_the_heartbeat_posts_while_well_and_falls_silent_while_ingest_is_stuck(room: Room) -> None:
    async def play() -> None:
        sink, stop = Sink(), asyncio.Event()

        async def beats(n: int) -> None:
            async with asyncio.timeout(20):
                while sink.count("beat") < n:
                    await asyncio.sleep(0.01)

        async with _serve_sink(sink) as url, Http(Secret, lambda: room.now) as outside:
            settings = Heartbeat(f"{url}/beat", Duration(20_000))
            room.live(1)
            beating = asyncio.create_task(beat(settings, outside, room.control, stop))
            await beats(3)
            with closing(sqlite3.connect(room.folder.events, isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                room.control.log._db.execute("PRAGMA busy_timeout = 10")
                room.live(1)
                assert "ingest" in room.control.troubles
                await asyncio.sleep(0.1)  # one that was on its way may still arrive
                silent = sink.count("beat")
                await asyncio.sleep(0.3)
                assert sink.count("beat") == silent, "fifteen beats long nothing is heard"
                holder.execute("ROLLBACK")
            room.live(1)
            await beats(silent + 2)
            room.now += MINUTE  # the engine stands still although nothing is wrong with the disk
            await asyncio.sleep(0.1)
            silent = sink.count("beat")
            await asyncio.sleep(0.3)
            assert sink.count("beat") == silent
            stop.set()
            await beating
        body = sink.got[0][1]
        assert (body["schema"], body["service"]) == ("bongsu.heartbeat/v1", "shop")

    asyncio.run(play())
