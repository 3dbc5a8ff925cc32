"""Real processes, really killed: nothing is lost, and what is repeated carries the same key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from bongsu.response import LEASE
from bongsu.stores import schema
from bongsu.stores.state import State
from stage import T0, THREE, fire, opened

RUNS = 8
LIVES = 16
WORKER = textwrap.dedent("""
    import asyncio, os, sys, time
    from bongsu.ports import Receipt
    from bongsu.stores.state import State
    from bongsu.room.worker import Worker, resolve_action

    folder, begin = sys.argv[1], int(sys.argv[2])
    log = os.open(f"{folder}/sent", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    async def send(channel, notice):
        os.write(log, f"{notice.delivery}\\n".encode())
        await asyncio.sleep(0.02)
        return Receipt(200)

    begun = time.monotonic()
    clock = lambda: begin + int((time.monotonic() - begun) * 10**6)
    state = State(f"sqlite:///{folder}/state.db")
    asyncio.run(Worker(state, resolve_action, send, clock, str(os.getpid()), width=4).run())
""")


@pytest.mark.real
@pytest.mark.timeout(300)
def test_workers_killed_at_any_moment_lose_nothing_and_record_each_outcome_once(tmp_path: Path) -> None:
    """Again and again two workers start on one file and are killed; each time their clock has passed the leases."""
    with opened(tmp_path) as state:
        for n in range(RUNS):
            fire(state, THREE, f"INC-{n}", f"alert-{n}")
        now = T0
        for life in range(LIVES):
            now += 2 * LEASE
            workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), str(now)]) for _ in range(2)]
            try:
                _wait_for_news(state, tmp_path / "sent")
                time.sleep(0.02 * life**2)
                if life == LIVES - 1:  # a slow machine got nowhere in the others: nobody is killed before the end
                    _wait_for_the_end(state)
            finally:
                for worker in workers:
                    os.kill(worker.pid, signal.SIGKILL)
                    worker.wait()
            if state.next_due() is None:
                break
        assert life > 0, "something was left to recover"
        assert state.next_due() is None, "after enough lives everything has ended"
        with state.reading() as connection:
            found = [tuple(row) for row in connection.execute(select(schema.outcome.c.step, schema.outcome.c.result))]
        assert sorted(found) == sorted((f"INC-{n}/calm/{i}", "done") for n in range(RUNS) for i in range(3))
        audited = Counter(record.target for record in state.trail(10_000) if record.action == "step.done")
        assert set(audited.values()) == {1}
        assert len(audited) == 3 * RUNS
    sent = (tmp_path / "sent").read_text().split()
    assert set(sent) == {f"INC-{n}/calm/0/do" for n in range(RUNS)}, "told at least once, always under the same key"


def _wait_for_the_end(state: State) -> None:
    until = time.monotonic() + 150
    while time.monotonic() < until and state.next_due() is not None:
        time.sleep(0.1)


def _wait_for_news(state: State, log: Path) -> None:
    """Until the workers of this life have sent something, or there is nothing left to do."""
    before = log.stat().st_size if log.exists() else 0
    until = time.monotonic() + 10
    while time.monotonic() < until and state.next_due() is not None:
        if log.exists() and log.stat().st_size > before:
            return
        time.sleep(0.01)
