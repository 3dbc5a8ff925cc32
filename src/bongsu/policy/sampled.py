"""Which guard's sample the findings that a signal counts are from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bongsu.guard import Guard, attacks
from bongsu.policy.asks import asked
from bongsu.ports import Sli
from bongsu.sampling import Sampled, Sampling
from bongsu.support import Grounds, Judges

FINDINGS = frozenset(("grounding_score", "injection_findings", "pii_findings", "pii_passed",
                      "probing_findings"))
"""Columns that say what guards found."""
DONE = frozenset(("blocked", "blocked_by", "review", "verdicts", "withheld_chars"))
"""Columns that say what was done about it: whoever was not looked at was not blocked either, so they are no sample."""


def estimating(sli: Sli, guards: Iterable[Guard]) -> Sli:
    """An SLI that counts what one guard alone finds, in a sample, with that sample; any other as it is.

    A sample of 100 % is one too, so that calls of a smaller one before it keep their weight.
    Where several guards find the same, one of them in a sample, no weight of an event would be right.
    """
    found = finders(sli, guards)
    if not isinstance(sli, Sampled):
        return sli
    if len(found) != 1 or found[0].sample is None:
        return sli
    return replace(sli, sampling=Sampling(found[0].name, found[0].share))  # type: ignore[type-var]


def finders(sli: Sli, guards: Iterable[Guard]) -> list[Guard]:
    """The guards that find what an SLI counts; none where it counts what was done about it."""
    columns = asked(sli)
    return [] if columns & DONE else [g for g in guards if not g.shadow and fills(g, columns & FINDINGS)]


def fills(guard: Guard, columns: frozenset[str]) -> bool:
    """Whether a guard has a say in any of these columns of an event."""
    if columns & DONE:
        return True
    check = guard.check
    if isinstance(check, Grounds | Judges):
        return "grounding_score" in columns
    personal = guard.act == "tokenise" or check.name == "pii"
    return ((personal and not columns.isdisjoint(("pii_findings", "pii_passed")))
            or ("probing_findings" in columns and check.name == "probing")
            or ("injection_findings" in columns and not personal and attacks(check)))
