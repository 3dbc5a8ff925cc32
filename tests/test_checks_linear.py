"""Patterns asked directly answer as the library does, whatever the pattern and the text."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from bongsu.checks.injection_forms import FORMS as PHRASES
from bongsu.checks.linear import Glance, Linear, Which
from bongsu.checks.pii_forms import FORMS

SMALL = ("a", "b+", "(a)|(b)c", "a*", r"\ba", r"b\b", r"(?:ab)+\z", "c{2}", "", "[^a]b", "가+", r"\A가", "(a(b)?)c*")
TEXTS = st.text("abc 가", max_size=40).map(str.encode)


@given(st.sampled_from(SMALL), TEXTS, st.integers(0, 50))
def test_a_search_answers_as_the_librarys_does(pattern: str, data: bytes, start: int) -> None:
    ours, theirs = Linear(pattern), re2.compile(pattern.encode())
    begin = min(start, len(data))
    match = theirs.search(data, begin)
    spans = ours.spans(data, begin)
    assert ours.first(data, begin) == (match.start() if match else -1)
    assert spans == (None if match is None else [match.span(n) for n in range(theirs.groups + 1)])
    assert list(ours.all(data)) == [m.span() for m in theirs.finditer(data)]


def test_nothing_is_found_behind_the_end() -> None:
    assert Linear("a*").spans(b"aa", 3) is None
    assert Linear("a*").spans(b"aa", 2) == [(2, 2)]


@given(st.lists(st.sampled_from(SMALL), max_size=6), TEXTS)
def test_all_that_occurs_is_named_in_order(patterns: list[str], data: bytes) -> None:
    assert Which(patterns)(data) == [n for n, p in enumerate(patterns) if re2.compile(p.encode()).search(data)]


@given(st.sampled_from([form.pattern for form in FORMS]).flatmap(
    lambda p: st.tuples(st.just(p), st.from_regex(p.replace("(?-i:", "(?:").replace(r"\z", r"\Z")))))
def test_a_form_of_personal_data_is_found_as_the_library_finds_it(case: tuple[str, str]) -> None:
    pattern, text = case
    data = text.encode("utf-8", "replace")
    match = re2.compile(pattern.encode()).search(data)
    assert Linear(pattern).spans(data) == (None if match is None else [
        match.span(n) for n in range(match.re.groups + 1)])


@given(st.lists(st.sampled_from(SMALL), max_size=4), st.lists(st.sampled_from(SMALL), max_size=3), TEXTS)
def test_one_glance_says_what_two_looks_say(patterns: list[str], others: list[str], data: bytes) -> None:
    assert Glance(patterns, others)(data) == (Which(patterns)(data), bool(Which(others)(data)))


def test_an_automaton_that_gives_up_leaves_every_pattern_possible() -> None:
    which = Which(PHRASES)
    assert which(b"nothing of it") == []
    which._match = lambda _: []  # type: ignore[method-assign]  # what RE2 answers when its memory is used up
    assert which(b"nothing of it") == list(range(len(PHRASES)))


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(re2.error):
        Linear("(a")
    with pytest.raises(re2.error):
        Which(["(a"])
