"""kill -9 of anything, at any moment, under load: every call a caller got is counted once, every step ends once."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import openai
import pytest

from ledger import assert_cells_are_the_log, assert_each_once, assert_each_step_ended_once, at_rest, count
from machine import DEAR, Machine, alive, machine, messages, send_signal, until

KILLS = 24
VICTIMS = (("gateway",), ("control",), ("gateway", "control"))


class Callers:
    """Threads that call through the SDK until stopped; ``completed`` are the ids of calls they got whole."""

    def __init__(self, running: Machine, number: int = 4, pause: float = 0.08) -> None:
        self.running, self.pause = running, pause
        self.completed: list[str] = []
        self.streamed = self.failed = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(number)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _call(self, number: int) -> None:
        with self.running.client() as client:
            turn = number
            while not self._stop.is_set():
                turn += 1
                try:
                    self.completed.append(_stream(client) if turn % 2 else _plain(client))
                    self.streamed += turn % 2
                except (openai.APIError, OSError):
                    self.failed += 1
                except Exception as error:
                    if not type(error).__module__.startswith(("httpx", "httpcore")):  # a stream that broke off
                        raise
                    self.failed += 1
                self._stop.wait(self.pause)


class Calm:
    """Whether all is at rest, and has been for longer than the alert's window: the last dear calls begin no more."""

    def __init__(self, running: Machine) -> None:
        self.running, self.since = running, time.monotonic()

    def __call__(self) -> bool:
        if not at_rest(self.running.folder) or self.running.alert("cost") != "ok":
            self.since = time.monotonic()
        return time.monotonic() - self.since > 5


def _plain(client: openai.OpenAI) -> str:
    raw = client.chat.completions.with_raw_response.create(model="shop", messages=messages("hello"))
    assert raw.parse().choices[0].finish_reason == "stop"
    return str(raw.headers["x-bongsu-call-id"])


def _stream(client: openai.OpenAI) -> str:
    raw = client.chat.completions.with_raw_response.create(model="shop", messages=messages("hello"), stream=True)
    finish = [chunk.choices[0].finish_reason for chunk in raw.parse() if chunk.choices]
    if finish[-1] != "stop":
        raise OSError("the stream ended without its end")
    return str(raw.headers["x-bongsu-call-id"])


def _assert_all_is_right(one: Machine, completed: list[str]) -> None:
    """After it was stopped: what the folder holds is what callers, receivers and the record saw."""
    found = assert_each_once(one.folder, completed)
    assert_cells_are_the_log(one.folder, one.policy, one.environ)
    done = {f"{step}/{way}" for step, way in assert_each_step_ended_once(one.folder)}
    sent = Counter(one.receiver.keys("/webhook"))
    sent = Counter({key if key in done else f"hook/{key}/do": n for key, n in sent.items()})
    assert set(sent) <= done, "a key that no step has was sent"
    told = [key for key in done if key.startswith("hook/") or (key.startswith("INC-") and "/cost/2/" in key)]
    assert set(told) <= set(sent), "a notice is recorded as taken that never came"
    slack = sum(key.startswith("slack/") for key in done)
    assert len(one.receiver.keys("/slack")) >= slack
    assert slack, "no playbook ran"
    verified = one.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert count(one.folder, "change") == 0
    assert len(found) >= len(completed)


@pytest.mark.req("X3")
@pytest.mark.real
@pytest.mark.timeout(600)
def test_killed_at_any_moment_under_load_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    """Gateway, control or both are killed again and again while playbooks run and streams flow."""
    dice = random.Random(7)
    with machine(tmp_path, workers=2, delay=0.5) as one:
        one.model.knobs.update(verbosity=DEAR, delay_ms=1)
        with Callers(one) as callers:
            killed = 0
            while killed < KILLS:
                if killed % 7 == 2:  # in the middle of a delivery, which must come again under the same key
                    until(lambda: one.receiver.open, "a delivery under way", 60)
                    killed += one.kill("control")
                time.sleep(dice.uniform(0, 1.5))
                killed += sum(one.kill(verb) for verb in dice.choice(VICTIMS))
                if dice.random() < 0.8:  # else kill again while it starts
                    until(one.ready, "ready again after a kill")
            until(one.ready, "ready again after the last kill")
            one.model.knobs.update(verbosity=30)
            before = len(callers.completed)
            until(Calm(one), "every incident closed, every step ended", 150)
            until(lambda: one.chat()[1]["x-bongsu-upstream"] == "main", "the route is back")
            until(lambda: len(callers.completed) > before + 20, "callers are served again")
        assert callers.streamed > KILLS
        assert callers.failed, "the kills hit calls"
        assert one.stop() == 0
        _assert_all_is_right(one, callers.completed)
        assert max(Counter(one.receiver.keys("/webhook")).values()) > 1, "a delivery was cut off and came again"


@pytest.mark.real
@pytest.mark.timeout(300)
def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with machine(tmp_path, delay=0.05) as one:
        one.model.knobs.update(verbosity=DEAR, delay_ms=1)
        with Callers(one, 2) as callers:
            until(lambda: one.alert("cost") == "firing", "the alert")
            children = one.pids()
            assert len(children) == 2
            assert one.process is not None
            send_signal(one.process.pid, signal.SIGKILL)
            until(lambda: not any(map(alive, children)), "the children end by themselves", 15)
            one.stop()
            one.model.knobs.update(verbosity=30)
            one.start()  # at once, on the same ports and the same folder
            until(Calm(one), "every incident closed, every step ended", 150)
        assert one.stop() == 0
        _assert_all_is_right(one, callers.completed)
