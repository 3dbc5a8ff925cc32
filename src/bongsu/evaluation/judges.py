"""What each kind of check makes of a row: a number, higher for what is to be found, and whether it is flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bongsu.evaluation.rows import Row


class Judged(NamedTuple):
    """A row as its check sees it: ``score`` 0..1 (None: nothing to judge by), ``size`` in UTF-8 bytes."""

    score: float | None
    flagged: bool
    size: int


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


JUDGES: Mapping[str, Callable[[float | None], Judge]] = {"injection": injection}
"""Kind -> its judge, made with the threshold asked for or, where that is None, with the check's own."""
