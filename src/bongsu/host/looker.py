"""One process that looks at texts for a guard: the child's side of ``crew``. It ends with the socket it was given.

It may be killed at any moment and keeps nothing, so nothing is lost with it. A look that is not over a second after its
time ends it from within, too: what it runs may hold Python's lock, and whoever started it may be gone.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec

from bongsu.ports import Check, Finding
from bongsu.support import Grounds

SIZE = struct.Struct("!I")
GRACE = 1.0


class Hello(msgspec.Struct):
    """The check to be made: its class, and its settings as they are written in a policy."""

    module: str
    name: str
    settings: dict[str, Any]
    warm: str


class Ask(msgspec.Struct):
    """A text, and what it is held against where the check asks for that; how long that may take."""

    text: bytes
    seconds: float
    context: list[bytes] | None = None


class Said(msgspec.Struct):
    """What was seen, or why nothing could be; ``memory`` is what this process holds, in bytes."""

    findings: tuple[Finding, ...] = ()
    score: float | None = None
    error: str = ""
    memory: int = 0


def packed(text: str) -> bytes:
    """A text of a caller may hold half a surrogate pair, which no other encoding lets through."""
    return text.encode("utf-8", "surrogatepass")


class UntoldError(Exception):
    """A check of a package, whose settings cannot be told to another process."""


def hello(check: Check, warm: str) -> Hello:
    """How another process is told which check it is to make. Raises ``UntoldError``.

    >>> from bongsu.checks.names import Names
    >>> hello(Names(threshold=0.5), "").settings
    {'entities': ('person', 'address'), 'threshold': 0.5, 'morphology': False}
    """
    cls = type(check)
    try:
        return Hello(cls.__module__, cls.__qualname__, msgspec.to_builtins(check), warm)
    except (TypeError, NotImplementedError) as error:
        raise UntoldError(f"its check cannot be made in another process ({type(error).__name__})") from error


def made(told: Hello) -> Check:
    """The check of a ``hello``."""
    check: Check = msgspec.convert(told.settings, getattr(import_module(told.module), told.name))
    return check


def frame(message: msgspec.Struct) -> bytes:
    data = msgspec.msgpack.encode(message)
    return SIZE.pack(len(data)) + data


def _look(check: Check, ask: Ask) -> Said:
    text = ask.text.decode("utf-8", "surrogatepass")
    if ask.context is None:
        return Said(tuple(check.look(text)))
    assert isinstance(check, Grounds)
    support = check.support(text, [one.decode("utf-8", "surrogatepass") for one in ask.context])
    return Said(tuple(support.findings), support.score)


def _warmed(told: Hello) -> tuple[Check | None, Said]:
    """The check, having looked once, so that what it loads is loaded."""
    try:
        check = made(told)
        check.look(told.warm)
        if isinstance(check, Grounds):
            check.support(told.warm, [told.warm])
    except Exception as error:  # noqa: BLE001 (told to who asked: no caller's text is in it yet)
        return None, Said(error=f"{type(error).__name__}: {error}")
    return check, Said()


def _read(sock: socket.socket) -> bytes:
    """One message; nothing where the other side is gone."""
    head = _exactly(sock, SIZE.size)
    return _exactly(sock, SIZE.unpack(head)[0]) if head else b""


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _say(sock: socket.socket, said: Said) -> None:
    said.memory = _memory()
    sock.sendall(frame(said))


def _memory() -> int:
    """Bytes held now; where the system does not say, the most that were."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _serve(sock: socket.socket) -> None:
    first = _read(sock)
    if not first:
        return
    check, ready = _warmed(msgspec.msgpack.decode(first, type=Hello))
    _say(sock, ready)
    while check is not None and (data := _read(sock)):
        ask = msgspec.msgpack.decode(data, type=Ask)
        signal.setitimer(signal.ITIMER_REAL, ask.seconds + GRACE)
        try:
            said = _look(check, ask)
        except Exception as error:  # noqa: BLE001 (its message could hold the caller's text)
            said = Said(error=type(error).__name__)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(sock, said)


def main(argv: Sequence[str]) -> None:
    """``argv`` is the number of the socket. A terminal's Ctrl-C is for the process that started this one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the text
    with socket.socket(fileno=int(argv[0])) as sock, contextlib.suppress(ConnectionError):
        _serve(sock)


if __name__ == "__main__":
    main(sys.argv[1:])
