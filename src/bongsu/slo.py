"""Cells judged: objective, error budget, burn rate, coverage.

Exact arithmetic throughout: with floats a budget that is spent to the last request reads 8.9e-16 left and opens the
deploy gate. Budgets are counted from occurrences, never as an average of ratios: a quiet night would weigh as
much as a busy day.

Source of the burn-rate method and of the 30-day factors: Google, The Site Reliability Workbook (2018), chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Literal

from bongsu.cell import Cells
from bongsu.quantity import DAY, HOUR, MINUTE, Duration

Severity = Literal["page", "ticket"]


@dataclass(frozen=True)
class Objective:
    """At least ``target`` of a signal's events are good over a rolling ``window``.

    ``signal`` is the key of a signal whose vector has the parts ``bad`` and ``total``. ``created`` is when the
    objective came to life: it is not judged on time before that.
    """

    name: str
    signal: str
    target: Fraction
    window: Duration
    created: int = 0

    @property
    def allowed(self) -> Fraction:
        """Share of events that may be bad."""
        return 1 - self.target


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


def significant(bad: int, total: int, target: Fraction, min_bad: int) -> bool:
    """Whether so many bad ones are more than bad luck on little traffic.

    True if ``bad >= min_bad`` and either there are 100 events or P(X >= bad | n=total, p=1-target) < 1/1000.
    """
    if bad < min_bad:
        return False
    return total >= 100 or tail(bad, total, 1 - target) < Fraction(1, 1000)


def tail(k: int, n: int, p: Fraction) -> Fraction:
    """Binomial tail P(X >= k), exact.

    >>> round(float(tail(1, 10, Fraction(1, 1000))), 5), f"{float(tail(3, 10, Fraction(1, 100))):.2e}"
    (0.00996, '1.14e-04')
    """
    return sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), Fraction(0))


def counts(cells: Cells, objective: Objective, now: int, window: Duration) -> tuple[int, int]:
    """(bad, total) over a window that ends now."""
    vector = cells.vector(objective.signal, *cells.window(now, window))
    return vector.get("bad", 0), vector.get("total", 0)


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

    @property
    def current(self) -> Fraction | None:
        """Share of good events over the objective's window."""
        return 1 - Fraction(self.budget.bad, self.budget.total) if self.budget.total else None


def standing(cells: Cells, objective: Objective, now: int, watermark: int) -> Standing:
    """Judge one objective."""
    bad, total = counts(cells, objective, now, objective.window)
    burns: dict[Duration, Fraction | None] = {}
    for pair in pairs(objective.window):
        for window in (pair.long, pair.short):
            if window not in burns:
                burns[window] = burn(*counts(cells, objective, now, window), objective.target)
    return Standing(
        objective,
        Budget(total, bad, objective.target),
        burns,
        coverage(objective.created, watermark, now, objective.window),
        warmth(objective.created, watermark, objective.window) < 1,
    )
