"""What the page of signals shows, as plain values: each signal's value now, its alerts, its label values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bongsu.aggregate import Evidence
from bongsu.alert import TIERS, Burn, Rule, Signal, State, Threshold, read_evidence, wanting
from bongsu.cell import MOST_GROUPS, MOST_LABELS, OTHER, Cells, Labels, Vector
from bongsu.engine import Plan
from bongsu.guard import Guard
from bongsu.incident import limit, show, window
from bongsu.policy.sampled import fills
from bongsu.policy.signals import watching, window_of
from bongsu.quantity import Duration, show_duration, show_share
from bongsu.runners.duckdb import columns_read

ROWS = 20
"""Label values that are shown one by one."""
GRAVEST = ("firing", "clearing", "pending", "ok")
KNOWN = ("seen", "warming", "insufficient", "none", "unbound")
OWN = "bongsu/"
"""How the keys of control's own counts begin, which no policy asked for."""
LEAST = ("min_events", "min_group", "min_labels")


@dataclass(frozen=True)
class Reading:
    """A value in its unit, with the ends of its interval where it has them. ``insufficient`` says why there is none
    though events came; ``chance``: nothing need have changed to give it; ``about``: what it is of."""

    value: str
    low: str
    high: str
    n: int
    insufficient: str
    chance: bool
    about: str


@dataclass(frozen=True)
class Watch:
    """One alert on a signal: where the gravest of its state machines stands, and of how many. ``over`` is its window,
    with how long ago it ended where it has a delay.

    That of an error budget looks at several windows, so it has no ``over``.
    """

    name: str
    tier: str
    priority: str
    against: str
    over: str
    phase: str
    data: str
    machines: int


@dataclass(frozen=True)
class SignalRow:
    """One signal of the list. ``over`` is the window its value is of; ``phase`` the gravest of its alerts', if any."""

    name: str
    kind: str
    labels: tuple[str, ...]
    over: str
    now: Reading
    watches: tuple[Watch, ...]
    phase: str
    data: str


@dataclass(frozen=True)
class LabelRow:
    """One combination of label values, or (without ``now``) one value that parts are split by."""

    values: tuple[str, ...]
    now: Reading | None


@dataclass(frozen=True)
class Apart:
    """Label values counted apart: ``n`` of at most ``most``; ``rows`` are those with most events. ``beyond``: the cap
    is reached, and what came later is counted together (that is ``rest``, where it has a value of its own)."""

    names: tuple[str, ...]
    n: int
    most: int
    rows: tuple[LabelRow, ...]
    beyond: bool
    rest: Reading | None


@dataclass(frozen=True)
class Bound:
    """What a signal is compared with. Without a ``version`` none is registered yet."""

    name: str
    version: str
    source: str
    rows: int


@dataclass(frozen=True)
class Detail:
    """What the list does not say. ``least`` is the smallest sample by the kind of thing, ``sampled`` guard -> share."""

    row: SignalRow
    reference: Bound | None
    least: Mapping[str, int]
    apart: Apart | None
    sampled: Mapping[str, str]


def overview(plan: Plan, cells: Cells, states: Mapping[tuple[str, Labels], State], now: int) -> tuple[SignalRow, ...]:
    """Every signal of the policy at ``now``, those whose alerts are gravest first, otherwise as the plan has them."""
    machines = _machines(states)
    rows = [_row(plan, signal, cells, machines, now) for signal in plan.signals if not signal.key.startswith(OWN)]
    return tuple(sorted(rows, key=lambda one: GRAVEST.index(one.phase or "ok")))


def _row(plan: Plan, signal: Signal, cells: Cells, machines: Mapping[str, list[State]], now: int) -> SignalRow:
    over = window_of(watching(plan.rules, signal), cells.base)
    watches = tuple(_watches(plan, signal, machines))
    return SignalRow(signal.name, signal.sli.kind, signal.labels, show_duration(over),
                     _reading(signal, read_evidence(cells, signal, over, now)), watches,
                     min((w.phase for w in watches), key=GRAVEST.index, default=""),
                     min((w.data for w in watches), key=KNOWN.index, default=""))


