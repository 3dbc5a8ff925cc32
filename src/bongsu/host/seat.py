"""A place for one process that looks at texts: started, told its check, asked, killed, started again.

What waits, waits until a given time of the monotonic clock; the socket to the process has that as its time-out.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

import msgspec

from bongsu.host.looker import SIZE, Said

Why = Literal["busy", "timeout", "died", "unable"]
LONGEST_PAUSE = 10.0
START = 60.0
"""Seconds in which a process must have loaded what it needs."""


class CrewError(Exception):
    """Nothing was seen. ``why``: all processes were busy, it took too long, it died, or it is unable to start."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why


class Gone(Exception):
    """The process ended, or what it sends is no answer."""


@dataclass
class Seat:
    """A place for one process at a time. Belongs to the thread that took it."""

    hello: bytes
    number: int = 0
    process: subprocess.Popen[bytes] | None = None
    sock: socket.socket | None = None
    ready: bool = False
    lived: bool = False
    """Some process of this seat was ready once."""
    started: float = 0.0
    deaths: int = 0
    """In a row, without an answer between."""
    trouble: str = ""
    memory: int = 0

    def start(self) -> None:
        """Begin a process, unless the last ones died so soon that the next one has to wait."""
        pause = min(0.1 * 2.0 ** min(self.deaths, 10), LONGEST_PAUSE) if self.deaths > 1 else 0.0
        if self.process is not None or time.monotonic() < self.started + pause:
            return
        self.started, self.ready = time.monotonic(), False
        try:
            self.process, self.sock = _begun()
        except OSError as error:  # no descriptor, no process, no memory is left: there may be at the next try
            self.deaths += 1
            self.trouble = f"its process cannot be started ({error.strerror})"
            return
        try:
            self._send(self.hello, time.monotonic() + 1)
        except (TimeoutError, Gone):  # it would wait for its word as long as it may take to load
            self.end()
            self.deaths += 1
            self.trouble = "its process was not told in time what to look for"

    def end(self) -> None:
        """Kill what is there. Returns when it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.sock is not None:
            self.sock.close()
        self.process = self.sock = None
        self.ready = False

    def await_ready(self, until: float) -> None:
        """Raises ``CrewError`` where it is not ready by then, or can never be."""
        self.start()
        if self.ready:
            return
        if self.process is None:
            raise CrewError("unable", self.trouble or "its processes die one after the other")
        try:
            said = self._receive(until)
        except TimeoutError:
            if time.monotonic() < self.started + START:
                raise CrewError("busy", "its process has not loaded yet") from None
            said = Said(error=f"it had not loaded after {START:g} s")
        except Gone:
            said = Said(error=f"its process ended at its start{_status(self.process)}")
        if said.error:
            self.end()
            self.deaths += 1
            self.trouble = said.error
            raise CrewError("unable", said.error)
        self.ready, self.lived, self.trouble, self.memory = True, True, "", said.memory

    def ask(self, data: bytes, until: float) -> Said:
        """One question. Raises ``TimeoutError`` and ``Gone``; then the process is no more."""
        try:
            self._send(data, until)
            said = self._receive(until)
        except (TimeoutError, Gone):
            self.end()
            self.deaths += 1
            raise
        self.deaths, self.memory = 0, said.memory
        return said

    def _send(self, data: bytes, until: float) -> None:
        sock = self._timed(until)
        try:
            sock.sendall(data)
        except TimeoutError:
            raise
        except OSError:
            raise Gone from None

    def _receive(self, until: float) -> Said:
        data = self._exactly(SIZE.unpack(self._exactly(SIZE.size, until))[0], until)
        try:
            return msgspec.msgpack.decode(data, type=Said)
        except msgspec.DecodeError:
            raise Gone from None

    def _exactly(self, size: int, until: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = self._timed(until).recv(size - len(data))
            except TimeoutError:
                raise
            except OSError:
                piece = b""
            if not piece:
                raise Gone
            data += piece
        return bytes(data)

    def _timed(self, until: float) -> socket.socket:
        if self.sock is None:
            raise Gone
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock


def _begun() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A new process, and our end of the socket to it. Raises ``OSError``; then neither is there."""
    ours, theirs = socket.socketpair()
    try:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-m", "bongsu.host.looker", str(theirs.fileno())], pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), ours
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()


def _status(process: subprocess.Popen[bytes]) -> str:
    code = process.poll()
    return "" if code is None else f" (status {code})"
