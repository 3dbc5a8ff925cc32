"""Plays a story file: does what it says, waits for what it expects, prints each step as it happens."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bongsu.demo.sink import Sink
from bongsu.demo.traffic import Traffic
from bongsu.quantity import SECOND, parse_duration, parse_share
from bongsu.verbs.client import Client, RefusedError, UnreachableError

POLL = 0.1


@dataclass
class World:
    """All a story can touch: callers, the demo model's knobs, the receivers, and bongsu's public faces."""

    traffic: Traffic
    control: Client
    sink: Sink
    model_url: str
    data: Path
    service: str
    speed: float = 1.0
    told: Counter[str] = field(default_factory=Counter)
    """How many notices had arrived at each place when the present chapter (the last ``say``) began."""
    last_call: str = ""

    async def board(self) -> Any:
        return await asyncio.to_thread(self.control.get, "/v1/board")


class Failed(Exception):
    """What the story expected did not happen in time."""


class StoryError(ValueError):
    """A story that cannot be played; the message says where, what was expected and what came."""


def read_story(path: Path) -> list[Mapping[str, Any]]:
    """The steps of a story file: a list under ``story``, each step one verb. Raises ``StoryError``."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        came = getattr(error, "strerror", None) or error
        raise StoryError(f"{path}: expected a story in YAML, came '{came}'") from None
    steps = found.get("story") if isinstance(found, dict) else None
    if not isinstance(steps, list) or not steps:
        raise StoryError(f"{path}: expected a list of steps under 'story', came none")
    for n, step in enumerate(steps, 1):
        if not isinstance(step, dict) or len(step) != 1 or not set(step) <= _VERBS:
            raise StoryError(f"{path}: step {n}: expected one of {', '.join(sorted(_VERBS))}, came {step!r}")
    return steps


def seconds(text: str) -> float:
    return parse_duration(text) / SECOND


async def play(steps: list[Mapping[str, Any]], world: World, tell: Callable[[str], None]) -> None:
    """Play every step in order. Raises ``Failed`` at the first expectation that does not come true."""
    began = time.monotonic()
    for step in steps:
        (verb, value), = step.items()
        stamp = f"{time.monotonic() - began:6.1f}s"
        if verb == "say":
            world.told = Counter(kind for kind, _ in world.sink.got)
            tell(f"\n{stamp}  {value}")
        elif verb == "expect":
            words, took = await expect(dict(value), world)
            tell(f"{time.monotonic() - began:6.1f}s    ok  {words} (after {took:.1f} s)")
        else:
            tell(f"{stamp}   ...  {await DO[verb](value, world)}")


async def expect(what: dict[str, Any], world: World) -> tuple[str, float]:
    within = seconds(what.pop("within"))
    probe = next(PROBES[name] for name in what if name in PROBES)
    began = time.monotonic()
    while True:
        try:
            held, words = await probe(what, world)
        except UnreachableError as error:
            held, words = False, str(error)
        took = time.monotonic() - began
        if held:
            return words, took
        if took > within:
            raise Failed(f"expected within {within:g} s: {what}; last seen: {words}")
        await asyncio.sleep(POLL)


# ---- what a story does ----


async def _traffic(value: Any, world: World) -> str:
    world.traffic.steady(float(value["rate"]))
    return f"{value['rate']} calls a second through the gateway, every third one streamed"


async def _wait(value: Any, world: World) -> str:
    await asyncio.sleep(seconds(value) / world.speed)
    seen = world.traffic.seen
    return f"{seen.calls} calls so far, by upstream {dict(seen.upstreams)}, errors {len(seen.errors)}"


async def _chat(value: Any, world: World) -> str:
    reply, world.last_call = await world.traffic.chat(value["prompt"])
    return f"a caller writes: {value['prompt']}\n              and reads:  {reply[:160]}"


async def _knobs(value: Any, world: World) -> str:
    async with aiohttp.ClientSession() as session, session.post(f"{world.model_url}/demo/knobs", json=value) as reply:
        reply.raise_for_status()
    return f"the demo model is told: {dict(value)}"


async def _attack(value: Any, world: World) -> str:
    await world.traffic.burst(int(value["count"]), float(value["rate"]), value["prompt"])
    return f"{value['count']} injection attempts sent"


async def _clear(value: Any, world: World) -> str:
    done = await asyncio.to_thread(world.control.post, f"/v1/gate/{world.service}/clear", {"reason": value})
    return f"a person clears the deploy gate after {', '.join(done['cleared'])}: {value}"


