"""How many places of a terminal a text takes: Korean and other East Asian letters take two."""

from __future__ import annotations

from unicodedata import east_asian_width


def width(text: str) -> int:
    """Unicode Standard Annex #11: wide and full-width letters are two places.

    >>> width("now"), width("현재")
    (3, 4)
    """
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def left(text: str, places: int) -> str:
    """The text with spaces after it, to fill so many places.

    >>> left("현재", 6) + "|"
    '현재  |'
    """
    return text + " " * (places - width(text))


def right(text: str, places: int) -> str:
    """The text with spaces before it."""
    return " " * (places - width(text)) + text
