"""A month of events on the virtual clock: fast, and the same to the last integer in any order or split."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bongsu.engine import Opened, Plan, Undo
from bongsu.event import Event
from bongsu.offline.checkup import DEMO_ENVIRON, demo_policy
from bongsu.offline.replay import Replay, report, run
from bongsu.policy import load
from bongsu.quantity import DAY, MINUTE

pytestmark = pytest.mark.req("A2", "A3", "D10", "D14")
START = 1_760_000_000_000_000 // DAY * DAY


def month(n: int, seed: int = 7) -> list[Event]:
    """Events spread over 30 days; on the 12th day, for two hours, replies are ten times as long."""
    rng = random.Random(seed)
    events = []
    for i in range(n):
        at = START + i * (30 * DAY) // n
        dear = 12 * DAY <= at - START < 12 * DAY + 120 * MINUTE
        out = 300 if dear else rng.randrange(20, 40)
        events.append(Event(
            id=f"e{i}", time=at, model="demo-large", route="support-bot", upstream="main",
            outcome="error" if rng.random() < 0.001 else "ok", latency_ms=rng.lognormvariate(5, 1),
            input_tokens=100, output_tokens=out, cost=100 * 2500 + out * 10_000, currency="USD"))
    return events


def plan() -> Plan:
    """The demo's policy with production's base window."""
    found = load(demo_policy(), DEMO_ENVIRON).plan
    minutes = tuple(replace(r, when=replace(r.when, over=60 * MINUTE)) if hasattr(r.when, "over") else r
                    for r in found.rules)
    return replace(found, base=MINUTE, rules=minutes)


def batches(events: list[Event], size: int) -> Iterator[list[Event]]:
    for i in range(0, len(events), size):
        yield events[i : i + size]


@pytest.fixture(scope="module")
def around() -> list[Event]:
    """Three days, with the dear hours among them; the live test below has the whole month."""
    return month(20_000)[7_000:9_000]


@pytest.fixture(scope="module")
def judged(around: list[Event]) -> Replay:
    return run(plan(), batches(around, 5000))


def test_any_order_and_split_gives_identical_cells_and_decisions(around: list[Event], judged: Replay) -> None:
    shuffled = list(around)
    random.Random(1).shuffle(shuffled)
    again = run(plan(), batches(shuffled, 777))
    assert again.cells.digest() == judged.cells.digest()
    assert again.decisions == judged.decisions != []


def test_the_dear_hours_make_one_incident_that_is_undone(judged: Replay) -> None:
    opened = [(at, d) for at, d in judged.decisions if isinstance(d, Opened) and d.incident.alert == "cost"]
    assert len(opened) == 1
    assert 12 * DAY < opened[0][0] - START < 12 * DAY + 60 * MINUTE
    assert [d.playbook for _, d in judged.decisions if isinstance(d, Undo) and d.incident.alert == "cost"]
    assert report(judged)["events"] == 2_000


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_million_events_of_a_month_are_counted_and_judged(tmp_path: Path) -> None:
    events = month(1_000_000)
    some = random.Random(2).sample(events, 200_000)  # out of order
    out = run(plan(), batches(events, 50_000))
    assert out.events == 1_000_000
    assert out.ticks >= 43_200
    assert sum(isinstance(d, Opened) and d.incident.alert == "cost" for _, d in out.decisions) == 1
    assert [d.playbook for _, d in out.decisions if isinstance(d, Undo) and d.incident.alert == "cost"]
    one, two = (run(replace(plan(), rules=()), batches(part, 50_000))
                for part in (some, sorted(some, key=lambda event: event.time)))
    assert one.cells.digest() == two.cells.digest()
