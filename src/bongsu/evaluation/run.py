"""From a file to a report: the one call that a program, the command line and the benchmark share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bongsu.evaluation.judges import JUDGES
from bongsu.evaluation.picture import Points, curves
from bongsu.evaluation.rows import by_source, read
from bongsu.evaluation.spans import evaluate_pii
from bongsu.evaluation.tally import POOLED, evaluate

KINDS = ("pii", *JUDGES)


def report(kind: str, path: Path, threshold: float | None = None) -> dict[str, Any]:
    """The figures of a check on a file of yours. ``threshold`` is in place of the check's own.

    Raises ``RowsError`` where the file is not as documented.
    """
    rows = read(kind, path)
    if kind == "pii":
        from bongsu.checks.pii import Pii

        return evaluate_pii(str(path), rows, (Pii() if threshold is None else Pii(least=threshold)).look)
    return evaluate(kind, str(path), rows, JUDGES[kind](threshold))


def drawn(kind: str, path: Path) -> dict[str, Points]:
    """The ROC curve of each source that has one; none for places of personal data."""
    if kind == "pii":
        return {}
    rows, judge = read(kind, path), JUDGES[kind](None)
    judged = [judge(row).score for row in rows]
    harmless = [s for s, row in zip(judged, rows, strict=True) if not row["label"] and s is not None]
    scored = {}
    for name, at in by_source(rows):
        high = [s for i in at if rows[i]["label"] and (s := judged[i]) is not None]
        low = [s for i in at if not rows[i]["label"] and (s := judged[i]) is not None]
        scored[name] = (high, harmless if kind in POOLED and not low else low)
    return curves(scored)
