"""A month of events on the virtual clock: ``python bench/replay.py [events]``. Seconds of wall clock and of CPU.

The events are those of the test of the same claim; they are generated first, then counted into cells and judged at
every minute of the month.
"""

from __future__ import annotations

import platform
import sys
import time
from itertools import pairwise
from pathlib import Path

import duckdb

from bongsu.engine import Opened
from bongsu.offline.replay import run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from test_month import batches, month, plan

TARGET_S, BATCH = 60, 50_000


def main(n: int) -> None:
    marks = [(time.perf_counter(), time.process_time())]

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    def progress(done: int) -> None:
        if done == n:
            mark()

    events = month(n)
    mark()
    out = run(plan(), batches(events, BATCH), progress)
    mark()
    phases = ("generate", "count", "tick")
    opened = [d.incident.alert for _, d in out.decisions if isinstance(d, Opened)]
    assert (out.events, opened.count("cost")) == (n, 1), "the dear hours of the month must make one incident"
    print(f"{n:,} events over 30 days, {out.ticks:,} ticks, {len(out.decisions)} decisions; "
          f"Python {platform.python_version()}, DuckDB {duckdb.__version__}")
    for name, (before, after) in zip(phases, pairwise(marks), strict=True):
        print(f"  {name:10}{after[0] - before[0]:>8.1f} s wall{after[1] - before[1]:>8.1f} s CPU")
    wall, cpu = (marks[-1][i] - marks[1][i] for i in (0, 1))
    print(f"counted and judged in {wall:.1f} s (CPU {cpu:.1f} s); target {TARGET_S} s at 1 M: "
          f"{'met' if wall <= TARGET_S else 'NOT MET'}" + ("" if n >= 1_000_000 else " (fewer events)"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
