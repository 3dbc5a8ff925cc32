"""Ratings of fact checkers that no table knows, as people are told of them."""

from __future__ import annotations

from bongsu.web.unread import MOST_WORDS, Unread


def test_a_new_word_is_told_though_known_ones_come_before_it() -> None:
    unread = Unread()
    unread.add("facts", [f"w{n}" for n in range(MOST_WORDS - 1)])
    unread.add("facts", ["w0", "new", "more"])
    (told,) = unread.troubles()
    assert "new" in told
    assert "more" not in told
