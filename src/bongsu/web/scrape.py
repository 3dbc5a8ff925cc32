"""``GET /metrics``: who may read it, and the numbers of all workers on one page.

Workers share one socket, so a scrape meets any of them. Each leaves its numbers in the data folder every few seconds;
whoever is asked shows its own as they are now and the others' as they were then, told apart by the label ``worker``.

Without a token only who comes straight to a loopback address may read: a request that a proxy handed on may come from
anywhere.
"""

from __future__ import annotations

import hmac
import os
import socket
from collections.abc import Mapping

from bongsu.exports.exposition import Lines, page
from bongsu.host.shelf import Shelf

EVERY = 5.0
"""Seconds between two notes of a worker's numbers."""
_HANDED_ON = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class Admission:
    """Who may read. ``token`` is what a scraper has to show; without one, ``loopback`` says whether nobody has to."""

    def __init__(self, *, loopback: bool = False, token: str = "") -> None:
        self._loopback, self._token = loopback, token.encode()

    def lets(self, headers: Mapping[bytes, bytes]) -> bool:
        given = headers.get(b"authorization", b"")
        if self._token:
            return given[:7].lower() == b"bearer " and hmac.compare_digest(given[7:].strip(), self._token)
        return self._loopback and not any(name in headers for name in _HANDED_ON)


TOKEN = "BONGSU_METRICS_TOKEN"  # noqa: S105 (its name in the environment)


def admission(fd: int) -> Admission:
    """That of a process which serves an inherited socket."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        host = sock.getsockname()[0]
    return Admission(loopback=host == "::1" or str(host).startswith("127."), token=os.environ.get(TOKEN, ""))


def whole(mine: Lines, shelf: Shelf | None) -> str:
    """One page of all workers."""
    return page(mine, *(shelf.others() if shelf else ()))
