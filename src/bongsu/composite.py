"""The objectives of one service seen together: how many are kept, which stands worst, what is spent of them all.

A view for people, never a verdict: an overdrawn budget beside an untouched one is still overdrawn, so the gate and the
alerts judge each objective on its own. Three numbers, since any one alone can hide something:

    worst      the objective with the least of its own budget left
    within     how many objectives have not spent theirs, of those that have events
    consumed   sum of weight x share of the budget consumed, divided by the sum of the weights

Budgets are averaged as shares, not as events: 1 % of a million requests and 10 % of a hundred would not add up to
anything that was promised. An objective without events is in none of the three; one of weight 0 is left out wholly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from bongsu.slo import Standing


@dataclass(frozen=True)
class Composite:
    """``objectives`` weigh, ``known`` of them have events, ``within`` of those have budget left.

    ``worst`` names the one with the least left, ``worst_remaining``; of equals the first of the policy. ``consumed`` is
    above 1 where together they are overdrawn. Without events these are empty and None.
    """

    objectives: int
    known: int
    within: int
    worst: str
    worst_remaining: Fraction | None
    consumed: Fraction | None

    @property
    def remaining(self) -> Fraction | None:
        """Share of the budgets that is left, weighted; negative where overdrawn."""
        return None if self.consumed is None else 1 - self.consumed

    @property
    def share(self) -> Fraction | None:
        """Share of the objectives with events that are within budget."""
        return Fraction(self.within, self.known) if self.known else None


def composite(standings: Iterable[Standing]) -> Composite:
    """All of them together, exactly.

    >>> from bongsu.slo import Budget, Objective
    >>> def judged(name, target, weight):
    ...     goal = Objective(name, "failures", Fraction(target), 1, weight=weight)
    ...     return Standing(goal, Budget(1000, 20, goal.target), {}, Fraction(1), False)
    >>> both = composite([judged("strict", "99/100", 1), judged("loose", "90/100", 3)])
    >>> both.worst, both.worst_remaining, both.share, both.consumed
    ('strict', Fraction(-1, 1), Fraction(1, 2), Fraction(13, 20))
    """
    weighing = [s for s in standings if s.objective.weight]
    spent = [(s, used) for s in weighing if (used := s.budget.consumed) is not None]
    if not spent:
        return Composite(len(weighing), 0, 0, "", None, None)
    worst, most = max(spent, key=lambda one: one[1])
    weight = sum(s.objective.weight for s, _ in spent)
    return Composite(
        objectives=len(weighing), known=len(spent), within=sum(not s.budget.exhausted for s, _ in spent),
        worst=worst.objective.name, worst_remaining=1 - most,
        consumed=sum((s.objective.weight * used for s, used in spent), Fraction(0)) / weight)
