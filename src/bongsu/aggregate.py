"""What a signal counts of events (how many, how much, in which bins), and what the sums show.

An aggregate is data: what it asks of an event is an expression, and whoever counts (DuckDB here, a cluster elsewhere)
turns it into a query of its own. Each part of it is an integer that adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from bongsu.expression import Expression


@dataclass(frozen=True)
class Count:
    """How many events satisfy every condition of ``where`` and have a value for every expression of ``known``.

    An unknown (NULL) condition is not satisfied. With ``by``, a text, each of its values is counted apart: the parts
    are ``NAME=VALUE``, and an event without a value is in none.
    """

    where: tuple[Expression, ...] = ()
    known: tuple[Expression, ...] = ()
    by: Expression | None = None


@dataclass(frozen=True)
class Sum:
    """Sum over events of round(``of`` x ``scale``), rounded once per event; only where all of ``known`` has a value."""

    of: Expression
    known: tuple[Expression, ...] = ()
    scale: int = 1


@dataclass(frozen=True)
class Histogram:
    """How many events fall in each bucket of round(``of`` x ``scale``): 2^``sub_bits`` equal buckets an octave.

    Parts are named by the aggregate's own name followed by the bucket number.
    """

    of: Expression
    scale: int = 1
    sub_bits: int = 6


@dataclass(frozen=True)
class Tally:
    """How many events satisfying ``where`` fall in each of fixed bins; parts are the aggregate's name and a number.

    Of a number: bin i holds what is above ``edges[i - 1]`` and not above ``edges[i]``, the last what is above all. Of a
    text: bin i holds ``categories[i]``, the next all others. What is not known is in the bin after these.
    """

    of: Expression
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    where: tuple[Expression, ...] = ()

    @property
    def bins(self) -> int:
        """How many, with that of the unknown."""
        return max(len(self.edges), len(self.categories)) + 2


Aggregate = Count | Sum | Histogram | Tally

Proof = Literal["always", "alarm", "never"]
"""When a value must be more than chance gives. ``always``: a distance or a largest of several, which chance alone
drives from zero. ``alarm``: an estimate of what is behind the events; an alarm needs proof, a budget counts what came.
``never``: what was counted or added up is itself what is meant."""


@dataclass(frozen=True)
class Evidence:
    """What a summed vector shows, and how sure it is.

    ``value`` is exact, or None where it is undefined; ``n`` is how many events stand behind it. ``low`` and ``high``
    are its interval, where it has one; with one end only, nothing bounds the other. ``significant`` is false where
    nothing need have changed to give this value.
    ``insufficient`` says why there is too little to judge it by; then it is shown as such, and no condition holds.
    ``about`` says what it is of, where it is one of several (a feature, two groups).
    """

    value: Fraction | None
    n: int = 0
    low: Fraction | None = None
    high: Fraction | None = None
    significant: bool = True
    insufficient: str = ""
    about: str = ""
