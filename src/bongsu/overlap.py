"""Findings that overlap: what is masked is all that they cover, what a text is read as is the surest.

A number may read as a phone and, with the digits before it, as an account. Whoever counts kinds wants one of them;
whoever masks must leave nothing of either.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bongsu.ports import Finding


def resolve(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in order of place, none overlapping, that cover every character the given ones cover.

    Those that overlap, in a chain too, become one over all their characters, so that nothing of a loser stays. Its
    kind is the winner's: what is withheld before what has a token, then the surer, the longer, the earlier.

    >>> [(f.kind, f.start, f.end) for f in resolve([Finding("phone", 0, 8, .5), Finding("card", 4, 20, 1.0),
    ...                                             Finding("email", 20, 40)])]
    [('card', 0, 20), ('email', 20, 40)]
    """
    out: list[Finding] = []
    winner, end = None, 0
    for f in sorted(findings, key=lambda f: (f.start, -f.end, f.kind, f.score, f.instead)):
        if winner is None or f.start >= end:
            winner, end = f, f.end
            out.append(f)
            continue
        winner, end = max(winner, f, key=_weight), max(end, f.end)  # of equals the first, which begins earlier
        out[-1] = replace(winner, start=out[-1].start, end=end)
    return tuple(out)


def _weight(f: Finding) -> tuple[bool, float, int]:
    return bool(f.instead), f.score, f.end - f.start


def winners(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in order of place, none overlapping, each as it was found: what a text is read as, for those who count
    kinds. What is masked is more (``resolve``). The surer wins, then the longer, then the earlier.

    >>> [f.kind for f in winners([Finding("phone", 0, 8, .5), Finding("card", 4, 20, 1.0), Finding("email", 30, 40)])]
    ['card', 'email']
    """
    starts: list[int] = []
    taken: list[Finding] = []  # in order of place, none overlapping: only the last that begins before an end can
    for f in sorted(findings, key=lambda f: (-f.score, f.start - f.end, f.start, f.kind)):
        at = bisect_left(starts, f.end)
        if not at or taken[at - 1].end <= f.start:
            starts.insert(at, f.start)
            taken.insert(at, f)
    return tuple(taken)


def outstanding(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Winners, and of the others those that stand out of them: together they cover what all of them cover.

    >>> [f.kind for f in outstanding([Finding("age", 5, 7), Finding("phone", 0, 8, .5), Finding("card", 4, 20)])]
    ['phone', 'card']
    """
    best = winners(findings)
    if len(best) == len(findings):
        return best
    starts = [f.start for f in best]

    def hidden(f: Finding) -> bool:
        at, reached = max(bisect_right(starts, f.start) - 1, 0), f.start
        while at < len(best) and best[at].start <= reached < f.end:
            reached, at = max(reached, best[at].end), at + 1
        return reached >= f.end

    return tuple(sorted({*best, *(f for f in findings if not hidden(f))}, key=lambda f: (f.start, -f.end, f.kind)))
