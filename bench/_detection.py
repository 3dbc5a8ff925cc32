"""What the guards find, beside others: printed by ``python bench/guards.py``. The data is BONGSU_EVAL_DATA's.

Personal data: Presidio's synthetic set, ours and Presidio's (its own environment, bench/peers.sh) on the same texts,
the same entities and the same rule for a hit (half of what either covers). Our names are judged by the packaged
weights, which were fitted on this very set: their honest figures are in training/README.md, so forms stand apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bongsu.checks.names import KINDS as NAMED
from bongsu.checks.names import Names
from bongsu.checks.pii import Pii
from bongsu.evaluation.measure import Counts
from bongsu.evaluation.rows import read
from bongsu.evaluation.spans import compare, kind_of
from bongsu.overlap import winners
from bongsu.ports import Finding

HERE = Path(__file__).parent
DATA = Path(os.environ.get("BONGSU_EVAL_DATA", HERE.parents[1] / "shared" / "data"))
PEER = HERE / ".peers/presidio/bin/python"
SET = "presidio_synth_v2"
FORMS = ("email", "card", "iban", "us_ssn", "ip", "phone")
TARGETS = {"phone": 0.65, "iban": 0.90}
USUAL = 0.90
SAME = {"location": "place", "address": "place"}
"""Presidio has one entity for both."""
PRESIDIO = {"LOCATION": "place", "US_DRIVER_LICENSE": "us_driver_license", "URL": "domain"}


def presidio(texts: Sequence[str]) -> tuple[list[list[Finding]], float] | None:
    """Its findings by text and the CPU seconds they took; None where its environment is not there."""
    if not PEER.exists():
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(text) for text in texts))
        file.flush()
        done = subprocess.run([PEER, HERE / "_presidio.py", file.name], capture_output=True, text=True, check=True)
    came = json.loads(done.stdout)
    return [[Finding(PRESIDIO.get(kind) or kind_of(kind), a, b, 1.0) for kind, a, b in spans]
            for spans in came["spans"]], came["cpu_s"]


def timed(looks: Sequence[Any], texts: Sequence[str]) -> tuple[list[list[Finding]], float]:
    for look in looks:
        look(texts[0])
    begun = time.process_time()
    found = [list(winners(f for look in looks for f in look(text))) for text in texts]
    return found, time.process_time() - begun


def judged(rows: Sequence[Mapping[str, Any]], found: Sequence[Sequence[Finding]]) -> dict[str, Counts]:
    """Hits, misses and wrong findings by entity, places and addresses as one."""
    labelled = {SAME.get(k, k) for row in rows for k in (kind_of(s["label"]) for s in row["spans"])}
    out: dict[str, Counts] = {}
    for row, findings in zip(rows, found, strict=True):
        spans = [{**s, "label": "place" if kind_of(s["label"]) in SAME else s["label"]} for s in row["spans"]]
        mine = [Finding(SAME.get(f.kind, f.kind), f.start, f.end, f.score) for f in findings]
        for kind, one in compare({**row, "spans": spans}, mine, labelled).items():
            out[kind] = out.get(kind, Counts()) + one
    return out


def f2(counts: Iterable[Counts]) -> float:
    return sum(counts, Counts()).f(2) or 0.0


def personal() -> None:
    """The table of personal data, by entity, and the texts a CPU-second."""
    rows = [r for r in read("pii", DATA / "pii_spans.jsonl") if r["source"] == SET]
    texts = [r["text"] for r in rows]
    ours, spent = timed([Pii().look, Names(NAMED).look], texts)
    _, forms = timed([Pii().look], texts)
    peer = presidio(texts)
    mine, theirs = judged(rows, ours), judged(rows, peer[0]) if peer else {}
    print(f"\nPersonal data: {SET}, {len(rows)} texts, F2 by entity (ours: names were fitted on this set)")
    print(f"{'':20}{'labelled':>10}{'ours':>8}{'Presidio':>10}")
    for kind in sorted({*mine, *theirs}, key=lambda k: (k not in FORMS, k)):
        n = (mine.get(kind) or Counts()) + Counts()
        limit = TARGETS.get(kind, USUAL) if kind in FORMS else None
        verdict = "" if limit is None else f"  target {limit:.2f}: {'met' if (n.f(2) or 0) >= limit else 'NOT MET'}"
        other = f"{f2([theirs[kind]]):10.3f}" if kind in theirs else f"{'-':>10}"
        print(f"{kind:20}{n.hit + n.missed:10}{n.f(2) or 0:8.3f}{other}{verdict}")
    lines = [("forms", [k for k in mine if k in FORMS]), ("all", list({*mine, *theirs}))]
    for name, kinds in lines:
        peers = f"{f2(theirs.get(k, Counts()) for k in kinds):10.3f}" if peer else f"{'-':>10}"
        print(f"{name:20}{'':10}{f2(mine.get(k, Counts()) for k in kinds):8.3f}{peers}")
    rates = f"forms {len(texts) / forms:,.0f} texts a CPU-second, forms and names {len(texts) / spent:,.0f}"
    if peer:
        rates += f", Presidio {len(texts) / peer[1]:,.0f}: {peer[1] / forms:.0f}x and {peer[1] / spent:.1f}x"
    print(rates if peer else f"{rates} (Presidio is not there: sh bench/peers.sh)")


def main() -> None:
    if not DATA.is_dir():
        print("no evaluation data: set BONGSU_EVAL_DATA to the folder that holds it")
        return
    personal()


if __name__ == "__main__":
    main()
