"""How likely an extreme is: tails of the Poisson, the binomial and Student's distribution, and where they end.

A normal approximation (Wilson's, say) is not for this: at 1 % over the 24 windows of a day its bound from a hundred
events is passed up to 68 times as often as it says.

All from the two incomplete functions: of gamma by its series and its continued fraction (Abramowitz & Stegun 6.5.29,
6.5.31), of beta by its continued fraction (26.5.8). The fractions are good to 1e-14; what stands before them is a
difference of logarithms of gamma functions, so of n events ends are good to about n * 1e-15 of themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import ceil, erfc, exp, floor, lgamma, log, log1p, sqrt

ENOUGH = 1e-14
TINY = 1e-300
MOST_TERMS = 100_000
MANY = 1000
"""From so many events on a normal law is as good: its bounds are then less than one event off."""
HALVINGS = 60
KEPT = 1 << 16
"""Intervals: more than the signals and groups that every tick asks for anew."""
NEAR = 1e-9
CLOSE = 1e-4
"""Of the logarithm of a tail, before a step of the third order."""


def _lentz(begin: float, terms: Iterator[tuple[float, float]]) -> float:
    """The continued fraction begin + a1/(b1 + a2/(b2 + ...)), from its (a, b)."""
    value = c = begin or TINY
    d = 0.0
    for _, (a, b) in zip(range(MOST_TERMS), terms, strict=False):
        d = 1 / (b + a * d or TINY)
        c = b + a / c or TINY
        value *= c * d
        if abs(c * d - 1) < ENOUGH:
            break
    return value


def normal_tail(z: float) -> float:
    """P(X >= z) of a normal number; never 0 within the reach of a float (z = 37), as 1 - P(X < z) is from z = 8.3 on.

    >>> round(normal_tail(1.959964), 6), normal_tail(9.0) > 0
    (0.025, True)
    """
    return max(TINY, erfc(z / sqrt(2)) / 2)


def poisson_tail(k: int, mean: float) -> float:
    """P(X >= k) of a Poisson number with this mean.

    >>> round(poisson_tail(1, 0.5), 6), round(poisson_tail(12, 5.0), 6)
    (0.393469, 0.005453)
    """
    if k <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    scale = exp(k * log(mean) - mean - lgamma(k))
    if mean < k + 1:
        term = total = 1 / k
        for i in range(1, MOST_TERMS):
            term *= mean / (k + i)
            total += term
            if term < total * ENOUGH:
                break
        return total * scale
    return 1 - scale / _above(k, mean)


def log_poisson_below(k: int, mean: float) -> float:
    """The logarithm of P(X < k), also where 1 less the tail is 0; ``k`` is 1 or more.

    >>> round(log_poisson_below(1, 0.5), 6), round(log_poisson_below(1, 2000.0), 6)
    (-0.5, -2000.0)
    """
    if mean < k + 1:
        return log(1 - poisson_tail(k, mean))
    return k * log(mean) - mean - lgamma(k) - log(_above(k, mean))


def _above(k: int, mean: float) -> float:
    return _lentz(mean + 1 - k, ((-i * (i - k), mean + 2 * i + 1 - k) for i in range(1, MOST_TERMS)))


def beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b).

    >>> round(beta(0.3, 2, 3), 6)
    0.3483
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(1 - x, b, a)

    # The continued fraction of ``_lentz``, two terms a turn, written out: every interval of a share is made of it.
    value = c = 1.0
    d = 0.0
    for m in range(MOST_TERMS // 2):
        one = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1.0 + one * d or TINY)
        c = 1.0 + one / c or TINY
        value *= c * d
        two = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))
        d = 1 / (1.0 + two * d or TINY)
        c = 1.0 + two / c or TINY
        value *= c * d
        if abs(c * d - 1) < ENOUGH:
            break
    return exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a / value


def binomial_tail(k: int, n: int, p: float) -> float:
    """P(X >= k) of ``n`` tries that each succeed with probability ``p``.

    >>> round(binomial_tail(3, 10, 0.01), 8)
    0.00011385
    """
    return 1.0 if k <= 0 else 0.0 if k > n else beta(p, k, n - k + 1)


def _root(low: float, high: float, rises: Callable[[float], bool]) -> float:
    """Where ``rises`` turns true between the two."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    return (low + high) / 2


@lru_cache(maxsize=KEPT)
def clopper_pearson(k: int, n: int, z: float) -> tuple[float, float]:
    """The interval of a rate of ``k`` in ``n``: exact, its ends are never nearer than z says; [0, 1] without events.

    C. Clopper, E. Pearson, Biometrika 26 (1934) 404. Above ``MANY`` by the cube-root law of ``paulson``.

    >>> tuple(round(x, 4) for x in clopper_pearson(81, 263, 1.959964)), clopper_pearson(0, 0, 1.96)
    ((0.2527, 0.3676), (0.0, 1.0))
    """
    if n <= 0:
        return 0.0, 1.0
    k = min(max(0, k), n)
    return _least_rate(k, n, z), 1 - _least_rate(n - k, n, z)


def paulson(k: int, n: int, z: float) -> float:
    """The lower end of that interval in closed form: rarely nearer, by 5 % of the tail at most, and mostly farther.

    E. Paulson, Annals of Mathematical Statistics 13 (1942) 233: the cube roots of two chi-squares are nearly normal.
    """
    a, b = 1 / (9 * k), 1 / (9 * (n - k + 1))
    below = (1 - a) ** 2 - z * z * a
    if below <= 0:
        return 0.0
    both, above = (1 - a) * (1 - b), (1 - b) ** 2 - z * z * b
    odds = k * (below / (both + sqrt(both * both - below * above))) ** 3
    return float(odds / (n - k + 1 + odds))


