"""Numbers together: directions through a reference, and a histogram along each.

Every column may keep its distribution while what they have to do with each other changes. A fixed weighted sum of
columns shows that, and it is one number of an event: its histogram adds up over events, windows and machines as a
column's does, and the same chi-square null judges it (``drift.py``). The directions are cut once, with the reference:

- each column beside the others: what is left of it when the others have told what they know (a row of the inverse
  correlation matrix). A relation that breaks shows here most, as in the last principal components (L. Kuncheva, W.
  Faithfull, PCA Feature Extraction for Change Detection, IEEE TNNLS 25 (2014) 69).
- sums of a few columns, so chosen that any two columns are together in one: a relation that comes up changes the
  spread of their sum.
- of more than ``MOST_COLUMNS`` columns (embeddings): sums of all with fixed signs, a random projection (D. Achlioptas,
  Database-friendly random projections, JCSS 66 (2003) 671).

Columns are cut off at their 1 % and 99 % quantiles, so that one outlier moves one count here too, and scaled to a mean
of 0 and a deviation of 1; what is missing counts as the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from zlib import crc32

MOST_COLUMNS = 32
MOST_SUMS = 48
SIGNED = 48
BLOCKS = (2, 3, 4, 6, 8, 12, 16)
RIDGE = 0.01
"""Added to the diagonal: columns that say the same have no direction beside each other."""
DIGITS = 6
"""Of a weight: the same text, and so the same sums, on every engine."""


@dataclass(frozen=True)
class Column:
    """How a column becomes a term: cut off at ``low`` and ``high``, less ``mean``, over ``deviation``."""

    name: str
    low: float
    high: float
    mean: float
    deviation: float


def usable(column: Column) -> bool:
    """Whether it varies at all."""
    return column.deviation > 0 and column.low < column.high


def directions(names: Sequence[str], correlation: Sequence[Sequence[float]]) -> Iterator[tuple[str, list[float]]]:
    """A name and a weight for each column (0: not in it), of columns scaled as ``Column`` says.

    >>> [name for name, _ in directions(["a", "b"], [[1, 0.9], [0.9, 1]])]
    ['a | others', 'b | others', 'a + b']
    """
    d = len(names)
    if d > MOST_COLUMNS:
        for k in range(SIGNED):
            yield f"signs {k + 1}", [1.0 if crc32(f"{k} {name}".encode()) & 1 else -1.0 for name in names]
        return
    inverse = inverted([[x + RIDGE * (i == j) for j, x in enumerate(row)] for i, row in enumerate(correlation)])
    for i, row in enumerate(inverse):
        yield f"{names[i]} | others", [x / sqrt(row[i]) for x in row]
    for block in blocks(d):
        yield " + ".join(names[i] for i in block), [float(i in block) for i in range(d)]


def blocks(d: int) -> list[tuple[int, ...]]:
    """Sets of columns, as small as the number of sums allows, that have every two of ``d`` columns together once.

    >>> blocks(3), len(blocks(10)), len(blocks(32)) <= MOST_SUMS
    ([(0, 1), (0, 2), (1, 2)], 45, True)
    """
    found: list[tuple[int, ...]] = []
    for size in BLOCKS:
        found = _covering(d, size)
        if len(found) <= MOST_SUMS:
            break
    return found


def _covering(d: int, size: int) -> list[tuple[int, ...]]:
    """Greedy: from the first two that are not together yet, always the column that brings most new pairs."""
    apart = set(combinations(range(d), 2))
    out = []
    while apart:
        block = set(min(apart))
        while len(block) < min(size, d):
            rest = [i for i in range(d) if i not in block]
            block.add(max(rest, key=lambda i: (sum((min(i, j), max(i, j)) in apart for j in block), -i)))
        apart -= set(combinations(sorted(block), 2))
        out.append(tuple(sorted(block)))
    return out


def inverted(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """The inverse of a positive definite matrix (Gauss-Jordan; no pivot is needed).

    >>> inverted([[4.0, 2.0], [2.0, 2.0]])
    [[0.5, -0.5], [-0.5, 1.0]]
    """
    d = len(matrix)
    work = [[*map(float, row), *(float(i == j) for j in range(d))] for i, row in enumerate(matrix)]
    for i in range(d):
        head = work[i][i]
        pivot = work[i] = [x / head for x in work[i]]
        for j in range(d):
            if j != i and (share := work[j][i]):
                work[j] = [a - share * b for a, b in zip(work[j], pivot, strict=True)]
    return [row[d:] for row in work]


def terms(columns: Sequence[Column], weights: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """(place of a column, what its value is multiplied with), rounded, without what is nothing.

    >>> terms([Column("a", 0, 9, 5, 2.0), Column("b", 0, 9, 5, 1.0)], [1.0, 0.0])
    ((0, 0.5),)
    """
    made = ((i, float(f"{w / columns[i].deviation:.{DIGITS}g}")) for i, w in enumerate(weights))
    return tuple((i, w) for i, w in made if w)
