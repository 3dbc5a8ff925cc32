"""A canary with real processes and real traffic: signals of its calls promote it, or roll it back; nobody else does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import openai
import pytest

from machine import Machine, free_port, machine, messages, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.req("P3", "O2")]
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD, stale_after: 30s}
upstreams:
  main: {url: "${TEST_MODEL}/v1", model: demo-large, timeout: 5s}
  gone: {url: "http://127.0.0.1:${TEST_GONE}/v1", model: demo-large, timeout: 1s}
routes:
  shop:
    primary: main
    sticky: call
    versions: {v1: {}, v2: {upstream: NEW}}
    canary: {of: v2, base: v1, signal: failures, steps: [50%, 100%], promote_after: 3s, min_events: 20, margin: 30%}
signals:
  failures: {kind: ratio, bad: "outcome = 'error'", total: "kind = 'call'", labels: [version]}
"""


def split(one: Machine) -> dict[str, Any]:
    found: dict[str, Any] = one.api().get("/v1/versions")["routes"][0]
    return found


class Traffic:
    """Callers who never stop; they count how often each version answered or failed."""

    def __init__(self, one: Machine) -> None:
        self.stop, self.one = threading.Event(), one
        self.threads = [threading.Thread(target=self._call) for _ in range(4)]

    def _call(self) -> None:
        with self.one.client() as client:
            while not self.stop.wait(0.01):
                try:
                    client.chat.completions.create(model="shop", messages=messages("hello"), max_tokens=3)
                except openai.APIError:
                    continue

    def __enter__(self) -> None:
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def actions(one: Machine) -> list[str]:
    found = [r["action"] for r in one.api().get("/v1/audit?limit=500")["records"]]
    return [action for action in found if action.startswith("canary.")]


def test_a_canary_like_its_base_is_promoted_by_its_signal(tmp_path: Path) -> None:
    with machine(tmp_path, POLICY.replace("NEW", "main"), workers=2, TEST_GONE=str(free_port())) as one:
        with Traffic(one):
            until(lambda: split(one)["canary_state"] == "promoted", "the canary has all calls", 120)
        row = split(one)
        assert (row["shares"], row["by"]) == ({"v2": 1.0}, "canary")
        assert (actions(one)[0], actions(one)[-1]) == ("canary.begin", "canary.promote")
        assert one.chat()[1]["x-bongsu-version"] == "v2"


def test_a_canary_that_fails_is_rolled_back_by_its_signal_and_stays_so_over_a_restart(tmp_path: Path) -> None:
    with machine(tmp_path, POLICY.replace("NEW", "gone"), workers=2, TEST_GONE=str(free_port())) as one:
        with Traffic(one):
            until(lambda: split(one)["canary_state"] == "rolled_back", "the canary is withdrawn", 120)
        assert split(one)["shares"] == {"v1": 1.0}
        assert "canary.promote" not in actions(one)
        until(lambda: one.chat()[1]["x-bongsu-version"] == "v1", "callers meet the base again")
        assert one.kill("control") == 1
        until(one.ready, "control is back")
        assert (split(one)["shares"], split(one)["canary_state"]) == ({"v1": 1.0}, "rolled_back")
        assert {one.chat()[1]["x-bongsu-version"] for _ in range(10)} == {"v1"}
