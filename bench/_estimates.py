"""How often alarms on estimates fire when nothing has changed, and how soon when something has: ratio, mean, quantile,
count and rate, as the policy judges them (an hourly window, so 24 looks a day), for bench/signals.py."""

from __future__ import annotations

import random
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from bongsu.expression import read
from bongsu.ports import Sli
from bongsu.quantity import HOUR
from bongsu.slis.count import Count
from bongsu.slis.mean import Mean
from bongsu.slis.quantile import SCALE, Quantile, bucket
from bongsu.slis.rate import Rate
from bongsu.slis.ratio import Ratio

Draw = Callable[[random.Random, int, float], dict[str, int]]
Rates = Callable[[Sli, Callable[[], dict[str, int]], Fraction, int], tuple[float, float]]
Rows = list[tuple[int, list[float]]]


@dataclass(frozen=True)
class Estimate:
    """A signal, what a window of about ``n`` events is like at ``times`` its usual level, and its limit."""

    name: str
    sli: Sli
    draw: Draw
    limit: Callable[[int], Fraction]


def shares(chance: random.Random, n: int, times: float) -> dict[str, int]:
    """4 % are bad."""
    return {"bad": sum(chance.random() < 0.04 * times for _ in range(n)), "total": n}


def costs(chance: random.Random, n: int, times: float) -> dict[str, int]:
    """Calls of very different length, and of prices a token that differ by half."""
    sums = dict.fromkeys(("sum", "per", "xx", "xy", "yy"), 0)
    for _ in range(n):
        y = 1 + int(chance.lognormvariate(6, 1))
        x = int(y * 4000 * times * chance.lognormvariate(-0.08, 0.4))
        for name, product in (("sum", x), ("per", y), ("xx", x * x), ("xy", x * y), ("yy", y * y)):
            sums[name] += product
    limbs = {f"{name}{i}": sums[name] >> 32 * i & (2**32 - 1 if i < 2 else -1) for name in ("xx", "xy", "yy")
             for i in range(3)}
    return {"n": n, "sum": sums["sum"], "per": sums["per"], **limbs}


def delays(chance: random.Random, n: int, times: float) -> dict[str, int]:
    """Lognormal latencies: the 95 % quantile is about 1,000 ms."""
    return dict(Tally(f"b{bucket(round(times * chance.lognormvariate(5.91, 0.6065) * SCALE))}" for _ in range(n)))


def arrivals(chance: random.Random, n: int, times: float) -> dict[str, int]:
    """A Poisson number of events whose mean is ``n``."""
    left, k = n * times, 0
    while (left := left - chance.expovariate(1)) > 0:
        k += 1
    return {"n": k}


TOKENS = read("input_tokens + output_tokens", "number")
ESTIMATES = (
    Estimate("ratio, 4 % against 5 %", Ratio(read("blocked")), shares, lambda n: Fraction(5, 100)),
    Estimate("mean (cost per token), 4,000 against 4,800", Mean(read("cost", "number"), TOKENS), costs,
             lambda n: Fraction(4800)),
    Estimate("quantile (p95), 1,000 ms against 1,200 ms", Quantile(read("latency_ms", "number"), Fraction(95, 100)),
             delays, lambda n: Fraction(1200)),
    Estimate("rate, n an hour against 1.2 n", Rate(per=HOUR).during(HOUR), arrivals, lambda n: Fraction(12 * n, 10)),
    Estimate("count with evidence: interval, n against 1.2 n", Count(), arrivals, lambda n: Fraction(12 * n, 10)),
)
TWICE = 2.0


def measured(rates: Rates, chance: random.Random, windows: int, sizes: tuple[int, ...]) -> Iterator[tuple[str, Rows]]:
    """For each: (events, [value beyond, alarm] with nothing changed and with all of it doubled)."""
    fewer = max(1, windows // 8)
    for one in ESTIMATES:
        rows = []
        for n in sizes:
            def still(n: int = n, draw: Draw = one.draw) -> dict[str, int]:
                return draw(chance, n, 1.0)

            def moved(n: int = n, draw: Draw = one.draw) -> dict[str, int]:
                return draw(chance, n, TWICE)
            limit = one.limit(n)
            rows.append((n, [*rates(one.sli, still, limit, windows), rates(one.sli, moved, limit, fewer)[1]]))
        yield one.name, rows
