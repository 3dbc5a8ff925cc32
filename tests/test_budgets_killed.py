"""A budget while gateways and control are killed: by events, never a unit over; and nothing of it is lost for ever."""

from __future__ import annotations

import threading
from pathlib import Path

import openai
import pytest

from bongsu.stores.log import EventLog
from machine import Machine, machine, messages, until

pytestmark = pytest.mark.timeout(300)
LIMIT = 80_000_000
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD}
upstreams:
  main: {url: "${TEST_MODEL}/v1", model: demo-large, price: {input: 2.50 USD/1M, output: 10 USD/1M}, timeout: 5s,
         max_output: 100}
routes:
  shop: {primary: main}
budgets:
  all: {limit: 0.08 USD, window: 1d}
"""
WORTH = 100 * 10_000 + 1_200 * 2_500
"""No call of this test can cost more: 100 tokens of reply, less than 1,200 bytes of request."""


def spent(one: Machine) -> int:
    with EventLog(one.folder.events) as log:
        return sum(sum(filter(None, table["cost"].to_pylist())) for _, table in log.read(0, columns=("cost",)))


def refused(one: Machine) -> str:
    """Why a call is refused; empty where it is not."""
    with one.client() as client:
        try:
            client.chat.completions.create(model="shop", messages=messages("hello"))
        except openai.APIStatusError as error:
            return str(error.code)
        except openai.APIConnectionError:
            return "connection"
    return ""


@pytest.mark.real
@pytest.mark.req("A4")
def test_a_budget_is_exact_though_gateways_and_control_are_killed(tmp_path: Path) -> None:
    with machine(tmp_path, POLICY, workers=3) as one:
        one.model.knobs.update(delay_ms=20)
        until(lambda: refused(one) == "", "a first call")
        stop = threading.Event()

        def knock() -> None:
            while not stop.is_set() and refused(one) != "budget_exceeded":
                continue

        callers = [threading.Thread(target=knock) for _ in range(8)]
        for caller in callers:
            caller.start()
        for verb in ("gateway", "control", "gateway"):
            stop.wait(1)
            one.kill(verb)
        for caller in callers:
            caller.join(120)
            assert not caller.is_alive()
        stop.set()

        def used_up() -> bool:
            """The reservations of the killed come back: what is left is used, until nothing fits any more."""
            assert spent(one) <= LIMIT
            return refused(one) == "budget_exceeded" and spent(one) > LIMIT - WORTH

        until(used_up, "all but one call's worth used")
        until(lambda: [a["spent"] for a in one.api().get("/v1/budgets")["budgets"]] == [spent(one)], "the account true")
        assert spent(one) <= LIMIT
