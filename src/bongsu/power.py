"""From how many events on a threshold can be proven: what an alert could see, said before it sees anything.

Each kind says what a window of so many events would show that has a given value (``foretold``), and the alert's own
condition judges that. So this is no second set of formulas: what fires is what is asked. A distance has chance's own
law (of PSI, (1/n + 1/m) chi-square: B. Yurdakul, 2018), so enough events prove one just above its threshold. An
estimate has an interval about it, which never lies wholly beyond a threshold that its middle hardly passes: of it the
number is said that proves twice the threshold, or half of it where less is an alarm; where that is no farther (twice
0 %), the middle between the threshold and the worst.

A quantile is beyond a value where the share of events beyond it is large enough, by the same binomial law, so it is
asked as that share. Of a mean, or a mean error, nothing can be said before events come: it rests on how far they are
spread. What has come says it: an interval is as much narrower as the root of the events is larger (W. Cochran, Sampling
Techniques, 3rd ed. 1977, sections 4.7 and 6.3).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Protocol, runtime_checkable

from bongsu.aggregate import Evidence
from bongsu.alert import Threshold, looks
from bongsu.moments import FEWEST
from bongsu.ports import Sli, Timed

MOST = 1 << 40
"""What so many events do not prove none do."""
JUST = Fraction(1, 10**6)
"""So much more than a threshold is just above it, as a share of it."""
STEPS = 40


@runtime_checkable
class Foretold(Protocol):
    """A kind that knows what it would show."""

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        """The values that are as far beyond a threshold as can be: below it, and above it if there is an end."""
        ...

    def foretold(self, value: float, n: int, looks: int = 1) -> Evidence:
        """What a window of ``n`` events shows that has this value, or about it."""
        ...


@runtime_checkable
class Ranked(Protocol):
    """A kind whose value is beyond a threshold where a share of its events is."""

    def as_share(self) -> tuple[Sli, Fraction]:
        """That share, of what is above a value, and above how much of it the kind's own value is."""
        ...


@dataclass(frozen=True)
class Power:
    """``events`` prove a value of ``at``; fewer than ``least`` prove none, however far off. None: no number does.

    ``near``: ``at`` is just beyond the threshold. With ``few`` events, the smallest sample that is judged at all, only
    values beyond ``from_few`` are proven (None: nothing is, or so is all that is beyond the threshold).
    """

    at: Fraction
    events: int | None
    least: int | None
    near: bool
    few: int
    from_few: Fraction | None


def power(rule: Threshold) -> Power | None:
    """What a threshold can prove; None where no proof is asked for, or its kind cannot say."""
    sli = rule.signal.sli.during(rule.over) if isinstance(rule.signal.sli, Timed) else rule.signal.sli
    if rule.sure and isinstance(sli, Ranked):
        share, enter = sli.as_share()
        return power(replace(rule, signal=replace(rule.signal, sli=share), enter=enter))
    if not rule.sure or not isinstance(sli, Foretold):
        return None

    def proves(n: int, value: Fraction) -> bool:
        return rule.holds(sli.foretold(float(value), n, looks(rule.over)))

    worst = _worst(rule, sli)
    if sli.foretold(float(worst), MOST, looks(rule.over)).value is None:
        return None
    near = rule.enter * (1 + JUST if rule.op[0] == ">" else 1 - JUST)
    distance = sli.foretold(float(near), 1000).low is None
    at = near if distance else _twice(rule, sli.ends[1], worst)
    most = rule.volume or MOST
    least = _least(lambda n: proves(n, worst), most)
    few = max([rule.min_events, *(int(getattr(sli, name, 0)) for name in ("min_events", "min_labels")), least or 1])
    from_few = None
    if distance and least is not None and not proves(few, near):
        from_few = _nearest(lambda value: proves(few, value), near, worst)
    return Power(rule.enter if distance else at, _least(lambda n: proves(n, at), most), least, distance, few, from_few)


def spread(rule: Threshold, found: Evidence) -> tuple[Fraction, int] | None:
    """A value twice as far off, and about how many events prove it that are spread as those found are.

    None where no proof is asked for, and where nothing found says how far that is.
    """
    if not rule.sure or found.value is None or found.low is None or found.high is None or found.insufficient:
        return None
    at = rule.enter / 2 if (rule.op[0] == ">") == (rule.enter < 0) else 2 * rule.enter  # -5, too: -2.5 is above it
    reach = found.value - found.low if rule.op[0] == ">" else found.high - found.value
    if at == rule.enter or reach <= 0:
        return None
    return at, max(FEWEST, ceil(found.n * (reach / (at - rule.enter)) ** 2))


def _worst(rule: Threshold, sli: Foretold) -> Fraction:
    """As far beyond a threshold as can be: a share ends at 0 and 1, and a distance has no end worth a name."""
    low, top = sli.ends
    if rule.op[0] == "<":
        return low if low < rule.enter else Fraction(0)
    return top if top is not None and rule.enter < top else rule.enter * 1000 + 1


def _twice(rule: Threshold, top: Fraction | None, worst: Fraction) -> Fraction:
    """Twice as far from where nothing is wrong, at most half-way to the worst: 5 % and 10 %, 95 % and 90 %.

    Half-way to it where that is the threshold itself: of 0 %, and of less than 100 %.
    """
    enter = rule.enter
    if rule.op[0] == ">":
        at = 2 * enter if top is None else min(2 * enter, (enter + worst) / 2)
    else:
        at = enter / 2 if top is None else max(enter / 2, top - 2 * (top - enter))
    return at if at != enter and (at > worst or rule.op[0] == ">") else (enter + worst) / 2


def _least(proves: Callable[[int], bool], most: int) -> int | None:
    """The fewest events that do; a few more or less, where events come whole."""
    if not proves(most):
        return None
    high = 1
    while high < most and not proves(high):
        high = min(most, 2 * high)
    low = high // 2
    return low + 1 + bisect_left(range(low + 1, high), True, key=proves)


def _nearest(proves: Callable[[Fraction], bool], near: Fraction, worst: Fraction) -> Fraction | None:
    """The value nearest to the threshold that is proven."""
    if not proves(worst):
        return None
    low, high = near, worst
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if proves(middle) else (middle, high)
    return high
