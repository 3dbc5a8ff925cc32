"""How often default alarms fire when nothing has changed, and how soon when something has. Prints Markdown.

    python bench/signals.py [--windows 4000] [--seed 1] [--rows 1000000] [--only peers]

Every window is drawn anew from one distribution (i.i.d.); the same code judges it as live: the kinds of ``slis`` with
their defaults. Real traffic repeats its users and has days and nights, so its rate will be higher.
Then the same beside Evidently, NannyML, whylogs, river and Fairlearn (``signal_peers.py``; ``sh bench/peers.sh``).
"""

from __future__ import annotations

import argparse
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from math import log

import _estimates
import signal_peers

from bongsu.drift import Bins, Reference
from bongsu.ports import Sli
from bongsu.slis.drift import Drift
from bongsu.slis.gap import Gap
from bongsu.slo import beyond

BINS = 10
REFERENCE = 100_000
LOOKS, WEEKLY = 24, 1
"""An hourly window is looked at 24 times a day, a weekly one once: drift is judged hourly here, gaps weekly."""


def drift_of(min_events: int) -> Drift:
    bins = Bins("features.x", "number", (*[REFERENCE // BINS] * BINS, 0), tuple(map(float, range(BINS - 1))))
    return Drift("r", ("features.x",), min_events=min_events).against(Reference("r", "v", (bins,), REFERENCE))


def window(chance: random.Random, cumulative: Sequence[float], n: int) -> dict[str, int]:
    counts = [0] * BINS
    for _ in range(n):
        counts[min(BINS - 1, bisect_right(cumulative, chance.random()))] += 1
    return {f"features.x:{i}": c for i, c in enumerate(counts)}


def outcomes(chance: random.Random, rates: Sequence[float], n: int) -> dict[str, int]:
    out = {}
    for i, rate in enumerate(rates):
        bad = sum(chance.random() < rate for _ in range(n))
        out |= {f"fp=g{i}": bad, f"tn=g{i}": n - bad}
    return out


def shifted(psi: float) -> list[float]:
    """Shares of ten bins, straight from low to high, at this PSI from equal ones (found by bisection)."""
    low, high = 0.0, 0.19
    for _ in range(60):
        slope = (low + high) / 2
        shares = tilted(slope)
        value = sum((q - 0.1) * log(q / 0.1) for q in shares)
        low, high = (slope, high) if value < psi else (low, slope)
    return tilted(low)


def tilted(slope: float) -> list[float]:
    return [0.1 + slope * (i - 4.5) / 9 for i in range(BINS)]


def rates_of(sli: Sli, draw: Callable[[], dict[str, int]], limit: Fraction, windows: int,
             looks: int = LOOKS) -> tuple[float, float]:
    """The share of windows whose value alone is above the limit, and the share that alarm."""
    above = alarms = 0
    for _ in range(windows):
        found = sli.evidence(draw(), looks)
        above += found.value is not None and found.value > limit
        alarms += beyond(found, ">", limit)
    return above / windows, alarms / windows


def table(title: str, head: str, rows: list[tuple[int, list[float]]]) -> None:
    columns = head.split("|")
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for n, values in rows:
        print(f"| {n} | {' | '.join(f'{v:.2%}' for v in values)} |")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--windows", type=int, default=4000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rows", type=int, default=signal_peers.ROWS)
    options.add_argument("--only", choices=["ours", "peers"])
    given = options.parse_args()
    if given.only != "peers":
        alone(given)
    if given.only != "ours":
        signal_peers.main(given.windows, shifted(0.3), given.rows)


def alone(given: argparse.Namespace) -> None:
    """Our own tables."""
    chance, began = random.Random(given.seed), time.process_time()
    equal, moved = list(accumulate([0.1] * BINS)), list(accumulate(shifted(0.3)))
    sizes, tenth, quarter = (50, 100, 200, 500, 1000), Fraction(1, 10), Fraction(1, 4)
    any_size, default = drift_of(1), drift_of(100)

    def drawn(cumulative: Sequence[float], n: int) -> Callable[[], dict[str, int]]:
        return lambda: window(chance, cumulative, n)

    rows = [(n, [*rates_of(any_size, drawn(equal, n), tenth, given.windows),
                 *rates_of(any_size, drawn(equal, n), quarter, given.windows),
                 rates_of(default, drawn(equal, n), quarter, given.windows)[1]]) for n in sizes]
    table(f"Drift, nothing changed ({given.windows} windows a row)",
          "events|PSI > 0.1|and proven|PSI > 0.25|and proven|default (from 100 events)", rows)
    rows = [(n, [*rates_of(default, drawn(moved, n), quarter, given.windows),
                 rates_of(default, drawn(moved, n), tenth, given.windows)[1]]) for n in (*sizes, 2000, 5000)]
    table("Drift, true PSI 0.3", "events|PSI > 0.25|alarm at 0.25|alarm at 0.1", rows)

    gap, three = Gap("group", "fpr", min_group=1), Fraction(3, 100)

    def grouped(rates: Sequence[float], n: int) -> Callable[[], dict[str, int]]:
        return lambda: outcomes(chance, rates, n)

    rows = [(n, [*rates_of(gap, grouped([0.15] * 4, n), three, given.windows, WEEKLY),
                 *rates_of(gap, grouped([0.15] * 4, n), tenth, given.windows, WEEKLY)]) for n in (20, *sizes)]
    table("Gap of FPR, four groups alike (0.15)", "negatives a group|gap > 3 pp|alarm|gap > 10 pp|alarm", rows)
    fewer = max(1, given.windows // 8)
    rows = [(n, [*rates_of(gap, grouped([0.10, 0.20], n), three, fewer, WEEKLY)]) for n in (*sizes, 2000, 5000)]
    table(f"Gap of FPR, true 10 pp against 3 pp ({fewer} windows a row)", "negatives a group|gap > 3 pp|alarm", rows)
    for title, found in _estimates.measured(rates_of, chance, given.windows, (50, 200, 1000)):
        table(f"{title[0].upper()}{title[1:]}", "events|beyond by chance|alarm, nothing changed|alarm, doubled", found)
    print(f"\n{time.process_time() - began:.0f} CPU s, seed {given.seed}, {LOOKS} looks (gaps {WEEKLY}), alpha 1 %")


if __name__ == "__main__":
    main()
