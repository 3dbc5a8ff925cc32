"""Load and its cost: wrk for whole replies, many streams at once, and the CPU time of a tree of processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop
from _lag import Clocked, First, word

TICK = os.sysconf("SC_CLK_TCK")
FRESH = "kkkkkkkk"
"""A word of a prompt in whose place every request has another, so that nobody has seen a prompt before."""
_runs = count()
LUA = """
wrk.method = "POST"
%s
local before, after, n = %s, %s, %s
function request()
  n = n + 1
  local word = string.format("%%08d", n):gsub("%%d", function(d) return string.char(97 + d) end)
  return wrk.format(nil, nil, nil, before .. word .. after)
end
function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('{"requests": %%d, "us": %%d, "p50": %%d, "p99": %%d, "bad": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), bad))
end
"""


def _first() -> int:
    """The number of the first prompt of a run: no run has a prompt of another one."""
    return next(_runs) * 1_000_000


def cpu_s(root: int) -> float:
    """CPU seconds so far of a process, of all below it, and of those it has already waited for."""
    below: dict[int, list[int]] = {}
    spent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields_ = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        spent[int(entry.name)] = sum(map(int, fields_[11:15]))
        below.setdefault(int(fields_[1]), []).append(int(entry.name))
    tree, total = [root], 0
    while tree:
        pid = tree.pop()
        total += spent.get(pid, 0)
        tree += below.get(pid, [])
    return total / TICK


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found, at = [root], 0
    while at < len(found):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[at]}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        at += 1
    return found


def rss_mb(root: int) -> float:
    """Resident memory of a process and of all below it; what they share is counted in each."""
    kb = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            kb += int(found[1]) if found else 0
    return kb / 1024


@dataclass(frozen=True)
class Measured:
    """One run. Times are microseconds; ``cpu`` is that of the measured process tree, per request or per event."""

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Load:
    """Where requests go, what they say, and whose CPU time is counted. The load runs on ``core``."""

    url: str
    headers: Mapping[str, str]
    pid: int
    core: int

    def wrk(self, body: bytes, connections: int, seconds: float) -> Measured:
        first, _, rest = body.decode().partition(FRESH)
        before, after = f"[==[{first}]==]", f"[==[{rest}]==]"
        headers = "\n".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in self.headers.items())
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(LUA % (headers, before, after, _first()))
            script.flush()
            before = cpu_s(self.pid)
            done = subprocess.run(
                ["taskset", "-c", str(self.core), "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s",
                 "--timeout", "20s", "-s", script.name, self.url], capture_output=True, text=True, check=True)
            spent = cpu_s(self.pid) - before
        found = json.loads(done.stdout.strip().splitlines()[-1])
        if found["bad"] or not found["requests"]:
            raise RuntimeError(f"{self.url}: {found['bad']} of {found['requests']} requests failed; see {done.stdout}")
        n = found["requests"]
        return Measured(n / found["us"] * 1e6, found["p50"], found["p99"], spent / n * 1e6)

    def streams(self, body: bytes, clients: int, seconds: float) -> Measured:
        """``rate`` is events a second, times are those to the first text."""
        before = cpu_s(self.pid)
        began = time.perf_counter()
        seen = uvloop.run(_streams(self.url, self.headers, body, clients, seconds))
        spent, took = cpu_s(self.pid) - before, time.perf_counter() - began
        if seen.broken or not seen.events:
            raise RuntimeError(f"{self.url}: {seen.broken} streams broke, {seen.events} events came")
        first = sorted(seen.first)
        return Measured(seen.events / took, statistics.median(first) * 1e6, first[int(len(first) * 0.99)] * 1e6,
                        spent / seen.events * 1e6)

    def lag(self, body: bytes, clients: int, seconds: float) -> tuple[float, float, First]:
        """Microseconds from checkable to released, p50 and p99, and p50 of the way of the first text (``_lag``);
        ``body`` asks what time it is."""
        seen = uvloop.run(_streams(self.url, self.headers, body, clients, seconds, clocked=True))
        if seen.broken or not seen.lags:
            raise RuntimeError(f"{self.url}: {seen.broken} streams broke, {len(seen.lags)} words came")
        lags = sorted(seen.lags)
        first = First(*(int(statistics.median(part)) for part in zip(*seen.told, strict=True)))
        return statistics.median(lags), lags[int(len(lags) * 0.99)], first


@dataclass
class _Seen:
    events: int = 0
    broken: int = 0
    first: list[float] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    told: list[First] = field(default_factory=list)


_TEXT = re.compile(rb'"content": ?"[^"]')


class _Client(asyncio.Protocol):
    """One stream after the other on one connection. ``numbers`` are asked for the words that make requests differ."""

    def __init__(self, request: bytes, seen: _Seen, until: float, numbers: Iterator[int], *, clocked: bool) -> None:
        self.request, self.seen, self.until, self.numbers, self.clocked = request, seen, until, numbers, clocked
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        request = self.request.replace(FRESH.encode(), word(next(self.numbers))[1:].encode(), 1)
        self.clock = Clocked() if self.clocked else None
        self.waiting, self.tail, self.asked = True, b"", time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.seen.events += data.count(b"data: ")
        if self.clock is not None:
            self.clock.feed(data)
        if self.waiting and _TEXT.search(data):
            self.waiting = False
            self.seen.first.append(time.perf_counter() - self.asked)
        self.tail = (self.tail + data)[-64:]
        if self.tail.endswith(b"0\r\n\r\n") and b"[DONE]" in self.tail:
            if self.clock is not None:
                self.seen.lags += self.clock.lags()
                self.seen.told.append(self.clock.first())
            if time.perf_counter() < self.until:
                self.ask()
            else:
                self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if b"[DONE]" not in self.tail:
            self.seen.broken += 1
        self.done.set_result(None)


async def _streams(url: str, headers: Mapping[str, str], body: bytes, clients: int, seconds: float, *,
                   clocked: bool = False) -> _Seen:
    at = urlsplit(url)
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    request = (f"POST {at.path} HTTP/1.1\r\nhost: {at.netloc}\r\n{lines}content-length: {len(body)}\r\n\r\n"
               .encode() + body)
    seen, loop, numbers = _Seen(), asyncio.get_running_loop(), count(_first())
    until = time.perf_counter() + seconds
    made = []
    for _ in range(clients):
        _, client = await loop.create_connection(
            lambda: _Client(request, seen, until, numbers, clocked=clocked), at.hostname, at.port)
        made.append(client.done)
        await asyncio.sleep(0.2 / clients)  # not all at the same moment
    await asyncio.gather(*made)
    return seen
