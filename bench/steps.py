"""Three-step runs a second, every transaction fsynced: ``python bench/steps.py [runs]``.

Each run is one incident with a playbook of a notice, a route and a freeze: opened, carried out, recorded, audited.
``one by one`` opens an incident and waits until its run has ended before the next; ``together`` opens them first.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from bongsu.actions.freeze import Freeze
from bongsu.actions.notify import Notify
from bongsu.actions.route import Route
from bongsu.audit import verify
from bongsu.engine import EngineState, Opened, Plan
from bongsu.host.keys import audit_key
from bongsu.incident import Incident
from bongsu.ports import Notice, Receipt
from bongsu.response import Playbook
from bongsu.room.worker import Worker, resolve_action
from bongsu.stores.state import State

STEPS = (Notify("ops"), Route({"bot": "light"}), Freeze("cost"))


def clock() -> int:
    return time.time_ns() // 1000


async def send(_channel: str, _notice: Notice) -> Receipt:
    await asyncio.sleep(0)
    return Receipt(200)


def fire(state: State, n: int) -> None:
    now, alert = clock(), f"alert-{n}"
    incident = Incident(f"INC-{n}", "bot", alert, (), "major", now, "cost is 15 over 1h")
    plan = Plan("bot", playbooks=(Playbook("calm", alert, STEPS),))
    state.commit(EngineState(now), (Opened(incident, ("calm",)),), plan, "bench", now)


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        key = audit_key(Path(folder) / "keys")
        state = State(f"sqlite:///{folder}/state.db", key)
        worker = Worker(state, resolve_action, send, clock, "bench")
        begun = time.perf_counter()
        for n in range(runs):
            fire(state, n)
            asyncio.run(worker.drain())
        alone = runs / (time.perf_counter() - begun)
        for n in range(runs, 2 * runs):
            fire(state, n)
        begun = time.perf_counter()
        ended = asyncio.run(worker.drain())
        together = runs / (time.perf_counter() - begun)
        state.checkpoint(clock(), force=True)
        report = verify(state.stored(), state.checkpoints(), state.vkey())
        state.close()
    print(f"one by one {alone:.0f} runs/s, together {together:.0f} runs/s ({ended} steps); "
          f"audit {report.records} records, {'sound' if report.ok else report.why}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
