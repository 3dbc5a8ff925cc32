"""Keeps the processes of one machine alive: one control process and N gateways.

The supervisor owns the listening sockets and hands them down, so a gateway that is killed and started again never
loses its port: callers wait in the backlog for the moment it takes. It does nothing else; a ``kill -9`` of the
supervisor itself ends the children within a second, cleanly.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SETTLED = 1.0
"""Seconds after which a child that was told to end takes no new connection."""
QUICK = 5.0
"""A child that dies sooner than this after its start waits before the next one, longer each time."""


@dataclass
class Child:
    """One process to keep alive."""

    name: str
    argv: Sequence[str]
    socket: socket.socket
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    quick_deaths: int = 0
    not_before: float = 0.0


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket that children inherit. Raises OSError with the address where it is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}; choose another port") from None
    sock.listen(2048)
    sock.set_inheritable(True)
    return sock


class Supervisor:
    """Starts children and starts them again. ``poll`` does one round; ``run`` does rounds until told to stop."""

    def __init__(self, environ: Mapping[str, str], patience: float = 15.0, notice: float = 0.0) -> None:
        self.environ = dict(environ)
        self.children: list[Child] = []
        self.stopping = self.asked = False
        self.patience, self.notice = patience, notice

    def add(self, name: str, verb: str, sock: socket.socket, *options: str) -> Child:
        """A child runs ``bongsu VERB --fd N ...``."""
        argv = [sys.executable, "-m", "bongsu", verb, "--fd", str(sock.fileno()), *options]
        child = Child(name, argv, sock)
        self.children.append(child)
        return child

    def poll(self) -> None:
        """Start whatever is not running and may be."""
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                continue
            now = time.monotonic()
            if child.process is not None:
                quick = now - child.started < QUICK
                child.quick_deaths = child.quick_deaths + 1 if quick else 0
                child.not_before = now + min(0.1 * 2**child.quick_deaths, 10.0) if quick else now
                print(f"{child.name} ended ({child.process.returncode}); starting it again", file=sys.stderr)
                child.process = None
            if now >= child.not_before:
                child.started = now
                child.process = subprocess.Popen(list(child.argv), env=self.environ, pass_fds=[child.socket.fileno()])  # noqa: S603

    def take(self, option: str, value: str) -> None:
        """Another value of an option, for every child that starts from now on."""
        for child in self.children:
            child.argv = [value if before == option else word
                          for before, word in zip(("", *child.argv), child.argv, strict=False)]

    def renew(self, name: str) -> None:
        """Tell a child that there is news. One that cannot hear it yet ends by it, and is started anew."""
        for child in self.children:
            if child.name == name and child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGHUP)

    def run(self, renew: Callable[[], None] = lambda: None) -> None:
        """Until SIGINT or SIGTERM. A SIGHUP asks to ``renew``."""
        def stop(*_: object) -> None:
            self.stopping = True

        def ask(*_: object) -> None:
            self.asked = True

        signal.signal(signal.SIGHUP, ask)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        while not self.stopping:
            if self.asked:
                self.asked = False
                renew()
            self.poll()
            time.sleep(0.1)
        self.stop(self.patience)

    def stop(self, patience: float = 15.0) -> None:
        """End the gateways first, so that control can still take in their last events. Once they take nobody any more
        nobody is let wait: who connects is refused, and may look elsewhere."""
        gateways = [c for c in self.children if c.name != "control"]
        for together in (gateways, [c for c in self.children if c.name == "control"]):
            running = [c.process for c in together if c.process is not None and c.process.poll() is None]
            for process in running:
                process.terminate()
            told = time.monotonic()
            _ended(running, told + min(patience, self.notice + SETTLED))
            _deaf(child.socket for child in together)
            if not _ended(running, told + patience):
                for process in running:
                    process.kill()
                    process.wait()
        for child in self.children:
            child.socket.close()
        self.children = []


def _ended(running: Sequence[subprocess.Popen[bytes]], by: float) -> bool:
    """Wait for them; whether all have ended by then."""
    while any(process.poll() is None for process in running):
        if time.monotonic() >= by:
            return False
        time.sleep(0.02)
    return True


def _deaf(sockets: Iterable[socket.socket]) -> None:
    """Listen no more, in whichever process: a backlog of which nobody takes lets callers wait for nothing."""
    for sock in sockets:
        with contextlib.suppress(OSError):  # not all systems can, and one socket serves many children
            sock.shutdown(socket.SHUT_RDWR)


def orphaned(parent: int) -> bool:
    """Whether the supervisor that started this process is gone."""
    return parent != 0 and os.getppid() != parent


def alone(lock: Path, patience: float = 0.0) -> Callable[[], None]:
    """Be the only one who holds a lock file, as the one writer of a data folder must be. Returns how to let go.

    Waits ``patience`` seconds for another process to end (a killed supervisor's children take a moment), then raises
    OSError.
    """
    file = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.05)
                continue
            os.close(file)
            raise OSError(f"another bongsu uses the data folder {lock.parent}; "
                          "stop it, or name another folder") from None
        return lambda: os.close(file)
