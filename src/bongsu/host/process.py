"""One process that serves: until it is told to leave, and how it leaves.

Told to leave (SIGTERM), it first says that it is not ready any more, so that whoever sends it traffic can look
elsewhere; ``notice`` later it takes no new connection; calls that are open then have ``drain`` to end well. What is
still open after that is ended by ``cut``, each stream in the form of its API.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import uvicorn

from bongsu.host.lobby import Lobby
from bongsu.host.supervisor import orphaned

T = TypeVar("T")
LAST = 5
"""Seconds that calls have to end after they were cut."""


@dataclass(frozen=True)
class Manners:
    """How processes leave and what they write: ``notice`` and ``drain`` in seconds."""

    drain: float = 10.0
    notice: float = 0.0
    logs: Literal["text", "json"] = "text"

    def words(self) -> tuple[str, ...]:
        """As options of a child process."""
        return ("--drain", str(self.drain), "--drain-notice", str(self.notice), "--logs", self.logs)

    @property
    def patience(self) -> float:
        """Seconds after which a process that was told to leave has left."""
        return self.notice + self.drain + 2 * LAST


@dataclass(frozen=True)
class Leaving:
    """What a server does on its way out: ``begin`` at once, ``cut`` when the time for open calls is over."""

    begin: Callable[[], None] = lambda: None
    cut: Callable[[], None] = lambda: None
    drain: float = 10.0
    notice: float = 0.0


@dataclass
class Told:
    """What a process was told by signals, kept for as long as its loop hears them: also while it tidies up."""

    leave: bool = False
    renew: bool = False

    @property
    def again(self) -> bool:
        """Whether it is to begin anew. Nobody says twice that it is to leave, so that counts whenever it came."""
        return self.renew and not self.leave


class _Exit:
    """A server's way out, taken once."""

    def __init__(self, server: uvicorn.Server, leaving: Leaving, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._leaving, self._loop = server, leaving, loop
        self._timers: list[asyncio.TimerHandle] = []
        self._left = False

    def take(self, *, now: bool = False) -> None:
        """``now`` skips the notice."""
        if not self._left:
            self._left = True
            self._leaving.begin()
            if self._leaving.notice and not now:
                self._timers.append(self._loop.call_later(self._leaving.notice, self._close))
            else:
                self._close()

    def _close(self) -> None:
        self._server.should_exit = True
        self._timers.append(self._loop.call_later(self._leaving.drain, self._leaving.cut))

    def forget(self) -> None:
        for timer in self._timers:
            timer.cancel()


def settled() -> None:
    """What is loaded by now stays: a collector that walks all of it would stop a call for longer than a guard may
    take. Calls and events leave next to no cycles: looking for some after every few of them took a fiftieth of the
    time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def ended() -> None:
    """What a process held open is closed now, also what was there when it had ``settled``: it begins anew."""
    gc.unfreeze()
    gc.collect()


async def serve(app: Any, fd: int, parent: int, lifespan: Any, watched: Sequence[asyncio.Task[None]] = (),
                leaving: Leaving | None = None, lobby: Lobby | None = None) -> Told:
    """Serve until SIGTERM or SIGINT, until the supervisor is gone, or until a watched job ends (then raise its error);
    or until SIGHUP. What it was told is final when the loop has ended: ``again`` says whether this process is to begin
    anew. The socket ``fd`` stays open."""
    leaving = leaving or Leaving()
    sock = socket.socket(fileno=os.dup(fd))
    config = uvicorn.Config(app, lifespan=lifespan, http=(lobby or Lobby()).protocol(), log_level="warning",
                            log_config=None, access_log=False,
                            timeout_graceful_shutdown=int(leaving.drain + LAST), server_header=False,
                            date_header=False, proxy_headers=False)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    loop = asyncio.get_running_loop()
    way_out = _Exit(server, leaving, loop)
    told = _heeding(loop, way_out)
    serving = asyncio.create_task(server._serve(sockets=[sock]))  # not serve(): the signals are ours
    while not serving.done():
        if orphaned(parent) or any(job.done() for job in watched):
            way_out.take(now=True)
        await asyncio.wait([serving], timeout=0.5)
    way_out.forget()
    await serving
    for job in watched:
        if job.done():
            job.result()
    return told


def _heeding(loop: asyncio.AbstractEventLoop, way_out: _Exit) -> Told:
    told = Told()

    def leave() -> None:
        told.leave = True
        way_out.take()

    def renew() -> None:
        told.renew = True
        way_out.take()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
    loop.add_signal_handler(signal.SIGHUP, renew)
    return told


def no_cores() -> None:
    """A dump of this process's memory would hold what calls say: none is written, however it dies."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(main: Coroutine[Any, Any, T]) -> T:
    """The life of a process that sees what calls say."""
    no_cores()
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)
