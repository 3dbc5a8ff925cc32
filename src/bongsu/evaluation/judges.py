"""What each kind of check makes of a row: a number, higher for what is to be found, and whether it is flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bongsu.evaluation.rows import Row


class Judged(NamedTuple):
    """A row as its check sees it: ``score`` 0..1 (None: nothing to judge by), ``size`` in UTF-8 bytes. ``failed``
    is why who was asked for a verdict gave none."""

    score: float | None
    flagged: bool
    size: int
    failed: str = ""


Judge = Callable[[Row], Judged]


def injection(threshold: float | None) -> Judge:
    """The learned score; a built-in phrase lifts it into the upper half, as the two guards together would flag it."""
    from bongsu.checks.injection import weights
    from bongsu.checks.pattern import Pattern

    limit = 0.5 if threshold is None else threshold
    phrases, learned = Pattern(), weights()

    def judge(row: Row) -> Judged:
        text = row["text"]
        score = learned.score(text)
        if phrases.look(text):
            score = 0.5 + score / 2
        return Judged(score, score >= limit, len(text.encode("utf-8", "replace")))

    return judge


def grounding(threshold: float | None) -> Judge:
    """How far an answer is from being supported.

    Without a context there is nothing to hold an answer against, so it is not flagged; its score then only says how
    many names and numbers it states.
    """
    from bongsu.checks.grounding import Grounding, unsupported

    check = Grounding() if threshold is None else Grounding(threshold=1 - threshold)

    def judge(row: Row) -> Judged:
        context, answer = row["context"], row["answer"]
        score = unsupported(answer, [context])
        size = len(context.encode("utf-8", "replace")) + len(answer.encode("utf-8", "replace"))
        return Judged(score, bool(context.strip()) and score is not None and 1 - score < check.threshold, size)

    return judge


def toxicity(threshold: float | None) -> Judge:
    """Words of abuse and, for Korean, the learned score."""
    from bongsu.checks.toxicity import Toxicity

    check = Toxicity() if threshold is None else Toxicity(threshold=threshold or 1e-9)

    def judge(row: Row) -> Judged:
        score = check.score(row["text"])
        return Judged(score, score >= check.threshold, len(row["text"].encode("utf-8", "replace")))

    return judge


def code(threshold: float | None) -> Judge:
    """The worst that is known of a piece of code; every weakness counts from 0.4 on, where guards start at 0.7."""
    from bongsu.checks.code import Code
    from bongsu.checks.code_blocks import language

    check, limit = Code(), 0.4 if threshold is None else threshold

    def judge(row: Row) -> Judged:
        text = row["code"]
        score = check.score(text, language(row.get("language") or "", text))
        return Judged(score, score >= limit, len(text.encode("utf-8", "replace")))

    return judge


JUDGES: Mapping[str, Callable[[float | None], Judge]] = {"injection": injection, "grounding": grounding,
                                                         "toxicity": toxicity, "code": code}
"""Kind -> its judge, made with the threshold asked for or, where that is None, with the check's own."""
