"""How well our checks find what they are for, beside naive ways of finding it. Part of ``python bench/guards.py``.

Reads the labelled evaluation data (BONGSU_EVAL_DATA) and says so where there is none. By source, nothing pooled.
Injection: the packaged weights have seen some of these sources (training/README.md has the table of unseen ones), and
length alone is what any check must beat. Grounding: the share of the answer's words that are not in its context.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bongsu.evaluation.judges import JUDGES
from bongsu.evaluation.measure import auc
from bongsu.evaluation.report import lines
from bongsu.evaluation.rows import by_source, read
from bongsu.evaluation.run import report

DATA = Path(os.environ.get("BONGSU_EVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
FILES = (("injection", "guard_prompts.jsonl"), ("injection", "indirect_injection.jsonl"),
         ("grounding", "rag_hallucination.jsonl"), ("toxicity", "toxicity_ko.jsonl"), ("code", "secure_code.jsonl"))


def overlap(row: Mapping[str, Any]) -> float:
    said, there = (set(re.findall(r"\w+", row[key].lower())) for key in ("answer", "context"))
    return 1 - len(said & there) / max(1, len(said))


NAIVE: dict[str, tuple[str, Callable[[Mapping[str, Any]], float]]] = {
    "injection": ("length", lambda row: float(len(row["text"]))), "grounding": ("overlap of words", overlap),
    "toxicity": ("length", lambda row: float(len(row["text"])))}


def beside(kind: str, path: Path) -> None:
    """AUC by source: the naive way, then ours."""
    if kind not in NAIVE:
        return
    name, naive = NAIVE[kind]
    rows, judge = read(kind, path), JUDGES[kind](None)
    judged = [(row, score) for row in rows if (score := judge(row).score) is not None]  # both on the same rows
    rows, scored = [row for row, _ in judged], [(naive(row), score) for row, score in judged]
    harmless = [i for i, row in enumerate(rows) if not row["label"]]
    for source, at in by_source(rows):
        high = [i for i in at if rows[i]["label"]]
        low = [i for i in at if not rows[i]["label"]] or (harmless if kind == "injection" else [])
        values = [auc([scored[i][k] for i in high], [scored[i][k] for i in low]) for k in (0, 1)]
        if values[0] is not None and values[1] is not None:
            print(f"  AUC {source:32} {name} {values[0]:.3f}, ours {values[1]:.3f}")


def main() -> None:
    if not DATA.is_dir():
        print("no evaluation data: set BONGSU_EVAL_DATA to the folder that holds it")
        return
    for kind, name in FILES:
        path = DATA / name
        if path.is_file():
            found = report(kind, path)
            print("\n".join(lines({**found, "file": name})))
            beside(kind, path)


if __name__ == "__main__":
    main()