DO: dict[str, Callable[[Any, World], Awaitable[str]]] = {
    "traffic": _traffic, "wait": _wait, "chat": _chat, "knobs": _knobs, "attack": _attack, "clear": _clear,
}
_VERBS = {"say", "expect", *DO}

# ---- what a story expects ----


async def _alert(what: dict[str, Any], world: World) -> tuple[bool, str]:
    rows = [a for a in (await world.board())["alerts"] if a["name"] == what["alert"]]
    phases = {a["phase"] for a in rows}
    value = ", ".join(f"{a['value']} (alert at {a['against']})" for a in rows)
    return what["phase"] in phases, f"alert {what['alert']} is {', '.join(phases) or 'unknown'}: {value}"


async def _objective(what: dict[str, Any], world: World) -> tuple[bool, str]:
    rows = [o for o in (await world.board())["objectives"] if o["name"] == what["objective"]]
    left = rows[0]["remaining"] if rows else None
    shown = "no data" if left is None else f"{left:.1%}"
    over = float(parse_share(what["remaining_over"]))
    return left is not None and left > over, f"error budget of {what['objective']}: {shown} left"


async def _upstream(what: dict[str, Any], world: World) -> tuple[bool, str]:
    seen = world.traffic.seen.last_upstream
    return seen == what["upstream"], f"the last reply came from {seen!r}"


async def _blocked(what: dict[str, Any], world: World) -> tuple[bool, str]:
    blocked = world.traffic.seen.blocked
    return bool(blocked), f"{len(blocked)} calls blocked, the caller reads: {blocked[-1] if blocked else ''!r}"


async def _told(what: dict[str, Any], world: World) -> tuple[bool, str]:
    n = world.sink.count(what["told"]) - world.told[what["told"]]
    return n > 0, f"{n} notices arrived at {what['told']} in this chapter"


async def _gate(what: dict[str, Any], world: World) -> tuple[bool, str]:
    data = (await asyncio.to_thread(world.control.get, f"/v1/gate/{world.service}"))["data"]
    why = "; ".join(r["text"] for r in data["reasons"])
    return data["decision"] == what["gate"], f"deploy gate: {data['decision']}{f' ({why})' if why else ''}"


async def _audit(what: dict[str, Any], world: World) -> tuple[bool, str]:
    command = [sys.executable, "-m", "bongsu", "audit", "verify", "--data", str(world.data)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, (done.stdout or done.stderr).strip()


async def _stored_without(what: dict[str, Any], world: World) -> tuple[bool, str]:
    """Look through every byte bongsu stored, once the very call that held the identifiers has been stored."""
    texts = list(what["stored_without"])
    try:
        known = await asyncio.to_thread(world.control.get, f"/v1/calls/{world.last_call}")
    except RefusedError:
        return False, f"call {world.last_call} is not stored yet"
    found = await asyncio.to_thread(_search, world.data, [t.encode() for t in texts])
    if found or any(text in json.dumps(known, ensure_ascii=False) for text in texts):
        return False, f"raw personal data in {', '.join(found) or 'what is told of the call'}"
    masked = known["content"]["prompt"].splitlines()[-1] if isinstance(known["content"], dict) else known["content"]
    return True, f"stored as {masked!r}: none of {len(texts)} raw identifiers anywhere on disk"


async def _undone(what: dict[str, Any], world: World) -> tuple[bool, str]:
    mine = [i for i in (await world.board())["incidents"] if i["alert"] == what["undone"]]
    states = {a["state"] for i in mine for a in i["actions"] if a["kind"] != "notify"}
    return bool(mine) and states == {"undone"}, f"actions of {what['undone']}: {', '.join(sorted(states)) or 'none'}"


async def _incidents(what: dict[str, Any], world: World) -> tuple[bool, str]:
    board = await world.board()
    n = sum(i["alert"] == what["of"] for i in board["incidents"])
    return n == what["incidents"], f"{n} incident of {what['of']}"


def _search(folder: Path, needles: list[bytes]) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and any(n in p.read_bytes() for n in needles)]


PROBES: dict[str, Callable[[dict[str, Any], World], Awaitable[tuple[bool, str]]]] = {
    "alert": _alert, "objective": _objective, "upstream": _upstream, "blocked": _blocked, "told": _told, "gate": _gate,
    "audit": _audit, "incidents": _incidents, "undone": _undone, "stored_without": _stored_without,
}
