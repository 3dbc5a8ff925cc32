"""Three gateway processes on one socket: what control decides holds in each of them, and soon.

Each worker is asked on a connection of its own that is kept open, so it is known which one has heard what. How long it
takes until the last of them has is measured and printed; only that it does is asserted.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bongsu.stores.log import EventLog
from bongsu.verbs.client import Client
from machine import Machine, free_port, machine, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]
WORKERS = 3
TRIALS = 10
DEADLINE = 120.0
WITH = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD}
upstreams:
  main: {url: "${TEST_MODEL}/v1", model: demo-large, price: {input: 2.50 USD/1M, output: 10 USD/1M}, timeout: 5s}
routes:
  shop: {primary: main, versions: {v1: {}, v2: {}}, split: {v1: 0, v2: 100}}
budgets:
  keys: {limit: 0.002 USD, window: 1d, per: key}
signals:
  repeats: {kind: ratio, bad: near_duplicate, total: near_duplicate IS NOT NULL}
  entered: {kind: count, of: new_cluster, labels: [key]}
"""


class Line:
    """A connection to one worker, kept open."""

    def __init__(self, port: int) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.worker = self.get("/readyz")["worker"]

    def get(self, path: str) -> Any:
        self._line.request("GET", path)
        return json.loads(self._line.getresponse().read())

    def ask(self, key: str = "sk-any", **body: Any) -> tuple[int, str, str]:
        """Status, error code, and upstream/version of one call."""
        self._line.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "shop", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, **body}),
            {"content-type": "application/json", "authorization": f"Bearer {key}"})
        reply = self._line.getresponse()
        said = json.loads(reply.read())
        where = f"{reply.headers.get('x-bongsu-upstream', '')}/{reply.headers.get('x-bongsu-version', '')}"
        return reply.status, said.get("error", {}).get("code", ""), where

    def close(self) -> None:
        self._line.close()


class Crew:
    """A line to every worker. Lines to the same one twice are let go."""

    def __init__(self, one: Machine) -> None:
        self.port = one.gateway_port
        self.lines: dict[str, Line] = {}

    def gather(self) -> bool:
        fresh = Line(self.port)
        if fresh.worker in self.lines:
            fresh.close()
        else:
            self.lines[fresh.worker] = fresh
        return len(self.lines) == WORKERS

    def heard(self, probe: Callable[[Line], bool], what: str) -> list[float]:
        """Seconds until the answer of each worker is as it should be, once it is for all."""
        begun, left, took = time.monotonic(), dict(self.lines), []
        while left:
            for name, line in list(left.items()):
                if probe(line):
                    took.append(time.monotonic() - begun)
                    del left[name]
            assert time.monotonic() - begun < DEADLINE, f"{what}: not heard by {sorted(left)}"
            time.sleep(0.005)
        return took


@contextmanager
def crew(one: Machine) -> Iterator[Crew]:
    made = Crew(one)
    try:
        until(made.gather, "a line to every worker")
        yield made
    finally:
        for line in made.lines.values():
            line.close()


def told(what: str, took: list[float], record: Callable[[str, object], None]) -> None:
    """The 95th percentile of what was measured, for people to read."""
    p95 = sorted(took)[min(len(took) - 1, int(0.95 * len(took)))]
    record(what, round(p95, 3))
    print(f"{what}: p95 {p95:.3f} s, most {max(took):.3f} s ({len(took)} times)")


