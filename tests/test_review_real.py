"""Reviews in real processes: two workers, control and gateways killed in between; each held call is one case."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import openai
import pytest

from bongsu.event import Event
from bongsu.stores.log import EventLog
from machine import Machine, machine, messages, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.req("P2")]
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD}
upstreams:
  main: {url: "${TEST_MODEL}/v1", model: demo-large, timeout: 5s}
routes:
  shop: {primary: main}
guards:
  pii:    {check: pii, act: tokenise, timeout: 1s}
  secret: {check: pattern, phrases: [zeus], builtin: false, on: output, act: review, timeout: 1s}
"""


def ask(one: Machine, text: str, ticket: str = "") -> str:
    """What the caller reads, or the ticket of what is held (or is none, where the gateway is not there)."""
    with one.client() as client:
        try:
            said = client.chat.completions.create(model="shop", messages=messages(text), extra_headers={
                "x-bongsu-review": ticket} if ticket else {})
        except openai.APIStatusError as error:
            return str(error.response.headers.get("x-bongsu-review", "")) if not ticket else str(error.code)
        except openai.APIConnectionError:
            return ""
    return str(said.choices[0].message.content)


def waiting(one: Machine) -> set[str]:
    return {case["id"] for case in one.api().get("/v1/reviews")["reviews"]}


def test_what_is_held_is_one_case_and_is_released_by_its_verdict_though_all_is_killed(tmp_path: Path) -> None:
    with machine(tmp_path, POLICY, workers=2) as one:
        made = one.run("review", "reviewer", "add", "kim", "--reason", "on duty")
        assert made.returncode == 0, made.stderr
        kim = made.stdout.strip()
        tickets: list[str] = []
        for turn, victim in enumerate(("control", "gateway", "control", "gateway")):
            tickets += [t for t in (ask(one, f"ask zeus {turn} {n}") for n in range(3)) if t]
            one.kill(victim)
            until(one.ready, "both are there again")
        ids = {ticket.partition(".")[0] for ticket in tickets}
        assert len(ids) == len(tickets) >= 12, "a call that was killed under way has no ticket; these were whole"
        until(lambda: ids <= waiting(one), "every held call is a case")
        passed, kept = sorted(ids)[::2], sorted(ids)[1::2]
        for n, id_ in enumerate(sorted(ids)):
            word = "approve" if id_ in passed else "deny"
            done = one.run("review", "decide", id_, word, "--reason", "I looked", token=kim)
            assert (done.returncode, done.stdout) == (0, f"{id_}: {word}\n"), done.stderr
            if n == len(ids) // 2:
                one.kill("control")
                until(one.ready, "control is there again")
        by_id = {ticket.partition(".")[0]: ticket for ticket in tickets}
        for id_ in passed:
            until(lambda id_=id_: ask(one, "ask", by_id[id_]).startswith("You said: ask zeus"), f"{id_} goes out")  # type: ignore[misc]
        for id_ in kept:
            until(lambda id_=id_: ask(one, "ask", by_id[id_]) == "review_denied", f"{id_} stays back")  # type: ignore[misc]
        until(lambda: len(labels(one)) == len(ids), "every verdict is a label")
        assert not waiting(one) & ids
        verified = one.run("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    heard = Counter((e.review, e.call) for e in log_of(one, "review") if e.review != "queue")
    assert {n for (_, call), n in heard.items() if call in ids} == {1}, "the log is told of each once"
    assert {e.call: e.label for e in log_of(one, "label") if e.call in ids} == {
        **dict.fromkeys(passed, "approve"), **dict.fromkeys(kept, "deny")}


def labels(one: Machine) -> list[Event]:
    return log_of(one, "label")


def log_of(one: Machine, kind: str) -> list[Event]:
    with EventLog(one.folder.events) as log:
        ids = [i for _, t in log.read(0, columns=("id", "kind"))
               for i, k in zip(t.column("id").to_pylist(), t.column("kind").to_pylist(), strict=True) if k == kind]
        return [e for e in map(log.find, ids) if e is not None]
