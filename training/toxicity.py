# ruff: noqa: T201 (it prints its report)
"""Trains the Korean weights of the ``toxicity`` check: see README.md beside it for how to run it.

Reads ``toxicity_ko.jsonl`` and harmless Korean texts of the evaluation data (BONGSU_EVAL_DATA), writes
``src/bongsu/checks/sharealike/toxicity_ko.weights``, and with ``--report`` prints what the check finds. ``--check``
compares instead of writing, ``--dry`` does neither.

The data is share-alike, so the weights are too: a file of their own, with attribution and the same licence.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from bongsu.checks.toxicity import Toxicity, pack
from bongsu.checks.toxicity_map import SIZE, enough, features
from bongsu.evaluation.measure import auc

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/bongsu/checks/sharealike/toxicity_ko.weights"
DATA = Path(os.environ.get("BONGSU_EVAL_DATA", HERE.parents[1] / "shared" / "data"))
STRENGTH = 3.0  # inverse regularisation
PLAIN = 0.2  # weight of a harmless text that is no comment
PLAIN_ROWS = 1000  # of each source of them
SHARE = 0.03  # of harmless comments that the training had not seen: where the score is 0.5
FOLDS = 5


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line]


def matrix(texts: list[str]) -> sp.csr_matrix:
    sets = [sorted(features(text)) for text in texts]
    at = np.cumsum([0] + [len(s) for s in sets])
    values = np.concatenate([np.full(len(s), 1 / math.sqrt(len(s) or 1)) for s in sets])
    return sp.csr_matrix((values, np.concatenate([np.array(s, np.int32) for s in sets]), at), shape=(len(sets), SIZE))


def fold_of(key: str) -> int:
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % FOLDS


def fit(x: sp.csr_matrix, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=1e-3, max_iter=200)
    model.fit(x, y, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


def plain() -> list[tuple[str, str]]:
    """Harmless Korean texts that are no comments: (source, text)."""
    chat = "songys_chatbot_ko"
    found = [(chat, r["text"]) for r in read("guard_prompts.jsonl") if r["source"] == chat]
    news = sorted((r["id"], r["text"]) for r in read("pii_spans.jsonl") if r["source"] == "klue_ner_dev")
    groups = [("kobbq_test", f"{r['context']} {r['question']} {' '.join(r['choices'])}")
              for r in read("bias_probes.jsonl")]  # who is spoken of must not count against a text
    return found + [("klue_ner_dev", text) for _, text in news[:PLAIN_ROWS]] + groups


def report(rows: list[dict[str, Any]], others: list[tuple[str, str]], scores: np.ndarray, cut: float) -> None:
    """Of what the trained part had not seen: every row is scored by weights that were trained without its part."""
    n = len(rows)
    texts = [r["text"] for r in rows] + [text for _, text in others]
    scores = np.where([enough(text) for text in texts], scores, -np.inf)  # as the check does
    words = Toxicity(trained=False)
    lexicon = [words.score(r["text"]) for r in rows]
    flagged = (scores[:n] >= cut) | np.array([s >= words.threshold for s in lexicon])
    toxic = np.array([r["label"] == 1 for r in rows])
    both = [max(a, 1 / (1 + math.exp(min(50.0, cut - b)))) for a, b in zip(lexicon, scores[:n].tolist(), strict=True)]
    for name, values in (("words alone", lexicon), ("words and weights", both)):
        found = auc([v for v, t in zip(values, toxic, strict=True) if t],
                    [v for v, t in zip(values, toxic, strict=True) if not t])
        print(f"{name:20} AUC {found:.3f}")
    for kind in ("toxic_hate", "toxic_offensive", "benign"):
        at = np.array([r["kind"] == kind for r in rows])
        print(f"{kind:20}{at.sum():6}  flagged {flagged[at].mean():.1%}, by words alone "
              f"{np.mean([lexicon[i] >= words.threshold for i in np.flatnonzero(at)]):.1%}")
    seen = Counter(source for source, _ in others)
    hits = Counter(source for (source, _), s in zip(others, scores[n:], strict=True) if s >= cut)
    for source, total in seen.items():
        print(f"{source:20}{total:6}  flagged by the weights {hits[source] / total:.1%}")


def main() -> None:
    rows, others = read("toxicity_ko.jsonl"), plain()
    x = matrix([r["text"] for r in rows] + [text for _, text in others])
    y = np.array([r["label"] for r in rows] + [0] * len(others))
    weight = np.array([1.0] * len(rows) + [PLAIN] * len(others))
    fold = np.array([fold_of(r["id"]) for r in rows] + [fold_of(text) for _, text in others])
    scores = np.zeros(len(y))
    for held in range(FOLDS):
        coef, bias = fit(x[fold != held], y[fold != held], weight[fold != held])
        scores[fold == held] = x[fold == held] @ coef + bias
    comments = scores[: len(rows)][y[: len(rows)] == 0]
    cut, middle = float(np.quantile(comments, 1 - SHARE)), float(np.quantile(comments, 0.5))
    if "--report" in sys.argv:
        report(rows, others, scores, cut)
    coef, bias = fit(x, y, weight)
    scale = float(np.abs(coef).max() / 127)
    told = "\n".join(sorted([f"{r['label']}\t{r['text']}" for r in rows] + [f"0\t{text}" for _, text in others]))
    data = pack({"scale": round(scale, 9), "bias": round(bias, 6), "cut": round(cut, 6), "rows": len(y),
                 "slope": round(math.log(9) / (cut - middle), 6), "licence": "CC BY-SA 4.0",
                 "data": hashlib.sha256(told.encode()).hexdigest()}, np.rint(coef / scale).astype(int).tolist())
    if "--check" in sys.argv:
        raise SystemExit(0 if TARGET.read_bytes() == data else "toxicity_ko.weights: training gives other bytes")
    if "--dry" not in sys.argv:
        TARGET.write_bytes(data)


if __name__ == "__main__":
    main()
