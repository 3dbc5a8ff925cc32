"""Small decision trees, all asked at once.

Each leaf of a tree is a bit. A node whose question is answered by no takes the leaves on its other side away, and of
those that are left the first is where the tree ends, whatever else was asked on the way: so all nodes that ask of one
number can be answered together, by where it stands among their thresholds (C. Lucchese et al., "QuickScorer: a fast
algorithm to rank documents with additive ensembles of regression trees", SIGIR 2015).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any

LEAVES = 8
"""Most leaves of a tree: its bits are one byte."""

_FIRST = bytes(max(0, (left & -left).bit_length() - 1) for left in range(1 << LEAVES))
"""The first leaf that is left, by all that are; one always is."""

Tree = Any
"""A leaf is a number, any other node [place of what is asked of, threshold, at most, above]."""


@dataclass(frozen=True)
class Forest:
    """``asks`` has, for each number that is asked of, its place, the thresholds in order, and the leaves left when it
    is above so many of them; ``ends`` has the leaves of each tree."""

    asks: tuple[tuple[int, array[float], tuple[int, ...]], ...]
    ends: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> Forest:
        """Raises ``ValueError`` where a tree has more than ``LEAVES`` leaves."""
        every = (1 << LEAVES * len(trees)) - 1
        nodes: dict[int, list[tuple[float, int]]] = {}
        ends = []
        for n, tree in enumerate(trees):
            leaves = list(_leaves(tree))
            if len(leaves) > LEAVES:
                raise ValueError(f"trees[{n}]: expected at most {LEAVES} leaves, came {len(leaves)}")
            ends.append(tuple(leaves))
            for place, threshold, first, last in _nodes(tree, 0):
                taken = ((1 << last) - (1 << first)) << LEAVES * n
                nodes.setdefault(place, []).append((threshold, every & ~taken))
        asks = []
        for place, some in sorted(nodes.items()):
            some.sort()
            left = [every]
            for _, mask in some:
                left.append(left[-1] & mask)
            asks.append((place, array("d", [threshold for threshold, _ in some]), tuple(left)))
        return cls(tuple(asks), tuple(ends))

    def sum(self, seen: Sequence[float]) -> float:
        """What the trees say of these numbers, added up in their order.

        >>> Forest.of([[0, 1.5, -1.0, [1, 0.0, 2.0, 3.0]]]).sum([2.0, 0.5])
        3.0
        """
        left = -1
        for place, thresholds, masks in self.asks:
            left &= masks[bisect_left(thresholds, seen[place])]
        if left < 0:  # no tree asks anything
            return sum([leaves[0] for leaves in self.ends])
        return sum(map(getitem, self.ends, left.to_bytes(len(self.ends), "little").translate(_FIRST)))


def _leaves(tree: Tree) -> Iterator[float]:
    if isinstance(tree, list):
        yield from _leaves(tree[2])
        yield from _leaves(tree[3])
    else:
        yield float(tree)


def _nodes(tree: Tree, begin: int) -> Iterator[tuple[int, float, int, int]]:
    """Of each node what it asks and the leaves, from and up to but without, that are out if the answer is 'above'."""
    if not isinstance(tree, list):
        return
    place, threshold, low, high = tree
    middle = begin + sum(1 for _ in _leaves(low))
    yield place, threshold, begin, middle
    yield from _nodes(low, begin)
    yield from _nodes(high, middle)
