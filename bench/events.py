"""The durable event path, one command: ``python bench/events.py [events]``.

Append: events in batches of 1,000, each batch durable before the next begins; the floor is one write and one fdatasync
of the same bytes. Cells: from the blobs of the event log to cells of 15 signals, CPU of the whole process. Everything
runs in one process on one machine in one run; the middle of several runs is printed. Events have the 30 fields a
gateway fills, ids that grow with time, as the gateway makes them.
"""

import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import duckdb
import pyarrow as pa

from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.event import Event
from bongsu.expression import read
from bongsu.runners.duckdb import Counter
from bongsu.slis.count import Count
from bongsu.slis.mean import Mean
from bongsu.slis.quantile import Quantile
from bongsu.slis.ratio import Ratio
from bongsu.sources.spool import SpoolReader, SpoolWriter, frame
from bongsu.stores.log import EventLog

BATCH, RUNS, MINUTE = 1000, 3, 60 * 10**6


def make(n: int, random_ids: bool = False) -> list[Event]:
    rng = random.Random(7)
    return [Event(
        id=f"{rng.getrandbits(48) if random_ids else 1_790_000_000_000 + i:012x}{rng.getrandbits(80):020x}",
        time=1_790_000_000_000_000 + i * 1000, service="support-bot", route="support-bot", upstream="main",
        provider="openai", operation="chat", request_model="support-bot", model=rng.choice(("big-1", "light-1")),
        response_id=f"chatcmpl-{rng.getrandbits(64):016x}", user=f"u{rng.randrange(1000)}", environment="prod",
        tier=rng.choice(("free", "paid")), region="kr", upstream_region="us", outcome="ok",
        status=rng.choice((200, 200, 200, 200, 500)), finish_reason="stop", attempts=1,
        latency_ms=rng.lognormvariate(6, 1), ttft_ms=rng.lognormvariate(4, 1), overhead_ms=0.3,
        input_tokens=rng.randrange(4000), output_tokens=rng.randrange(900), cost=rng.randrange(10**7), currency="USD",
        injection_findings=int(rng.random() < 0.01), policy="9f2c41d07a3b", trace=f"{rng.getrandbits(128):032x}",
        grounding_score=rng.random() if rng.random() < 0.1 else None) for i in range(n)]


def signals() -> list[Signal]:
    def ratio(bad: str, total: str | None = None) -> Ratio:
        return Ratio(read(bad), read(total) if total else None)

    def mean(of: str, per: str | None = None) -> Mean:
        return Mean(read(of, "number"), read(per, "number") if per else None)

    kinds = {
        "errors": ratio("status >= 500"), "ungrounded": ratio("grounding_score < 0.5", "grounding_score IS NOT NULL"),
        "blocked": ratio("blocked"), "injections": ratio("injection_findings > 0"), "leaks": ratio("pii_findings > 0"),
        "slow": ratio("latency_ms > 2000", "latency_ms IS NOT NULL"), "fallbacks": ratio("fallback"),
        "truncated": ratio("finish_reason = 'length'"), "calls": Count(), "paid": Count(read("tier = 'paid'")),
        "cpt": mean("cost", "input_tokens + output_tokens"), "tokens": mean("input_tokens + output_tokens"),
        "overhead": mean("overhead_ms"), "p95": Quantile(read("latency_ms", "number"), Fraction(95, 100)),
        "ttft": Quantile(read("ttft_ms", "number"), Fraction(1, 2)),
    }
    by_model = {"errors", "slow", "cpt", "calls"}
    return [Signal(name, sli, ("model",) if name in by_model else (), key=name) for name, sli in kinds.items()]


def rate(work: Callable[[Path], int], clock: Callable[[], float]) -> float:
    """Middle of several runs, units a second."""
    rates = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            begin = clock()
            n = work(Path(folder))
            rates.append(n / (clock() - begin))
    return statistics.median(rates)


