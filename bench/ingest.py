"""Events from HTTP to committed cells, one command: ``uv run --with numpy bench/ingest.py [events]``.

Arrow streams of 10,000 predictions are posted over loopback to the real control site, by a process of its own; control
checks, masks and stores each durably before it answers, and every 100,000 events counts 30 signals (confusion counts,
quantiles, ratios by model, performance on late labels) into committed cells. A third of the predictions get a label
afterwards. The rate is of the CPU that control's process takes; what the client takes to send is shown beside it (it
made its streams before, so that is the least that any client pays).

Before that, the way from what is durable in the log to committed cells alone: 15 signals with drift of 5 features and
no labels, and the 30 with their late labels. Last, how the cost grows: with signals, with smaller and larger streams,
and with the number of label values. Everywhere the middle of several runs.

The floor is numpy in memory: one ``bincount`` for each of the same 30 signals over ready columns, nothing stored,
nothing checked, nothing masked. It is not like for like; it says what the arithmetic alone costs.
"""

import asyncio
import hashlib
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from _facts import MINUTE, T0, by_label, columns, drifting, policy, streams

from bongsu.host.folder import Folder
from bongsu.host.process import ended, settled
from bongsu.privacy.tokens import Tokeniser
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.sources.submitted import Span, read_arrow
from bongsu.stores.state import State
from bongsu.web.cloak import Cloak
from bongsu.web.events import Inlet
from bongsu.web.site import control_app

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from servers import serving

BATCH, EVERY, RUNS = 10_000, 100_000, 3
NOW = T0 + 10**12
TARGET = 400_000


class Run(NamedTuple):
    """Of a run: how many events, CPU seconds of control's process and of the client, seconds by the clock."""

    events: int
    cpu: float
    client: float
    wall: float


def floor(data: dict[str, np.ndarray]) -> float:
    begin = time.process_time()
    start = (data["time"] - T0) // MINUTE
    width = int(start.max()) + 1
    for i in range(12):
        np.bincount((start * 4 + data["model"]) * 2 + (data["score"] > i / 20), minlength=width * 8)
    for i in range(8):
        np.bincount(start * 2 + (data["age"] > 20 + 5 * i), minlength=width * 2)
    for _ in range(4):
        np.bincount(start * 4 + (data["score"] > 0.5) * 2 + data["truth"], minlength=width * 4)
    np.bincount(start * 64 + np.log2(data["latency"] + 1).astype(int), minlength=width * 64)
    np.bincount(start, weights=data["latency"], minlength=width)
    for _ in range(4):
        np.bincount(start * 2 + (data["latency"] > 800), minlength=width * 2)
    return time.process_time() - begin


class Room:
    """The real control in this process: its site, and the one thread that stores and counts."""

    def __init__(self, read: Any, folder: Path) -> None:
        room = Folder(folder).create()
        self.store, self.pool = State(f"sqlite:///{room.state}"), ThreadPoolExecutor(1)
        self.control = self.pool.submit(lambda: Control(read, room, self.store, lambda: NOW)).result()
        self.finish()  # what is due every half a minute (the lake) is done, and not due again: the clock stands still
        self.events = self._counted = 0
        cloak = Cloak(Tokeniser(bytes(32)), "bench", read.hash, lambda: "id")
        inlet = Inlet(self.take, cloak, "bench", lambda: Span(0, NOW), lambda given: given == "t",
                      lambda actor, reason: "")
        self.app = control_app(ControlDesk(self.control), hashlib.sha256(b"x").hexdigest(), ways=inlet.ways())

    async def take(self, table: pa.Table, boxes: Any) -> Any:
        taken = await asyncio.get_running_loop().run_in_executor(self.pool, self.control.take, table, boxes)
        self.events += taken.n
        if self.events - self._counted >= EVERY:
            self._counted = self.events
            self.pool.submit(self.control.cycle)
        return taken

    def finish(self) -> None:
        self.pool.submit(self.control.cycle).result()

    def close(self) -> None:
        """Two of three predictions have no label: what was counted says so."""
        unlabelled = next(s for s in self.control.plan.signals if s.name == "unlabelled")
        share = unlabelled.sli.value(self.control.cells.vector(unlabelled.key, 0, 2**62))
        assert share is not None
        assert abs(float(share) - 2 / 3) < 1e-3, share
        self.pool.submit(self.control.close).result()
        self.pool.shutdown()
        self.store.dispose()


