"""Signals beside Evidently, NannyML, whylogs, river and Fairlearn: the same data in one run, for bench/signals.py.

Needs ``sh bench/peers.sh``. Each runs alone in a process of its own (``_signal_peers.py``), so does ours (``ours``);
CPU seconds are of the whole process. Like for like is said beside each row.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist
from typing import Any

PEERS = ("evidently", "nannyml", "whylogs", "river", "fairlearn")
HERE = Path(__file__).parent
ROWS, NUMBERS, TEXTS, MINUTE = 1_000_000, 20, 5, 700
BASE, SIZE = 20_000, 200
QUARTER, TENTH = Fraction(1, 4), Fraction(1, 10)


# ---- the data, the same for all ----


def tables(folder: Path, rows: int) -> None:
    """Reference, current and one more minute: 20 numbers (every fourth one moved a quarter deviation), 5 texts."""
    import duckdb

    for seed, (name, n, moved) in enumerate((("reference", rows, 0), ("current", rows, 1), ("minute", MINUTE, 1))):
        normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
        columns = [f"{normal} + {0.25 * moved * (i % 4 == 0)} AS n{i}" for i in range(NUMBERS)]
        columns += [f"chr(97 + CAST(floor({8 + i} * pow(random(), {1 + 0.3 * moved * (i == 0)})) AS INTEGER)) AS t{i}"
                    for i in range(TEXTS)]
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute(f"SELECT setseed({(seed + 1) / 10})")
            connection.execute(f"COPY (SELECT {', '.join(columns)} FROM range({n})) TO '{folder}/{name}.parquet'")
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("SELECT setseed(0.5)")
        connection.execute(f"""COPY (SELECT CAST(random() < 0.3 AS INTEGER) AS label,
            chr(97 + CAST(floor(4 * random()) AS INTEGER)) AS "group",
            CAST(random() < 0.4 AS INTEGER) AS prediction FROM range({rows})) TO '{folder}/groups.parquet'""")


def windows(folder: Path, count: int, moved: list[float]) -> None:
    """Windows of one number: as the reference, and with a PSI of 0.3 (``moved``: shares of ten equal bins)."""
    draw = random.Random(1)

    def some(shares: list[float], n: int) -> list[float]:
        return [round((b + draw.random()) / 10, 6) for b in draw.choices(range(10), shares, k=n)]

    even = [0.1] * 10
    said = {"base": [some(even, BASE)], "null": [some(even, SIZE) for _ in range(count)],
            "moved": [some(moved, SIZE) for _ in range(count // 10)]}
    normal = [NormalDist().inv_cdf((i + 0.5) / 1000) for i in range(1000)]
    now = [0.25 + 1.2 * x for x in normal]
    said["outlier"] = [normal, now, [*now, 1000.0]]
    for name, rows in said.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))


# ---- ours ----


def cpu() -> float:
    return sum(getattr(resource.getrusage(who), part) for part in ("ru_utime", "ru_stime")
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def reference_of(folder: Path) -> None:
    """What is cached: bins and counts, as the state keeps them."""
    from bongsu.sources.columns import Columns, reference
    from bongsu.stores.saved import dump

    (folder / "reference.json").write_text(dump(reference("r", Columns(folder / "reference.parquet"))))


def ours(folder: Path) -> dict[str, Any]:
    from bongsu.drift import Bins, Reference, distance
    from bongsu.offline.comparison import Terms, against
    from bongsu.slis.drift import Drift
    from bongsu.slo import beyond
    from bongsu.sources.columns import Columns, bins_of, counts_of
    from bongsu.stores.saved import load

    reference = load((folder / "reference.json").read_text(), Reference)
    began = cpu()
    found = against(reference, Columns(folder / "current.parquet"), Terms())
    spent, whole = cpu() - began, cpu()
    known = {name: one["current"] for name, one in found["columns"].items()}
    began = cpu()
    minute = Columns(folder / "minute.parquet")
    for bins in reference.columns:
        added = [a + b for a, b in zip(known[bins.column], counts_of(minute.read(bins.column), bins), strict=True)]
        distance(bins, added)
    more = cpu() - began
    import pyarrow as pa

    def bins_and(name: str) -> Iterator[list[float]]:
        return iter(json.loads((folder / f"{name}.json").read_text()))

    base: Bins = bins_of(pa.chunked_array([next(bins_and("base"))]), "features.x", "number")
    sli, alarms = Drift("r", ("features.x",)).against(Reference("r", "v", (base,), BASE)), {}
    for name, limit in (("null", QUARTER), ("null", TENTH), ("moved", QUARTER), ("moved", TENTH)):
        fired = 0
        for one in bins_and(name):
            now = counts_of(pa.chunked_array([one]), base)
            evidence = sli.evidence({f"features.x:{i}": n for i, n in enumerate(now)}, 24)
            fired += beyond(evidence, ">", limit)
        alarms[f"{name}: PSI > {float(limit):g} and beyond chance, hourly"] = fired
    start, *later = bins_and("outlier")
    cut = bins_of(pa.chunked_array([start]), "x", "number")
    moved = [distance(cut, counts_of(pa.chunked_array([one]), cut)).value for one in later]
    return {"values": {name: one["psi"] for name, one in found["columns"].items()}, "step": spent, "whole": whole,
            "more": more, "alarms": alarms, "outlier": ["PSI", *moved], "note": "all five measures of each column",
            "peer": "bongsu", "beside": f"Python {sys.version.split()[0]}, pyarrow {pa.__version__}"} | {
                "gaps": gaps(folder)}


def gaps(folder: Path) -> dict[str, float | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bongsu.alert import Signal
    from bongsu.cell import Cells
    from bongsu.runners.duckdb import Counter
    from bongsu.slis.gap import Gap

    rows = pq.read_table(folder / "groups.parquet")
    n = rows.num_rows
    table = pa.table({"time": pa.array([0] * n, pa.int64()), "kind": pa.array(["prediction"] * n),
                      "origin": pa.array(["live"] * n), "group": rows["group"],
                      "label": rows["label"].cast(pa.string()), "prediction": rows["prediction"].cast(pa.string())})
    signals = [Signal(m, Gap("group", m), key=m) for m in ("fpr", "tpr", "equalized_odds", "demographic_parity")]
    counter = Counter(signals, 60_000_000)
    try:
        began = cpu()
        cells = Cells(60_000_000, counter.count(table))
        out: dict[str, float | None] = {s.name: float(s.sli.value(cells.vector(s.key, 0, 2**60)) or 0) for s in signals}
        return out | {"CPU": cpu() - began}
    finally:
        counter.close()


# ---- side by side ----


def ran(name: str, folder: Path) -> dict[str, Any] | str:
    """What one says, or why it could not."""
    python = sys.executable if name == "ours" else str(HERE / ".peers" / name / "bin" / "python")
    script = __file__ if name == "ours" else str(HERE / "_signal_peers.py")
    if not Path(python).exists():
        return "not run: sh bench/peers.sh installs it"
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([python, script, name, str(folder)], capture_output=True, text=True,
                          env={**os.environ, **threads}, check=False)
    line = next((x for x in done.stdout.splitlines() if x.startswith("RESULT ")), "")
    return json.loads(line[7:]) if line else f"failed: {done.stderr.strip().splitlines()[-1:]}"


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells) + " |")


def heads(*names: str) -> None:
    print()
    row(*names)
    print("|" + "---|" * len(names))


def told(found: dict[str, dict[str, Any]], count: int, rows: int) -> None:
    mine = found["ours"]
    print(f"\nDrift of {rows:,} x {NUMBERS + TEXTS}, CPU seconds; times: whole process and minute, as many times ours")
    heads("", "whole process", "the comparison", "reference", "one more minute", "times", "what it is")
    for one in found.values():
        if "values" in one:
            times = f"{one['whole'] / mine['whole']:.1f}, {one['more'] / mine['more']:.1f}"
            row(one["peer"], one["whole"], one["step"], one.get("fit", "cached" if one is mine else "each time"),
                one["more"], times, one["note"])
    heads("value", *(f"{one['peer']} ({one['outlier'][0]})" for one in found.values() if "values" in one))
    for name in ("n0", "n1", "t0", "t1"):
        row(name, *(one["values"].get(name, "") for one in found.values() if "values" in one))
    for i, what in ((1, "N(0.25, 1.2) from N(0, 1), 1,000 each"), (2, "the same and one value of 1000")):
        row(what, *(one["outlier"][i] for one in found.values() if "values" in one))
    print(f"\nAlarms of one number, windows of {SIZE}; null: nothing changed, moved: a true PSI of 0.3")
    heads("", "windows", "alarms", "share")
    for one in found.values():
        for name, fired in one.get("alarms", {}).items():
            hits, of = fired if isinstance(fired, list) else (fired, count if name[0] == "n" else count // 10)
            row(f"{one['peer']}: {name}", of, hits, f"{hits / of:.2%}")
    for name, rate in found.get("river", {}).get("rates", {}).items():
        print(f"- river {name}: {rate:,}")
    if "fairlearn" in found:
        theirs = found["fairlearn"]
        print(f"\nGaps of four groups, {rows:,} rows ({theirs['note']}: {theirs['empty']}; ours is undefined)")
        heads("", *theirs["gaps"], "CPU seconds")
        row(theirs["peer"], *theirs["gaps"].values(), theirs["step"])
        row("bongsu", *(mine["gaps"][name] for name in theirs["gaps"]), mine["gaps"]["CPU"])
        most = max(abs(theirs["gaps"][name] - mine["gaps"][name]) for name in theirs["gaps"])
        print(f"\nlargest difference {most:.1e}")


def main(count: int, moved: list[float], rows: int = ROWS) -> None:
    """Everything; ``moved`` are shares of ten bins at a PSI of 0.3 from equal ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables(folder, rows)
        windows(folder, count, moved)
        reference_of(folder)
        found = {}
        for peer in ("ours", *PEERS):
            said = ran(peer, folder)
            if isinstance(said, str):
                print(f"- {peer}: {said}")
            else:
                found[peer] = said
                print(f"- {said['peer']} ({said['beside']})", flush=True)
        told(found, count, rows)


if __name__ == "__main__":
    print("\nRESULT " + json.dumps(ours(Path(sys.argv[2]))))
