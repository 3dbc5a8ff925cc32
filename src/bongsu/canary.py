"""A new version against the one before it: more traffic while it is not worse, all of it back when it is.

The canary begins with a small share. It is looked at again and again; the looks of a step are numbered k = 1, 2, …, and
look k errs with probability alpha / (k (k + 1)) at most, which adds up to alpha however many looks there are (a union
bound; without it, looking often enough rolls any canary back). It is rolled back when the interval of the difference
(canary - base) lies on the worse side and reaches beyond the margin; it goes a step up when a step's time is over and
the interval at the confidence as written stays within the margin (non-inferiority). Neither happens before both
versions have ``min_events`` of this step.

Of a ratio, the interval is Newcombe's hybrid score interval (R. Newcombe, Interval estimation for the difference
between independent proportions, 1998, method 10). Of a mean, it is normal over batches, one a base window: the ratio
estimator's linearised variance (W. Cochran, Sampling Techniques, 1977, ch. 6), which holds for what is alike within a
window too; quantiles are Student's with the degrees of freedom of the smaller arm, by Cornish and Fisher's expansion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Literal

from bongsu.quantity import MINUTE, Duration, show_share

LOOKS = 5
"""Looks in the time of a step."""
MIN_BATCHES = 10
"""Base windows of a mean that each version must have been asked in."""


@dataclass(frozen=True)
class Canary:
    """``of`` is tried against ``base``, by a ``signal``; more of it is worse, unless ``worse`` says ``lower``.

    ``steps`` are the shares of traffic it gets one after the other, each for ``promote_after`` at least. ``margin`` is
    how much worse it may be: of a ratio in points, of a mean as a share of the base's.
    """

    of: str
    base: str
    signal: str = field(metadata={"ref": "signals"})
    steps: tuple[Fraction, ...] = (Fraction(1, 20), Fraction(1, 4), Fraction(1, 2), Fraction(1))
    promote_after: Duration = Duration(30 * MINUTE)
    min_events: int = 200
    margin: Fraction = Fraction(1, 100)
    confidence: Fraction = Fraction(95, 100)
    worse: Literal["higher", "lower"] = "higher"

    def __post_init__(self) -> None:
        if not self.steps or self.steps[-1] != 1:
            came = show_share(self.steps[-1]) if self.steps else "none"
            raise ValueError(f"steps: expected a last step of 100%, came {came}")
        for i, (a, b) in enumerate(zip((Fraction(0), *self.steps), self.steps, strict=False)):
            if not a < b:
                raise ValueError(f"steps[{i}]: expected shares that grow, came {show_share(b)} after {show_share(a)}")
        if not Fraction(1, 2) <= self.confidence < 1:
            raise ValueError(f"confidence: expected 50% or more and below 100%, came {show_share(self.confidence)}")
        if self.promote_after <= 0:
            raise ValueError("promote_after: expected a duration above zero, came 0")
        if self.min_events < 1:
            raise ValueError("min_events: expected one or more, came 0")


@dataclass(frozen=True)
class Stage:
    """Where a canary stands: at which step since when, and how often it was looked at there."""

    step: int = 0
    since: int = 0
    looks: int = 0
    state: Literal["running", "promoted", "rolled_back"] = "running"
    why: str = ""


@dataclass(frozen=True)
class Rates:
    """A version's events and the bad ones among them."""

    bad: int
    events: int


@dataclass(frozen=True)
class Means:
    """A version's sums a base window: (what is summed, what it is divided by)."""

    batches: tuple[tuple[Fraction, Fraction], ...]
    events: int


@dataclass(frozen=True)
class Interval:
    """Of the difference canary - base, from ``low`` to ``high``; ``scale`` is what a margin is a share of."""

    low: float
    high: float
    scale: float = 1.0


Arm = Rates | Means


def weights(canary: Canary, step: int) -> dict[str, int]:
    """How calls are spread at a step, in whole hundredths of a percent at most.

    >>> weights(Canary("v2", "v1", "errors"), 0), weights(Canary("v2", "v1", "errors"), 3)
    ({'v1': 95, 'v2': 5}, {'v2': 100})
    """
    share = canary.steps[step]
    whole = 100 if (share * 100).denominator == 1 else 10_000
    mine = max(1, round(share * whole))
    return {canary.base: whole - mine, canary.of: mine} if mine < whole else {canary.of: 100}


def _wilson(bad: int, n: int, z: float) -> tuple[float, float]:
    p = bad / n
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (p + z * z / (2 * n) - half) / (1 + z * z / n), (p + z * z / (2 * n) + half) / (1 + z * z / n)


