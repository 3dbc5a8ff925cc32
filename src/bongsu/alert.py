"""Conditions over time: ok, pending, firing, clearing.

An alert enters when its condition holds for ``hold`` (the policy's ``for``), and leaves when the opposite holds for
``clear_hold``. A threshold alert has two thresholds: above ``enter`` it enters, at or below ``exit`` it leaves,
between them it keeps its state, so a value that dances on the line makes one alert, not eight. Without data the state
is frozen: silence is not health. So it is where there is too little data to judge.

The condition includes how sure the value is: it enters when the near end of its interval is beyond the threshold too
and the value is significant, and leaves when either is no longer so. A count or a sum is what came, so it is compared
as it is; for any other kind a policy may say so (``evidence: value``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Literal

from bongsu.aggregate import Evidence
from bongsu.cell import Cells, Labels, Vector
from bongsu.ports import Compared, Seasonal, Sli, Timed
from bongsu.quantity import DAY, Duration
from bongsu.slo import (
    MIN_BAD,
    OPPOSITE,
    Objective,
    Operator,
    Pair,
    beyond,
    burn,
    counts,
    reachable_factor,
    significant,
    warmth,
)

Phase = Literal["ok", "pending", "firing", "clearing"]
MOST_TIMES = 10_000
"""What so many times the events would not prove is not told as a matter of events."""
Tier = Literal["severe", "major", "minor", "info"]
TIERS: dict[Tier, str] = {"severe": "P0", "major": "P1", "minor": "P2", "info": "P3"}


@dataclass(frozen=True)
class Signal:
    """A named SLI. ``key`` names its cells and changes with its definition, so that unlike things never add up.

    ``label`` is the name of the label that its column ``label`` means.
    """

    name: str
    sli: Sli
    labels: tuple[str, ...] = ()
    origin: str = "live"
    key: str = ""
    unit: str = ""
    label: str = ""


@dataclass(frozen=True)
class Threshold:
    """``signal op enter`` over a window; it leaves when ``signal leave_op exit`` is true.

    With a ``volume`` the window is no longer than it takes to hold that many events, in whole base windows.
    ``evidence`` says whether a value is enough or its interval must be beyond as well; if None, its kind decides.
    The window ends ``delay`` ago, where what is counted (a label, a review) takes that long to come.
    """

    signal: Signal
    op: Operator
    enter: Fraction
    over: Duration
    leave_op: Operator
    exit: Fraction
    min_events: int = 0
    volume: int = 0
    evidence: Literal["value", "interval"] | None = None
    delay: Duration = Duration(0)

    @property
    def sure(self) -> bool:
        """Whether the value must be more than chance gives."""
        return self.evidence == "interval" or (self.evidence is None and self.signal.sli.proof != "never")

    def holds(self, found: Evidence) -> bool:
        """Whether this is enough to enter."""
        return found.n >= self.min_events and beyond(found, self.op, self.enter, self.sure)

    def stays(self, found: Evidence) -> bool:
        """Whether this is enough not to leave."""
        return beyond(found, OPPOSITE[self.leave_op], self.exit, self.sure)


@dataclass(frozen=True)
class Burn:
    """The multi-window burn alerts of one severity of an objective."""

    objective: Objective
    pairs: tuple[Pair, ...]

    @property
    def lowest(self) -> Fraction:
        """The smallest factor that is used: no burn below it fires."""
        objective = self.objective
        factors = (reachable_factor(p.factor(objective.window), objective.target) for p in self.pairs)
        return min(factors, default=Fraction(0))


@dataclass(frozen=True)
class Rule:
    """One alert of the policy. ``by`` splits a threshold by some of its signal's labels, one state machine each.

    With ``nodata`` it asks only whether its condition has data at all.
    """

    name: str
    when: Threshold | Burn
    hold: Duration = Duration(0)
    clear_hold: Duration = Duration(0)
    tier: Tier = "minor"
    to: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    text: str = ""
    nodata: bool = False


@dataclass(frozen=True)
class Burning:
    """How fast a budget burns over both windows of a pair (``short`` is None without events), and above which
    ``factor`` it alerts; ``chance``: both are above it, but no more than bad luck on little traffic explains."""

    pair: Pair
    long: Fraction
    short: Fraction | None
    factor: Fraction
    chance: bool = False

    @property
    def above(self) -> bool:
        return self.long > self.factor and self.short is not None and self.short > self.factor

    @property
    def fires(self) -> bool:
        return self.above and not self.chance

    @property
    def near(self) -> tuple[bool, Fraction, Fraction]:
        """Greater where it is nearer to firing: the lesser of both burns decides."""
        return self.fires, min(self.long, self.short or Fraction(0)) / self.factor, self.long / self.factor


@dataclass(frozen=True)
class Reading:
    """What the condition said at one moment. ``value`` is None without data; ``warming``: no window may vote yet;
    ``insufficient``: there is data, but too little to judge; ``about``: what it is of, where it is one of several;
    ``low`` and ``high``: its interval; ``burning``: the pair of windows that decides."""

    value: Fraction | None
    enter: bool = False
    leave: bool = False
    warming: bool = False
    insufficient: bool = False
    about: str = ""
    burning: Burning | None = None
    low: Fraction | None = None
    high: Fraction | None = None


@dataclass(frozen=True)
class State:
    """Where an alert stands: since when in this phase, and the last reading's value with the ends of its interval.

    ``episode`` counts firings; ``fired`` is when the present firing began. ``closed`` is when the last incident was
    closed and ``rebounds`` how often in a row the alert came back soon after: what was taken back had only hidden it.
    """

    phase: Phase = "ok"
    since: int = 0
    episode: int = 0
    fired: int = 0
    value: Fraction | None = None
    data: Literal["seen", "none", "warming", "insufficient"] = "none"
    closed: int = 0
    rebounds: int = 0
    low: Fraction | None = None
    high: Fraction | None = None


def read_threshold(cells: Cells, rule: Threshold, now: int, labels: Iterable[Labels] | None = None,
                   groups: int = 1) -> Reading:
    """The value over the window against both thresholds, compared exactly with the operator as written.

    ``groups`` is how many are looked at side by side; each look is one more chance of a false alarm.
    """
    chosen, now = None if labels is None else tuple(labels), now - rule.delay
    over = filled(cells, rule, now, chosen) if rule.volume else rule.over
    found = read_evidence(cells, rule.signal, over, now, chosen, groups)
    unsure = rule.sure and rule.signal.sli.proof == "alarm" and not found.significant  # too few for an interval
    if found.insufficient or found.value is None or found.n < rule.min_events or unsure:
        return Reading(value=None, insufficient=found.n > 0)
    return Reading(found.value, rule.holds(found), not rule.stays(found), about=found.about, low=found.low,
                   high=found.high)


def wanting(rule: Rule) -> str:
    """Why no event at all could be judged: what it is compared with is not there yet, or does not serve."""
    if isinstance(rule.when, Burn) or not isinstance(rule.when.signal.sli, Compared):
        return ""
    return rule.when.signal.sli.evidence({}).insufficient


def read_apart(cells: Cells, rule: Threshold, by: tuple[str, ...], now: int) -> Iterator[tuple[Labels, Reading]]:
    """The same for each combination of the labels ``by`` apart; without any, one reading of all."""
    if not by:
        yield (), read_threshold(cells, rule, now)
        return
    places = [rule.signal.labels.index(name) for name in by]
    groups: dict[Labels, list[Labels]] = {}
    for labels in cells.labels(rule.signal.key):
        groups.setdefault(tuple(labels[i] for i in places), []).append(labels)
    for group, members in groups.items():
        yield group, read_threshold(cells, rule, now, members, len(groups))


def read_evidence(cells: Cells, signal: Signal, over: Duration, now: int, labels: Iterable[Labels] | None = None,
                  groups: int = 1) -> Evidence:
    """What a signal shows over the window that ends now; beside its own past, where it is read so."""
    labels = None if labels is None else list(labels)
    return _shown(lived(signal, cells, over, now), over, cells.window(now, over),
                  lambda begin, end: cells.vector(signal.key, begin, end, labels=labels), groups)


def read_each(cells: Cells, signal: Signal, over: Duration, moments: Iterable[int]) -> list[Evidence]:
    """The same for windows that end at each of these moments; what the pasts of several share is summed once."""
    summed = cache(lambda begin, end: cells.vector(signal.key, begin, end))
    return [_shown(lived(signal, cells, over, now), over, cells.window(now, over), summed) for now in moments]


def lived(signal: Signal, cells: Cells, over: Duration, now: int) -> Signal:
    """The signal with what has been counted of the window's time, where it is of time."""
    if not isinstance(signal.sli, Timed):
        return signal
    begin, end = cells.window(now, over)
    return replace(signal, sli=signal.sli.during(cells.covered(begin, min(now, end))))


