"""Cells judged: objective, error budget, burn rate, coverage.

Exact arithmetic throughout: with floats a budget that is spent to the last request reads 8.9e-16 left and opens the
deploy gate. Budgets are counted from occurrences, never as an average of ratios: a quiet night would weigh as
much as a busy day.

Source of the burn-rate method and of the 30-day factors: Google, The Site Reliability Workbook (2018), chapter 5.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import Literal

from bongsu.aggregate import Evidence
from bongsu.cell import Cells
from bongsu.period import LONGEST, Calendar
from bongsu.ports import Sli, Timed
from bongsu.quantity import DAY, HOUR, MINUTE, Duration

Severity = Literal["page", "ticket"]
Operator = Literal[">", ">=", "<", "<="]
OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
OPPOSITE: Mapping[Operator, Operator] = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def beyond(found: Evidence, op: Operator, limit: Fraction, sure: bool = True) -> bool:
    """Whether a value is beyond a limit; where it must be ``sure``, so is the near end of its interval, if it has one,
    and it is significant.

    >>> found = Evidence(Fraction(3, 10), low=Fraction(1, 10))
    >>> beyond(found, ">", Fraction(2, 10)), beyond(found, ">", Fraction(2, 10), sure=False)
    (False, True)
    """
    if found.value is None or found.insufficient or not OPERATORS[op](found.value, limit):
        return False
    if not sure or (found.low is None and found.high is None):
        return found.significant or not sure
    end = found.low if op[0] == ">" else found.high
    return end is not None and found.significant and OPERATORS[op](end, limit)


@dataclass(frozen=True)
class Slices:
    """How a gauge is budgeted: time is cut into slices of ``every``, each good if its value ``op`` ``limit``.

    ``nodata`` says what a slice without a value is: left out (which lowers coverage), bad, or good.
    """

    sli: Sli
    every: Duration
    op: Operator
    limit: Fraction
    nodata: Literal["exclude", "bad", "good"] = "exclude"


@dataclass(frozen=True)
class Objective:
    """At least ``target`` of a signal's events (or of its time slices) are good over a window.

    ``signal`` is the key of a signal; without ``slices`` its vector has the parts ``bad`` and ``total``. The window is
    rolling, or that of ``calendar``, in which case ``window`` is its nominal length. ``created`` is when the objective
    came to life: it is not judged on time before that. Without ``gate`` it does not decide about deploys. ``weight`` is
    how much it counts where the service's objectives are shown together.
    """

    name: str
    signal: str
    target: Fraction
    window: Duration
    created: int = 0
    calendar: Calendar | None = None
    slices: Slices | None = None
    gate: bool = True
    weight: int = 1

    @property
    def allowed(self) -> Fraction:
        """Share of events that may be bad."""
        return 1 - self.target

    @property
    def reach(self) -> int:
        """How far back events can matter."""
        return self.window if self.calendar is None else LONGEST[self.calendar.unit]


@dataclass(frozen=True)
class Budget:
    """What an error budget stands at. ``consumed`` and ``remaining`` are None while nothing was counted."""

    total: int
    bad: int
    target: Fraction

    @property
    def consumed(self) -> Fraction | None:
        return Fraction(self.bad) / ((1 - self.target) * self.total) if self.total else None

    @property
    def remaining(self) -> Fraction | None:
        """May be negative: a budget can be overdrawn, and it is shown."""
        return None if self.consumed is None else 1 - self.consumed

    @property
    def exhausted(self) -> bool:
        return self.total > 0 and self.bad >= (1 - self.target) * self.total


def burn(bad: int, total: int, target: Fraction) -> Fraction | None:
    """How many times faster than allowed the budget is spent: (bad/total) / (1-target). Undefined without events.

    >>> burn(1, 1000, Fraction(95, 100))
    Fraction(1, 50)
    """
    # In whole numbers: a fraction is brought to its lowest terms once, not at every step.
    return Fraction(bad * target.denominator, total * (target.denominator - target.numerator)) if total else None


@dataclass(frozen=True)
class Pair:
    """One multi-window burn alert: ``share`` of the budget within ``long`` (confirmed by ``short`` = long/12)."""

    long: Duration
    short: Duration
    share: Fraction
    severity: Severity

    def factor(self, period: Duration) -> Fraction:
        """The burn above which this share of a ``period``'s budget is gone within ``long``."""
        return Fraction(self.share.numerator * period, self.share.denominator * self.long)


