"""Ten thousand alerts in a minute, through the engine, the durable steps, the worker and a channel's own server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bongsu.alert import Rule, Threshold
from bongsu.cell import Cell, Cells
from bongsu.channels.http import Http, sender
from bongsu.channels.webhook import Webhook
from bongsu.engine import EngineState, Plan, tick
from bongsu.notice import Manners
from bongsu.quantity import MINUTE, SECOND, Duration
from bongsu.response import LEASE
from bongsu.room.worker import WIDTH, Worker, resolve_action
from bongsu.secret import reveal
from bongsu.stores.state import State
from outsiders import Asked, Outsider, served
from stage import opened
from worlds import BLOCKS

pytestmark = [pytest.mark.timeout(600), pytest.mark.req("A1", "A3")]
USERS = replace(BLOCKS, labels=("user",))
HARM = replace(BLOCKS, name="harm", key="harm")
WHEN = Threshold(USERS, ">", Fraction(10), Duration(5 * MINUTE), "<=", Fraction(2))
BURST = Rule("burst", WHEN, tier="minor", to=("ops",), by=("user",))
PATIENCE = 500.0


@dataclass
class Hooks(Outsider):
    """Takes what comes, in the order in which it comes; while ``shut`` it takes it and does not answer."""

    told: list[tuple[str, str, str]] = field(default_factory=list)
    shut: bool = False

    def answer(self, asked: Asked) -> tuple[int, Any]:
        body = asked.json()
        self.told.append((body["tier"], body["key"], body["state"]))
        return 200, "ok"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = await super().handle(request)
        self.got.clear()
        while self.shut:
            await asyncio.sleep(0.01)
        return answer


class Flood:
    """An engine whose alerts are counted up by hand, and a worker that runs beside it."""

    def __init__(self, state: State, hooks: Hooks, worker: Callable[[Callable[[], int]], Worker], manners: Manners,
                 severe: Rule) -> None:
        self.state, self.hooks, self.now = state, hooks, 10 * MINUTE
        self.plan = Plan("bot", rules=(BURST, severe), signals=(USERS, HARM), notices=manners)
        self.cells, self.engine = Cells(MINUTE), EngineState()
        self.worker = worker(lambda: self.now)
        self.wake: Callable[[], None] = lambda: None

    async def blocks(self, users: range, harm: bool = False, after: int = 6 * SECOND) -> None:
        """So many more users are over the limit; one tick, committed as control does it."""
        await self.commit(self.judged(users, harm, after))

    def judged(self, users: range, harm: bool = False, after: int = 6 * SECOND) -> tuple[EngineState, Any]:
        self.now += after
        begin = (self.now - 1) // MINUTE * MINUTE
        self.cells.add([Cell("blocks", (f"u{n:05}",), begin, "n", 20) for n in users])
        self.cells.add([Cell("harm", (), begin, "n", 20)] if harm else [])
        return tick(self.plan, self.cells, replace(self.engine, watermark=self.now), self.now)

    async def commit(self, judged: tuple[EngineState, Any]) -> None:
        await asyncio.to_thread(self.state.commit, *judged, self.plan, "policy-1", self.now)
        self.engine = judged[0]
        self.worker.poke()

    async def until(self, probe: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not probe():
            assert time.monotonic() < end, f"expected {what}; {len(self.hooks.told)} were told"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def flooded(folder: Path, manners: Manners, severe: Rule, asleep: bool = False) -> AsyncIterator[Flood]:
    """With a worker that runs at once, or once it is woken: nobody's answer is held longer than a worker waits for."""
    hooks, awake = Hooks(), asyncio.Event()
    with opened(folder) as state:
        async with served(hooks), Http(reveal, lambda: 0, 60 * SECOND, state) as http:
            send = sender({"ops": Webhook(hooks.url)}, http)

            def worker(clock: Callable[[], int]) -> Worker:
                return Worker(state, resolve_action, send, clock, "one", timeout=LEASE - 1)
            flood = Flood(state, hooks, worker, manners, severe)
            flood.wake = awake.set
            if not asleep:
                awake.set()

            async def run() -> None:
                await awake.wait()
                await flood.worker.run()

            running = asyncio.create_task(run())
            try:
                yield flood
            finally:
                hooks.shut = False
                awake.set()
                flood.worker.stop()
                await running


SEVERE = Rule("harm", replace(WHEN, signal=HARM), tier="severe", to=("ops",))