def _shown(signal: Signal, over: Duration, window: tuple[int, int], summed: Callable[[int, int], Vector],
           groups: int = 1) -> Evidence:
    begin, end = window
    if isinstance(signal.sli, Seasonal):
        past = [summed(begin - back, end - back) for back in signal.sli.shifts(over)]
        return signal.sli.beside(summed(begin, end), past)
    return signal.sli.evidence(summed(begin, end), looks(over) * groups)


def needed(cells: Cells, rule: Threshold, now: int) -> int | None:
    """About how many events like those of the window would prove that its value is beyond the threshold.

    None where it is not beyond it, where it is proven already, and where no number of them would be enough.
    """
    now -= rule.delay
    signal = lived(rule.signal, cells, rule.over, now)
    vector = cells.vector(signal.key, *cells.window(now, rule.over))

    def times(factor: int) -> Evidence:
        return signal.sli.evidence({part: n * factor for part, n in vector.items()}, looks(rule.over))
    once = times(1)
    if isinstance(signal.sli, Seasonal | Timed) or not rule.sure or rule.holds(once) or not (
            beyond(times(MOST_TIMES), rule.op, rule.enter) and beyond(once, rule.op, rule.enter, sure=False)):
        return None
    enough = bisect_left(range(1, MOST_TIMES), True, key=lambda factor: rule.holds(times(factor)))
    return once.n * (1 + enough)


