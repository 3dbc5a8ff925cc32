"""Expressions: what is accepted, what is refused, and where it says the fault is."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.expression import ExpressionError, read


@pytest.mark.parametrize("text", [
    "grounding_score < 0.5", "grounding_score IS NOT NULL", "outcome = 'error' OR status >= 500", "NOT blocked",
    "status BETWEEN 500 AND 599", "model IN ('a', 'b')", "lower(model) LIKE 'gpt%'", "blocked AND (tier = 'gold')",
    "coalesce(cost, 0) > 10", "abs(latency_ms - 5) < 1.5",
])
def test_conditions_over_the_columns_are_accepted(text: str) -> None:
    assert read(text).kind == "bool"


@pytest.mark.parametrize(("text", "kind"), [
    ("cost", "int"), ("input_tokens + output_tokens", "int"), ("latency_ms", "number"), ("cost / 2", "number"),
    ("-cost", "int"), ("length(model)", "int"),
])
def test_numbers_know_whether_they_are_whole(text: str, kind: str) -> None:
    assert read(text, "number").kind == kind


@pytest.mark.parametrize(("text", "offset", "said"), [
    ("tokns > 5", 0, "did you mean 'input_tokens'?"),
    ("blocked AND modl = 'x'", 12, "did you mean 'model'?"),
    ("status", 0, "compare it with something"),
    ("model > 5", 8, "two values of one type"),
    ("blocked + 1 > 2", 0, "expected a number"),
    ("(SELECT 1) = 1", 8, "SELECT"),
    ("read_csv('x') = 1", 0, "READ_CSV"),
    ("sum(cost) > 4", 0, "SUM"),
    ("", 0, "one SQL expression"),
    ("blocked; DROP TABLE cell", 0, "one SQL expression"),
    ("events.cost > 1", 7, "a column of the event"),
    ("status IN ()", 0, "expected"),
])
def test_what_is_not_about_one_event_is_refused_with_its_place(text: str, offset: int, said: str) -> None:
    with pytest.raises(ExpressionError) as error:
        read(text)
    assert said in str(error.value)
    assert error.value.offset == offset


def test_a_condition_is_not_a_number() -> None:
    with pytest.raises(ExpressionError, match="expected a number"):
        read("blocked", "number")


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert read(text).text == text
