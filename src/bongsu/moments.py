"""How far numbers spread: sums of products that stay exact in 64 bits, and the intervals of a mean and of a total.

A square of a cost in nano-units does not fit in 64 bits, let alone a sum of them. So a product is cut into limbs of 32
bits, each added as a whole number of its own: a part of two thousand million events still fits, and what was added can
be taken back exactly. A product itself is that of the two rounded numbers as a binary float, rounded once per event.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from math import sqrt

from bongsu.aggregate import Sum
from bongsu.cell import Vector
from bongsu.expression import Expression
from bongsu.interval import exact
from bongsu.tails import student

MICRO = 10**6
LIMB = 32
LIMBS = 3
FEWEST = 20
"""Of fewer numbers neither the spread is known nor does their mean follow a normal law."""
NO_INTERVAL = None, None
Ends = tuple[Fraction, Fraction] | tuple[None, None]


def scale_of(expression: Expression) -> int:
    """Whole numbers are added as they are, others in millionths."""
    return 1 if expression.kind == "int" else MICRO


def products(name: str, a: Expression, b: Expression, known: tuple[Expression, ...]) -> Mapping[str, Sum]:
    """The parts that hold the sum of a x b, each in its unit of ``scale_of``, over events where all of ``known`` is."""
    columns = tuple(dict.fromkeys((*a.columns, *b.columns)))
    product = f"({_rounded(a)} * {_rounded(b)})"
    above = [product if not i else f"FLOOR({product} / {float(1 << LIMB * i)!r})" for i in range(LIMBS)]
    texts = [f"{low} - {high} * {float(1 << LIMB)!r}" for low, high in pairwise(above)] + above[-1:]
    return {f"{name}{i}": Sum(Expression(text, "number", columns), known=known) for i, text in enumerate(texts)}


def _rounded(one: Expression) -> str:
    value = f"CAST(({one.text}) AS DOUBLE)"
    return value if one.kind == "int" else f"ROUND({value} * {MICRO})"


def total(vector: Vector, name: str) -> int:
    """The sum of products.

    >>> total({"xx0": 5, "xx1": 1}, "xx") == 2**32 + 5
    True
    """
    return sum(vector.get(f"{name}{i}", 0) << LIMB * i for i in range(LIMBS))


def mean_interval(vector: Vector, n: int, unit: Fraction, z: float, by: str = "per") -> Ends:
    """The interval of ``sum`` / ``by`` times ``unit``; none where there are too few numbers to say.

    That of a ratio of sums: the spread of x - R y, with R their ratio, by Student's law with n - 1 degrees of freedom
    (W. Cochran, Sampling Techniques, 3rd ed., 1977, 2.11 and 6.4). It wants the products xx, xy and yy; y is 1 for
    each event, and they follow from the sums, where ``by`` is ``n``.

    >>> ends = mean_interval({"sum": 40, "xx0": 160, "n": 20}, 20, Fraction(1), 1.959964, "n")
    >>> tuple(round(float(x), 4) for x in ends)
    (1.0397, 2.9603)
    """
    x, y = vector.get("sum", 0), vector.get(by, 0)
    if n < FEWEST or y <= 0:
        return NO_INTERVAL
    xy, yy = (x, n) if by == "n" else (total(vector, "xy"), total(vector, "yy"))
    apart = total(vector, "xx") * y * y - 2 * x * y * xy + x * x * yy
    reach = student(z, n - 1) * sqrt(max(0.0, float(Fraction(apart, y * y)) * n / (n - 1))) / y
    middle, stray = Fraction(x, y) * unit, exact(reach * float(unit))
    return middle - stray, middle + stray


def total_interval(vector: Vector, n: int, unit: Fraction, z: float) -> Ends:
    """The interval of what such windows add up to: so many events as chance sends, each of them as these are.

    The variance of such a sum is that of a compound Poisson law, the sum of squares (W. Feller, An Introduction to
    Probability Theory I, 3rd ed., 1968, XII.2).
    """
    if n < FEWEST:
        return NO_INTERVAL
    middle, stray = vector.get("sum", 0) * unit, exact(z * sqrt(total(vector, "xx")) * float(unit))
    return middle - stray, middle + stray
