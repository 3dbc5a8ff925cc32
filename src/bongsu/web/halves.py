r"""Half a character: ``\ud83d`` in JSON without the ``\ude00`` it belongs to, as programs write that cut a text in two.

It is no text: nothing can be looked for in it, and no store keeps it. It is read as U+FFFD, as the Encoding Standard
has it; what nobody changes goes on with its bytes as they came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from bongsu.web.nested import Leaf, leaves, place
from bongsu.web.slots import OF_REPLIES

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises."""
strict = msgspec.json.Decoder().decode
"""JSON that says all its characters whole. Raises one of ``UNREADABLE``."""
_HEX = rb"[0-9a-fA-F]{2}"
_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*+)\\u(?:([dD][89abAB]%b\\u[dD][c-fC-F]%b)|[dD][89a-fA-F]%b)" % ((_HEX,) * 3))
"""A surrogate that no backslash makes a mere word: alone, or (the second group) two that are one character."""
_NEVER_GROWS = OF_REPLIES - {"choices"}


def mended(data: bytes) -> bytes:
    r"""JSON with U+FFFD for each half of a character that stands alone.

    >>> mended(rb'["\ud83d\ude00", "\ud83d", "\\ud83d", "\ude00\ud83d\ude00"]')
    b'["\\ud83d\\ude00", "\\ufffd", "\\\\ud83d", "\\ufffd\\ud83d\\ude00"]'
    """
    return _SURROGATE.sub(lambda found: found[0] if found[2] else found[1] + rb"\ufffd", data)


def decode(data: bytes | msgspec.Raw) -> Any:
    """JSON as it is, but for halves of characters. Raises one of ``UNREADABLE``."""
    try:
        return strict(data)
    except UNREADABLE:
        if (whole := mended(given := bytes(data))) == given:
            raise
        return strict(whole)


class Halves:
    """What waits in a stream for its other half: a model may say the two in two events. One at the end of a piece that
    the next does not go on with is nothing: the text may be said anew, from its beginning. Others alone are U+FFFD."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}

    def read(self, data: bytes) -> Any:
        """The next event. Raises one of ``UNREADABLE``."""
        if not self._waiting:
            try:
                return strict(data)
            except UNREADABLE:
                if b"\\u" not in data:
                    raise
        found = decode(data)
        if isinstance(found, dict):
            event = [found.get("type"), *((k, v) for k, v in found.items() if k.endswith("index"))]
            for leaf, said in zip(_growing(found), _growing(json.loads(data)), strict=True):
                leaf.box[leaf.key] = self._joined(f"{event}{place(said.path)}", said.box[said.key],
                                                  copied=said.path[2:3] == ("message",))
        return found

    def _joined(self, at: str, text: str, *, copied: bool) -> str:
        """A text with the half that waited for it; one that is ``copied`` says all of it in each event."""
        if not text:
            return text
        half = self._waiting.pop(at, "")
        if "\udc00" <= text[0] <= "\udfff":
            text = half + text
        if "\ud800" <= text[-1] <= "\udbff":
            if not copied:
                self._waiting[at] = text[-1]
            text = text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _growing(event: dict[str, Any]) -> Iterator[Leaf]:
    return (leaf for leaf in leaves(event) if leaf.path[0] not in _NEVER_GROWS)
