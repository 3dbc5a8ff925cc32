"""From the call that crosses the line to the changed route: ``python bench/detection.py [rounds]``.

The real stack in its own processes, with the demo's policy; only its times are shorter (no ``for:``, a window of 3 s),
so that what is measured is ours and not the policy's patience. Calls come at a steady rate. In each round the model
begins to talk ten times as much. The clock starts at the reply to the call that, counted as cells are (whole base
windows, cost over tokens), puts the value past the limit, and stops at the first reply that came from the light model:
spool, event log, cells, tick, decision, playbook, live policy and the next call's round trip are all inside.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import aiohttp

from bongsu.alert import Threshold
from bongsu.demo.run import policy_path, stage
from bongsu.demo.story import World
from bongsu.demo.traffic import QUESTIONS, SYSTEM
from bongsu.offline.checkup import DEMO_ENVIRON
from bongsu.policy import load
from bongsu.quantity import NANO

TARGET_S, RATE, LIMIT_S = 2.0, 50, 60.0
CALM_CALLS = 200
"""So many calls of the usual kind in a row fill more than the window: nothing dear is left in it."""
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTIONS[1]}]


SHORTER = (("over: 10s, clear: < 110%, for: 2s, clear_for: 3s,", "over: 3s, clear: < 110%,"),
           ("undo_when: clear for 5s", "undo_when: clear for 1s"))


def variant(text: str) -> str:
    """The demo's policy with shorter times, without its own tests."""
    for usual, short in SHORTER:
        if text.count(usual) != 1:
            raise ValueError(f"the demo's policy has {text.count(usual)} times {usual!r}, expected one; adapt SHORTER")
        text = text.replace(usual, short)
    return text.partition("\ntests:")[0] + "\n"


@dataclass(frozen=True)
class Seen:
    """One answered call: when it was asked and answered (seconds), what it used, and whom the route chose."""

    asked: float
    answered: float
    cost: int
    tokens: int
    upstream: str


class Caller:
    """Calls at a steady rate, each seen."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session, self.seen = url, session, list[Seen]()
        self.failed: Counter[str] = Counter()
        self.calling = asyncio.create_task(self.forever())

    async def forever(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                calls.create_task(self.call())
                await asyncio.sleep(1 / RATE)

    async def call(self) -> None:
        asked = time.time()
        body = {"model": "support-bot", "messages": MESSAGES}
        async with self.session.post(f"{self.url}/v1/chat/completions", json=body) as reply:
            found = await reply.json()
            if reply.status != 200:
                self.failed[found["error"]["code"]] += 1
                return
            cost = int(Decimal(reply.headers["x-bongsu-cost"]) * NANO)
            fallback = reply.headers["x-bongsu-fallback"] == "true"
            self.failed["fallback"] += fallback
            self.seen.append(Seen(asked, time.time(), cost, found["usage"]["total_tokens"],
                                  "fallback" if fallback else reply.headers["x-bongsu-upstream"]))

    async def until(self, upstream: str, row: int = 1) -> None:
        """Until the last replies, ``row`` of them, all came from it."""
        until = time.monotonic() + LIMIT_S
        while len(self.seen) < row or any(s.upstream != upstream for s in self.seen[-row:]):
            if time.monotonic() > until or self.calling.done():
                last = Counter(s.upstream for s in self.seen[-row:])
                raise RuntimeError(f"expected {row} replies of {upstream!r} in a row, the last were {dict(last)}; "
                                   f"failed {dict(self.failed)}") from (
                                       self.calling.exception() if self.calling.done() else None)
            await asyncio.sleep(0.01)


def crossing(seen: list[Seen], since: float, when: Threshold, base: int) -> Seen:
    """The first call since then with which a window's exact value is past the limit.

    The window is the one that is open at the reply, or the one before: the engine may have looked just before it ended.
    """
    highest = Fraction(0)
    for at in sorted((s for s in seen if s.answered >= since), key=lambda s: s.answered):
        open_end = -(-int(at.answered * 1e6) // base) * base
        for end in (open_end, open_end - base):
            window = [s for s in seen if s.answered <= at.answered and end - when.over <= s.asked * 1e6 < end]
            tokens = sum(s.tokens for s in window)
            value = Fraction(sum(s.cost for s in window), tokens) if tokens else Fraction(0)
            if value > when.enter:
                return at
            highest = max(highest, value)
    raise AssertionError(f"the route changed, but the value was at most {float(highest)}, limit {float(when.enter)}")


async def knob(world: World, session: aiohttp.ClientSession, verbosity: int) -> None:
    async with session.post(f"{world.model_url}/demo/knobs", json={"verbosity": verbosity}) as reply:
        reply.raise_for_status()


async def rounds(n: int, folder: Path) -> list[float]:
    policy = folder / "bongsu.yaml"
    policy.write_text(variant(policy_path().read_text(encoding="utf-8")), encoding="utf-8")
    plan = load(policy, DEMO_ENVIRON | os.environ).plan
    when = next(rule.when for rule in plan.rules if rule.name == "cost")
    assert isinstance(when, Threshold)
    took = []
    async with stage(folder / "data", policy=policy) as world, aiohttp.ClientSession() as session:
        await knob(world, session, 30)
        caller = Caller(str(world.traffic.client.base_url).removesuffix("/v1/"), session)
        try:
            for i in range(n):
                await caller.until("main", CALM_CALLS)
                await asyncio.sleep(0.137 * i % 1)  # every phase of the base window and of the engine's cycle
                since = time.time()
                await knob(world, session, 300)
                await caller.until("light")
                crossed = crossing(caller.seen, since, when, plan.base)
                first = min(s.answered for s in caller.seen if s.answered >= since and s.upstream == "light")
                took.append(first - crossed.answered)
                await knob(world, session, 30)
                caller.seen = [s for s in caller.seen if s.answered > since - 10]
                print(f"  {i + 1:>3}: {took[-1]:.3f} s", flush=True)
        finally:
            caller.calling.cancel()
            await asyncio.gather(caller.calling, return_exceptions=True)
            print(f"  calls that failed or fell back: {dict(caller.failed)}")
    return took


def main(n: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        took = sorted(asyncio.run(rounds(n, Path(folder))))
    p95 = took[min(n - 1, -(-95 * n // 100) - 1)]
    print(f"detection to action, {n} rounds at {RATE} calls/s: p50 {statistics.median(took):.2f} s, p95 {p95:.2f} s, "
          f"max {took[-1]:.2f} s; target p95 <= {TARGET_S:g} s: {'met' if p95 <= TARGET_S else 'NOT MET'}")
    results = Path(__file__).resolve().parent / "results"
    results.mkdir(exist_ok=True)
    (results / "detection.json").write_text(json.dumps({"seconds": took}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
