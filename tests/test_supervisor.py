"""How the supervisor ends its children: who is served is let end, who comes then is refused and not kept waiting."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bongsu.host.supervisor import SETTLED, Supervisor, listen
from linekit import until

STAYS = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path(sys.argv[1]).write_text("told"))
pathlib.Path(sys.argv[2]).write_text("begun")
while not pathlib.Path(sys.argv[3]).exists():
    time.sleep(0.02)
"""
"""Serves a long call: it ends when the test says so, however often it is told to."""


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


class Ending:
    """A child in the middle of a call, and a supervisor that is told to stop."""

    def __init__(self, root: Path, notice: float = 0.0) -> None:
        self.told, begun, self.over = (root / name for name in ("told", "begun", "over"))
        self.socket = listen("127.0.0.1", 0)
        self.port: int = self.socket.getsockname()[1]
        self.supervisor = Supervisor({}, notice=notice)
        child = self.supervisor.add("gateway-0", "gateway", self.socket)
        child.argv = [sys.executable, "-c", STAYS, *map(str, (self.told, begun, self.over))]
        self.supervisor.poll()
        until(begun.exists, "it has begun")
        assert child.process is not None
        self.process: subprocess.Popen[bytes] = child.process
        self.thread = threading.Thread(target=self.supervisor.stop, args=(60.0,))
        self.thread.start()
        until(self.told.exists, "it is told")

    def refuses(self) -> bool:
        return refuses(self.port)

    def close(self) -> None:
        self.over.write_text("now")
        self.thread.join(60)
        assert not self.thread.is_alive()


class Clock:
    """In the place of ``time``: it stands until it is moved. ``asked`` is how often since."""

    def __init__(self) -> None:
        self._now, self.asked = 0.0, 0

    def monotonic(self) -> float:
        self.asked += 1
        return self._now

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def move(self, to: float) -> None:
        self._now, self.asked = to, 0


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[Ending]:
    made = Ending(tmp_path)
    yield made
    made.close()


def test_who_comes_while_the_last_calls_end_is_refused_at_once(ending: Ending) -> None:
    until(ending.refuses, "it is refused")
    assert ending.process.poll() is None, "and who is served goes on"
    ending.over.write_text("now")
    assert ending.process.wait(30) == 0, "not killed"


def test_within_the_notice_everybody_is_still_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("bongsu.host.supervisor.time", clock)
    ending = Ending(tmp_path, notice=30.0)
    try:
        clock.move(30.0)
        until(lambda: clock.asked > 2, "it has looked at the clock")
        assert not ending.refuses()
        clock.move(30.0 + SETTLED)
        until(ending.refuses, "the notice is over")
        assert ending.process.poll() is None
    finally:
        ending.close()


def test_who_comes_to_a_gateway_that_has_ended_is_refused_while_control_ends(tmp_path: Path) -> None:
    sockets = {name: listen("127.0.0.1", 0) for name in ("gateway-0", "control")}
    told, begun, over = (tmp_path / name for name in ("told", "begun", "over"))
    supervisor = Supervisor({})
    for name, sock in sockets.items():
        child = supervisor.add(name, name, sock)
        child.argv = [sys.executable, "-c", STAYS, *map(str, (told, begun, over))]
    supervisor.children[0].argv = [sys.executable, "-c", ""]
    supervisor.poll()
    until(begun.exists, "control has begun")
    port = sockets["gateway-0"].getsockname()[1]
    thread = threading.Thread(target=supervisor.stop, args=(60.0,))
    thread.start()
    until(told.exists, "control is told, so its gateways have ended")
    refused = refuses(port)
    over.write_text("now")
    thread.join(60)
    assert refused


def test_a_child_that_does_not_end_is_killed_when_the_patience_is_over(tmp_path: Path) -> None:
    sock = listen("127.0.0.1", 0)
    supervisor = Supervisor({})
    child = supervisor.add("gateway-0", "gateway", sock)
    child.argv = [sys.executable, "-c", STAYS, *(str(tmp_path / n) for n in ("told", "begun", "over"))]
    supervisor.poll()
    process = child.process
    assert process is not None
    until((tmp_path / "begun").exists, "it has begun")
    supervisor.stop(0.2)
    assert process.returncode == -signal.SIGKILL
    assert supervisor.children == []
