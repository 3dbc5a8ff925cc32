"""Alarm cause -> actions and their state -> residual risk.

An incident lives from the first firing of an alert until its last reversible action is taken back. If the alert fires
again before that, it is the same incident: its actions are still in force, and nobody is told twice.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Literal

from bongsu.alert import Burning, Rule, Threshold, Tier
from bongsu.quantity import NANO, show_duration, show_number, show_share
from bongsu.slo import OPERATORS, Standing

Phase = Literal["open", "cleared", "closed"]
Ends = tuple[Fraction | None, Fraction | None]
NO_ENDS: Ends = (None, None)
"""The ends of an interval: one that has none."""


@dataclass(frozen=True)
class Incident:
    """One storyboard. ``id`` follows from what happened, so a replay names it the same."""

    id: str
    service: str
    alert: str
    labels: tuple[str, ...]
    tier: Tier
    opened: int
    cause: str
    phase: Phase = "open"
    cleared: int | None = None
    closed: int | None = None
    reopened: int = 0


def identify(service: str, alert: str, labels: tuple[str, ...], fired: int) -> str:
    """A short name for an incident, the same wherever and whenever it is computed."""
    digest = sha256("\0".join((service, alert, *labels, str(fired))).encode()).digest()
    return f"INC-{b32encode(digest)[:10].decode()}"


def dedup_key(service: str, alert: str, labels: tuple[str, ...]) -> str:
    """Same for every notice about one alert: no time and no severity, so an escalation updates what is there."""
    key = "/".join(("bongsu", service, alert, *labels))
    return key if len(key) <= 255 else sha256(key.encode()).hexdigest()


def show(value: Fraction | None, unit: str) -> str:
    """A signal's value in the unit people know it by; ``unit`` is ``share``, ``ms``, a currency, or empty."""
    if value is None:
        return "no data"
    if unit == "share":
        return show_share(value)
    if unit == "ms":
        return f"{show_number(value, 1)} ms"
    if unit:
        return f"{show_number(value / NANO, 9)} {unit}"
    return show_number(value)


def spread(low: Fraction | None, high: Fraction | None, unit: str) -> str:
    """An interval in the signal's unit; nothing where there is none.

    >>> spread(Fraction(1, 10), Fraction(1, 8), "share"), spread(Fraction(5), None, ""), spread(None, None, "")
    ('10% to 12.5%', '5 or more', '')
    """
    if low is not None:
        return f"{show(low, unit)} " + ("or more" if high is None else f"to {show(high, unit)}")
    return "" if high is None else f"{show(high, unit)} or less"


def seen(when: Threshold, value: Fraction | None, ends: Ends = NO_ENDS, about: str = "") -> str:
    """The value as its condition looks at it: with the interval where that has to be beyond the threshold too."""
    unit = when.signal.unit
    beside = "; ".join(filter(None, (spread(*ends, unit) if when.sure else "", about)))
    return show(value, unit) + (f" ({beside})" if beside else "")


def limit(when: Threshold) -> str:
    """The threshold in the signal's unit."""
    return f"{when.op} {show(when.enter, when.signal.unit)}"


def window(when: Threshold) -> str:
    """The window that is looked at: how long it is, and how long ago it ended where that is not now."""
    over = show_duration(when.over)
    return f"{over} that ended {show_duration(when.delay)} ago" if when.delay else over


def burns(one: Burning) -> str:
    """How fast a budget burns, over both windows that must agree."""
    short = "no data" if one.short is None else times(one.short)
    doubt = ", which may be chance" if one.chance else ""
    long, confirmed = (show_duration(window) for window in (one.pair.long, one.pair.short))
    return f"{times(one.long)} over {long} and {short} over {confirmed}{doubt}"


def times(burn: Fraction, places: int = 1) -> str:
    """A burn: 1x spends the budget just as fast as the target allows."""
    return f"{show_number(burn, places)}x"


def both(one: Burning) -> str:
    """What both windows must be."""
    return f"both > {times(one.factor, 2)}"


def cause(rule: Rule, value: Fraction | None, labels: tuple[str, ...], about: str = "",
          burning: Burning | None = None, ends: Ends = NO_ENDS) -> str:
    """One sentence: what was measured (and of what, where it is one of several), over how long, against what."""
    where = "".join(f" [{name}={value}]" for name, value in zip(rule.by, labels, strict=False))
    if rule.nodata:
        subject = rule.when.signal.name if isinstance(rule.when, Threshold) else rule.when.objective.name
        return f"{subject}{where} {'has no data' if value else 'has data again'}"
    if isinstance(rule.when, Threshold):
        found = seen(rule.when, value, ends, about)
        return f"{rule.when.signal.name}{where} is {found} over {window(rule.when)}, alert at {limit(rule.when)}"
    target = show_share(rule.when.objective.target)
    if burning is not None:
        return (f"{rule.when.objective.name}{where} burns its error budget {burns(burning)}, as fast as its {target} "
                f"target allows; alert at {both(burning)}")
    speed = "unknown" if value is None else times(value)
    return f"{rule.when.objective.name}{where} burns its error budget {speed} faster than its {target} target allows"


def measured(rule: Rule, value: Fraction | None, burning: Burning | None = None,
             ends: Ends = NO_ENDS) -> tuple[str, str]:
    """What was measured, and against what, in the signal's unit; of a budget, over both windows that decide."""
    if isinstance(rule.when, Threshold):
        return seen(rule.when, value, ends), limit(rule.when)
    if burning is not None:
        return burns(burning), both(burning)
    return "no data" if value is None else times(value), f"> {times(rule.when.lowest, 2)}"


Exposure = Literal["none", "contained", "exposed"]


@dataclass(frozen=True)
class Residual:
    """What is left: the signal now against its threshold, the budget, and whether users are still exposed.

    ``contained`` means that an action that changes traffic is in force, so that the signal may look well only because
    of it; ``exposed`` that the signal is bad and no action is in force.
    """

    exposure: Exposure
    value: str
    against: str
    budget: str
    in_force: tuple[str, ...]


def residual(rule: Rule, value: Fraction | None, in_force: tuple[str, ...], standings: list[Standing],
             burning: Burning | None = None, ends: Ends = NO_ENDS) -> Residual:
    """Judge what is left of an incident. ``in_force`` are the traffic-changing actions now applied, in words;
    ``burning`` is the pair of windows that decides where its alert is of a budget."""
    if rule.nodata:
        return Residual("exposed" if value else "none", "no data" if value else "data", "no data", "", in_force)
    shown, against = measured(rule, value, burning, ends)
    if isinstance(rule.when, Threshold):
        bad = value is not None and OPERATORS[rule.when.op](value, rule.when.enter)
        related: list[Standing] = [s for s in standings if s.objective.signal == rule.when.signal.key]
    else:
        bad = burning.above if burning is not None else value is not None and value > rule.when.lowest
        related = [s for s in standings if s.objective.name == rule.when.objective.name]
    left = {s.objective.name: s.budget.remaining for s in related}
    budget = ", ".join(f"{name}: {'no data' if share is None else show_share(share)}" for name, share in left.items())
    exposure: Exposure = "contained" if in_force else "exposed" if bad else "none"
    return Residual(exposure, shown, against, budget, in_force)


