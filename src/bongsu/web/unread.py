"""Ratings of fact checkers whose meaning nobody has said: counted, and told to whoever can say it."""

from __future__ import annotations

from collections.abc import Sequence

from bongsu.exports.exposition import Counter, Family, Lines

MOST_WORDS = 10
"""Of a guard, that are told; all are counted."""


class Unread:
    """Counted by guard, with the words themselves, the first of them."""

    def __init__(self) -> None:
        self._counted = Counter(Family("bongsu_guard_unread_ratings_total", "counter", "Ratings of fact checkers whose "
                                       "meaning is not known.", ("guard",)))
        self._words: dict[str, dict[str, None]] = {}

    def add(self, guard: str, words: Sequence[str]) -> None:
        self._counted.add((guard,), len(words))
        known = self._words.setdefault(guard, {})
        new = [word for word in dict.fromkeys(words) if word not in known]
        known |= dict.fromkeys(new[: MOST_WORDS - len(known)])

    def forget(self) -> None:
        """A policy has come that may know them."""
        self._words = {}

    def troubles(self) -> list[str]:
        """What people should do about them."""
        return [f"guard {guard}: fact checkers rated claims in words that no table knows: {'; '.join(words)} (say what "
                "they mean under its ratings)" for guard, words in self._words.items()]

    def lines(self, fixed: Sequence[tuple[str, str]]) -> Lines:
        return self._counted.lines(fixed)
