"""The laws of the figures by which checks are judged."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bongsu.evaluation.measure import Counts, auc, auc_interval, f_beta, mean, quantile, recall_at, roc, wilson

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 1.0]), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(high, low) -> None:
    pairs = [1.0 if h > n else 0.5 if h == n else 0.0 for h in high for n in low]
    assert math.isclose(auc(high, low), sum(pairs) / len(pairs))
    assert math.isclose(auc(high, low) + auc(low, high), 1.0)


@given(SCORES, SCORES)
def test_the_area_under_the_curve_is_the_auc(high, low) -> None:
    points = roc(high, low)
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
    assert math.isclose(area, auc(high, low), abs_tol=1e-12)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_holds_its_share_and_stays_within_0_and_1(hits, n) -> None:
    hits = min(hits, n)
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert high - low > 0


def test_the_interval_of_a_share_is_wilsons() -> None:
    """81 of 263: the worked example of Newcombe (1998), method 3."""
    low, high = wilson(81, 263)
    assert round(low, 4) == 0.2553
    assert round(high, 4) == 0.3662


@given(SCORES, SCORES, st.sampled_from([0.01, 0.1, 0.34]))
def test_a_recall_at_a_rate_of_false_alarms_keeps_to_that_rate(high, low, rate) -> None:
    found = recall_at(high, low, rate)
    limits = [t for t in {*high, *low} if sum(n > t for n in low) <= rate * len(low)]
    assert found == max(sum(h > t for h in high) / len(high) for t in limits)


@given(SCORES, st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_value_that_covers_its_share(values, share) -> None:
    found = quantile(values, share)
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
    smaller = [v for v in values if v < found]
    assert len(smaller) < share * len(values) + 1e-9


def test_what_is_undefined_is_none_and_never_zero() -> None:
    assert auc([], [1.0]) is None
    assert wilson(0, 0) is None
    assert Counts().precision is None
    assert Counts().f(2) is None
    assert mean([]) is None
    assert recall_at([], [0.1], 0.1) is None


def test_f_2_rewards_recall_more_than_precision() -> None:
    assert f_beta(0.5, 0.9, 2) > f_beta(0.9, 0.5, 2)
    assert Counts(hit=5, missed=5, wrong=0).f(1) == f_beta(1.0, 0.5, 1)
    assert auc_interval(0.5, 10, 10)[0] < 0.5
