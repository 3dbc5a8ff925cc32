"""How sure a count is: intervals and tail probabilities, all from whole numbers.

Sources: E. B. Wilson, JASA 22 (1927) 209: the score interval of a rate. R. G. Newcombe, Statistics in Medicine 17
(1998) 873, method 10: the hybrid score interval of a difference. Bonferroni's inequality for many comparisons.
"""

from __future__ import annotations

from fractions import Fraction
from math import erfc, exp, log, pi, sqrt
from statistics import NormalDist

PLACES = 10**12


def exact(value: float) -> Fraction:
    """A measurement as the fraction that is compared, kept and shown: rounded once, to 12 decimals.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(round(value * PLACES), PLACES)


def quantile(alpha: float, comparisons: int = 1) -> float:
    """How many standard errors an estimate strays with probability ``alpha``, two-sided, over so many comparisons.

    >>> round(quantile(0.05), 6), round(quantile(0.05, 10), 6)
    (1.959964, 2.807034)
    """
    return -NormalDist().inv_cdf(alpha / max(1, comparisons) / 2)


def check_alpha(alpha: Fraction) -> None:
    """Raise ``ValueError`` unless it is the probability of something."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: expected a share above 0% and below 100%, came {float(alpha) * 100:g}%")


def wilson(k: int, n: int, z: float) -> tuple[float, float]:
    """The interval of a rate of ``k`` in ``n``; all of [0, 1] where there is nothing to go by.

    >>> tuple(round(x, 4) for x in wilson(56, 70, 1.959964))
    (0.6918, 0.877)
    """
    if n <= 0:
        return 0.0, 1.0
    rate, square = k / n, z * z
    middle = (rate + square / (2 * n)) / (1 + square / n)
    reach = z / (1 + square / n) * sqrt(max(0.0, rate * (1 - rate) / n + square / (4 * n * n)))
    # At the ends the bounds are 0 and 1 exactly; in floats they would miss it.
    return (0.0 if k <= 0 else middle - reach), (1.0 if k >= n else middle + reach)


def newcombe(first: tuple[int, int], second: tuple[int, int], z: float) -> tuple[float, float]:
    """The interval of the difference of two rates, each (k, n).

    >>> tuple(round(x, 4) for x in newcombe((56, 70), (48, 80), 1.959964))
    (0.0524, 0.3339)
    """
    if first[1] <= 0 or second[1] <= 0:
        return -1.0, 1.0
    p, q = first[0] / first[1], second[0] / second[1]
    (low_p, high_p), (low_q, high_q) = wilson(*first, z), wilson(*second, z)
    return (p - q - sqrt((p - low_p) ** 2 + (high_q - q) ** 2),
            p - q + sqrt((high_p - p) ** 2 + (q - low_q) ** 2))


def chi_square_tail(x: float, df: int) -> float:
    """P(X >= x) of a chi-square distribution with ``df`` (1 or more) degrees of freedom, in closed form.

    Abramowitz & Stegun, 26.4.4 and 26.4.5.

    >>> round(chi_square_tail(16.919, 9), 6), round(chi_square_tail(5.991465, 2), 6)
    (0.05, 0.05)
    """
    if x <= 0:
        return 1.0
    if df % 2:
        total, term = erfc(sqrt(x / 2)), sqrt(2 * x / pi) * exp(-x / 2)
        for i in range(3, df + 2, 2):
            total += term
            term *= x / i
        return min(1.0, total)
    total, term = 0.0, exp(-x / 2)
    for i in range(1, df // 2 + 1):
        total += term
        term *= x / (2 * i)
    return min(1.0, total)


def ratio_interval(first: tuple[int, int], second: tuple[int, int], z: float) -> tuple[float, float]:
    """The interval of the ratio of two rates on a log scale, with half an event added to each cell.

    D. Katz et al., Biometrics 34 (1978) 469; the correction for zeros is Walter's (Biometrika 62 (1975) 371).

    >>> tuple(round(x, 3) for x in ratio_interval((30, 100), (50, 100), 1.959964))
    (0.424, 0.861)
    """
    (a, m), (b, n) = first, second
    if m <= 0 or n <= 0:
        return 0.0, float("inf")
    middle = log((a + 0.5) / (m + 0.5)) - log((b + 0.5) / (n + 0.5))
    error = sqrt(max(0.0, 1 / (a + 0.5) - 1 / (m + 0.5) + 1 / (b + 0.5) - 1 / (n + 0.5)))
    return exp(middle - z * error), exp(middle + z * error)
