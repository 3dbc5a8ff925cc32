"""Server-sent events over any cutting of their bytes: the data of each event, whole."""

from __future__ import annotations

LIMIT = 4 << 20


class Overlong(Exception):
    """An event that does not end."""


class Events:
    """Bytes in, data of complete events out. A line may end in LF, CRLF or CR, and a cut may fall anywhere.

    >>> events = Events()
    >>> events.feed(b'data: {"a":1}\\r'), events.feed(b'\\n\\r\\ndata: [DO'), events.feed(b'NE]'), events.end()
    ([], [b'{"a":1}'], [], [b'[DONE]'])
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
        return [found for found in map(_data, blocks) if found is not None]

    def end(self) -> list[bytes]:
        """What an unfinished last event holds: some servers do not end it."""
        rest, self._rest = self._rest, b""
        found = _data(rest)
        return [found] if found is not None else []

    def _plain(self, data: bytes) -> bytes:
        """With LF as the only line end; an LF that follows a CR of the piece before is part of that line end."""
        if self._return and data.startswith(b"\n"):
            data = data[1:]
        self._return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(block: bytes) -> bytes | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