def reach(rule: Threshold) -> int:
    """How far back cells are needed to read it."""
    sli = rule.signal.sli
    return rule.delay + rule.over + (max(sli.shifts(rule.over), default=0) if isinstance(sli, Seasonal) else 0)


def filled(cells: Cells, rule: Threshold, now: int, labels: tuple[Labels, ...] | None = None) -> Duration:
    """The shortest window of whole base windows that holds ``volume`` events; ``over`` where even that does not.

    Windows are nested, so a longer one never holds fewer events, and the shortest is found by halving.
    """
    def holds(windows: int) -> bool:
        vector = cells.vector(rule.signal.key, *cells.window(now, windows * cells.base), labels=labels)
        return rule.signal.sli.evidence(vector).n >= rule.volume
    return Duration(cells.base * (1 + bisect_left(range(1, rule.over // cells.base), True, key=holds)))


def looks(over: Duration) -> int:
    """How many windows there are in a day: a condition on evidence gives one false alarm a day in 1/alpha at most.

    >>> from bongsu.quantity import HOUR
    >>> looks(HOUR), looks(Duration(7 * DAY))
    (24, 1)
    """
    return max(1, -(-DAY // over))


def read_burn(cells: Cells, rule: Burn, now: int, watermark: int) -> Reading:
    """Fires if any pair's long and short windows both burn faster than its factor, on more than bad luck.

    A window less than half lived through does not vote: on a cold start every long window is as jumpy as a short one.
    The value is the worst burn of a long window.
    """
    voters = [p for p in rule.pairs if warmth(rule.objective.created, watermark, p.long) >= Fraction(1, 2)]
    found = [one for pair in voters if (one := _burning(cells, rule.objective, pair, now)) is not None]
    fire = any(one.fires for one in found)
    return Reading(max((one.long for one in found), default=None), fire, not fire, warming=not voters,
                   burning=max(found, key=lambda one: one.near, default=None))


def _burning(cells: Cells, objective: Objective, pair: Pair, now: int) -> Burning | None:
    """One pair; None where its long window has no events."""
    bad, total = counts(cells, objective, now, pair.long)
    long = burn(bad, total, objective.target)
    if long is None:
        return None
    short = burn(*counts(cells, objective, now, pair.short), objective.target)
    one = Burning(pair, long, short, reachable_factor(pair.factor(objective.window), objective.target))
    sure = not one.above or significant(bad, total, objective.target, MIN_BAD[pair.severity])
    return one if sure else replace(one, chance=True)


def absence(reading: Reading) -> Reading:
    """Whether there is nothing to judge, as a reading of 1 or 0: silence is not health, so it may be alerted on."""
    if reading.warming:
        return reading
    # Too little is not nothing: what is alerted on here is silence.
    missing = not reading.insufficient and reading.value is None
    return Reading(Fraction(missing), missing, not missing)


def step(rule: Rule, state: State, reading: Reading, now: int) -> State:
    """The next state. Pure: the same rule, state, reading and time give the same answer for ever."""
    if reading.warming:
        return replace(state, data="warming")
    if reading.value is None:
        return replace(state, data="insufficient" if reading.insufficient else "none", value=None, low=None, high=None)
    state = replace(state, data="seen", value=reading.value, low=reading.low, high=reading.high)
    if state.phase in ("ok", "pending"):
        if not reading.enter:
            # Between the thresholds nothing is pending: `for` asks for an unbroken breach.
            return replace(state, phase="ok", since=now) if state.phase == "pending" else state
        since = state.since if state.phase == "pending" else now
        if now - since >= rule.hold:
            return replace(state, phase="firing", since=now, fired=now, episode=state.episode + 1)
        return replace(state, phase="pending", since=since)
    if not reading.leave:
        return replace(state, phase="firing", since=now) if state.phase == "clearing" else state
    since = state.since if state.phase == "clearing" else now
    if now - since >= rule.clear_hold:
        return replace(state, phase="ok", since=now)
    return replace(state, phase="clearing", since=since)
