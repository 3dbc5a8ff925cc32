"""kill -9 of control at random points, while alerts fire and clear: no notice and no end of one is ever lost."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from bongsu.event import Event
from bongsu.sources.spool import SpoolWriter
from ledger import at_rest, reading
from machine import Machine, machine, until

pytestmark = [pytest.mark.real, pytest.mark.req("A1", "X3")]
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD}
upstreams: {main: {url: "${TEST_MODEL}/v1", model: demo-large}}
routes: {shop: {primary: main}}
signals:
  blocks: {kind: count, of: blocked, labels: [model]}
alerts:
  burst: {when: blocks > 2, over: 2s, clear: <= 0, clear_for: 1s, tier: major, by: [model], to: [hook]}
  harm:  {when: blocks > 5, over: 2s, clear: <= 0, clear_for: 1s, tier: severe, by: [model], to: [hook, legal]}
channels:
  hook:  {webhook: "${TEST_SINK}/hook"}
  legal: {webhook: "${TEST_SINK}/legal", mutable: false}
"""
KILLS = 8
MODELS = 12


class Bursts:
    """Blocks of one model after the other, written as a gateway writes them, until stopped."""

    def __init__(self, running: Machine) -> None:
        self.spool = SpoolWriter(running.folder.spool, "bursts")
        self.written = 0
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._write)

    def __enter__(self) -> Bursts:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self.spool.close()

    def _write(self) -> None:
        dice = random.Random(3)
        while not self._stop.wait(0.15):
            model, many, now = f"m{dice.randrange(MODELS)}", dice.choice((4, 9)), time.time_ns() // 1000
            self.spool.append([Event(id=f"burst-{self.written}-{n}", time=now, route="shop", model=model, blocked=True)
                               for n in range(many)])
            self.written += 1


def calm(one: Machine) -> bool:
    return at_rest(one.folder) and all(alert["phase"] == "ok" for alert in one.board()["alerts"])


@pytest.mark.timeout(300)
def test_killed_at_any_moment_every_notice_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    dice = random.Random(11)
    with machine(tmp_path, POLICY, delay=0.3) as one:
        with Bursts(one) as bursts:
            for killed in range(KILLS):
                if killed % 3 == 0:  # in the middle of a delivery, which must come again under the same key
                    until(lambda: one.receiver.open, "a delivery under way")
                else:
                    time.sleep(dice.uniform(0, 0.8))
                one.kill("control")
                if dice.random() < 0.7:  # else again while it starts
                    until(one.ready, "ready again after a kill")
            until(one.ready, "ready again after the last kill")
        assert bursts.written > KILLS
        until(lambda: calm(one), "everything over, and told", 120)
        assert one.stop() == 0
        assert_all_told(one)
        verified = one.run("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


def assert_all_told(one: Machine) -> None:
    """What the record decided to tell is what came, in order; whatever was told that it fires was told that it is over.

    What came twice came with the same key and the same words.
    """
    came: dict[tuple[str, str], str] = {}
    chains: dict[tuple[str, str], list[str]] = defaultdict(list)
    told: dict[str, set[str]] = {"firing": set(), "resolved": set()}
    for path, delivery, body in one.receiver.got:
        where, said = (path, delivery), json.dumps(body, sort_keys=True)
        assert came.setdefault(where, said) == said, "the same key, other words"
        if delivery not in chains[path, body["key"]]:
            chains[path, body["key"]].append(delivery)
        told[body["state"]].add(f"{path} {body['facts']['incident']}")
    with reading(one.folder) as db:
        audited = [json.loads(row[0]) for row in db.execute("SELECT body FROM audit ORDER BY seq")]
        opened = dict(db.execute("SELECT id, tier FROM incident").fetchall())
        assert db.execute("SELECT count(*) FROM incident WHERE phase != 'closed'").fetchone() == (0,)
    decided = [record["target"] for record in audited if record["action"].startswith("notice.")]
    assert len(set(decided)) == len(decided), "nothing is decided twice"
    assert {f"{path.strip('/')}/{delivery}" for path, delivery in came} == set(decided)
    places = {"major": ("/hook",), "severe": ("/hook", "/legal")}
    wanted = {f"{path} {incident}" for incident, tier in opened.items() for path in places[tier]}
    assert len(opened) > KILLS / 2
    assert told == {"firing": wanted, "resolved": wanted}
    for (path, key), deliveries in chains.items():
        numbers = [tuple(map(int, delivery.removeprefix(key + "/").split("/"))) for delivery in deliveries]
        assert numbers == sorted(numbers), f"{path} heard of {key} out of order"
        assert numbers == [(episode, n) for episode in range(1, len(numbers) // 2 + 1) for n in (1, 2)]