@pytest.mark.parametrize("many", [300, pytest.param(10_000, marks=pytest.mark.real)])
def test_ten_thousand_alerts_in_a_minute_lose_nothing_repeat_nothing_and_starve_no_severe_one(
        many: int, tmp_path: Path) -> None:
    """Ten bursts in a minute. The severe alert comes with the last, when nearly all of the others still wait."""
    async def play() -> tuple[list[tuple[str, str, str]], int]:
        async with flooded(tmp_path, Manners("prod"), SEVERE, asleep=True) as flood:
            told, share = flood.hooks.told, many // 10
            for burst in range(9):
                await flood.blocks(range(burst * share, (burst + 1) * share))
            last = flood.judged(range(9 * share, many), harm=True)
            flood.hooks.shut = True
            flood.wake()
            await flood.until(lambda: len(told) == WIDTH - WIDTH // 4, "as many under way as may be")
            await flood.commit(last)
            flood.hooks.shut = False
            waited = len(told)
            await flood.until(lambda: len(told) > many, "all told that it fires")
            await flood.blocks(range(0), after=10 * MINUTE)
            await flood.until(lambda: len(told) >= 2 * (many + 1), "all told that it is over")
            await flood.until(lambda: flood.state.next_due() is None, "every step ended")
            return told, waited
    told, waited = asyncio.run(play())
    assert len(told) == 2 * (many + 1)
    assert set(Counter(told).values()) == {1}, "nothing twice"
    states: dict[str, list[str]] = {}
    for _, key, state in told:
        states.setdefault(key, []).append(state)
    assert set(map(tuple, states.values())) == {("firing", "resolved")}
    begun = next(n for n, (tier, _, _) in enumerate(told) if tier == "severe")
    assert waited <= 2 * WIDTH, "the others waited when it came"
    assert begun <= waited + 2 * WIDTH, "and it overtook them"
    over = next(n for n, (tier, _, state) in enumerate(told) if (tier, state) == ("severe", "resolved"))
    assert over <= many + 1 + 2 * WIDTH


def test_a_severe_notice_finds_a_way_while_all_that_wait_for_an_answer_are_not_urgent(tmp_path: Path) -> None:
    async def play() -> None:
        async with flooded(tmp_path, Manners("prod"), SEVERE) as flood:
            told = flood.hooks.told
            flood.hooks.shut = True
            await flood.blocks(range(100))
            await flood.until(lambda: len(told) == WIDTH - WIDTH // 4, "as many under way as may be")
            await flood.blocks(range(0), harm=True)
            await flood.until(lambda: told[-1][0] == "severe", "the severe one told while no other is answered")
            assert len(told) == WIDTH - WIDTH // 4 + 1
    asyncio.run(play())


def test_an_earlier_notice_of_the_same_group_is_hastened_with_the_severe_one(tmp_path: Path) -> None:
    """A group's notices keep their order: what stands before the severe one may not wait behind all others."""
    async def play() -> list[tuple[str, str, str]]:
        manners = Manners("prod", ("about",))
        severe = replace(SEVERE, by=("about",), when=replace(WHEN, signal=replace(HARM, labels=("about",))))
        async with flooded(tmp_path, manners, severe) as flood:
            first = replace(severe, name="doubt", tier="minor")
            flood.plan = replace(flood.plan, rules=(BURST, first, severe))
            flood.hooks.shut = True
            flood.plan = replace(flood.plan, notices=Manners("prod"))
            await flood.blocks(range(WIDTH))
            await flood.until(lambda: len(flood.hooks.told) == WIDTH - WIDTH // 4, "no room")
            flood.plan = replace(flood.plan, rules=(BURST, first), notices=manners)
            flood.cells.add([Cell("harm", ("x",), flood.now // MINUTE * MINUTE - MINUTE, "n", 20)])
            await flood.blocks(range(WIDTH, 200))
            flood.plan = replace(flood.plan, rules=(BURST, first, severe))
            before = len(flood.hooks.told)
            await flood.blocks(range(0))
            await flood.until(lambda: len(flood.hooks.told) >= before + 1, "the doubt, though there is no room for it")
            flood.hooks.shut = False
            await flood.until(lambda: any(tier == "severe" for tier, _, _ in flood.hooks.told), "the severe one")
            return flood.hooks.told[before:]
    after = asyncio.run(play())
    mine = [n for n, (_, key, _) in enumerate(after) if key == "bongsu/prod/bot/x"]
    assert [after[n][0] for n in mine[:2]] == ["minor", "severe"]
    assert mine[0] == 0
