"""From a file to a report: the one call that a program, the command line and the benchmark share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bongsu.evaluation.judges import JUDGES
from bongsu.evaluation.picture import Points, curves
from bongsu.evaluation.rows import by_source, read
from bongsu.evaluation.spans import evaluate_pii
from bongsu.evaluation.tally import POOLED, evaluate
from bongsu.ports import Finding

KINDS = ("pii", *JUDGES)
PERSONAL = ("pii", "names")
"""The checks that look for personal data: what has a form, and what has none."""


def report(kind: str, path: Path, threshold: float | None = None,
           checks: tuple[str, ...] = PERSONAL) -> dict[str, Any]:
    """The figures of a check on a file of yours. ``threshold`` is in place of the check's own; personal data are looked
    for by ``checks``.

    Raises ``RowsError`` where the file is not as documented.
    """
    rows = read(kind, path)
    if kind == "pii":
        return evaluate_pii(str(path), rows, personal(threshold, checks))
    return evaluate(kind, str(path), rows, JUDGES[kind](threshold))


def personal(threshold: float | None, checks: tuple[str, ...]) -> Callable[[str], Sequence[Finding]]:
    """What these checks find together, each place read as one thing."""
    from bongsu.checks.names import KINDS as NAMED
    from bongsu.checks.names import Names
    from bongsu.checks.pii import Pii
    from bongsu.overlap import winners

    forms, names = (Pii(), Names(NAMED)) if threshold is None else (Pii(least=threshold), Names(NAMED, threshold))
    chosen = [{"pii": forms.look, "names": names.look}[name] for name in checks]
    return lambda text: winners(finding for look in chosen for finding in look(text))


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