def _least_rate(k: int, n: int, z: float) -> float:
    """By which ``k`` or more of ``n`` are just as unlikely as z says.

    By Halley's method on the logarithm of the tail, which is concave in that of the rate: each step cubes the error, so
    after one of less than ``CLOSE`` nothing is left to be seen.
    """
    if not k:
        return 0.0
    start = paulson(k, n, z)
    if min(k, n - k) > MANY:
        return start
    tail, a, b = log(normal_tail(z)), k, n - k + 1
    scale = lgamma(a) + lgamma(b) - lgamma(a + b)
    # I_x(a, b) <= x^a / (a B(a, b)), so here the tail is at most as asked.
    at = max(log(start or TINY), (tail + log(a) + scale) / a)
    for _ in range(HALVINGS):
        x = exp(at)
        if x >= 1:
            return 1.0
        off = log(beta(x, a, b)) - tail
        slope = exp(a * at + (b - 1) * log1p(-x) - scale - tail - off)
        bend = slope * (a - (b - 1) * x / (1 - x) - slope)
        at -= off / slope / max(0.5, 1 - off * bend / (2 * slope * slope))
        if abs(off) < CLOSE:
            break
    return exp(at)


@lru_cache(maxsize=KEPT)
def poisson_interval(k: int, z: float) -> tuple[float, float]:
    """The interval of the mean of a Poisson number of which ``k`` came: exact, its ends are never nearer than z says.

    F. Garwood, Biometrika 28 (1936) 437. Above ``MANY`` by the cube-root law of E. Wilson and M. Hilferty (1931).

    >>> tuple(round(x, 4) for x in poisson_interval(10, 1.959964)), round(poisson_interval(0, 1.959964)[1], 4)
    ((4.7954, 18.3904), 3.6889)
    """
    k = max(0, k)
    if k > MANY:
        return _cube(k, -z), _cube(k + 1, z)
    return _least_mean(k, z), _most_mean(k, z)


def _least_mean(k: int, z: float) -> float:
    """By Newton's method on the logarithm of the tail, which is concave in that of the mean."""
    if not k:
        return 0.0
    tail = log(normal_tail(z))
    # P(X >= k) <= mean^k / k!, so here the tail is at most as asked.
    at = max(log(max(TINY, _cube(k, -z))), (tail + lgamma(k + 1)) / k)
    for _ in range(HALVINGS):
        off = log(poisson_tail(k, exp(at))) - tail
        if abs(off) < NEAR:
            break
        at -= off / exp(k * at - exp(at) - lgamma(k) - tail - off)
    return exp(at)


def _most_mean(k: int, z: float) -> float:
    """The same on P(X <= k), whose logarithm is concave in the mean."""
    tail, at = log(normal_tail(z)), _cube(k + 1, z)
    for _ in range(HALVINGS):
        off = log_poisson_below(k + 1, at) - tail
        if abs(off) < NEAR:
            break
        at += off / exp(k * log(at) - at - lgamma(k + 1) - tail - off)
    return at


def _cube(shape: int, z: float) -> float:
    return shape * float(1 - 1 / (9 * shape) + z / (3 * sqrt(shape))) ** 3


@lru_cache(maxsize=KEPT)
def student(z: float, df: int) -> float:
    """How many standard errors stand for ``z`` normal ones where the error is itself estimated, with ``df`` degrees.

    >>> round(student(1.959964, 9), 4), round(student(1.959964, 10**6), 4)
    (2.2622, 1.96)
    """
    if df > MANY:  # Cornish and Fisher, Abramowitz & Stegun 26.7.5
        return z + (z**3 + z) / (4 * df)
    both = 2 * normal_tail(z)
    # The two-sided tail beyond t is I_x(df/2, 1/2) at x = df / (df + t^2).
    x = _root(0.0, 1.0, lambda x: beta(x, df / 2, 0.5) >= both)
    return sqrt(df * (1 - x) / x) if x > 0 else float("inf")


@lru_cache(maxsize=KEPT)
def ranks(n: int, q: float, z: float) -> tuple[int, int]:
    """The ranks (1 to ``n``) between which the ``q`` quantile lies; 0 and ``n + 1`` stand for no bound.

    Exact, from the binomial number of values below it (H. David, H. Nagaraja, Order Statistics, 2003, section 7.1);
    above ``MANY`` on its rarer side by the normal law.

    >>> ranks(100, 0.5, 1.959964), ranks(20, 0.95, 1.959964)
    ((40, 61), (17, 21))
    """
    if n * min(q, 1 - q) > MANY:
        reach = z * sqrt(n * q * (1 - q)) + 1
        return max(0, floor(n * q - reach)), min(n + 1, ceil(n * q + reach))
    tail = normal_tail(z)
    low, high = 0, n + 1
    # x(r) lies above the quantile only if fewer than r values are at most it.
    step = 1 << n.bit_length()
    while step:
        if low + step <= n and 1 - binomial_tail(low + step, n, q) <= tail:
            low += step
        if high - step >= 1 and binomial_tail(high - step, n, q) <= tail:
            high -= step
        step >>= 1
    return low, high
