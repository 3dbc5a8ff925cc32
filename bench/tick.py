"""What one look of the engine costs: ``python bench/tick.py [objectives]``.

Each objective has its own signal (bad and total), 30 days of cells, and two burn alerts (page, ticket), so eight
windows are judged for it. As live, every signal counts new events between two ticks. Milliseconds of CPU, the middle of
several ticks; ``tick + standings`` also judges every error budget, as the cockpit and the deploy gate ask for.
"""

from __future__ import annotations

import platform
import random
import statistics
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

from bongsu.alert import Burn, Rule, Signal
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, standings, tick
from bongsu.expression import read
from bongsu.quantity import DAY, MINUTE, SECOND, Duration
from bongsu.slis.ratio import Ratio
from bongsu.slo import PAIRS_30D, Objective

START = 1_790_000_000_000_000 // DAY * DAY
DAYS, TARGET_MS, TICKS = 30, 100, 15


def plan(n: int) -> Plan:
    sli = Ratio(read("status >= 500"))
    signals = tuple(Signal(f"s{i}", sli, key=f"s{i}") for i in range(n))
    objectives = tuple(Objective(f"o{i}", f"s{i}", Fraction(999, 1000), Duration(DAYS * DAY), START) for i in range(n))
    rules = tuple(Rule(f"{o.name}-{severity}", Burn(o, tuple(p for p in PAIRS_30D if p.severity == severity)))
                  for o in objectives for severity in ("page", "ticket"))
    return Plan("bench", MINUTE, signals, objectives, rules)


def history(n: int, every: int) -> Iterator[Cell]:
    """A cell for every ``every``-th minute of 30 days; one in twenty has bad events."""
    rng = random.Random(7)
    for start in range(START, START + DAYS * DAY, every * MINUTE):
        for i in range(n):
            yield Cell(f"s{i}", (), start, "total", rng.randrange(500, 1000))
            if rng.random() < 0.05:
                yield Cell(f"s{i}", (), start, "bad", rng.randrange(3))


def measure(n: int, every: int) -> tuple[float, float, int]:
    """Milliseconds of a tick, of the standings, and how many cells there are."""
    asked, cells = plan(n), Cells(MINUTE)
    added = 0
    for cell in history(n, every):
        cells.add((cell,))
        added += 1
    state, now = EngineState(watermark=START + DAYS * DAY), START + DAYS * DAY
    ticks, boards = [], []
    for _ in range(TICKS):
        now += 10 * SECOND
        cells.add(Cell(f"s{i}", (), now // MINUTE * MINUTE, "total", 7) for i in range(n))
        began = time.process_time()
        state, _ = tick(asked, cells, EngineState(now, state.alerts, state.incidents), now)
        ticks.append(time.process_time() - began)
        began = time.process_time()
        assert len(standings(asked, cells, state, now)) == n
        boards.append(time.process_time() - began)
    return statistics.median(ticks) * 1e3, statistics.median(boards) * 1e3, added


def main(most: int) -> None:
    print(f"Python {platform.python_version()}; {DAYS} days, base window 1 m; middle of {TICKS} ticks, ms of CPU")
    print(f"{'objectives':>10}{'cells in every':>16}{'cells':>14}{'tick':>9}{'tick + standings':>18}")
    sizes = [n for n in (10, 100, 1000) if n < most]
    for n, every in [(10, 1), *((n, 10) for n in (*sizes, most))]:
        one, both, added = measure(n, every)
        print(f"{n:>10,}{f'{every} m':>16}{added:>14,}{one:>9.1f}{one + both:>18.1f}", flush=True)
    if most == 1000:
        print(f"target: {TARGET_MS} ms a tick at 1,000 objectives: {'met' if one <= TARGET_MS else 'NOT MET'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
