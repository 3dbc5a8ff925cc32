"""What a guard of a policy makes of labelled rows: a model of one's own, another threshold, a judge.

A score is how sure the guard is of what it found. So that a curve can be drawn, a check with a ``threshold`` is asked
at the lowest, and a row is flagged from its own threshold on; of any other check only what it finds is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bongsu.evaluation.judges import Judge, Judged
from bongsu.evaluation.rows import Row
from bongsu.guard import Guard
from bongsu.offline.chosen import GuardError, compares
from bongsu.overlap import winners
from bongsu.ports import Check, Finding
from bongsu.support import JudgeError, Support

Supports = Callable[[str, str], Support]
"""(answer, context) -> how far it rests on it. Raises ``JudgeError`` where there is no verdict."""
LEAST = 1e-9


def judge_of(kind: str, guard: Guard, threshold: float | None = None, asked: Supports | None = None) -> Judge:
    """How a guard judges rows of a kind; ``asked`` asks in its stead, where it is others that give the verdict.

    Raises ``GuardError`` where the guard does not judge rows of this kind.
    """
    if compares(guard) != (kind == "grounding"):
        wanted = "holds a reply against its context" if kind == "grounding" else "looks at one text"
        raise GuardError(f"guard {guard.name}: expected one that {wanted} for {kind!r}, came {guard.check.name}")
    if kind == "grounding":
        return _supported(asked or _here(guard), getattr(guard.check, "threshold", 0.5), threshold)
    check, limit = _lowered(guard.check, threshold)

    def judge(row: Row) -> Judged:
        text = f"```{row.get('language') or ''}\n{row['code']}\n```" if kind == "code" else row["text"]
        score = max((f.score for f in check.look(text)), default=0.0)
        return Judged(score, score >= limit, _size(text))

    return judge


def looks(guards: Sequence[Guard], threshold: float | None = None) -> Callable[[str], Sequence[Finding]]:
    """What these guards find together, each place read as one thing. Raises ``GuardError`` as ``judge_of`` does."""
    for guard in guards:
        judge_of("pii", guard)
    checks = [_set(guard.check, threshold) if threshold is not None else guard.check for guard in guards]
    return lambda text: winners(finding for check in checks for finding in check.look(text))


def _supported(supports: Supports, own: float, threshold: float | None) -> Judge:
    """``threshold`` is of how unsupported a reply is, the guard's own of how well."""
    limit = own if threshold is None else 1 - threshold

    def judge(row: Row) -> Judged:
        size = _size(row["context"]) + _size(row["answer"])
        try:
            score = supports(row["answer"], row["context"]).score
        except JudgeError as error:
            return Judged(None, False, size, failed=str(error))
        return Judged(None, False, size) if score is None else Judged(1 - score, score < limit, size)

    return judge


def _here(guard: Guard) -> Supports:
    check: Any = guard.check
    if not hasattr(check, "support"):
        raise GuardError(f"guard {guard.name}: expected somebody to ask in its stead, came nobody; 'bongsu eval' does, "
                         "and bongsu.app.trial in a program")
    return lambda answer, context: check.support(answer, [context] if context.strip() else [])


def _lowered(check: Check, threshold: float | None) -> tuple[Check, float]:
    """The check at its lowest, and the score from which on a row is flagged."""
    setting = _setting(check)
    if not setting:
        return check, LEAST if threshold is None else threshold
    own = getattr(check, setting) if threshold is None else threshold
    return _with(check, setting, LEAST), max(own, LEAST)


def _set(check: Check, threshold: float) -> Check:
    setting = _setting(check)
    if not setting:
        raise GuardError(f"--threshold: expected a check that has one, came {check.name}")
    return _with(check, setting, max(threshold, LEAST))


def _with(check: Any, setting: str, value: float) -> Check:
    changed: Check = replace(check, **{setting: value})
    return changed


def _setting(check: Check) -> str:
    """The setting that says how sure it must be; checks of a package may have none."""
    fields = getattr(check, "__dataclass_fields__", {})
    return next((name for name in ("threshold", "least") if name in fields), "")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
