"""What the gateway costs, beside its peers and two floors, in one run: ``python bench/gateway.py [part of a name...]``

All that is measured stands at once, pinned to core 0, and takes turns, three rounds of it; the model and the load
share core 1. CPU is user and system time of the whole tree of processes, from /proc, divided by requests (32
connections) or events (32 streams of 50 events, 4 ms apart); latency is that of one connection, and so are the first
text and the time from checkable to released. Of what is added to the first text it is said apart how much is the
gateway's own (before it asks the model, and from checkable to released) and how much is the wait for the model's next
event (``_lag``). Each request has a prompt of its own, so that nothing can be known of it before. Of each figure the
middle round, 3 s each after 3 s of warm-up: 20 s a row and round, 12 minutes with all peers, 5 for ``direct bongsu``.
The machine may be shared: compare CPU; requests a second are lower bounds, latencies upper ones. Raw numbers, and the
load of the machine in every round, go to ``bench/results/gateway.json``.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from _lag import TELLS
from _load import Load, rss_mb
from _targets import CORES, HERE, OTHERS, OURS, PEERS, PROMPT, Target, model, targets

WARM, RUN, ROUNDS, CONNECTIONS = 3.0, 3.0, int(os.environ.get("BENCH_ROUNDS", "3")), 32


def body(prompt: str, *, stream: bool = False) -> bytes:
    asked = {"model": "bench", "messages": [{"role": "user", "content": prompt}]}
    return json.dumps(asked | ({"stream": True} if stream else {})).encode()


@dataclass(frozen=True)
class Round:
    """One target in one round. Times are microseconds, ``cpu`` and ``event`` of CPU a request and an event."""

    cpu: float
    rate: float
    p99: float
    one_p50: float
    event: float
    first_p50: float
    first_own: float
    first_wait: float
    first_lag: float
    lag_p50: float
    lag_p99: float
    rss_mb: float
    load: float


@contextlib.contextmanager
def standing(target: Target, folder: Path, port: int) -> Iterator[Load]:
    """A target that answers."""
    folder.mkdir()
    child, own = target.start(folder, port)
    load = Load(f"http://127.0.0.1:{own}/v1/chat/completions",
                {"Content-Type": "application/json", "Authorization": f"Bearer {target.key}", **target.more(port)},
                child.pid, OTHERS)
    try:
        _wait_for(load, target, child, folder / "log")
        yield load
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_for(load: Load, target: Target, child: subprocess.Popen[bytes], log: Path) -> None:
    until, why = time.monotonic() + 120, ""
    while time.monotonic() < until and child.poll() is None:
        try:
            asked = urllib.request.Request(load.url, body(target.prompt), dict(load.headers))
            with urllib.request.urlopen(asked, timeout=20):
                return
        except urllib.error.HTTPError as error:
            why = error.read(500).decode("utf-8", "replace")
        except OSError as error:
            why = str(error)
        time.sleep(0.3)
    said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise RuntimeError(f"{target.name} does not answer: {why}\n{said}")


def measure(target: Target, load: Load) -> Round:
    plain, streamed = body(target.prompt), body(target.prompt, stream=True)
    load.wrk(plain, CONNECTIONS, WARM)
    many, one = load.wrk(plain, CONNECTIONS, RUN), load.wrk(plain, 1, RUN)
    streams, first = load.streams(streamed, CONNECTIONS, RUN), load.streams(streamed, 1, RUN)
    lag_p50, lag_p99, way = load.lag(body(f"{TELLS} {target.prompt}", stream=True), 1, RUN)
    return Round(many.cpu, many.rate, many.p99, one.p50, streams.cpu, first.p50, way.before + way.lag, way.wait,
                 way.lag, lag_p50, lag_p99, rss_mb(load.pid), os.getloadavg()[0])


def rounds(stands: dict[str, tuple[Target, Load]]) -> dict[str, list[Round]]:
    """Everybody in turn, so that nobody has the quiet minutes to himself."""
    found: dict[str, list[Round]] = {name: [] for name in stands}
    for n in range(ROUNDS):
        for name, (target, load) in stands.items():
            try:
                found[name].append(measure(target, load))
            except RuntimeError as error:
                if not target.peer:
                    raise
                print(f"  not measured in round {n + 1}: {name}: {str(error)[:300]}", flush=True)
        print(f"  round {n + 1} of {ROUNDS}, load of the machine {os.getloadavg()[0]:.1f}", flush=True)
    return {name: seen for name, seen in found.items() if seen}


def middle(seen: list[Round]) -> Round:
    return Round(**{name: statistics.median(getattr(r, name) for r in seen) for name in Round.__dataclass_fields__})


def table(found: dict[str, list[Round]]) -> None:
    rows = {name: middle(seen) for name, seen in found.items()}
    base, litellm, portkey = rows.get("direct"), rows.get("LiteLLM"), rows.get("Portkey")

    def times(theirs: Round | None, ours: Round, what: str) -> str:
        return "-" if theirs is None else f"{getattr(theirs, what) / getattr(ours, what):.1f}x"

    print("us of CPU a request and an event, its share of LiteLLM's and Portkey's; ms added to the direct call, of the "
          "first text also how much is its own (of that the lag once checkable) and how much it waits for the model")
    print(f"{'':33}{'request':>9}{'LiteLLM':>9}{'Portkey':>9}{'req/s':>8}{'p99 ms':>8}{'event':>8}{'LiteLLM':>9}"
          f"{'Portkey':>9}{'+p50':>8}{'+first':>8}{'own':>8}{'its lag':>8}{'wait':>8}{'lag p50':>9}{'lag p99':>9}"
          f"{'RSS MB':>8}")
    for name, r in rows.items():
        added = ["-"] * 3 if base is None else [
            f"{(getattr(r, what) - getattr(base, what)) / 1000:+.2f}" for what in ("one_p50", "first_p50", "first_own")]
        way = f"{r.first_lag / 1000:>8.2f}{r.first_wait / 1000:>8.2f}"
        print(f"{name:33}{r.cpu:>9,.0f}{times(litellm, r, 'cpu'):>9}{times(portkey, r, 'cpu'):>9}{r.rate:>8,.0f}"
              f"{r.p99 / 1000:>8.1f}{r.event:>8,.0f}{times(litellm, r, 'event'):>9}{times(portkey, r, 'event'):>9}"
              f"{added[0]:>8}{added[1]:>8}{added[2]:>8}{way}{r.lag_p50 / 1000:>9.2f}"
              f"{r.lag_p99 / 1000:>9.2f}{r.rss_mb:>8,.0f}")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "kernel": platform.release()}
    found |= {name: version(name) for name in ("bongsu", "uvicorn", "uvloop", "httptools", "msgspec", "google-re2")}
    found["wrk"] = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()[1]
    for folder, name in (("litellm", "litellm"), ("shield", "llm-shield-proxy")):
        if (PEERS / folder / "bin" / "python").exists():
            ask = f"import importlib.metadata as m; print(m.version({name!r}))"
            said = subprocess.run([str(PEERS / folder / "bin" / "python"), "-c", ask], capture_output=True, text=True,
                                  check=True)
            found[name] = said.stdout.strip()
    package = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
    if package.exists():
        found["portkey"] = json.loads(package.read_text())["version"]
    return found


def main(wanted: list[str]) -> int:
    if shutil.which("wrk") is None or shutil.which("taskset") is None or len(CORES) < 2:
        print("not run: expected wrk, taskset and two cores; 'make bench-peers' installs wrk")
        return 0
    said = versions()
    print(", ".join(f"{name} {number}" for name, number in said.items()))
    print(f"prompt {len(PROMPT)} characters; core {OURS} is the measured one, model and load on core {OTHERS}")
    os.sched_setaffinity(0, {OTHERS})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        upstream, port = model(OTHERS)
        stack.callback(upstream.wait)
        stack.callback(upstream.terminate)
        stands: dict[str, tuple[Target, Load]] = {}
        for n, target in enumerate(targets()):
            if wanted and not any(part in target.name for part in wanted):
                continue
            try:
                stands[target.name] = target, stack.enter_context(standing(target, Path(folder) / str(n), port))
            except RuntimeError as error:
                if not target.peer:
                    raise
                print(f"  not measured: {target.name}: {str(error)[:300]}", flush=True)
        found = rounds(stands)
    table(found)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    raw = {"versions": said, "rounds": {name: [asdict(r) for r in seen] for name, seen in found.items()}}
    (results / "gateway.json").write_text(json.dumps(raw, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
