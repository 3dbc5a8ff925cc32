"""`bongsu up` with guards in processes of their own: killed, they are replaced; with their gateway, they end."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import openai
import pytest

from machine import POLICY, Machine, alive, children_of, machine, send_signal, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
NAMES = POLICY.replace("signals:\n", """  names: {check: names, on: input, act: tokenise, timeout: 30s}
signals:
""", 1)
TEXT = "My name is Karen Smith and I live in Lyon."


def lookers(one: Machine) -> dict[int, int]:
    """Process that looks -> the gateway it looks for."""
    return {pid: gateway for gateway in one.pids("gateway") for pid, args in children_of(gateway).items()
            if "bongsu.host.looker" in args}


@pytest.mark.req("P1")
def test_killed_processes_are_replaced_under_load_and_none_outlives_the_gateway(tmp_path: Path) -> None:
    with machine(tmp_path, NAMES, workers=2) as one:
        first = until(lambda: len(found := lookers(one)) == 2 and found, "a process for each gateway")
        assert len(set(first.values())) == 2
        failed: list[openai.APIError] = []
        callers = [threading.Thread(target=_ask, args=(one, 20, failed)) for _ in range(3)]
        for caller in callers:
            caller.start()
        for pid in first:
            send_signal(pid, signal.SIGKILL)
        for caller in callers:
            caller.join()
        assert failed == []
        second = until(lambda: len(found := lookers(one)) == 2 and found, "both are replaced")
        assert first.keys().isdisjoint(second)
        assert one.kill("gateway") == 2
        until(lambda: not any(map(alive, second)), "who looked for a killed gateway ends")
        third = until(lambda: len(found := lookers(one)) == 2 and found, "new gateways have their own")
        until(one.ready, "ready again")
        assert one.stop() == 0
        assert not any(map(alive, third))


def _ask(one: Machine, n: int, failed: list[openai.APIError]) -> None:
    for _ in range(n):
        try:
            one.chat(TEXT)
        except openai.APIError as error:
            failed.append(error)
