# ruff: noqa: T201 (it prints its report)
"""The injection check beside naive ways, all by the same rules as ``injection.py --report`` (README.md).

Each source of attacks is scored by models that saw none of it, each harmless prompt by models that saw nothing of
its source. The naive ways: a logistic regression over a text's runs of two to four characters, and its length.
Trigger words: Dolly's sensitive prompts, which no model has seen, at the cut that one in a hundred other harmless
prompts passes.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import injection
import numpy as np
from injection import ATTACKS, DATA, HARMLESS, Row, Table, echoes
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bongsu.evaluation.measure import auc

LONGEST = 4000
"""Characters of a text that the naive way reads: it costs as much as all else."""
FALSE_ALARMS = 0.01
Scores = np.ndarray
Fit = Callable[[np.ndarray], Scores]
"""Which rows may be learned from -> a score for every row."""


def sensitive() -> list[Row]:
    lines = (DATA / "guard_prompts.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [r for line in lines if line and (r := json.loads(line))["source"].startswith("dolly")]
    return [Row(r["text"], 0, "trigger words", "en", "trigger") for r in rows]


def characters(rows: list[Row]) -> Fit:
    found = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True, max_features=60_000)
    x = found.fit_transform([row.text[:LONGEST] for row in rows])
    y = np.array([row.label for row in rows])

    def fit(taught: np.ndarray) -> Scores:
        model = LogisticRegression(C=10, class_weight="balanced", solver="liblinear", tol=0.01, max_iter=50)
        model.fit(x[taught], y[taught])
        return x @ model.coef_[0]

    return fit


def ours(table: Table) -> Fit:
    def fit(taught: np.ndarray) -> Scores:
        coef, bias = table.fit(taught)
        return table.heard(table.x @ coef + bias)

    return fit


def unseen(rows: list[Row], attacks: set[str], fit: Fit) -> Scores:
    """As ``injection.unseen``, for any way of learning."""
    groups, label = np.array([r.group for r in rows]), np.array([r.label for r in rows])
    taught = np.array([r.taught and r.group != "trigger words" for r in rows]) & ~echoes(rows, attacks)
    out = np.zeros(len(rows))
    for fold in HARMLESS:
        held = (label == 0) & np.isin(groups, sorted(fold))
        scores = fit(taught & ~held)
        apart = (label == 1) | (groups == "trigger words")
        out += np.where(held, scores, 0) + np.where(apart, scores / len(HARMLESS), 0)
    return out


def main() -> None:
    rows = injection.corpus() + sensitive()
    table = Table(rows)
    odds = injection.planted(rows, injection.pieces(rows))
    lengths = np.array([float(len(row.text)) for row in rows])
    ways: dict[str, Fit] = {"ours": ours(table), "characters": characters(rows), "length": lambda _: lengths}
    areas: dict[str, dict[str, list[float]]] = {}
    flagged: dict[str, list[float]] = {}
    for name, fit in ways.items():
        for attacks in ATTACKS:
            scores = unseen(rows, attacks, fit)
            if name == "ours":  # the calibration is a part of it, and so are hidden tasks
                scores, _ = injection.calibrated(table, scores, odds)
            low = [s for s, row in zip(scores, rows, strict=True) if row.prompt and row.group != "writingbench"]
            cut = np.quantile(low, 1 - FALSE_ALARMS)
            flagged.setdefault(name, []).append(
                float(np.mean([s >= cut for s, r in zip(scores, rows, strict=True) if r.kind == "trigger"])))
            for source in sorted(attacks):
                high = [s for s, r in zip(scores, rows, strict=True) if r.label and r.group == source]
                if high and (area := auc(high, low)) is not None:
                    whole = "cyberseceval" if source.startswith("cse ") else source
                    areas.setdefault(whole, {}).setdefault(name, []).extend([area] * len(high))
    print(f"{'AUC, source not seen':30}" + "".join(f"{name:>12}" for name in ways))
    for source, by in sorted(areas.items()):
        print(f"{source:30}" + "".join(f"{np.mean(by[name]):12.3f}" for name in ways))
    print(f"{'mean':30}" + "".join(f"{np.mean([np.mean(by[name]) for by in areas.values()]):12.3f}" for name in ways))
    print(f"{'trigger words flagged at 1 %':30}" + "".join(f"{np.mean(flagged[name]):12.1%}" for name in ways))


if __name__ == "__main__":
    main()