@pytest.mark.req("O3", "P3", "P6", "A4")
def test_what_control_decides_holds_in_every_worker(tmp_path: Path,
                                                    record_property: Callable[[str, object], None]) -> None:
    with machine(tmp_path, WITH, workers=WORKERS) as one, crew(one) as all_:
        api = one.api()
        took: dict[str, list[float]] = {}

        def heard(what: str, probe: Callable[[Line], bool]) -> None:
            took.setdefault(what, []).extend(all_.heard(probe, what))

        assert {line.ask(user="u-1")[0] for line in all_.lines.values()} == {200}
        for n in range(TRIALS):
            api.post("/v1/restrictions", {"subject": "user/u-1", "rung": "suspended", "reason": "a test"})
            heard("a restriction", lambda line: line.ask(user="u-1")[:2] == (403, "suspended"))
            assert {line.ask(user="u-2")[0] for line in all_.lines.values()} == {200}
            api.delete("/v1/restrictions", {"subject": "user/u-1", "reason": "over"})
            heard("its end", lambda line: line.ask(user="u-1")[0] == 200)
            made = api.post("/v1/keys", {"name": f"app {n}"})
            heard("a new key", lambda line, key=made["key"]: line.ask(key)[0] == 200)
            api.delete(f"/v1/keys/{made['id']}", {"reason": "leaked"})
            heard("a revoked key", lambda line, key=made["key"]: line.ask(key)[:2] == (401, "invalid_api_key"))
            api.post("/v1/versions/shop/rollback", {"to": "v1", "reason": "a test"})
            heard("a rollback", lambda line: line.ask()[2] == "main/v1")
            api.delete("/v1/versions/shop/rollback", {"reason": "over"})
            heard("its end too", lambda line: line.ask()[2] == "main/v2")
        for what, some in took.items():
            told(what, some, record_property)


@pytest.mark.req("A4")
def test_a_budget_that_one_worker_used_up_is_used_up_in_all(tmp_path: Path,
                                                            record_property: Callable[[str, object], None]) -> None:
    """They share the counters, so nobody has to hear of it."""
    with machine(tmp_path, WITH, workers=WORKERS) as one, crew(one) as all_:
        key = one.api().post("/v1/keys", {"name": "spender"})["key"]
        first, *others = all_.lines.values()
        until(lambda: first.ask(key)[0] == 200, "the key is known")
        all_.heard(lambda line: line.ask(key)[0] in (200, 429), "the key")
        until(lambda: first.ask(key, max_tokens=50)[1] == "budget_exceeded", "one has used it up")
        begun = time.monotonic()
        assert [line.ask(key, max_tokens=50)[:2] for line in others] == [(429, "budget_exceeded")] * (WORKERS - 1)
        told("a budget used up", [time.monotonic() - begun], record_property)


@pytest.mark.req("D11", "P7")
def test_an_upstream_that_died_is_left_alone_by_all_workers_also_by_those_who_come_after(tmp_path: Path) -> None:
    policy = WITH.replace("timeout: 5s}", "timeout: 5s, breaker: {min_calls: 6, rest: 1h}}").replace(
        "${TEST_MODEL}", f"http://127.0.0.1:{free_port()}")
    with machine(tmp_path, policy, workers=WORKERS) as one:
        with crew(one) as all_:
            codes = [line.ask()[1] for _ in range(4) for line in all_.lines.values()]
            assert codes == ["upstream_unreachable"] * 6 + ["upstream_unavailable"] * 6, "six calls of all, not of each"
            assert [line.get("/readyz")["upstreams"]["main"]["circuit"] for line in all_.lines.values()] == [
                "open"] * WORKERS
        one.kill("gateway")
        until(lambda: len(one.pids("gateway")) == WORKERS, "others took their places")
        with crew(one) as new:
            assert {line.ask()[1] for line in new.lines.values()} == {"upstream_unavailable"}
        said = one.run("status").stdout
        assert "upstream main: circuit open, 0 of 0 calls failed lately, tried again in 3" in said
        assert "trouble: upstream main failed too often of late and is left alone" in said
        with urllib.request.urlopen(f"{one.gateway_url}/metrics", timeout=20) as page:
            assert re.search(r'^bongsu_upstream_circuit\{.*state="open".*\} 1$', page.read().decode(), re.MULTILINE)


@pytest.mark.req("O3")
def test_one_page_shows_every_worker_and_their_sum(tmp_path: Path) -> None:
    with machine(tmp_path, WITH, workers=WORKERS) as one, crew(one) as all_:
        for n, line in enumerate(all_.lines.values(), 1):
            for _ in range(n):
                assert line.ask()[0] == 200

        def counts() -> dict[str, int]:
            with urllib.request.urlopen(f"{one.gateway_url}/metrics", timeout=20) as page:
                said = page.read().decode()
            found = re.finditer(r'^bongsu_requests_total\{worker="(\d)",.*outcome="ok".*\} (\d+)$', said, re.MULTILINE)
            return {m[1]: int(m[2]) for m in found}

        wanted = {line.worker: n for n, line in enumerate(all_.lines.values(), 1)}
        until(lambda: counts() == wanted, "each worker's own count on a page that any of them answers")
        until(lambda: one.board()["calls_total"] == sum(wanted.values()), "the sum on the board")


