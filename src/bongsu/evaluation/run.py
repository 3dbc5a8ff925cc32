"""From a file to a report: the one call that a program, the command line and the benchmark share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bongsu.evaluation.guarded import Supports, judge_of, looks
from bongsu.evaluation.judges import JUDGES, Judged
from bongsu.evaluation.picture import Points, curves
from bongsu.evaluation.rows import Row, by_source, read
from bongsu.evaluation.spans import evaluate_pii
from bongsu.evaluation.tally import POOLED, evaluate
from bongsu.guard import Guard
from bongsu.offline.chosen import GuardError, ready
from bongsu.ports import Finding

KINDS = ("pii", *JUDGES)
PERSONAL = ("pii", "names")
"""The checks that look for personal data: what has a form, and what has none."""


class Evaluated(NamedTuple):
    """A report, and the ROC curve of each source that has one; none for places of personal data."""

    report: dict[str, Any]
    curves: dict[str, Points]


def report(kind: str, path: Path, threshold: float | None = None, checks: tuple[str, ...] = PERSONAL) -> dict[str, Any]:
    """The figures of our own check on a file of yours. ``threshold`` is in place of the check's own; personal data are
    looked for by ``checks``.

    Raises ``RowsError`` where the file is not as documented.
    """
    return evaluated(kind, path, threshold, checks).report


def evaluated(kind: str, path: Path, threshold: float | None = None, checks: tuple[str, ...] = PERSONAL,
              guards: Sequence[Guard] = (), asked: Supports | None = None) -> Evaluated:
    """The same with the curves; of ``guards`` of a policy in place of our own checks, where there are any.

    Personal data are looked for by all of them together, anything else is judged by one. ``asked`` is who gives the
    verdict of a guard that asks others (``bongsu.app.trial``). Raises ``RowsError``, ``GuardError``.
    """
    rows = read(kind, path)
    guards = [guard if asked else ready(guard) for guard in guards]
    if kind == "pii":
        found = looks(guards, threshold) if guards else personal(threshold, checks)
        return Evaluated({**evaluate_pii(str(path), rows, found), **_named(guards)}, {})
    if len(guards) > 1:
        raise GuardError(f"--guard: expected one for {kind!r}, came {', '.join(g.name for g in guards)}")
    judge = judge_of(kind, guards[0], threshold, asked) if guards else JUDGES[kind](threshold)
    told, judged = evaluate(kind, str(path), rows, judge, time.perf_counter_ns if asked else time.thread_time_ns)
    return Evaluated({**told, **_named(guards), **({"asked": len(rows)} if asked else {})}, _drawn(kind, rows, judged))


def _named(guards: Sequence[Guard]) -> dict[str, list[str]]:
    return {"guards": [guard.name for guard in guards]} if guards else {}


def personal(threshold: float | None, checks: tuple[str, ...]) -> Callable[[str], Sequence[Finding]]:
    """What these checks find together, each place read as one thing."""
    from bongsu.checks.names import KINDS as NAMED
    from bongsu.checks.names import Names
    from bongsu.checks.pii import Pii
    from bongsu.overlap import winners

    forms, names = (Pii(), Names(NAMED)) if threshold is None else (Pii(least=threshold), Names(NAMED, threshold))
    chosen = [{"pii": forms.look, "names": names.look}[name] for name in checks]
    return lambda text: winners(finding for look in chosen for finding in look(text))


def _drawn(kind: str, rows: Sequence[Row], judged: Sequence[Judged]) -> dict[str, Points]:
    scores = [one.score for one in judged]
    harmless = [s for s, row in zip(scores, rows, strict=True) if not row["label"] and s is not None]
    scored = {}
    for name, at in by_source(list(rows)):
        high = [s for i in at if rows[i]["label"] and (s := scores[i]) is not None]
        low = [s for i in at if not rows[i]["label"] and (s := scores[i]) is not None]
        scored[name] = (high, harmless if kind in POOLED and not low else low)
    return curves(scored)
