"""A full disk: the gateway does as its policy says, control waits and says so; afterwards each event counts once."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from bongsu.verbs.client import Client, RefusedError
from ledger import assert_cells_are_the_log, assert_each_once, call_ids
from machine import POLICY, Machine, machine, until

pytestmark = pytest.mark.timeout(300)
OPEN = POLICY.replace("fail: closed", "fail: open")
QUICK_STALE = POLICY.replace("base_window: 1s,", "base_window: 1s, stale_after: 2s,")
UNLIMITED = resource.RLIM_INFINITY


def spooled(one: Machine) -> int:
    """The size of the gateway's spool."""
    return sum(path.stat().st_size for path in one.folder.spool.glob("*.spool"))


def limit_files(one: Machine, verb: str, size: int) -> None:
    """No file of these processes may grow beyond ``size``: a full disk for one process, for whoever runs the tests."""
    for pid in one.pids(verb):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, UNLIMITED))


def readiness(url: str) -> tuple[int, str]:
    try:
        return 200, str(Client(url).get("/readyz"))
    except RefusedError as error:
        return error.status, str(error)


@pytest.mark.real
def test_a_closed_gateway_refuses_while_it_cannot_write_and_pays_no_model(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        served = [one.chat()[0] for _ in range(3)]
        limit_files(one, "gateway", spooled(one))
        with pytest.raises(openai.APIStatusError) as first:
            one.chat()
        assert (first.value.status_code, first.value.code) == (503, "event_log_unavailable")
        paid = len(one.model.seen)
        for stream in (False, True):
            with pytest.raises(openai.APIStatusError) as again:
                one.chat(stream=stream)
            assert (again.value.status_code, again.value.code) == (503, "event_log_unavailable")
        assert len(one.model.seen) == paid, "no model was paid for a call that cannot be written down"
        assert readiness(one.gateway_url)[0] == 503
        limit_files(one, "gateway", UNLIMITED)
        served.append(until(lambda: one.chat()[0], "served again"))
        assert readiness(one.gateway_url)[0] == 200
        until(lambda: call_ids(one.folder).keys() >= set(served), "what was served is in the log")
        assert one.stop() == 0
        assert_each_once(one.folder, served)
        assert_cells_are_the_log(one.folder, one.policy, one.environ)


@pytest.mark.real
def test_an_open_gateway_serves_and_says_how_many_events_it_lost(tmp_path: Path) -> None:
    with machine(tmp_path, OPEN) as one:
        kept = one.chat()[0]
        limit_files(one, "gateway", spooled(one))
        lost = [one.chat()[0] for _ in range(3)]
        told = Client(one.gateway_url).get("/readyz")["spool"]
        assert told["ok"] is False
        assert told["lost_events"] >= len(lost)
        limit_files(one, "gateway", UNLIMITED)
        later = one.chat()[0]
        until(lambda: call_ids(one.folder).keys() >= {kept, later}, "what could be written is in the log")
        assert not call_ids(one.folder).keys() & set(lost)
        assert Client(one.gateway_url).get("/readyz")["spool"]["ok"] is True


# ---- control ----


def limits(one: Machine) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return lambda: limit_files(one, "control", 8192), lambda: limit_files(one, "control", UNLIMITED)


@contextmanager
def small_disk(at: Path) -> Iterator[bool]:
    """A disk of 4 MB at this folder; False where we may not mount one."""
    at.mkdir(parents=True)
    asked = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(at)]
    mounted = os.geteuid() == 0 and subprocess.run(asked, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(at)], check=True, capture_output=True)


def fill(at: Path) -> Path:
    """Write until nothing more fits."""
    ballast = at / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return ballast


def _control_on_a_full_disk(one: Machine, full: Callable[[], Any], free: Callable[[], Any], *,
                            killed: bool = False) -> None:
    served = [one.chat()[0] for _ in range(5)]
    until(lambda: call_ids(one.folder).keys() >= set(served), "the first calls in the log")
    full()
    shown = ""

    def told() -> bool:
        nonlocal shown
        served.append(one.chat("a longer word " * 200)[0])
        shown = str(one.board()["troubles"])
        return "not stored" in shown

    until(told, "the trouble is on the board")
    assert "free disk space" in shown
    assert "INSERT" not in shown, "no statement and none of its values"
    until(lambda: readiness(one.control_url)[0] == 503, "not ready")
    until(lambda: one.run("gate", "check", "shop").returncode == 3, "inconclusive once stale")
    served += [one.chat()[0] for _ in range(5)]
    if killed:
        seen = len(one.output)
        assert one.kill("control") == 1
        until(lambda: "control ended (1)" in "".join(one.output[seen:]), "control cannot start either, and says so")
        assert "expected room on the disk" in "".join(one.output[seen:])
        assert "Traceback" not in "".join(one.output[seen:])
        served += [one.chat()[0] for _ in range(5)]
    free()
    until(lambda: call_ids(one.folder).keys() >= set(served), "everything is in the log")
    until(one.ready, "ready again")
    until(lambda: one.board()["troubles"] == [], "no trouble is left")
    until(lambda: one.run("gate", "check", "shop").returncode == 0, "the gate allows again")
    assert one.stop() == 0
    assert_each_once(one.folder, served)
    assert_cells_are_the_log(one.folder, one.policy, one.environ)
    verified = one.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.real
def test_control_waits_on_a_full_disk_says_so_and_then_counts_everything_once(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data") as mounted:
        (tmp_path / "spool").mkdir()
        (tmp_path / "data" / "spool").symlink_to(tmp_path / "spool")  # the gateway's disk has room
        with machine(tmp_path, QUICK_STALE) as one:
            if mounted:
                _control_on_a_full_disk(one, lambda: fill(one.folder.root), (one.folder.root / "ballast").unlink,
                                        killed=True)
            else:  # only root may mount
                _control_on_a_full_disk(one, *limits(one))


@pytest.mark.real
def test_control_waits_when_its_files_may_not_grow_and_then_counts_everything_once(tmp_path: Path) -> None:
    with machine(tmp_path, QUICK_STALE) as one:
        _control_on_a_full_disk(one, *limits(one))
