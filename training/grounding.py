# ruff: noqa: T201 (it prints its report)
"""Fits the weights of the ``grounding`` check: see README.md beside it for how to run it.

Reads ``rag_hallucination.jsonl`` of the evaluation data (BONGSU_EVAL_DATA), writes
``src/bongsu/checks/grounding.json``, and with ``--report`` prints what the check does on sources that the fit did not
see. ``--check`` compares instead of writing, ``--dry`` does neither.

Fitted on BEGIN alone (CC BY 4.0): the other sources are share-alike, or MIT as collections but made of texts under
other licences, so they only judge.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import minimize

from bongsu.checks.grounding import Weights, whole
from bongsu.checks.grounding_map import FEATURES, features, ground, sentences
from bongsu.evaluation.measure import auc, auc_interval

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/bongsu/checks/grounding.json"
DATA = Path(os.environ.get("BONGSU_EVAL_DATA", HERE.parents[1] / "shared" / "data"))
TAUGHT = ("begin_wow",)
SAME = 0.5  # how strongly weights are drawn to one another: what one source rewards, another may not
FOLDS = 5


class Rows:
    """Each answer as the features of its claims."""

    def __init__(self) -> None:
        text = (DATA / "rag_hallucination.jsonl").read_text(encoding="utf-8")
        self.rows = [json.loads(line) for line in text.split("\n") if line]
        self.label = np.array([r["label"] for r in self.rows])
        self.source = np.array([r["source"] for r in self.rows])
        self.claims = [self._claims(r["answer"], r["context"]) for r in self.rows]
        self.mixed = np.array([(c.max(0) + c.mean(0)) / 2 for c in self.claims])
        self.fold = np.array([int(hashlib.sha256(r["group"].encode()).hexdigest(), 16) % FOLDS for r in self.rows])

    @staticmethod
    def _claims(answer: str, context: str) -> np.ndarray:
        base = ground([context])
        return np.array([features(answer[a:b], base) for a, b in sentences(answer)] or [[0.0] * len(FEATURES)])

    def distances(self, weights: np.ndarray) -> np.ndarray:
        return np.array([whole([float(d) for d in c @ weights]) for c in self.claims])

    def auc(self, scores: np.ndarray, source: str, use: np.ndarray | None = None) -> tuple[float, int, int]:
        mine = (self.source == source) & (True if use is None else use)
        high, low = scores[mine & (self.label == 1)].tolist(), scores[mine & (self.label == 0)].tolist()
        return auc(high, low) or 0.0, len(high), len(low)


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A logistic regression whose weights are not negative and drawn to their mean; both labels weigh the same."""
    scale = np.maximum(x.std(0), 0.1)
    z = x / scale
    share = np.where(y == 1, 1 / (y == 1).sum(), 1 / (y == 0).sum())

    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-(z @ b[:-1] + b[-1])))
        apart = b[:-1] - b[:-1].mean()
        value = -(share * (y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))).sum() + SAME * (apart**2).sum()
        return float(value), np.r_[z.T @ (share * (p - y)) + 2 * SAME * apart, (share * (p - y)).sum()]

    bounds = [(0, None)] * x.shape[1] + [(None, None)]
    found = minimize(loss, np.r_[np.full(x.shape[1], 0.3), 0.0], jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x[:-1] / scale


def calibrated(distances: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and cut of the logistic curve through the distances (Platt, 1999), both labels weighing the same."""
    share = np.where(y == 1, 1 / (y == 1).sum(), 1 / (y == 0).sum())

    def loss(b: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(b[0] * distances + b[1])))
        return float(-(share * (y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))).sum())

    slope, bias = minimize(loss, np.array([1.0, -2.0]), method="Nelder-Mead").x
    return float(slope), float(-bias / slope)


def report(rows: Rows, weights: np.ndarray, unseen: np.ndarray, known: Weights) -> None:
    """Beside the share of an answer's words that are not in its context."""
    def missing(row: dict[str, str]) -> float:
        said, there = (set(re.findall(r"\w+", row[key].lower())) for key in ("answer", "context"))
        return 1 - len(said & there) / max(1, len(said))

    overlap = np.array([missing(r) for r in rows.rows])
    scores = rows.distances(weights)
    print(f"{'':22}{'rows':>6}{'overlap':>9}{'ours':>8}   95 %            found    false alarms (support < 0.5)")
    for source in dict.fromkeys(rows.source):
        mine = unseen if source in TAUGHT else scores
        value, high, low = rows.auc(mine, source)
        flagged = np.array([known.support(float(d)) < 0.5 for d in mine])
        at = rows.source == source
        bounds = auc_interval(value, high, low)
        print(f"{source:22}{at.sum():6}{rows.auc(overlap, source)[0]:9.3f}{value:8.3f}   "
              f"{bounds[0]:.3f}..{bounds[1]:.3f}  {flagged[at & (rows.label == 1)].mean():8.1%}"
              f"{flagged[at & (rows.label == 0)].mean():12.1%}")
    other = fit(rows.mixed[rows.source == "halueval_qa_sample"], rows.label[rows.source == "halueval_qa_sample"])
    print(f"begin_wow with weights fitted on halueval_qa_sample: {rows.auc(rows.distances(other), 'begin_wow')[0]:.3f}")


def main() -> None:
    rows = Rows()
    taught = np.isin(rows.source, TAUGHT)
    unseen = np.zeros(len(rows.rows))
    for fold in range(FOLDS):
        held = taught & (rows.fold == fold)
        unseen[held] = rows.distances(fit(rows.mixed[taught & ~held], rows.label[taught & ~held]))[held]
    weights = np.round(fit(rows.mixed[taught], rows.label[taught]), 4)
    slope, cut = calibrated(unseen[taught], rows.label[taught])
    told = "\n".join(sorted(r["id"] for r, t in zip(rows.rows, taught, strict=True) if t))
    data = {"weights": dict(zip(FEATURES, weights.tolist(), strict=True)), "cut": round(cut, 3),
            "slope": round(slope, 3), "rows": int(taught.sum()), "data": hashlib.sha256(told.encode()).hexdigest()}
    if "--report" in sys.argv:
        report(rows, weights, unseen, Weights(tuple(weights.tolist()), data["cut"], data["slope"]))
    text = json.dumps(data, indent=1) + "\n"
    if "--check" in sys.argv:
        raise SystemExit(0 if TARGET.read_text(encoding="utf-8") == text else "grounding.json: the fit gives others")
    if "--dry" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
