"""`bongsu up` with signals that compare: what is sent by HTTP falls into the reference's bins, fires, and is shown."""

from __future__ import annotations

import csv
import json
import random
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evaldata
from machine import Machine, machine, until

pytestmark = pytest.mark.real
HEAD = """
bongsu: 1
service: {name: bank, environment: test}
settings: {base_window: 1s}
"""
WORDS = HEAD + """
references: {past: {file: past.csv}}
signals: {words: {kind: drift, reference: past, columns: [new_words]}}
alerts: {words: {when: words > 0.1, over: 1h, tier: major}}
"""
TOGETHER = HEAD + """
features: {income: number, debt: number, age: number}
references: {past: {file: past.csv}}
signals:
  each:     {kind: drift, reference: past}
  together: {kind: joint_drift, reference: past}
alerts:
  each:     {when: each > 0.1, over: 1h, tier: major}
  together: {when: together > 0.1, over: 1h, tier: major}
"""


def table(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def send(bongsu: Machine, token: str, events: list[dict[str, Any]]) -> None:
    """Predictions, all of now."""
    now = time.time_ns() // 1000
    body = json.dumps([{"kind": "prediction", "time": now, **event} for event in events]).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{bongsu.control_url}/v1/events", body, headers)
    with urllib.request.urlopen(request, timeout=60) as said:
        assert json.loads(said.read())["accepted"] == len(events)


def told(bongsu: Machine, name: str, n: int) -> Any:
    """A signal when it stands for so many events."""
    def look() -> Any:
        found: Any = bongsu.api().get(f"/v1/signals/{name}")
        return found if found["n"] == n else None

    return until(look, f"{name} is of {n} events")


def offline(bongsu: Machine, current: Path, *words: str) -> Any:
    made = bongsu.run("drift", str(bongsu.policy.parent / "past.csv"), str(current), "--json", *words)
    return json.loads(made.stdout)


@pytest.mark.req("D1")
def test_a_fifth_of_questions_out_of_scope_fires_live_with_the_number_that_two_files_have(tmp_path: Path) -> None:
    rows = evaldata.rows("text_drift_clinc.jsonl")
    texts = {name: [row["text"] for row in rows if row["period"] == period and row["in_scope"] in scopes]
             for name, period, scopes in (("past", "reference", (True, False)), ("alike", "current", (True,)),
                                          ("beyond", "current", (False,)))}
    table(tmp_path / "past.csv", ["prompt"], [[text] for text in texts["past"]])
    with machine(tmp_path, WORDS) as bongsu:
        token = bongsu.api().post("/v1/tokens/ingest", {"reason": "a test"})["token"]
        half = len(texts["alike"]) // 2
        for name, part in (("a", texts["alike"][:half]), ("b", texts["alike"][half:])):
            send(bongsu, token, [{"id": f"{name}{i}", "prompt": text} for i, text in enumerate(part)])
        quiet = told(bongsu, "words", len(texts["alike"]))
        assert quiet["value"] < 0.05
        assert bongsu.alert("words") in ("", "ok")
        send(bongsu, token, [{"id": f"c{i}", "prompt": text} for i, text in enumerate(texts["beyond"])])
        found = told(bongsu, "words", len(texts["alike"]) + len(texts["beyond"]))
        until(lambda: bongsu.alert("words") == "firing", "the alert fires")
        now = table(tmp_path / "now.csv", ["prompt"], [[t] for name in ("alike", "beyond") for t in texts[name]])
        row = offline(bongsu, now, "--text", "prompt")["columns"]["prompt: new words"]
        assert row["p"] < 1e-20
        assert found["value"] == pytest.approx(row["psi"], abs=1e-6)
        assert (found["significant"], found["about"]) == (True, "new_words")


def people(n: int, seed: int, sign: int) -> list[tuple[float, float, float]]:
    """Income, debt that goes with it (``sign`` 1) or against it (-1), and an age that has nothing to do with either."""
    chance = random.Random(seed)
    rows = []
    for _ in range(n):
        income, own = chance.gauss(0, 1), chance.gauss(0, 1)
        rows.append((income, 0.8 * sign * income + 0.6 * own, chance.gauss(40, 9)))
    return rows


@pytest.mark.req("D1")
def test_a_relation_that_turns_fires_live_while_every_column_stays_as_it_was(tmp_path: Path) -> None:
    names = ("income", "debt", "age")
    table(tmp_path / "past.csv", names, people(5000, 1, 1))
    with machine(tmp_path, TOGETHER) as bongsu:
        token = bongsu.api().post("/v1/tokens/ingest", {"reason": "a test"})["token"]

        def tell(rows: list[tuple[float, float, float]], batch: str) -> None:
            send(bongsu, token, [{"id": f"{batch}{i}", "features": dict(zip(names, row, strict=True))}
                                 for i, row in enumerate(rows)])

        same, turned = people(1000, 2, 1), people(2000, 3, -1)
        tell(same, "a")
        quiet = told(bongsu, "together", 1000)
        assert (quiet["value"] < 0.1, bongsu.alert("together") in ("", "ok")) == (True, True)
        tell(turned, "b")
        found = told(bongsu, "together", 3000)
        until(lambda: bongsu.alert("together") == "firing", "the alert of the numbers together fires")
        said = offline(bongsu, table(tmp_path / "now.csv", names, [*same, *turned]))
        assert found["value"] == pytest.approx(said["joint"]["psi"], abs=1e-6)
        assert found["about"] == said["joint"]["about"]
        assert {"income", "debt"} & set(found["about"].replace("|", " ").replace("+", " ").split())
        assert told(bongsu, "each", 3000)["value"] < 0.1
        assert bongsu.alert("each") in ("", "ok")
        page = bongsu.run("signal", "explain", "together").stdout
        assert found["about"] in page
