"""Cells compared: this window against a reference.

The bins of a reference are cut once, at the unique deciles of its own values (``inverted_cdf``, right-closed, open at
both ends) or at its categories, and never again from what is compared with it: one outlier moves one count. A bin is
kept for what is missing and, of categories, for what was never seen.

Values: PSI and KL(current || reference) in nats; JS is a distance, base 2. PSI and its null distribution
(1/n + 1/m) chi-square with k - 1 degrees of freedom: B. Yurdakul, Statistical Properties of the Population Stability
Index (2018). KL is half of PSI near zero, the squared JS distance an eighth of it (in nats). The chi-square statistic
is that of two samples (Numerical Recipes 14.3). The Wasserstein distance is approximate: it knows bins, not values.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, log2, sqrt
from typing import Literal

from bongsu.interval import chi_square_tail
from bongsu.joint import Column

Measure = Literal["psi", "kl", "js", "chi2", "wasserstein"]
Smoothing = Literal["half", "floor", "none"]
"""``half``: half an event is added to every bin. ``floor``: an empty bin counts as a share of 1e-4, as other tools do.
``none``: as counted; but of PSI and KL, which would be infinite, a bin that only one side fills is floored."""
FLOOR = 1e-4
DECILES = 10
FEWEST_BINS = 5
MOST_CATEGORIES = 50
MOST_DISTINCT = 20
OTHER, MISSING = "__other__", "__missing__"


@dataclass(frozen=True)
class Bins:
    """One column of a reference: how it is cut and how many fell where.

    ``counts`` are of the bins in order, then of what is not known (NULL). Of numbers there is a bin up to each of
    ``edges`` (inclusive) and one above the last; of texts one a category and one for all others. ``low`` and ``high``
    are the least and the largest number seen. Of ``words`` the categories are cells of texts (``prompt.py``).
    ``unsuitable`` says why nothing can be concluded from it.
    """

    column: str
    kind: Literal["number", "text", "bool", "words"]
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    unsuitable: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What each count is of."""
        if self.kind != "number":
            return (*self.categories, OTHER, MISSING)
        cuts = [f"{edge:g}" for edge in self.edges]
        spans = [f"{a}..{b}" for a, b in pairwise(cuts)]
        return (f"<= {cuts[0]}", *spans, f"> {cuts[-1]}", MISSING) if cuts else ("all", MISSING)

    def place(self, value: float | str | None) -> int:
        """The bin of one value.

        >>> number_bins("x", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0).place(3.0)
        2
        """
        if value is None:
            return len(self.counts) - 1
        if isinstance(value, str):
            return self.categories.index(value) if value in self.categories else len(self.categories)
        return bisect_left(self.edges, value)


@dataclass(frozen=True)
class Direction:
    """A weighted sum of columns (``joint.py``) and its bins, whose ``column`` is its name.

    ``terms`` are (place of the column, weight of its value).
    """

    terms: tuple[tuple[int, float], ...]
    bins: Bins


@dataclass(frozen=True)
class Joint:
    """Numbers that are compared together, made of so many ``rows`` in which any of them is known."""

    columns: tuple[Column, ...]
    directions: tuple[Direction, ...]
    rows: int


@dataclass(frozen=True)
class Vocabulary:
    """Which words texts have (``novelty.py``): ``words`` are hashes of four bytes each, in ascending order."""

    version: str
    words: bytes


@dataclass(frozen=True)
class Reference:
    """What windows are compared with. ``version`` is a digest of its bins and counts: unlike things never mix.

    ``source`` says where it came from (a file's name, a window, a model's version); it holds no rows. Its vocabularies
    are named as the event's columns that say by which words it was read (``event.TEXTS``).
    """

    name: str
    version: str
    columns: tuple[Bins, ...]
    rows: int
    source: str = ""
    model_version: str = ""
    joint: Joint | None = None
    vocabulary: Vocabulary | None = None
    reply_vocabulary: Vocabulary | None = None

    def get(self, column: str) -> Bins | None:
        return next((bins for bins in self.columns if bins.column == column), None)