@pytest.mark.req("O3")
def test_a_policy_that_is_read_again_holds_in_every_worker_and_drops_no_stream(
        tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with machine(tmp_path, WITH, workers=WORKERS) as one, crew(one) as all_:
        one.model.knobs.update(delay_ms=150, verbosity=3000)  # minutes, unless it is told to hurry
        said: list[str] = []

        def listen() -> None:
            with one.client(120) as client, client.chat.completions.create(
                    model="shop", stream=True, messages=[{"role": "user", "content": "tell me"}]) as stream:
                said.extend(chunk.choices[0].delta.content or chunk.choices[0].finish_reason or ""
                            for chunk in stream if chunk.choices)

        listener = threading.Thread(target=listen)
        listener.start()
        until(lambda: len(said) > 3, "the stream flows")
        workers, control = one.pids("gateway"), one.pids("control")
        before = {line.get("/readyz")["policy"] for line in all_.lines.values()}
        one.policy.write_text("bongsu: 1\nnonsense: true\n", encoding="utf-8")
        one.reload()
        until(lambda: "policy not taken" in one.text, "a faulty policy is told")
        one.policy.write_text(WITH.replace("v1: 0, v2: 100", "v1: 100, v2: 0"),
                              encoding="utf-8")
        begun = time.monotonic()
        one.reload()
        first: list[float] = []

        def new(line: Line) -> bool:
            changed = line.get("/readyz")["policy"] not in before
            if changed and not first:
                first.append(time.monotonic() - begun)
            return changed

        took = all_.heard(new, "the new policy")
        assert {line.ask()[2] for line in all_.lines.values()} == {"main/v1"}
        told("a policy, from the signal on", took, record_property)
        told("a policy, from the first worker to the last", [max(took) - first[0]], record_property)
        assert (one.pids("gateway"), one.pids("control")) == (workers, control), "nobody was started again"
        assert listener.is_alive(), "the stream outlives the change"
        one.model.knobs.update(delay_ms=0)
        listener.join(120)
        assert said[-1] == "stop"
        assert len("".join(said).split()) >= 3000
        until(lambda: starts(one) == 2, "control has begun anew")


def starts(one: Machine) -> int:
    return [r["action"] for r in one.api().get("/v1/audit")["records"]].count("control.start")


@pytest.mark.req("O3")
def test_a_policy_that_is_read_again_and_again_leaves_nothing_open(tmp_path: Path) -> None:
    with machine(tmp_path, WITH) as one:
        (control,) = one.pids("control")
        held: list[int] = []
        for n in range(1, 6):
            one.policy.write_text(WITH.replace("0.002 USD", f"0.0{n} USD"), encoding="utf-8")
            one.reload()
            until(lambda n=n: starts(one) == n + 1, "control has begun anew")
            held.append(len(list(Path(f"/proc/{control}/fd").iterdir())))
        assert one.pids("control") == [control]
        assert held[-1] <= held[0] + 3, held
        one.reload()
        one.kill("control")
        until(lambda: starts(one) >= 7, "who is started anew runs by the same policy")
        assert one.board()["policy"] == Client(one.gateway_url).get("/readyz")["policy"]
        assert one.chat()[1]["x-bongsu-upstream"] == "main"


@pytest.mark.req("D9", "D13")
def test_a_prompt_that_was_sent_to_one_worker_is_known_to_all(tmp_path: Path) -> None:
    """A burst over all workers is one burst, and a key enters a part of the space of prompts once."""
    with machine(tmp_path, WITH, workers=WORKERS) as one, crew(one) as all_:
        prompt = [{"role": "user", "content": "please reset the password of my account for the mountain shop"}]
        for line in [*all_.lines.values(), *all_.lines.values()]:
            assert line.ask(user="ann", messages=prompt)[0] == 200

        def noted() -> list[tuple[Any, Any]]:
            with EventLog(one.folder.events) as log:
                return [(row["near_duplicate"], row["new_cluster"]) for _, table in log.read(0)
                        for row in table.to_pylist() if row["user"]]

        until(lambda: len(noted()) == 2 * WORKERS, "all of them in the log")
        assert sorted(noted()) == sorted([(False, True), *[(True, False)] * (2 * WORKERS - 1)])
