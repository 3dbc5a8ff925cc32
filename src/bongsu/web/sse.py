"""Server-sent events over any cutting of their bytes: each event, whole."""

from __future__ import annotations

LIMIT = 4 << 20


class Overlong(Exception):
    """An event that does not end."""


class Events:
    """Bytes in, complete events out, each without the blank line that ends it. A line may end in LF, CRLF or CR (it
    comes out with LF), and a cut may fall anywhere.

    >>> events = Events()
    >>> events.feed(b'data: {"a":1}\\r'), events.feed(b'\\n\\r\\ndata: [DO'), events.feed(b'NE]'), events.end()
    ([], [b'data: {"a":1}'], [], [b'data: [DONE]'])
    """

    __slots__ = ("_rest", "_return")

    def __init__(self) -> None:
        self._rest = b""
        self._return = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._return or b"\r" in data:
            data = self._plain(data)
        rest = self._rest + data if self._rest else data
        if b"\n\n" not in rest:
            if len(rest) > LIMIT:
                raise Overlong
            self._rest = rest
            return []
        *blocks, self._rest = rest.split(b"\n\n")
        return blocks

    def end(self) -> list[bytes]:
        """An unfinished last event: some servers do not end it."""
        rest, self._rest = self._rest.rstrip(b"\n"), b""
        return [rest] if rest else []

    def _plain(self, data: bytes) -> bytes:
        """With LF as the only line end; an LF that follows a CR of the piece before is part of that line end."""
        if self._return and data.startswith(b"\n"):
            data = data[1:]
        self._return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data_of(block: bytes) -> bytes | None:
    """The data of an event; None where it has none, as a comment.

    >>> data_of(b"event: x\\ndata: 1\\ndata:2"), data_of(b": still here")
    (b'1\\n2', None)
    """
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
