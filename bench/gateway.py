"""What the gateway costs, beside a direct call and LiteLLM, in one run: ``python bench/gateway.py [part of a name...]``

The measured process has core 0 to itself; the model and the load share core 1. CPU per request is user and system time
of the whole tree of processes, from /proc, divided by the requests, with 32 connections; latency is that of wrk's one
connection. After 4 s of warm-up the middle of 3 runs of 3 s. Streams: 32 clients, 50 events 4 ms apart. The machine may
be shared: compare CPU, requests a second are lower bounds. Raw numbers go to ``bench/results/gateway.json``.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from _load import Load, Measured, middle

HERE = Path(__file__).resolve().parent
LITELLM = HERE / ".peers" / "litellm" / "bin"
WARM, RUN, RUNS, CONNECTIONS = 4.0, 3.0, 3, 32
CORES = sorted(os.sched_getaffinity(0))
OURS, OTHERS = CORES[0], CORES[-1]
PROMPT = ("You are the assistant of a shop that sells hiking gear; answer briefly and in the language of the question. "
          "Last week I ordered a pair of boots and a rain jacket. The boots arrived on Monday, but the jacket is still "
          "missing, and the page of my order has said 'on its way' since the 14th of the month. Could you find out "
          "where it is, when I can expect it, and whether I can still change the colour from green to blue before it "
          "gets here? If not, please tell me how to send it back afterwards. Thank you.")
PERSONAL = PROMPT[:440] + " Call 010-1234-5678 or write to minsu.kim@example.com."
POLICY = """bongsu: 1
service: {{name: bench, language: en}}
upstreams:
  main: {{url: "http://127.0.0.1:{port}/v1", key: secret://env/BENCH_KEY, model: bench-model, timeout: 10s,
          price: {{input: 2.50 USD/1M, output: 10 USD/1M}}}}
routes:
  bench: {{primary: main}}
"""
GUARDS = """guards:
  injection: {on: [input, output], check: pattern, act: block, timeout: 20ms, fails: closed}
  pii:       {on: [input, output], check: pii, act: tokenise, timeout: 20ms, fails: closed}
"""
CONFIG = """model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench-model, api_base: "http://127.0.0.1:{port}/v1", api_key: {key}}}
litellm_settings: {{telemetry: false}}
"""
FILTER = """guardrails:
  - guardrail_name: filter
    litellm_params:
      guardrail: litellm_content_filter
      mode: [pre_call, post_call]
      default_on: true
      patterns:
        - {pattern_type: prebuilt, pattern_name: email, action: MASK}
        - {pattern_type: prebuilt, pattern_name: us_ssn, action: MASK}
        - {pattern_type: prebuilt, pattern_name: visa, action: MASK}
      blocked_words:
        - {keyword: "ignore all previous instructions", action: BLOCK}
"""


def body(prompt: str, *, stream: bool = False) -> bytes:
    asked = {"model": "bench", "messages": [{"role": "user", "content": prompt}]}
    return json.dumps(asked | ({"stream": True} if stream else {})).encode()


# ---- what is measured ----


@dataclass(frozen=True)
class Target:
    """One row. ``start`` begins a process that listens, given the folder and the model's port."""

    name: str
    start: Callable[[Path, int], tuple[subprocess.Popen[bytes], int]]
    prompt: str = PROMPT
    key: str = "sk-bench"
    peer: bool = False


def run(argv: list[str], core: int, environ: Mapping[str, str] | None = None, fds: tuple[int, ...] = (),
        log: Path | None = None) -> subprocess.Popen[bytes]:
    with (log or Path(os.devnull)).open("wb") as out:
        return subprocess.Popen(["taskset", "-c", str(core), *argv], env=None if environ is None else dict(environ),
                                pass_fds=fds, stdout=out, stderr=out)


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    sock.set_inheritable(True)
    return sock


def model(core: int) -> tuple[subprocess.Popen[bytes], int]:
    with listening() as sock:
        child = run([sys.executable, str(HERE / "_upstream.py"), str(sock.fileno())], core, fds=(sock.fileno(),))
        return child, sock.getsockname()[1]


def direct(_folder: Path, _port: int) -> tuple[subprocess.Popen[bytes], int]:
    """A model of its own, on the core where gateways stand."""
    return model(OURS)


def bongsu(guards: str) -> Callable[[Path, int], tuple[subprocess.Popen[bytes], int]]:
    def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], int]:
        policy = folder / "bongsu.yaml"
        policy.write_text(POLICY.format(port=port) + guards)
        with listening() as sock:
            child = run([sys.executable, "-m", "bongsu", "gateway", "--fd", str(sock.fileno()), "--policy", str(policy),
                         "--data", str(folder / "data")], OURS, os.environ | {"BENCH_KEY": "sk-model"},
                        (sock.fileno(),), folder / "log")
            return child, sock.getsockname()[1]

    return start


