"""Events from HTTP to committed cells, one command: ``uv run --with numpy bench/ingest.py [events]``.

Arrow streams of 10,000 predictions are posted to the real control site over loopback; control stores each batch durably
before it answers, and counts 30 signals (confusion counts, quantiles, ratios by model, performance on late labels) into
committed cells. A third of the predictions get a label afterwards. CPU of the whole process, client included.

Before that, the way from the durable log to committed cells alone: 15 signals with drift of 5 features and no labels,
and the 30 with their late labels; the middle of several runs. Last, how the cost grows with the number of label values.

The floor is numpy in memory: one ``bincount`` for each of the same 30 signals over ready columns, nothing stored,
nothing checked, nothing masked. It is not like for like; it says what the arithmetic alone costs.
"""

import asyncio
import hashlib
import io
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bongsu.host.folder import Folder
from bongsu.policy import parse
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

BATCH, MINUTE, T0 = 10_000, 60 * 10**6, 1_790_000_000 * 10**6
MODELS = np.array(["m1", "m2", "m3", "m4"])
FEATURES = ("age", "b", "c", "d", "e")
RUNS = 3


HEAD = "bongsu: 1\nservice: {name: bench}\nfeatures: {age: number, b: number, c: number, d: number, e: number}\n"


def policy() -> Any:
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 20}", total: "score IS NOT NULL", labels: [model]}}'
               for i in range(12)}
    signals |= {f"age{i}": f'{{kind: ratio, bad: "features.age > {20 + 5 * i}", total: "features.age IS NOT NULL"}}'
                for i in range(8)}
    signals |= {m: f"{{kind: performance, measure: {m}}}" for m in ("accuracy", "precision", "recall", "f1")}
    signals |= {"p95": "{kind: quantile, of: latency_ms, q: 95%}", "slow": '{kind: ratio, bad: "latency_ms > 800"}',
                "mean": "{kind: mean, sum: latency_ms}", "said": "{kind: count, of: \"prediction = '1'\"}",
                "unlabelled": "{kind: ratio, bad: \"label IS NULL\", total: \"kind = 'prediction'\"}",
                "all": "{kind: count}"}
    assert len(signals) == 30
    return _parsed(signals)


def drifting(folder: Path) -> Any:
    """15 signals, one of them the drift of 5 features against a file."""
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 8}", labels: [model]}}' for i in range(5)}
    signals |= {f"age{i}": f'{{kind: ratio, bad: "features.age > {20 + 9 * i}"}}' for i in range(4)}
    signals |= {"p95": "{kind: quantile, of: latency_ms, q: 95%}", "slow": '{kind: ratio, bad: "latency_ms > 800"}',
                "mean": "{kind: mean, sum: latency_ms}", "all": "{kind: count}",
                "said": "{kind: count, of: \"prediction = '1'\"}",
                "moved": "{kind: drift, reference: past, columns: [features.age, features.b, features.c, features.d, "
                         "features.e], measure: psi}"}
    assert len(signals) == 15
    made = columns(20_000)
    pq.write_table(pa.table({name: made[name] for name in FEATURES}), folder / "past.parquet")
    return _parsed(signals, f"references: {{past: {{file: {folder / 'past.parquet'}}}}}\n")


def by_label(name: str) -> Any:
    signals = {f"band{i}": f'{{kind: ratio, bad: "score > {i / 5}", labels: [{name}]}}' for i in range(5)}
    return _parsed(signals)


def _parsed(signals: dict[str, str], more: str = "") -> Any:
    body = "\n".join(f"  {name}: {text}" for name, text in signals.items())
    return parse(f"{HEAD}{more}signals:\n{body}\n", "bench.yaml", {})