# Workbook table 5-8 (rows 1, 2, 4) with Sloth's 1d/2h row; the factors for 30 days are 14.4, 6, 3 and 1.
PAIRS_30D = (
    Pair(HOUR, Duration(5 * MINUTE), Fraction(2, 100), "page"),
    Pair(Duration(6 * HOUR), Duration(30 * MINUTE), Fraction(5, 100), "page"),
    Pair(DAY, Duration(2 * HOUR), Fraction(10, 100), "ticket"),
    Pair(Duration(3 * DAY), Duration(6 * HOUR), Fraction(10, 100), "ticket"),
)
# A 7-day budget with copied 30-day factors pages too late; these shares are Sloth's (13.44, 3.5, 1.4, 0.98).
PAIRS_7D = tuple(
    Pair(p.long, p.short, Fraction(share, 1000), p.severity)
    for p, share in zip(PAIRS_30D, (80, 125, 200, 420), strict=True)
)


def pairs(period: Duration) -> tuple[Pair, ...]:
    """The default table for a budget period; windows longer than the period make no sense in it and are left out.

    For periods under a day the windows are the 30-day ones, scaled (a demo lives on minutes).
    """
    if period >= 14 * DAY:
        return PAIRS_30D
    if period >= DAY:
        return tuple(p for p in PAIRS_7D if p.long < period)
    month = 30 * DAY
    scaled = (Pair(Duration(p.long * period // month), Duration(p.short * period // month), p.share, p.severity)
              for p in PAIRS_30D)
    return tuple(p for p in scaled if p.short > 0)


def reachable(factor: Fraction, target: Fraction) -> bool:
    """Whether any error rate up to 100 % can exceed the factor: 14.4 never can at a 90 % target."""
    return factor.numerator * (target.denominator - target.numerator) < factor.denominator * target.denominator


def reachable_factor(factor: Fraction, target: Fraction) -> Fraction:
    """The factor, or 90 % of the most that can burn, where the factor cannot be reached."""
    return factor if reachable(factor, target) else Fraction(9, 10) / (1 - target)


MIN_BAD: dict[Severity, int] = {"page": 3, "ticket": 2}


def fitted(pair: Pair, base: Duration, every: Duration | None = None) -> Pair | None:
    """The pair with windows that have something in them; None where it could never fire.

    A window shorter than a base window would always be empty, so it is rounded up to whole ones. Of time slices it
    counts only those that lie wholly in it: a short window of less than two may hold none, and a long one holds enough
    bad ones for its severity only if it is that many long and one more.

    >>> hourly = [fitted(p, MINUTE, HOUR) for p in PAIRS_30D]
    >>> [(p.long // HOUR, p.short // HOUR) for p in hourly if p]
    [(6, 2), (24, 2), (72, 6)]
    """
    long, short = (Duration(-(-w // base) * base) for w in (pair.long, pair.short))
    if every is not None:
        short = max(short, Duration(2 * every))
        if long < (MIN_BAD[pair.severity] + 1) * every or short > long:
            return None
    return replace(pair, long=long, short=short)


def shown_pairs(objective: Objective, base: Duration) -> tuple[Pair, ...]:
    """The default table of an objective in whole base windows, without the rows that its slices are too long for.

    >>> hour = Objective("available", "failures", Fraction(99, 100), HOUR)
    >>> [(p.long // 10**6, p.short // 10**6) for p in shown_pairs(hour, Duration(10**6))]
    [(5, 1), (30, 3), (120, 10), (360, 30)]
    """
    every = objective.slices.every if objective.slices else None
    return tuple(filter(None, (fitted(p, base, every) for p in pairs(objective.window))))


def significant(bad: int, total: int, target: Fraction, min_bad: int) -> bool:
    """Whether so many bad ones are more than bad luck on little traffic.

    True if ``bad >= min_bad`` and either there are 100 events or P(X >= bad | n=total, p=1-target) < 1/1000.
    """
    if bad < min_bad:
        return False
    return total >= 100 or tail(bad, total, 1 - target) < Fraction(1, 1000)


@lru_cache(maxsize=4096)
def tail(k: int, n: int, p: Fraction) -> Fraction:
    """Binomial tail P(X >= k), exact. Remembered: between two events every tick asks the same.

    >>> round(float(tail(1, 10, Fraction(1, 1000))), 5), f"{float(tail(3, 10, Fraction(1, 100))):.2e}"
    (0.00996, '1.14e-04')
    """
    good, bad = p.denominator - p.numerator, p.numerator  # whole numbers, brought to lowest terms once
    return Fraction(sum(comb(n, i) * bad**i * good ** (n - i) for i in range(k, n + 1)), p.denominator**n)


def counts(cells: Cells, objective: Objective, now: int, window: Duration) -> tuple[int, int]:
    """(bad, total) over a window that ends now: events, or slices that have ended."""
    if objective.slices is not None:
        seen = sliced(cells, objective, objective.slices, now - window, now)
        return seen.bad, seen.bad + seen.good
    vector = cells.vector(objective.signal, *cells.window(now, window))
    return vector.get("bad", 0), vector.get("total", 0)


@dataclass(frozen=True)
class Sliced:
    """How many slices of a span were good, bad, and without a value (and so left out)."""

    good: int
    bad: int
    excluded: int


def sliced(cells: Cells, objective: Objective, slices: Slices, begin: int, end: int) -> Sliced:
    """Judge every slice that lies wholly in [begin, end) and in the objective's life."""
    good = bad = excluded = 0
    start = -(-max(begin, objective.created) // slices.every) * slices.every
    while start + slices.every <= end:
        sli = slices.sli
        if isinstance(sli, Timed):
            sli = sli.during(cells.covered(start, start + slices.every))
        found = sli.evidence(cells.slice(objective.signal, start, slices.every))
        start += slices.every
        unknown = found.value is None or found.insufficient
        sure = slices.sli.proof == "always"  # a budget counts what came, estimates too
        bad_one = beyond(found, OPPOSITE[slices.op], slices.limit, sure)
        verdict = slices.nodata if unknown else "bad" if bad_one else "good"
        good, bad, excluded = good + (verdict == "good"), bad + (verdict == "bad"), excluded + (verdict == "exclude")
    return Sliced(good, bad, excluded)


def budget(cells: Cells, objective: Objective, now: int) -> tuple[Budget, Fraction]:
    """The budget now, and the share of its slices that had a value (1 where there are no slices).

    A rolling window ends now; a calendar one began at its boundary. A budget of slices is that of the whole window:
    (1 - target) of all its slices may be bad, less those left out.
    """
    begin, end = (now - objective.window, now) if objective.calendar is None else objective.calendar.span(now)
    if objective.slices is None:
        if objective.calendar is None:
            bad, total = counts(cells, objective, now, objective.window)
            return Budget(total, bad, objective.target), Fraction(1)
        vector = cells.vector(objective.signal, begin, cells.window(now, Duration(0))[1])
        return Budget(vector.get("total", 0), vector.get("bad", 0), objective.target), Fraction(1)
    seen = sliced(cells, objective, objective.slices, begin, min(now, end))
    lived = seen.good + seen.bad + seen.excluded
    if not seen.good + seen.bad:
        return Budget(0, 0, objective.target), Fraction(1 if not lived else 0)
    total = (end - begin) // objective.slices.every - seen.excluded
    return Budget(total, seen.bad, objective.target), Fraction(lived - seen.excluded, lived)


def projected(budget: Budget, calendar: Calendar, now: int) -> Fraction | None:
    """What a calendar budget will have consumed at its end if traffic goes on as so far and nothing more goes bad.

    Shown beside what is consumed to date; the gate looks at the latter.
    """
    begin, end = calendar.span(now)
    if budget.consumed is None or now <= begin:
        return None
    return budget.consumed * Fraction(now - begin, end - begin)


def warmth(created: int, watermark: int, window: Duration) -> Fraction:
    """Share of a window that has been lived through and seen. Below one half, the window does not vote."""
    return Fraction(max(0, min(watermark - created, window)), window)


def coverage(created: int, watermark: int, now: int, window: Duration) -> Fraction:
    """Share of the time since creation (at most the window) that the watermark has passed.

    An idle service is covered; a stalled pipeline is not.
    """
    begin = max(created, now - window)
    if now <= begin:
        return Fraction(1)
    return max(Fraction(0), Fraction(min(watermark, now) - begin, now - begin))


@dataclass(frozen=True)
class Standing:
    """An objective now: its budget, the burn over each alerting window, and how much of it has been seen."""

    objective: Objective
    budget: Budget
    burn: dict[Duration, Fraction | None]
    coverage: Fraction
    warming: bool
    projected: Fraction | None = None

    @property
    def current(self) -> Fraction | None:
        """Share of good events over the objective's window."""
        return 1 - Fraction(self.budget.bad, self.budget.total) if self.budget.total else None


def standing(cells: Cells, objective: Objective, now: int, watermark: int) -> Standing:
    """Judge one objective."""
    spent, seen = budget(cells, objective, now)
    burns: dict[Duration, Fraction | None] = {}
    for pair in shown_pairs(objective, Duration(cells.base)):
        for window in (pair.long, pair.short):
            if window not in burns:
                burns[window] = burn(*counts(cells, objective, now, window), objective.target)
    return Standing(
        objective,
        spent,
        burns,
        seen * coverage(objective.created, watermark, now, objective.window),
        warmth(objective.created, watermark, objective.window) < 1,
        projected(spent, objective.calendar, now) if objective.calendar else None,
    )
