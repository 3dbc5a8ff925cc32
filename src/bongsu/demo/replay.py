"""A recorded trace sent again, as real calls through the real gateway to the demo model, in the trace's own rhythm.

Each row becomes one chat call with as many words as it had input tokens, asking for as many as it had output tokens;
the demo model's token is a word. What is measured is measured as ever: by the gateway, at the pace that is chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from bongsu.demo.run import stage
from bongsu.event import Event
from bongsu.quantity import SECOND

MOST_AT_ONCE = 64
LONGEST_PROMPT = 20_000


async def run_live(events: Iterator[Event], policy: Path, speed: float,
                   tell: Callable[[str], None]) -> dict[str, Any]:
    """Send the trace ``speed`` times faster than recorded; returns what callers saw and where bongsu ended up."""
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bongsu-replay-")))
        async with stage(data, policy=policy) as world:
            tell(f"cockpit   {world.control.url}/  (sign in with the token {world.control.token})")
            async with aiohttp.ClientSession() as session, session.post(
                    f"{world.model_url}/demo/knobs", json={"verbosity": 1_000_000}) as reply:
                reply.raise_for_status()
            sent = await _send(events, world.traffic, speed, tell)
            board = await _settled(world, sent)
            seen = world.traffic.seen
            return {"sent": sent, "upstreams": dict(seen.upstreams), "blocked": len(seen.blocked),
                    "errors": len(seen.errors), "first_errors": seen.errors[:3], "stored": board["calls_total"],
                    "alerts": {a["name"]: f"{a['phase']}: {a['value']}" for a in board["alerts"]},
                    "incidents": [f"{i['alert']}: {i['cause']} ({i['phase']})" for i in reversed(board["incidents"])]}


async def _send(events: Iterator[Event], traffic: Any, speed: float, tell: Callable[[str], None]) -> int:
    gate, tasks, sent, first = asyncio.Semaphore(MOST_AT_ONCE), set(), 0, None
    began = told = time.monotonic()
    for event in events:
        first = event.time if first is None else first
        wait = (event.time - first) / SECOND / speed - (time.monotonic() - began)
        if wait > 0:
            await asyncio.sleep(wait)
        await gate.acquire()
        task = asyncio.create_task(_call(event, traffic, gate))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        sent += 1
        if time.monotonic() - told >= 5:
            told = time.monotonic()
            tell(f"{told - began:6.1f}s  {sent} calls sent, by upstream {dict(traffic.seen.upstreams)}")
    if tasks:
        await asyncio.wait(tasks)
    return sent


async def _call(event: Event, traffic: Any, gate: asyncio.Semaphore) -> None:
    try:
        words = min(max(1, event.input_tokens or 1), LONGEST_PROMPT)
        await traffic.chat("word " * (words - 1) + "word", user=event.user or "trace", system=False,
                           max_tokens=max(1, event.output_tokens or 1))
    finally:
        gate.release()


async def _settled(world: Any, sent: int) -> Any:
    """The board once every call that was answered is stored (or ten seconds have passed)."""
    for _ in range(100):
        board = await world.board()
        if board["calls_total"] >= sent:
            break
        await asyncio.sleep(0.1)
    return board