def columns(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {"time": T0 + np.arange(n) * 3600, "score": rng.random(n), "age": rng.integers(18, 80, n).astype(float),
            "b": rng.normal(size=n), "c": rng.exponential(size=n),
            "d": rng.random(n), "e": rng.normal(3, 2, n), "latency": rng.lognormal(6, 1, n),
            "model": rng.integers(0, 4, n), "truth": rng.integers(0, 2, n)}


def streams(data: dict[str, np.ndarray]) -> list[tuple[int, bytes]]:
    out, n = [], len(data["time"])
    for at in range(0, n, BATCH):
        part = {name: values[at : at + BATCH] for name, values in data.items()}
        rows = len(part["time"])
        out.append((rows, _stream({"id": [f"p{at + i:012d}" for i in range(rows)], "time": part["time"],
                                   "kind": ["prediction"] * rows, "score": part["score"],
                                   "prediction": np.where(part["score"] > 0.5, "1", "0"),
                                   "model": pa.array(MODELS[part["model"]]).dictionary_encode(),
                                   "latency_ms": part["latency"], **{f"features.{f}": part[f] for f in FEATURES}})))
    for at in range(0, n, BATCH * 3):
        some = np.arange(at, min(n, at + BATCH * 3), 3)
        out.append((len(some), _stream({"id": [f"l{i:012d}" for i in some], "time": data["time"][some] + MINUTE,
                                        "kind": ["label"] * len(some), "call": [f"p{i:012d}" for i in some],
                                        "label": data["truth"][some].astype(str)})))
    return out


def _stream(table: dict[str, Any]) -> bytes:
    made, sink = pa.table(table), io.BytesIO()
    with pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made)
    return sink.getvalue()


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


def ours(parts: list[tuple[int, bytes]], folder: Path) -> tuple[float, float, int]:
    room, read = Folder(folder).create(), policy()
    store = State(f"sqlite:///{room.state}")
    pool = ThreadPoolExecutor(1)
    now = T0 + 10**12
    control = pool.submit(lambda: Control(read, room, store, lambda: now)).result()

    async def take(table: pa.Table, boxes: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, control.take, table, boxes)

    cloak = Cloak(Tokeniser(bytes(32)), "bench", read.hash, lambda: "id")
    inlet = Inlet(take, cloak, "bench", lambda: Span(0, now), lambda given: given == "t", lambda actor, reason: "")
    app = control_app(ControlDesk(control), hashlib.sha256(b"x").hexdigest(), ways=inlet.ways())
    with serving(app) as server:
        wall, cpu, sent = time.perf_counter(), time.process_time(), 0
        for i, (rows, body) in enumerate(parts):
            request = urllib.request.Request(server.url + "/v1/events", body, {
                "content-type": "application/vnd.apache.arrow.stream", "authorization": "Bearer t"})
            with urllib.request.urlopen(request, timeout=600) as reply:
                assert reply.status == 200
            sent += rows
            if i % 10 == 9:
                pool.submit(control.cycle).result()
        pool.submit(control.cycle).result()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    unlabelled = next(s for s in control.plan.signals if s.name == "unlabelled")
    share = unlabelled.sli.value(control.cells.vector(unlabelled.key, 0, 2**62))
    assert share is not None
    assert abs(float(share) - 2 / 3) < 1e-3, share
    pool.submit(control.close).result()
    pool.shutdown()
    store.dispose()
    return wall, cpu, sent


def cells_alone(read: Any, tables: list[pa.Table], folder: Path) -> tuple[float, float, int]:
    """CPU seconds of (the durable log, the cells) and how many cells: checked tables, no HTTP, nothing to mask."""
    room, now = Folder(folder).create(), T0 + 10**12
    store = State(f"sqlite:///{room.state}")
    control = Control(read, room, store, lambda: now)
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


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    data = columns(n)
    parts = streams(data)
    tables = [read_arrow(body, "bench", Span(0, T0 + 10**12)).table for _, body in parts]
    sent, labels = sum(rows for rows, _ in parts), -(-n // BATCH)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pyarrow {pa.__version__}, DuckDB "
          f"{duckdb.__version__}, SQLite {sqlite3.sqlite_version}; {n:,} predictions, {sent - n:,} late labels, "
          f"batches of {BATCH:,}; CPU of the process, the middle of {RUNS} runs")
    base = n / floor(data)

    def line(name: str, rate: float, more: str = "") -> None:
        print(f"  {name:62}{rate:>12,.0f} events/CPU-s   {rate / base:.3f}{more}")

    line("floor: numpy bincount in memory", base)
    log, cells, _ = alone(drifting, tables[:labels])
    line("15 signals, drift of 5 features: durable log -> committed cells", cells, "   (target 400,000)")
    line("  into the durable log", log)
    log, cells, _ = alone(lambda _: policy(), tables)
    line("30 signals, late labels: durable log -> committed cells", cells, "   (target 400,000)")
    line("  into the durable log", log)
    line("  both: no HTTP, no masking", 1 / (1 / log + 1 / cells))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        wall, cpu, sent = ours(parts, Path(folder))
    line("30 signals, late labels: HTTP Arrow -> log -> committed cells", sent / cpu,
         f"   ({sent / wall:,.0f} events/s wall)")
    growth(tables[: max(1, labels // 4)])


if __name__ == "__main__":
    main()
