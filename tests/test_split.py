"""Sticky without memory: who gets which version follows from a hash alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.split import pick, sampled

KEYS = [f"user-{n}" for n in range(4000)]
WEIGHTS = st.dictionaries(st.sampled_from(["v1", "v2", "v3", "v4"]), st.integers(0, 1000), min_size=1)


@pytest.mark.parametrize(("weights", "share"), [
    ({"v1": 95, "v2": 5}, 0.05), ({"v1": 1, "v2": 1}, 0.5), ({"v1": 2, "v2": 1, "v3": 1}, 0.25)])
def test_each_name_gets_the_share_of_keys_that_its_weight_says(weights: dict[str, int], share: float) -> None:
    got = sum(pick(key, weights) == "v2" for key in KEYS) / len(KEYS)
    assert abs(got - share) < 4 * (share * (1 - share) / len(KEYS)) ** 0.5


@given(st.text(), WEIGHTS)
def test_the_same_key_is_always_answered_the_same(key: str, weights: dict[str, int]) -> None:
    again = dict(reversed(list(weights.items())))
    assert pick(key, weights) == pick(key, again)
    assert weights.get(pick(key, weights), 1) > 0


@given(st.text(), WEIGHTS, st.sampled_from(["v1", "v2", "v3", "v4"]), st.integers(1, 1000))
def test_a_weight_that_grows_takes_keys_and_moves_none_between_the_others(key: str, weights: dict[str, int], grows: str,
                                                                          by: int) -> None:
    before = pick(key, weights)
    after = pick(key, {**weights, grows: weights.get(grows, 0) + by})
    assert after in (before, grows)


def test_a_sample_takes_its_share_and_a_larger_one_takes_those_too() -> None:
    small = {key for key in KEYS if sampled(key, "guard", Fraction(1, 10))}
    large = {key for key in KEYS if sampled(key, "guard", Fraction(3, 10))}
    assert abs(len(small) / len(KEYS) - 0.1) < 0.02
    assert small < large
    other = {key for key in KEYS if sampled(key, "another", Fraction(1, 10))}
    assert len(small & other) < len(small) / 2, "two guards do not look at the same calls"
