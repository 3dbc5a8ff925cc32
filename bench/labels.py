"""What a million label values cost: ``python bench/labels.py [events]``, 1,000,000 if not said.

Every event is of another user; three signals are split by user (a count, a ratio, a quantile), one by model. After each
batch of 50,000: CPU seconds of counting so far, rows of cells, resident memory. Then the same events with one of 20
models as the only label, with and without seats: what looking at the crowd costs who has none.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

from bongsu.alert import Signal
from bongsu.cell import Cells, Seats
from bongsu.expression import read
from bongsu.quantity import MINUTE
from bongsu.runners.duckdb import Counter
from bongsu.slis.count import Count
from bongsu.slis.quantile import Quantile
from bongsu.slis.ratio import Ratio
from bongsu.stores.arrow import SCHEMA

BATCH = 50_000
CALM = (Signal("calls by model", Count(), ("model",), key="model"),
        Signal("failures by model", Ratio(read("status >= 500")), ("model",), key="failures"))
HOSTILE = (*CALM, Signal("calls", Count(), ("user",), key="calls"),
           Signal("bad", Ratio(read("status >= 500")), ("user",), key="bad"),
           Signal("p95", Quantile(read("latency_ms", "number"), Fraction(95, 100)), ("user",), key="p95"))


def batch(first: int) -> pa.Table:
    """Events of a minute each batch, every one of a user who was not there before."""
    rows = range(first, first + BATCH)
    given = {"id": [f"e{i}" for i in rows], "time": [first // BATCH * MINUTE + i % MINUTE for i in rows],
             "kind": ["call"] * BATCH, "origin": ["live"] * BATCH, "user": [f"user-{i}" for i in rows],
             "model": [f"m{i % 20}" for i in rows], "status": [500 if i % 50 == 0 else 200 for i in rows],
             "latency_ms": [float(i * 7919 % 5000) for i in rows]}
    return pa.table({field.name: pa.array(given[field.name], field.type) if field.name in given
                     else pa.nulls(BATCH, field.type) for field in SCHEMA})


def resident() -> float:
    """MB now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def counted(signals: tuple[Signal, ...], wanted: int, *, seats: bool) -> list[dict[str, float]]:
    counter, cells, spent, out = Counter(signals, MINUTE), Cells(MINUTE), 0.0, []
    for first in range(0, wanted, BATCH):
        table = batch(first)
        gc.collect()
        before = time.process_time()
        cells.add(counter.count(table, Seats(cells) if seats else None))
        spent += time.process_time() - before
        rows = sum(len(cells.labels(signal.key)) for signal in signals)
        out.append({"events": first + BATCH, "cpu_s": round(spent, 3), "labels": rows, "mb": round(resident(), 1)})
    counter.close()
    return out


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    found = {"calm": {name: counted(CALM, min(wanted, 500_000), seats=seats)[-1]["cpu_s"]
                      for name, seats in (("without seats", False), ("with seats", True))},
             "hostile": counted(HOSTILE, wanted, seats=True)}
    for row in found["hostile"]:
        print(json.dumps(row))
    print(json.dumps(found["calm"]))
    if wanted <= 200_000:  # what it was before: all rows come out
        print(json.dumps({"no seats": counted(HOSTILE, wanted, seats=False)}))
    results = Path(__file__).parent / "results" / "labels.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