def newcombe(a: Rates, b: Rates, alpha: float) -> Interval:
    """The two-sided interval of a's rate less b's; wrong with probability ``alpha`` at most, nearly.

    >>> found = newcombe(Rates(56, 70), Rates(48, 80), 0.05)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    z = NormalDist().inv_cdf(1 - alpha / 2)
    p, q = a.bad / a.events, b.bad / b.events
    (low_p, high_p), (low_q, high_q) = _wilson(a.bad, a.events, z), _wilson(b.bad, b.events, z)
    return Interval(p - q - sqrt((p - low_p) ** 2 + (high_q - q) ** 2),
                    p - q + sqrt((high_p - p) ** 2 + (q - low_q) ** 2))


def _ratio(batches: Sequence[tuple[Fraction, Fraction]]) -> tuple[float, float]:
    """The mean over batches, and its variance."""
    per = sum((p for _, p in batches), Fraction(0))
    mean = sum((s for s, _ in batches), Fraction(0)) / per
    left = sum(((s - mean * p) ** 2 for s, p in batches), Fraction(0))
    k = len(batches)
    return float(mean), float(left * k / (k - 1) / per**2)


def student(confidence: float, freedom: int) -> float:
    """Student's two-sided quantile, by the first terms of its expansion around the normal one.

    >>> round(student(0.95, 20), 3), round(student(0.95, 9), 3)
    (2.086, 2.262)
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return z + terms[0] / freedom + terms[1] / freedom**2 + terms[2] / freedom**3


def batch_means(a: Means, b: Means, alpha: float) -> Interval | None:
    """The two-sided interval of a's mean less b's; None where too few windows tell of it."""
    arms = [[one for one in arm.batches if one[1]] for arm in (a, b)]
    if min(map(len, arms)) < MIN_BATCHES or any(not sum(p for _, p in arm) for arm in arms):
        return None
    (mean, variance), (other, others) = map(_ratio, arms)
    half = student(1 - alpha, min(map(len, arms)) - 1) * sqrt(variance + others)
    return Interval(mean - other - half, mean - other + half, abs(other))


def difference(canary: Arm, base: Arm, alpha: float) -> Interval | None:
    if isinstance(canary, Rates) and isinstance(base, Rates):
        return newcombe(canary, base, alpha) if canary.events and base.events else None
    if isinstance(canary, Means) and isinstance(base, Means):
        return batch_means(canary, base, alpha)
    raise TypeError("expected two arms of one kind")


def due(canary: Canary, stage: Stage, now: int) -> int:
    """The number of the look that is due now; no larger than that of the last look if none is."""
    return (now - stage.since) * LOOKS // canary.promote_after


def judge(canary: Canary, stage: Stage, of: Arm, base: Arm, now: int) -> Stage:
    """Look: the stage as it is after it. Its ``why`` says what was seen, also where nothing moves."""
    look = due(canary, stage, now)
    if stage.state != "running" or look <= stage.looks:
        return stage
    stage = replace(stage, looks=look)
    if min(of.events, base.events) < canary.min_events:
        return replace(stage, why=f"{of.events} events of {canary.of} and {base.events} of {canary.base}, "
                                  f"{canary.min_events} of each are needed")
    alpha, sign = float(1 - canary.confidence), 1 if canary.worse == "higher" else -1
    wide, plain = (difference(of, base, a) for a in (alpha / (look * (look + 1)), alpha))
    if wide is None or plain is None:
        return replace(stage, why=f"fewer than {MIN_BATCHES} base windows with data of each")
    margin = float(canary.margin) * plain.scale
    best, worst = sorted((sign * wide.low, sign * wide.high))
    if best > 0 and worst > margin:
        return replace(stage, state="rolled_back", why=_said(canary, wide, "is worse"))
    if max(sign * plain.low, sign * plain.high) > margin:
        return replace(stage, why=_said(canary, plain, "cannot be told yet"))
    if look < LOOKS:
        return replace(stage, why=_said(canary, plain, "is not worse so far"))
    why = _said(canary, plain, "is not worse")
    if stage.step + 1 >= len(canary.steps) - 1:
        return Stage(len(canary.steps) - 1, now, 0, "promoted", why)
    return Stage(stage.step + 1, now, 0, "running", why)


def _said(canary: Canary, interval: Interval, verdict: str) -> str:
    return (f"{canary.of} {verdict}: {canary.signal} of {canary.of} less that of {canary.base} is between "
            f"{interval.low:.4g} and {interval.high:.4g}, margin {float(canary.margin) * interval.scale:.4g}")


def leading(weights_: Mapping[str, int]) -> str:
    """The version that most calls are of; the first where several are.

    >>> leading({"v1": 75, "v2": 25})
    'v1'
    """
    return max(weights_, key=lambda name: weights_[name], default="")
