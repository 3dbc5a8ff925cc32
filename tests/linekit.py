"""A bare connection to a server under test, and patience with what it does: for tests of what comes over the wire."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


def until(probe: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not probe():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)