def detail(plan: Plan, signal: Signal, cells: Cells, states: Mapping[tuple[str, Labels], State], now: int,
           guards: Iterable[Guard]) -> Detail:
    """One signal at ``now`` with what it rests on."""
    mine = watching(plan.rules, signal)
    least = {name: int(n) for name in LEAST if (n := getattr(signal.sli, name, 0))}
    asked = max((r.when.min_events for r in mine if isinstance(r.when, Threshold)), default=0)
    if asked:
        least["min_events"] = max(asked, least.get("min_events", 0))
    over = window_of(mine, cells.base)
    one, apart = _row(plan, signal, cells, _machines(states), now), _apart(signal, cells, over, now)
    return Detail(one, _bound(signal), least, apart,
                  {g.name: show_share(g.share) for g in guards if g.share < 1 and fills(g, columns_read(signal))})


def _reading(signal: Signal, found: Evidence) -> Reading:
    few = found.insufficient
    ends = [show(end, signal.unit) if end is not None else "∞" for end in (found.low, found.high)]
    low, high = ("", "") if few or found.low is None else ends
    return Reading("insufficient data" if few else show(found.value, signal.unit), low, high, found.n, few,
                   not found.significant, found.about)


def _machines(states: Mapping[tuple[str, Labels], State]) -> dict[str, list[State]]:
    """State machines by their alert."""
    out: dict[str, list[State]] = {}
    for (name, _), one in states.items():
        out.setdefault(name, []).append(one)
    return out


def _watches(plan: Plan, signal: Signal, machines: Mapping[str, list[State]]) -> Iterator[Watch]:
    for rule in plan.rules:
        when = rule.when
        if isinstance(when, Burn):
            mine, over, against = when.objective.signal == signal.key, "", f"> {float(when.lowest):g}x"
        else:
            mine, over = when.signal.key == signal.key, window(when)
            against = "no data" if rule.nodata else limit(when)
        if mine:
            yield _watch(rule, against, over, machines.get(rule.name, []))


def _watch(rule: Rule, against: str, over: str, machines: list[State]) -> Watch:
    data = min((one.data for one in machines), key=KNOWN.index, default="none")
    return Watch(rule.name, rule.tier, TIERS[rule.tier], against, over,
                 min((one.phase for one in machines), key=GRAVEST.index, default="ok"),
                 "unbound" if data != "seen" and not rule.nodata and wanting(rule) else data, len(machines))


def _bound(signal: Signal) -> Bound | None:
    one, name = getattr(signal.sli, "bound_to", None), getattr(signal.sli, "reference", "")
    if one is not None:
        return Bound(one.name, one.version, one.source, one.rows)
    return Bound(name, "", "", 0) if name else None


def _apart(signal: Signal, cells: Cells, over: Duration, now: int) -> Apart | None:
    if signal.labels:
        other = (OTHER,) * len(signal.labels)
        begin, end = cells.window(now, over)
        size = {one: _size(cells.vector(signal.key, begin, end, [one])) for one in cells.labels(signal.key)}
        beyond = size.pop(other, None) is not None

        def read(one: Labels) -> Reading:
            return _reading(signal, read_evidence(cells, signal, over, now, [one]))

        largest = sorted(size, key=lambda one: (-size[one], one))[:ROWS]
        return Apart(signal.labels, len(size), MOST_LABELS, tuple(LabelRow(one, read(one)) for one in largest), beyond,
                     read(other) if beyond else None)
    groups = cells.groups(signal.key)
    if not groups:
        return None
    known = sorted(groups - {OTHER})
    return Apart((str(getattr(signal.sli, "group", signal.name)),), len(known), MOST_GROUPS,
                 tuple(LabelRow((one,), None) for one in known[:ROWS]), OTHER in groups, None)


def _size(vector: Vector) -> int:
    """About how many events: only which label values are shown first rests on it."""
    return vector.get("total", vector.get("n", sum(vector.values())))