def batches(events: list[Event]) -> list[list[Event]]:
    return [events[i : i + BATCH] for i in range(0, len(events), BATCH)]


def floor(chunks: list[bytes]) -> Callable[[Path], int]:
    def work(folder: Path) -> int:
        file = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for chunk in chunks:
            os.write(file, chunk)
            os.fdatasync(file)
        os.close(file)
        return len(chunks) * BATCH

    return work


def spool(parts: list[list[Event]], strict: bool) -> Callable[[Path], int]:
    def work(folder: Path) -> int:
        with SpoolWriter(folder, "w0", strict=strict) as writer:
            for part in parts:
                writer.append(part)
        return len(parts) * BATCH

    return work


def log(parts: list[list[Event]]) -> Callable[[Path], int]:
    def work(folder: Path) -> int:
        with EventLog(folder / "log.db") as out:
            n = sum(out.append(part, {"w0": i}).n for i, part in enumerate(parts))
        assert n == len(parts) * BATCH
        return n

    return work


def append(events: list[Event]) -> None:
    parts, strange = batches(events), batches(make(len(events), random_ids=True))
    chunks = [b"".join(map(frame, part)) for part in parts]
    base = rate(floor(chunks), time.perf_counter)
    print(f"durable append, batches of {BATCH:,} ({len(chunks[0]) / BATCH:.0f} bytes an event in the spool)")
    print(f"  {'floor: write + fdatasync, bytes made before':46}{base:>12,.0f} events/s   1.00")
    for name, work in (("spool, group commit (10 ms)", spool(parts, strict=False)),
                       ("spool, strict (fdatasync each)", spool(parts, strict=True)),
                       ("event log, ids in order of time", log(parts)),
                       ("event log, random ids", log(strange))):
        one = rate(work, time.perf_counter)
        print(f"  {name:46}{one:>12,.0f} events/s   {one / base:.2f}   (target 100,000)")


def ingest(events: list[Event]) -> None:
    """As control does it: everything a spool holds, decoded, deduplicated, stored, marked."""
    parts = batches(events)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        with SpoolWriter(folder / "spool", "w0") as writer:
            for part in parts:
                writer.append(part)
        wall, cpu, n = time.perf_counter(), time.process_time(), 0
        with EventLog(folder / "log.db") as out:
            reader = SpoolReader(folder / "spool")
            while (batch := reader.read(out.marks(), 2 << 20)).events:
                n += out.append(batch.events, batch.marks).n
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert n == len(events)
            size = out.size()
        print(f"spool -> event log, behind by {n:,}: {n / wall:,.0f} events/s, {n / cpu:,.0f} events/CPU-s, "
              f"{size.bytes / size.events:.0f} bytes an event")


def cells(events: list[Event]) -> None:
    asked = signals()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, EventLog(Path(folder) / "log.db") as out:
        for part in batches(events):
            out.append(part)
        digests = set()
        print(f"log -> cells, {len(asked)} signals, one minute of events at 1,000/s in a base window")
        for size in (1_000, 10_000, 100_000):
            counter = Counter(asked, MINUTE)

            def work(_: Path, size: int = size, counter: Counter = counter) -> int:
                after, n, total = 0, 0, Cells(MINUTE)
                while tables := list(out.read(after, size // BATCH, counter.columns)):
                    after = tables[-1][0]
                    table = pa.concat_tables([table for _, table in tables])
                    total.add(counter.count(table))
                    n += table.num_rows
                digests.add(total.digest())
                return n

            done = rate(work, time.process_time)
            print(f"  read {size:>7,} at a time {done:>16,.0f} events/CPU-s   (target 400,000)")
            counter.close()
        assert len(digests) == 1, "every batch size must give the same cells"


def main(n: int) -> None:
    events = make(n)
    print(f"{n:,} events; Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
          f"DuckDB {duckdb.__version__}, pyarrow {pa.__version__}, {os.cpu_count()} CPUs; middle of {RUNS} runs")
    append(events)
    ingest(events)
    cells(events)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
