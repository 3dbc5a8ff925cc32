"""A text of a field of a streamed choice that nobody knows: it goes on there, or says again all it said, and more."""

from __future__ import annotations

from bongsu.web.screen import CONTEXT, MOST


class Field:
    """What of such a text is new.

    As long as each piece begins with all of the last one, the field is taken for copies of a text that grows, or stays:
    a status, an id. From the first piece on that does not, all are pieces of one text, those before it included.
    """

    __slots__ = ("_copied", "_copies", "_out", "_tail")

    def __init__(self) -> None:
        self._copies = True
        self._copied = self._out = self._tail = ""

    def read(self, text: str) -> tuple[str, str]:
        """What is new in a piece, and the end of what it follows.

        >>> field = Field()
        >>> [field.read(text) for text in ("2", "2", "2-", "4")]
        [('2', ''), ('', '2'), ('-', '2'), ('4', '222-')]
        """
        if self._copies and text.startswith(self._copied) and len(text) <= MOST:
            after, new = self._copied[-CONTEXT:], text[len(self._copied):]
            self._copied = text
        else:
            self._copies, self._copied, self._out = False, "", ""
            after, new = self._tail, text
        self._tail = (self._tail + text)[-CONTEXT:]
        return new, after

    def say(self, out: str) -> str:
        """The piece as it goes out, given what its new part became."""
        if not self._copies:
            return out
        self._out += out
        return self._out
