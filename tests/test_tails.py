"""Tails of distributions and the intervals from them: exact far out, and never an error in the middle of a tick."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.interval import quantile
from bongsu.tails import (
    clopper_pearson,
    log_poisson_below,
    normal_tail,
    poisson_interval,
    poisson_tail,
    ranks,
    student,
)

FAR = st.one_of(st.floats(0.8, 8), st.floats(8, 36))
"""From z = 8.3 on 1 less a tail is 1."""


@given(st.integers(0, 1000), FAR)
def test_the_ends_of_a_poisson_mean_are_those_by_which_so_many_are_just_as_unlikely(k: int, z: float) -> None:
    low, high = poisson_interval(k, z)
    assert 0 <= low <= k <= high
    if k:
        assert log(poisson_tail(k, low)) == pytest.approx(log(normal_tail(z)), abs=1e-6)
    assert log_poisson_below(k + 1, high) == pytest.approx(log(normal_tail(z)), abs=1e-6)


@pytest.mark.parametrize(("k", "low", "high"), [(1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (100, 81.3640, 121.6268)])
def test_the_ends_of_a_poisson_mean_are_those_of_tables(k: int, low: float, high: float) -> None:
    assert poisson_interval(k, 1.959964) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 50), st.integers(0, 50), FAR)
def test_the_ends_of_a_share_hold_it_however_sure_they_are_to_be(bad: int, good: int, z: float) -> None:
    low, high = clopper_pearson(bad, bad + good, z)
    assert 0 <= low <= high <= 1
    if bad + good:
        assert low <= bad / (bad + good) <= high


@pytest.mark.parametrize("groups", [1, 1440, 1_440_000])
def test_no_alpha_is_too_small_for_an_interval_of_many_groups(groups: int) -> None:
    """1e-15 divided by the windows of a day and a thousand groups is some z = 9.7."""
    z = quantile(1e-15, groups)
    assert clopper_pearson(5, 10, z)[0] > 0
    assert poisson_interval(5, z)[0] > 0
    assert student(z, 10) > z
    assert ranks(10, 0.5, z) == (0, 11)
