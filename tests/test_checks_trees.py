"""Trees asked all at once say what each says asked by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.checks.trees import Forest

NUMBERS = st.sampled_from([-float("inf"), -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, float("inf")])
LEAVES = st.integers(-50, 50).map(lambda n: n / 8)


def a_tree(depth: int) -> st.SearchStrategy[Any]:
    if not depth:
        return LEAVES
    below = a_tree(depth - 1)
    return LEAVES | st.tuples(st.integers(0, 4), NUMBERS, below, below).map(list)


def walked(tree: Any, seen: list[float]) -> float:
    while isinstance(tree, list):
        tree = tree[2] if seen[tree[0]] <= tree[1] else tree[3]
    return float(tree)


@given(st.lists(a_tree(3), max_size=8), st.lists(st.lists(NUMBERS, min_size=5, max_size=5), min_size=1, max_size=8))
def test_a_forest_adds_up_where_a_walk_through_each_tree_ends(trees: list[Any], texts: list[list[float]]) -> None:
    forest = Forest.of(trees)
    for seen in texts:
        assert forest.sum(seen) == sum(walked(tree, seen) for tree in trees)


def test_a_tree_with_more_leaves_than_a_byte_has_bits_is_refused() -> None:
    deep: Any = 1.0
    for n in range(8):
        deep = [0, float(n), deep, 2.0]
    with pytest.raises(ValueError, match=r"trees\[1\]: expected at most 8 leaves, came 9"):
        Forest.of([1.0, deep])
