"""Scores and labels -> the figures of a report, by source and in the mean over sources.

One label alone says nothing of precision or AUC, so they are null there, with one exception: attacks and harmless
prompts mostly come from different sources, so for injection the AUC of a source of attacks is against all harmless
rows of the file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bongsu.evaluation.judges import Judge, Judged
from bongsu.evaluation.measure import Counts, auc, auc_interval, mean, quantile, recall_at, wilson
from bongsu.evaluation.rows import Row, by_source

Timer = Callable[[], int]
T = TypeVar("T")
POOLED = frozenset(("injection",))
"""Kinds whose sources of attacks are held against all harmless rows of the file."""
FALSE_ALARMS = 0.01
MEANT = ("auc", "precision", "recall", "f1", "f2", "flagged", "false_alarms")


def timed(judge: Callable[[Row], T], rows: Sequence[Row],
          timer: Timer = time.thread_time_ns) -> tuple[list[T], list[int]]:
    """What the judge makes of each row, and the nanoseconds each took.

    Where processor time is counted the first row is judged once beforehand, so that loading is not counted; who is
    asked over the network is asked once a row.
    """
    if timer is time.thread_time_ns:
        judge(rows[0])
    out, took = [], []
    for row in rows:
        begun = timer()
        out.append(judge(row))
        took.append(timer() - begun)
    return out, took


def speed(took: Sequence[int], sizes: Sequence[int]) -> dict[str, float | None]:
    """Milliseconds a row, and 10^6 bytes of UTF-8 a second."""
    half, most = quantile(took, 0.5) or 0, quantile(took, 0.99) or 0
    spent = sum(took)
    return {"p50_ms": round(half / 1e6, 4), "p99_ms": round(most / 1e6, 4),
            "mb_per_s": round(sum(sizes) / 1e6 / (spent / 1e9), 3) if spent else None}


def evaluate(kind: str, file: str, rows: Sequence[Row], judge: Judge,
             timer: Timer = time.thread_time_ns) -> tuple[dict[str, Any], list[Judged]]:
    """The report as JSON, ``{kind, file, n, by_source, macro, time}``, and what it rests on."""
    judged, took = timed(judge, rows, timer)
    labels = [int(row["label"]) for row in rows]
    harmless = [j.score for j, y in zip(judged, labels, strict=True) if not y and j.score is not None]
    parts = {name: _part(kind, [judged[i] for i in at], [labels[i] for i in at], harmless)
             for name, at in by_source(list(rows))}
    out: dict[str, Any] = {"kind": kind, "file": file, "n": len(rows), "by_source": parts, "macro": macro(parts)}
    if kind in POOLED:
        attacks = [j.score for j, y in zip(judged, labels, strict=True) if y and j.score is not None]
        out["macro"]["recall_at_1pct"] = _round(recall_at(attacks, harmless, FALSE_ALARMS))
    return {**out, "time": speed(took, [j.size for j in judged])}, judged


def macro(parts: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """The mean of each figure over the sources where it is defined; rows of large sources weigh no more."""
    return {name: _round(mean(part.get(name) for part in parts.values())) for name in MEANT}


def _part(kind: str, judged: Sequence[Judged], labels: Sequence[int], harmless: Sequence[float]) -> dict[str, Any]:
    """Figures of one source."""
    n, positives = len(judged), sum(labels)
    hit = sum(j.flagged for j, y in zip(judged, labels, strict=True) if y)
    flagged = sum(j.flagged for j in judged)
    both = 0 < positives < n
    counts = Counts(hit, positives - hit, flagged - hit)
    high = [j.score for j, y in zip(judged, labels, strict=True) if y and j.score is not None]
    low = [j.score for j, y in zip(judged, labels, strict=True) if not y and j.score is not None]
    against = harmless if kind in POOLED and positives == n else low
    area = auc(high, against)
    out: dict[str, Any] = {
        "n": n, "positives": positives, "auc": _round(area),
        "precision": _round(counts.precision) if both else None, "recall": _round(counts.recall),
        "f1": _round(counts.f(1)) if both else None, "f2": _round(counts.f(2)) if both else None,
        "flagged": _round(flagged / n),
        "false_alarms": _round((flagged - hit) / (n - positives)) if positives < n else None,
        "interval": {"auc": _pair(auc_interval(area, len(high), len(against)) if area is not None else None),
                     "recall": _pair(wilson(hit, positives)), "flagged": _pair(wilson(flagged, n)),
                     "false_alarms": _pair(wilson(flagged - hit, n - positives))}}
    if unjudged := sum(j.score is None and not j.failed for j in judged):
        out["not_judged"] = unjudged
    if failed := Counter(j.failed for j in judged if j.failed):
        out |= {"failed": failed.total(), "failures": dict(failed.most_common())}
    return out


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _pair(value: tuple[float, float] | None) -> list[float] | None:
    return None if value is None else [round(value[0], 4), round(value[1], 4)]
