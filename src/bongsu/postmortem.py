"""What one incident took of an error budget, and whether it must be written up.

An incident that takes more than a fifth of the budget of four weeks calls for a postmortem: the policy that Google, The
Site Reliability Workbook (2018), appendix B, proposes. The budget is that of the four weeks that end now (of the
objective's whole window, where that is shorter); what the incident took are the bad events from the beginning of the
window that its alert was judged by until it cleared. Exact; just a fifth is not more than a fifth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from bongsu.alert import Burn, Rule
from bongsu.cell import Cells, Labels
from bongsu.incident import Incident
from bongsu.quantity import DAY, Duration, show_share
from bongsu.slo import MIN_BAD, Objective, significant, sliced

FOUR_WEEKS = Duration(28 * DAY)
MOST = Fraction(1, 5)


@dataclass(frozen=True)
class Debt:
    """A postmortem that is due: the incident took ``share`` of the objective's budget when it was noticed."""

    incident: str
    objective: str
    share: Fraction


def about(rule: Rule, objectives: Iterable[Objective]) -> list[Objective]:
    """The objectives that an alert's incidents are charged to: its own, or those made of its signal."""
    if rule.nodata:
        return []
    if isinstance(rule.when, Burn):
        return [rule.when.objective]
    return [one for one in objectives if one.signal == rule.when.signal.key]


def share(bad: int, total: int, target: Fraction) -> Fraction | None:
    """How much of the budget of ``total`` events so many bad ones are; None where there is no budget.

    >>> share(2, 1000, Fraction(99, 100))
    Fraction(1, 5)
    """
    allowed = (1 - target) * total
    return Fraction(bad) / allowed if allowed else None


def taken(cells: Cells, objective: Objective, rule: Rule, incident: Incident, now: int,
          members: Iterable[Labels] | None = None) -> Fraction | None:
    """The share of the budget that the incident took; None where that is nothing, or may be bad luck.

    ``members`` are the label values it is about, where it is about some of them only.
    """
    period = min(FOUR_WEEKS, objective.reach)
    begin, end = max(incident.opened - _reach(rule), now - period), incident.cleared or now
    if objective.slices is not None:
        lived = sliced(cells, objective, objective.slices, now - period, now)
        bad = sliced(cells, objective, objective.slices, begin, end).bad
        return share(bad, period // objective.slices.every - lived.excluded, objective.target) if bad else None
    first, last = begin // cells.base * cells.base, cells.window(end, 0)[1]
    seen = cells.vector(objective.signal, first, last, members)
    bad = seen.get("bad", 0)
    if not significant(bad, seen.get("total", 0), objective.target, MIN_BAD["ticket"]):
        return None
    whole = cells.vector(objective.signal, *cells.window(now, period))
    return share(bad, whole.get("total", 0), objective.target)


def _reach(rule: Rule) -> int:
    """How long before it fired an alert may have seen what it fired about."""
    when = rule.when
    return rule.hold + (min(pair.long for pair in when.pairs) if isinstance(when, Burn) else when.delay + when.over)


def sentence(incident: str, objective: str, most: Fraction) -> str:
    """What people are told."""
    return (f"incident {incident} took more than {show_share(most)} of four weeks' error budget of {objective}: "
            "a postmortem is due")