def litellm(key: str, guards: str = "") -> Callable[[Path, int], tuple[subprocess.Popen[bytes], int]]:
    def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], int]:
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(port=port, key="sk-model") + guards)
        with listening() as sock:
            own = sock.getsockname()[1]
        environ = {"PATH": f"{LITELLM}:/usr/bin:/bin", "HOME": str(folder), "LITELLM_MASTER_KEY": key,
                   "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR",
                   "LITELLM_MODE": "PRODUCTION", "OTEL_SDK_DISABLED": "true", "NO_PROXY": "*"}
        return run([str(LITELLM / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(own),
                    "--num_workers", "1", "--telemetry", "False"], OURS, environ, log=folder / "log"), own

    return start


def targets() -> list[Target]:
    key = f"sk-{secrets.token_hex(24)}"
    found = [Target("direct", direct), Target("bongsu, no guard", bongsu("")),
             Target("bongsu, two guards", bongsu(GUARDS)),
             Target("bongsu, two guards, 2 findings", bongsu(GUARDS), PERSONAL)]
    if (LITELLM / "litellm").exists():
        found += [Target("LiteLLM", litellm(key), key=key, peer=True),
                  Target("LiteLLM + its content filter", litellm(key, FILTER), key=key, peer=True)]
    else:
        print("LiteLLM is not here: 'make bench-peers' builds it; going on without")
    return found


# ---- measuring ----


@dataclass(frozen=True)
class Row:
    """What one target showed: 32 connections, 1 connection, 32 streams."""

    name: str
    many: Measured
    one: Measured
    streams: Measured


@contextlib.contextmanager
def standing(target: Target, folder: Path, port: int) -> Iterator[Load]:
    folder.mkdir()
    child, own = target.start(folder, port)
    load = Load(f"http://127.0.0.1:{own}/v1/chat/completions",
                {"Content-Type": "application/json", "Authorization": f"Bearer {target.key}"}, child.pid, OTHERS)
    try:
        _wait_for(load, target, child, folder / "log")
        yield load
    finally:
        child.terminate()
        child.wait(30)


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


def measure(target: Target, folder: Path, port: int) -> Row:
    plain, streamed = body(target.prompt), body(target.prompt, stream=True)
    with standing(target, folder, port) as load:
        load.wrk(plain, CONNECTIONS, WARM)
        many = middle([load.wrk(plain, CONNECTIONS, RUN) for _ in range(RUNS)])
        one = middle([load.wrk(plain, 1, RUN) for _ in range(RUNS)])
        load.streams(streamed, CONNECTIONS, 1)
        streams = middle([load.streams(streamed, CONNECTIONS, RUN) for _ in range(RUNS)])
    return Row(target.name, many, one, streams)


def table(rows: list[Row]) -> None:
    base = next((r for r in rows if r.name == "direct"), None)
    peer = next((r for r in rows if r.name == "LiteLLM"), None)

    def ratio(theirs: Measured | None, ours: Measured) -> str:
        return "-" if theirs is None else f"{theirs.cpu / ours.cpu:.1f}x"

    print(f"{'':32}{'CPU/request':>12}{'LiteLLM/it':>12}{'req/s, 32':>11}{'p99 ms':>8}{'p50, 1 conn.':>14}{'added':>9}"
          f"{'CPU/event':>11}{'LiteLLM/it':>12}{'TTFT p50':>10}")
    for r in rows:
        added = "-" if base is None else f"{(r.one.p50 - base.one.p50) / 1000:+.2f}"
        print(f"{r.name:32}{r.many.cpu:>9,.0f} us{ratio(peer and peer.many, r.many):>12}{r.many.rate:>11,.0f}"
              f"{r.many.p99 / 1000:>8.1f}{r.one.p50 / 1000:>11.2f} ms{added:>6} ms{r.streams.cpu:>8,.0f} us"
              f"{ratio(peer and peer.streams, r.streams):>12}{r.streams.p50 / 1000:>7.1f} ms")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "kernel": platform.release()}
    found |= {name: version(name) for name in ("bongsu", "uvicorn", "uvloop", "httptools", "aiohttp", "msgspec")}
    found["wrk"] = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()[1]
    if (LITELLM / "python").exists():
        ask = "import importlib.metadata as m; print(m.version('litellm'))"
        said = subprocess.run([str(LITELLM / "python"), "-c", ask], capture_output=True, text=True, check=True)
        found["litellm"] = said.stdout.strip()
    return found


def main(wanted: list[str]) -> int:
    if shutil.which("wrk") is None or shutil.which("taskset") is None or len(CORES) < 2:
        print("not run: expected wrk, taskset and two cores; 'make bench-peers' installs wrk")
        return 0
    said = versions()
    print(", ".join(f"{name} {number}" for name, number in said.items()))
    print(f"prompt {len(PROMPT)} characters; core {OURS} is the measured one, model and load on core {OTHERS}; "
          f"load of the machine {os.getloadavg()[0]:.1f}")
    os.sched_setaffinity(0, {OTHERS})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        upstream, port = model(OTHERS)
        try:
            for n, target in enumerate(targets()):
                if wanted and not any(part in target.name for part in wanted):
                    continue
                try:
                    rows.append(measure(target, Path(folder) / str(n), port))
                except RuntimeError as error:
                    if not target.peer:
                        raise
                    print(f"  not measured: {target.name}: {str(error)[:300]}", flush=True)
                    continue
                print(f"  measured: {target.name}", flush=True)
        finally:
            upstream.terminate()
            upstream.wait()
    table(rows)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "gateway.json").write_text(json.dumps({"versions": said, "rows": [asdict(r) for r in rows]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