def sent(parts: Sequence[bytes], read: Any) -> Run:
    """One run: all streams from a client to committed cells."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        made = pa.table({"body": pa.array(parts, pa.large_binary())})
        with pa.ipc.new_stream(str(folder / "bodies"), made.schema) as writer:
            writer.write_table(made)
        room = Room(read, folder / "room")
        with serving(room.app) as server:
            settled()  # as control's own process does
            client = subprocess.Popen([sys.executable, str(Path(__file__).with_name("_sender.py")), "127.0.0.1",
                                       str(server.port), str(folder / "bodies")], stdout=subprocess.PIPE, text=True)
            wall, cpu = time.perf_counter(), time.process_time()
            said, _ = client.communicate()
            room.finish()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert client.returncode == 0
        room.close()
    ended()
    return Run(room.events, cpu, float(said), wall)


def middle(ways: Sequence[tuple[Sequence[bytes], Any]]) -> list[Run]:
    """Of each way to send the run whose CPU is in the middle of several. They take turns: a machine is not the same
    for long."""
    found = [[sent(*way) for way in ways] for _ in range(RUNS)]
    return [sorted(runs, key=lambda one: one.cpu)[RUNS // 2] for runs in zip(*found, strict=True)]


def cells_alone(read: Any, tables: list[pa.Table], folder: Path) -> tuple[float, float, int]:
    """CPU seconds of (the durable log, the cells) and how many cells: checked tables, no HTTP, nothing to mask."""
    room = Folder(folder).create()
    store = State(f"sqlite:///{room.state}")
    control = Control(read, room, store, lambda: NOW)
    log = cells = 0.0
    for i, table in enumerate(tables):
        begin = time.process_time()
        control.take(table)
        taken = time.process_time()
        if i % 10 == 9 or i + 1 == len(tables):
            control.cycle()
        log, cells = log + taken - begin, cells + time.process_time() - taken
    n = sum(1 for _ in store.cells())
    assert n
    control.close()
    store.dispose()
    return log, cells, n


def alone(make: Callable[[Path], Any], tables: list[pa.Table]) -> tuple[float, float, int]:
    """Events a CPU-second into the log, from the log to cells, and how many cells: the middle of several runs."""
    n, found = sum(t.num_rows for t in tables), []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            log, cells, count = cells_alone(make(Path(name)), tables, Path(name) / "room")
            found.append((n / log, n / cells, count))
    return statistics.median(f[0] for f in found), statistics.median(f[1] for f in found), found[0][2]


def growth(tables: list[pa.Table]) -> None:
    """The same events with ever more values of one label: rows of cells are what it costs."""
    print("  5 ratios by one label, by how many values it has (beyond 1,000 they are counted as one)")
    rng, plain = np.random.default_rng(3), [t for t in tables if t["kind"][0].as_py() == "prediction"]
    for values in (1, 10, 100, 1000, 100_000):
        mixed = [t.set_column(t.column_names.index("tier"), "tier", pa.array(
            [f"t{v}" for v in rng.integers(0, values, t.num_rows)])) for t in plain]
        _, rate, count = alone(lambda _: by_label("tier"), mixed)
        print(f"    {values:>9,} values {rate:>24,.0f} events/CPU-s   {count:>9,} cells")


def sizes(n: int) -> None:
    """The same way with fewer and more signals, and in smaller and larger streams."""
    data, counts, batches = columns(n), (5, 15, 30, 60), (100, 1000, 10_000, 100_000)
    parts = streams(data, BATCH)
    print("  HTTP Arrow -> log -> committed cells, by signals (streams of 10,000)")
    for signals, one in zip(counts, middle([(parts, policy(signals)) for signals in counts]), strict=True):
        show(f"{signals} signals", one)
    print("  by events in a stream (30 signals)")
    some = [streams({name: values[: batch * 500] for name, values in data.items()}, batch) for batch in batches]
    for batch, one in zip(batches, middle([(parts, policy()) for parts in some]), strict=True):
        show(f"{batch:,} events", one)


def show(name: str, one: Run) -> None:
    rate = one.events / one.cpu
    print(f"    {name:60}{rate:>12,.0f} events/CPU-s   {one.cpu / one.events * 1e6:5.2f} us; client "
          f"{one.client / one.events * 1e6:.2f} us; {one.events / one.wall:,.0f} events/s by the clock")


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    data = columns(n)
    parts = streams(data, BATCH)
    tables = [read_arrow(body, "bench", Span(0, NOW)).table for body in parts]
    labels = -(-n // BATCH)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pyarrow {pa.__version__}, DuckDB "
          f"{duckdb.__version__}, SQLite {sqlite3.sqlite_version}; {n:,} predictions, "
          f"{sum(t.num_rows for t in tables) - n:,} late labels, batches of {BATCH:,}; "
          f"the middle of {RUNS} runs; load {os.getloadavg()[0]:.1f}")
    base = n / floor(data)

    def line(name: str, rate: float, more: str = "") -> None:
        print(f"  {name:62}{rate:>12,.0f} events/CPU-s   {rate / base:.3f}{more}")

    line("floor: numpy bincount in memory", base)
    log, cells, _ = alone(drifting, tables[:labels])
    line("15 signals, drift of 5 features: stored -> committed cells", cells, f"   (target {TARGET:,})")
    line("  into the durable log", log)
    log, cells, _ = alone(lambda _: policy(), tables)
    line("30 signals, late labels: stored -> committed cells", cells, f"   (target {TARGET:,})")
    line("  into the durable log", log)
    line("  both: no HTTP, no masking", 1 / (1 / log + 1 / cells))
    one, = middle([(parts, policy())])
    line("30 signals, late labels: HTTP Arrow -> log -> committed cells", one.events / one.cpu,
         f"   (target {TARGET:,}; {one.events / one.wall:,.0f} events/s by the clock)")
    line("  the client that sends them, beside it", one.events / one.client)
    sizes(n // 2)
    growth(tables[: max(1, labels // 4)])
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
