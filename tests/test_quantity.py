"""Numbers with units: read strictly, computed exactly, refused with a hint."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.quantity import (
    QuantityError,
    parse_duration,
    parse_money,
    parse_rate,
    parse_share,
    show_duration,
    show_number,
)


@given(st.integers(0, 10**15))
def test_a_duration_reads_back_as_it_was_shown(value: int) -> None:
    assert parse_duration(show_duration(value)) == value


@pytest.mark.parametrize(("text", "hint"), [
    ("5", "did you mean '5s'?"), ("", ""), ("5 m", ""), ("-5m", ""), ("5mm", ""),
])
def test_a_duration_needs_its_unit(text: str, hint: str) -> None:
    with pytest.raises(QuantityError) as error:
        parse_duration(text)
    assert error.value.hint == hint


def test_a_share_without_percent_is_refused_since_0_999_and_99_9_look_alike() -> None:
    with pytest.raises(QuantityError, match=r"did you mean '99.9%'\?"):
        parse_share("99.9")
    assert parse_share("99.9%") == Fraction(999, 1000)


def test_money_needs_its_currency_and_keeps_every_digit() -> None:
    assert parse_money("0.0000000015 USD").nano == Fraction(3, 2)
    assert parse_money("1_000 KRW").amount == 1000
    for text in ("5", "5 dollars", "$5"):
        with pytest.raises(QuantityError):
            parse_money(text)


@pytest.mark.parametrize(("text", "nano"), [
    ("2.50 USD/1M", 2500), ("0.0375 USD/1M", Fraction(75, 2)), ("3 KRW/1K", 3_000_000), ("1 USD/1", 10**9),
])
def test_a_price_is_exact_nano_units_a_token(text: str, nano: Fraction) -> None:
    assert parse_rate(text).nano == nano


def test_a_price_without_a_quantity_of_tokens_says_so() -> None:
    with pytest.raises(QuantityError, match="per how many tokens"):
        parse_rate("2.50 USD")


@given(st.fractions(min_value=-10**6, max_value=10**6, max_denominator=10**6))
def test_what_is_shown_is_near_what_is_meant(value: Fraction) -> None:
    shown = Fraction(show_number(value))
    assert abs(shown - value) <= max(Fraction(1, 10_000), abs(value) / 20)