def number_bins(column: str, ordered: Sequence[float], missing: int) -> Bins:
    """Bins of numbers, which come in ascending order. Few distinct numbers have a bin each; too few bins judge nothing.

    >>> number_bins("x", [3.0] * 100, 0).unsuitable
    'it is 3 throughout'
    """
    n = len(ordered)
    if not n:
        return Bins(column, "number", (0, missing), unsuitable="it has no values")
    cuts = sorted({float(ordered[-(-k * n // DECILES) - 1]) for k in range(1, DECILES)})
    distinct = _first_distinct(ordered, MOST_DISTINCT + 1)
    unsuitable = ""
    if len(distinct) == 1:
        unsuitable = f"it is {distinct[0]:g} throughout"
    elif len(distinct) <= MOST_DISTINCT:
        cuts = distinct
    elif len(cuts) + 1 < FEWEST_BINS:
        unsuitable = f"its deciles collapse into {len(cuts) + 1} bins; {FEWEST_BINS} or more are needed"
    upto = [0, *(bisect_right(ordered, edge) for edge in cuts), n]
    counts = tuple(b - a for a, b in pairwise(upto))
    return Bins(column, "number", (*counts, missing), tuple(cuts), low=float(ordered[0]), high=float(ordered[-1]),
                unsuitable=unsuitable)


def _first_distinct(ordered: Sequence[float], most: int) -> list[float]:
    out: list[float] = []
    at = 0
    while at < len(ordered) and len(out) < most:
        out.append(float(ordered[at]))
        at = bisect_right(ordered, ordered[at], at)
    return out


def text_bins(column: str, counted: Mapping[str, int], missing: int,
              kind: Literal["text", "bool", "words"] = "text") -> Bins:
    """Bins of categories, the most frequent first; those beyond the first 50 are counted with the unseen."""
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    kept = ranked[:MOST_CATEGORIES]
    total, rest = sum(counted.values()), sum(n for _, n in ranked[MOST_CATEGORIES:])
    unsuitable = "it has no values" if not total else ""
    if 2 * rest > total:
        unsuitable = f"most of its {len(ranked)} values are beyond the {MOST_CATEGORIES} most frequent"
    return Bins(column, kind, (*(n for _, n in kept), rest, missing), categories=tuple(c for c, _ in kept),
                unsuitable=unsuitable)


# ---- two histograms ----


@dataclass(frozen=True)
class Distance:
    """``value`` in the units of the measure; ``p`` is how likely at least that much is when nothing has changed."""

    value: float
    p: float
    df: int


def distance(bins: Bins, current: Sequence[int], measure: Measure = "psi", smoothing: Smoothing = "half") -> Distance:
    """How far the counts of a window are from those of a reference, in the same bins. Both must have events."""
    pairs = [(max(0, a), max(0, b)) for a, b in zip(bins.counts, current, strict=True)]
    filled = [(a, b) for a, b in pairs if a or b]  # what is empty on both sides says nothing
    n, m, df = sum(a for a, _ in filled), sum(b for _, b in filled), max(1, len(filled) - 1)
    scale = 1 / n + 1 / m
    if measure in ("chi2", "wasserstein"):
        statistic = chi_square(filled)
        value = statistic if measure == "chi2" else wasserstein(bins, [b for _, b in pairs])
        return Distance(value, chance("chi2", statistic, scale, df), df)
    if smoothing == "none" and measure != "js":
        smoothing = "floor"
    p, q = shares([a for a, _ in filled], smoothing), shares([b for _, b in filled], smoothing)
    value = psi(p, q) if measure == "psi" else kl(q, p) if measure == "kl" else js(p, q)
    return Distance(value, chance(measure, value, scale, df), df)


def chance(measure: Measure, value: float, scale: float, df: int) -> float:
    """How likely a distance of at least ``value`` is when nothing has changed; ``scale`` is 1/n + 1/m.

    None is known of a Wasserstein distance by itself: its bins have a statistic of their own.

    >>> round(chance("psi", 0.25, 1 / 100 + 1 / 10_000, 9), 6)
    0.003258
    """
    statistic = {"psi": value / scale, "kl": 2 * value / scale, "js": 8 * log(2) * value * value / scale}
    return chi_square_tail(statistic.get(measure, value), df)


def shares(counts: Sequence[int], smoothing: Smoothing = "half") -> list[float]:
    """Counts as shares.

    >>> shares([1, 0], "half"), shares([1, 0], "floor")
    ([0.75, 0.25], [1.0, 0.0001])
    """
    total = sum(counts)
    if smoothing == "half":
        return [(c + 0.5) / (total + 0.5 * len(counts)) for c in counts]
    return [c / total if c or smoothing == "none" else FLOOR for c in counts]


def psi(p: Sequence[float], q: Sequence[float]) -> float:
    """Population stability index, nats.

    >>> round(psi([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]), 7)
    0.9128696
    """
    return sum((b - a) * log(b / a) for a, b in zip(p, q, strict=True))


def kl(p: Sequence[float], q: Sequence[float]) -> float:
    """Kullback-Leibler divergence of ``p`` from ``q``, nats.

    >>> round(kl([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]), 7)
    0.4564348
    """
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True) if a)


def js(p: Sequence[float], q: Sequence[float]) -> float:
    """Jensen-Shannon distance, base 2: 0 alike, 1 nothing in common.

    >>> round(js([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]), 7), js([1.0, 0.0], [0.0, 1.0])
    (0.3918682, 1.0)
    """
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    both = sum(x * log2(x / m) for side in (p, q) for x, m in zip(side, middle, strict=True) if x) / 2
    return sqrt(max(0.0, both))


def chi_square(pairs: Sequence[tuple[int, int]]) -> float:
    """The chi-square statistic of two samples of counts.

    >>> round(chi_square([(10, 20), (20, 10)]), 6)
    6.666667
    """
    n, m = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    return sum((sqrt(m / n) * a - sqrt(n / m) * b) ** 2 / (a + b) for a, b in pairs if a or b)


def wasserstein(bins: Bins, current: Sequence[int]) -> float:
    """Area between the two distribution functions, which are known at the edges and taken as straight between them.

    In units of the column. Of categories, half the sum of differences (total variation): they have no order.
    """
    reference, now = bins.counts[:-1], current[:-1]
    n, m = max(1, sum(reference)), max(1, sum(now))
    gaps = [a / n - b / m for a, b in zip(reference, now, strict=True)]
    if bins.kind != "number":
        return sum(map(abs, gaps)) / 2
    knots, total, before = [bins.low, *bins.edges, max(bins.high, *bins.edges)], 0.0, 0.0
    for i, gap in enumerate(gaps):
        after = before + gap
        total += _area(before, after) * max(0.0, knots[i + 1] - knots[i])
        before = after
    return total


def _area(a: float, b: float) -> float:
    """Of a straight line from ``a`` to ``b`` over a width of one, to zero."""
    if a * b >= 0:
        return abs(a + b) / 2
    return (a * a + b * b) / (2 * (abs(a) + abs(b)))
