"""Which rhythm a series has: that of a week, of a day, or none worth the while.

Decided once, on a recorded past, and then written into the policy: a baseline that changed by itself would be another
signal without saying so. Each candidate predicts the later windows of the past from the earlier ones as ``kind:
anomaly`` would, by a median; a season is chosen where its mean absolute error is at least a fifth less than that
without one, a week where it is that much better than a day. Without three seasons of past none is considered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Season = Literal["none", "day", "week"]
DAYS: Mapping[Season, int] = {"day": 1, "week": 7}
BACK = 4
PAST_DAYS = 3
FEWEST, MOST = 24, 288
WORTH = 0.8
"""What a season's error is at most, as a share of that without it."""
FEWEST_WINDOWS = 24
"""Windows that both must have predicted before one is chosen over the other."""


@dataclass(frozen=True)
class Choice:
    """The ``season``; ``errors`` are of each considered its error as a share of that of the one chosen before it, on
    the same windows. Shorter seasons, which need less past, come first."""

    season: Season
    errors: Mapping[Season, float]
    windows: int


def choose(values: Sequence[float | None], per_day: int) -> Choice:
    """The season of windows in order, ``per_day`` of them a day; None where a window has no value.

    >>> choose([float(i % 24 < 12) * 10 + i % 5 for i in range(24 * 14)], 24).season
    'day'
    >>> choose([float(i) for i in range(24 * 28)], 24).season
    'none'
    """
    chosen: Season = "none"
    best = _predicted(values, range(1, min(MOST, max(FEWEST, PAST_DAYS * per_day)) + 1))
    errors: dict[Season, float] = {}
    for name, days in DAYS.items():
        length = days * per_day
        if per_day < 2 or len(values) < 3 * length:
            continue
        seasonal = _predicted(values, [k * length + near for k in range(1, BACK + 1) for near in (-1, 0, 1)])
        both = [(abs(x - a), abs(x - b)) for x, a, b in zip(values, best, seasonal, strict=True)
                if x is not None and a is not None and b is not None]
        without = sum(a for a, _ in both)
        if len(both) < FEWEST_WINDOWS or not without:
            continue
        errors[name] = sum(b for _, b in both) / without
        if errors[name] <= WORTH:
            chosen, best = name, seasonal
    return Choice(chosen, errors, len(values))


def _predicted(values: Sequence[float | None], shifts: Sequence[int]) -> list[float | None]:
    """The median of the values so many windows before each; None where fewer than half of them have any."""
    out: list[float | None] = []
    for i in range(len(values)):
        past = [x for shift in shifts if i >= shift and (x := values[i - shift]) is not None]
        out.append(median(past) if 2 * len(past) >= len(shifts) else None)
    return out
