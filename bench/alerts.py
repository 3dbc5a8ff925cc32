"""Noise on real series: ``python bench/alerts.py [series...]``; needs the evaluation data (BONGSU_EVAL_DATA).

26 series of the Numenta Anomaly Benchmark, with the windows in which something is truly wrong. One threshold alert
watches each series through our own state machine (``alert.step``): plain (one threshold, no ``for``), then with two
thresholds and ``clear_for``, then with ``for`` as well, which is the whole noise filter. These know only the first 15 %
of a series, the part that NAB calls probation and scores nobody on: an alert enters outside its 0.1 % and 99.9 %
quantiles, and with two thresholds leaves inside its 1 % and 99 % quantiles. Then the same filter over ``kind: anomaly``
with its defaults, read at every sample over the hour before it, as live. Its thresholds and times were chosen on half
A of the series (by the hash of their names); ``B`` is the other half.

A threshold is not a detector of anomalies: what is measured here is how many messages people get for what happens,
how many of them for nothing, and what the filter costs: a spike of a sample or two does not outlive a ``for``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

from bongsu.alert import Reading, Rule, Signal, State, Threshold, read_evidence, step
from bongsu.cell import Cell, Cells
from bongsu.expression import read
from bongsu.quantity import HOUR, MINUTE, Duration
from bongsu.slis.anomaly import MICRO, Anomaly
from bongsu.slis.count import Count

DATA = Path(os.environ.get("BONGSU_EVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
PROBATION = Fraction(15, 100)


@dataclass(frozen=True)
class Mode:
    """``hold`` and ``clear`` are ``for`` and ``clear_for`` in samples, of which most series have one in 5 minutes."""

    name: str
    two: bool = False
    hold: int = 0
    clear: int = 0
    deviations: tuple[float, float] | None = None
    """Of ``kind: anomaly``: above the first it enters, at or below the second it leaves."""


PLAIN = Mode("one threshold")
HELD = Mode("two thresholds, clear_for an hour", True, 0, 12)
FILTER = Mode("noise filter: two thresholds, clear_for an hour, for a quarter", True, 3, 12)


FOUND = Mode("anomaly > 6, clear: <= 3, clear_for six hours", True, 0, 72, (6.0, 3.0))
SURE = Mode("anomaly > 4.5, clear: <= 3, clear_for an hour, for an hour", True, 12, 12, (4.5, 3.0))
MODES = (PLAIN, HELD, FILTER, FOUND, SURE)


@dataclass(frozen=True)
class Limits:
    """Below ``low`` or above ``high`` it enters; between ``calm_low`` and ``calm_high`` it leaves."""

    low: float
    high: float
    calm_low: float
    calm_high: float


@dataclass
class Tally:
    """Alerts inside and outside the true windows, and how many windows got at least one."""

    inside: int = 0
    outside: int = 0
    windows: int = 0
    found: int = 0
    firing: int = 0
    samples: int = 0

    def add(self, other: Tally) -> None:
        for name in ("inside", "outside", "windows", "found", "firing", "samples"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def row(self, name: str) -> str:
        per = f"{self.inside / self.windows:.2f}" if self.windows else "-"
        return (f"{name:44} {self.windows:7} {self.found:7} {self.inside:7} {per:>11} {self.outside:8} "
                f"{self.firing / self.samples:9.1%}")


def quantile(values: Sequence[float], q: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(q * len(ordered)) - 1))]


def limits(probation: Sequence[float]) -> Limits:
    return Limits(*(quantile(probation, q) for q in (0.001, 0.999, 0.01, 0.99)))


def readings(values: Sequence[float], at: Limits, two: bool) -> list[Reading]:
    """What each sample says: with one threshold an alert leaves as soon as it no longer enters."""
    out = []
    for value in values:
        enter = value > at.high or value < at.low
        calm = at.calm_low <= value <= at.calm_high if two else not enter
        out.append(Reading(Fraction(value), enter, calm))
    return out


def fired(times: Sequence[int], said: Sequence[Reading], hold: int, clear: int) -> tuple[list[int], int]:
    """(the samples at which the alert began to fire, how many samples it fired)."""
    signal = Signal("value", Count(read("blocked")), key="value")
    when = Threshold(signal, ">", Fraction(0), MINUTE, "<=", Fraction(0))
    rule = Rule("value", when, Duration(hold), Duration(clear))
    state, begun, firing = State(), [], 0
    for i, (now, reading) in enumerate(zip(times, said, strict=True)):
        episode, state = state.episode, step(rule, state, reading, now)
        begun += [i] if state.episode > episode else []
        firing += state.phase in ("firing", "clearing")
    return begun, firing


def windows(marks: Sequence[int]) -> list[tuple[int, int]]:
    """Spans of samples that are in a true anomaly window."""
    out, begin = [], None
    for i, mark in enumerate([*marks, 0]):
        if mark and begin is None:
            begin = i
        elif not mark and begin is not None:
            out.append((begin, i))
            begin = None
    return out


def deviations(times: Sequence[int], values: Sequence[float]) -> list[float | None]:
    """What the default anomaly signal says at each sample of the mean of the hour before it."""
    pace = sorted(b - a for a, b in pairwise(times))[len(times) // 2]
    signal = Signal("value", Anomaly(of=read("latency_ms", "any"), statistic="mean"), key="value")
    over = Duration(max(HOUR, pace))
    cells = Cells(over // 12)
    for at, value in zip(times, values, strict=True):
        start = at // cells.base * cells.base
        cells.add([Cell("value", (), start, "n", 1), Cell("value", (), start, "sum", round(value * MICRO))])
    found = (read_evidence(cells, signal, over, at + 1).value for at in times)
    return [None if one is None else abs(float(one)) for one in found]


def unusual(odd: Sequence[float | None], enter: float, leave: float) -> list[Reading]:
    return [Reading(None) if x is None else Reading(Fraction(x), x > enter, x <= leave) for x in odd]


def tally(times: Sequence[int], values: Sequence[float], marks: Sequence[int], mode: Mode,
          odd: Sequence[float | None]) -> Tally:
    """One series, judged after its probation."""
    first = int(len(values) * PROBATION)
    pace = sorted(b - a for a, b in pairwise(times))[len(times) // 2]
    if mode.deviations:
        said = unusual(odd[first:], *mode.deviations)
    else:
        said = readings(values[first:], limits(values[:first]), mode.two)
    begun, firing = fired(times[first:], said, pace * mode.hold, pace * mode.clear)
    true = windows(marks[first:])
    inside = [sum(b <= i < e for i in begun) for b, e in true]
    return Tally(sum(inside), len(begun) - sum(inside), len(true), sum(n > 0 for n in inside), firing, len(said))


HEADER = (f"{'series':44} {'windows':>7} {'found':>7} {'alerts':>7} {'per window':>11} {'outside':>8} {'firing':>9}")


def recorded(path: Path) -> dict[str, list[tuple[int, float, int]]]:
    """Series -> (time in microseconds, value, in a window), in order."""
    table = pq.read_table(path).sort_by([("series", "ascending"), ("timestamp", "ascending")])
    out: dict[str, list[tuple[int, float, int]]] = {}
    for name, at, value, mark in zip(table["series"].to_pylist(), table["timestamp"].cast("int64").to_pylist(),
                                     table["value"].to_pylist(), table["in_window"].to_pylist(), strict=True):
        out.setdefault(name, []).append((at, value, mark))
    return out


def main(wanted: Sequence[str]) -> int:
    path = DATA / "timeseries_nab.parquet"
    if not path.exists():
        print(f"not run: {path.name} is not in the folder BONGSU_EVAL_DATA names")
        return 0
    series = {name: rows for name, rows in recorded(path).items() if not wanted or any(w in name for w in wanted)}
    totals = {(mode, which): Tally() for mode in MODES for which in "AB"}
    lines: dict[Mode, list[str]] = {mode: [] for mode in MODES}
    for name, rows in series.items():
        times, values, marks = zip(*rows, strict=True)
        odd = deviations(times, values)
        for mode in MODES:
            one = tally(times, values, marks, mode, odd)
            totals[mode, half(name)].add(one)
            lines[mode].append(one.row(name[-44:]))
    for mode in MODES:
        print("\n".join(["", mode.name, HEADER, *lines[mode]]))
    print()
    for mode in MODES:
        a, b = totals[mode, "A"], totals[mode, "B"]
        print(f"{mode.name}: {a.inside + a.outside + b.inside + b.outside} alerts, {a.outside + b.outside} of them "
              f"outside windows, {a.found + b.found} of {a.windows + b.windows} windows found (A {a.found} of "
              f"{a.windows}, {a.outside} outside; B {b.found} of {b.windows}, {b.outside} outside)")
    return 0


def half(name: str) -> str:
    """Settings are chosen on half A of the series; half B has no say."""
    return "AB"[int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
