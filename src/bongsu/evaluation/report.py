"""A report in words: one line a source, the macro mean, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_HEAD = ("n", "positives", "auc", "precision", "recall", "f1", "f2", "flagged", "false_alarms")
_WORDS = {"false_alarms": "false al.", "positives": "pos."}


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as a table. Shares are 0..1; ``-`` is undefined; 95 % intervals stand in brackets behind recall."""
    wide = max([len(name) for name in report["by_source"]] + [len(k) for k in report.get("by_entity", ())] + [12])
    yield f"{report['kind']}: {report['n']} rows of {report['file']}"
    yield f"{'':{wide}}" + "".join(f"{_WORDS.get(name, name):>11}" for name in _HEAD) + "  recall 95 %"
    for name, part in report["by_source"].items():
        yield f"{name:{wide}}" + "".join(f"{_cell(part.get(key)):>11}" for key in _HEAD) + _between(part)
        if part.get("not_judged"):
            yield f"{'':{wide}}  {part['not_judged']} rows give the check nothing to judge by"
        for why, n in part.get("failures", {}).items():
            yield f"{'':{wide}}  without a verdict: {n} ({why})"
        if part.get("other_findings"):
            yield f"{'':{wide}}  {part['other_findings']} findings of kinds that this source does not label"
    macro = report["macro"]
    yield f"{'macro':{wide}}" + "".join(f"{_cell(macro.get(key)):>11}" for key in _HEAD)
    if "recall_at_1pct" in macro:
        yield f"recall where 1 % of all harmless rows are flagged: {_cell(macro['recall_at_1pct'])}"
    for name, part in report.get("by_entity", {}).items():
        yield f"{name:{wide}}" + "".join(f"{_cell(part.get(key)):>11}" for key in _HEAD) + _between(part)
    time, clock = report["time"], "time" if report.get("asked") else "processor time"
    yield f"{clock} a row: p50 {time['p50_ms']} ms, p99 {time['p99_ms']} ms; {_cell(time['mb_per_s'])} MB/s"


def _cell(value: float | int | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _between(part: Mapping[str, Any]) -> str:
    bounds = part.get("interval", {}).get("recall")
    return f"  [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""
