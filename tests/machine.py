"""A whole bongsu for tests: `bongsu up` as its users start it, a model and receivers beside it, all on free ports.

Everything is ended by its own handle, whatever the test did to it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import openai

from bongsu.demo.model import DemoModel
from bongsu.host.folder import Folder
from bongsu.verbs.client import Client, RefusedError, UnreachableError
from servers import StandIn, body_of, serving

T = TypeVar("T")
PATIENCE = 120.0
"""Of a condition, on a machine that does ten other things; a quiet one needs a twentieth of it."""
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD, fail: closed}
upstreams:
  main:  {url: "${TEST_MODEL}/v1", model: demo-large, price: {input: 2.50 USD/1M, output: 10 USD/1M}, timeout: 5s}
  light: {url: "${TEST_MODEL}/v1", model: demo-small, price: {input: 0.15 USD/1M, output: 0.60 USD/1M}, timeout: 5s}
routes:
  shop: {primary: main, fallback: [light], light: light}
guards:
  injection: {check: pattern, on: input, act: block, timeout: 100ms, fails: closed}
  pii:       {check: pii, on: [input, output], act: tokenise, timeout: 100ms, fails: closed}
signals:
  cpt:      {kind: mean, sum: cost, per: input_tokens + output_tokens}
  failures: {kind: ratio, bad: "outcome IN ('error', 'timeout')", total: NOT blocked}
objectives:
  available: {signal: failures, target: 50%, window: 1h}
alerts:
  cost: {when: cpt > 0.0000060 USD, over: 3s, clear: < 0.0000055 USD, clear_for: 1s, tier: major, to: [slack, hook]}
playbooks:
  cost: {on: alert cost, do: [{route: {shop: light}}, {freeze: a dear hour}, {notify: hook}], undo_when: clear for 1s}
channels:
  slack: {slack: "${TEST_SINK}/slack"}
  hook:  {webhook: "${TEST_SINK}/webhook"}
"""
"""``DEAR`` replies fire ``cost`` on the main model; the light one is far below the threshold."""
DEAR = 200
SYSTEM = "Answer briefly. " + "Our shop sells hiking gear and takes returns for thirty days. " * 10


class Receiver(StandIn):
    """Stands for Slack and for webhooks: keeps what came, as (path, idempotency key, body).

    ``open`` is how many it has taken and not answered yet.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.got: list[tuple[str, str, Any]] = []
        self.delay = delay
        self.open = 0

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        self.got.append((scope["path"], headers.get("idempotency-key", ""), json.loads(body)))
        self.open += 1
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.open -= 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def keys(self, path: str) -> list[str]:
        return [key for at, key, _ in self.got if at == path]


def messages(prompt: str) -> Any:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]


_FIRST = 20_000 + 1_500 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8)
_PORTS = itertools.cycle(random.Random(os.getpid()).sample(range(_FIRST, _FIRST + 1_500), 1_500))


def free_port() -> int:
    """A port nobody listens on, and nobody will: below those that the system hands out, and never the same twice."""
    return next(filter(_is_free, _PORTS))


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def until(probe: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """The probe's first true answer; what is refused or unreachable meanwhile is looked at again."""
    end, last = time.monotonic() + within, ""
    while time.monotonic() < end:
        try:
            found = probe()
        except (UnreachableError, RefusedError, openai.APIError) as error:
            last = str(error)
        else:
            if found:
                return found
            last = repr(found)
        time.sleep(0.05)
    raise AssertionError(f"expected within {within:g} s: {what}; last seen: {last[:2000]}")


def children_of(pid: int) -> dict[int, str]:
    """The living children of a process with their command lines."""
    asked = ["ps", "-A", "-o", "pid=,ppid=,stat=,args="]
    out = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in out.splitlines()]
    return {int(r[0]): r[3] for r in rows if len(r) == 4 and int(r[1]) == pid and not r[2].startswith("Z")}


def alive(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.strip().startswith("Z")


@dataclass
class Machine:
    """One running `bongsu up`. ``output`` collects what it prints."""

    policy: Path
    folder: Folder
    model: DemoModel
    model_url: str
    receiver: Receiver
    environ: Mapping[str, str]
    gateway_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    workers: int = 1
    token: str = ""
    output: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    known: set[int] = field(default_factory=set)
    options: tuple[str, ...] = ()
    _reader: threading.Thread | None = None

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def text(self) -> str:
        return "".join(self.output)

    # ---- life ----

    def start(self) -> Machine:
        """Start it and wait until both ports say that they are ready."""
        assert self.process is None
        seen = len(self.output)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bongsu", "up", "--policy", str(self.policy), "--data", str(self.folder.root),
             "--gateway-port", str(self.gateway_port), "--control-port", str(self.control_port),
             "--workers", str(self.workers), *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=dict(self.environ))
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        try:
            until(self.ready, "both ports ready", 180)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{''.join(self.output[seen:])}") from None
        shown = re.search(r"admin token .*: (\S+)", "".join(self.output[seen:]))
        self.token = shown[1] if shown else self.token
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"`up` ended with {self.process.returncode}:\n{self.text}"
        self.pids()
        return bool(Client(self.control_url).get("/readyz")["ready"]) and bool(Client(self.gateway_url).get("/readyz"))

    def pids(self, verb: str = "") -> list[int]:
        """The children now: all of them, or those that run ``control`` or ``gateway``."""
        assert self.process is not None
        found = {pid: args for pid, args in children_of(self.process.pid).items() if "-m bongsu " in args}
        self.known |= set(found)
        return sorted(pid for pid, args in found.items() if f"-m bongsu {verb}" in args)

    def kill(self, verb: str) -> int:
        """``kill -9`` of every child that runs ``verb``; how many that were. Returns when they are dead."""
        pids = self.pids(verb)
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        until(lambda: not any(map(alive, pids)), "the killed are dead")
        return len(pids)

    def stop(self, patience: float = 20.0) -> int:
        """SIGTERM; the exit code. Safe to call again."""
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.poll() is None:
            self.known |= {pid for pid, args in children_of(process.pid).items() if "-m bongsu " in args}
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        orphans = [pid for pid in self.known if alive(pid)]
        for pid in orphans:  # ours, by their ids: a test may have frozen them
            send_signal(pid, signal.SIGCONT)
        end = time.monotonic() + 15
        while any(alive(pid) for pid in orphans) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in filter(alive, orphans):
            send_signal(pid, signal.SIGKILL)
        if self._reader is not None:
            self._reader.join(10)
        if process.stdout is not None:
            process.stdout.close()
        self.known = set()
        return code

    def reload(self) -> None:
        """SIGHUP: the policy is read again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    # ---- use ----

    def client(self, timeout: float = 20.0) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.gateway_url}/v1", api_key="anything", max_retries=0, timeout=timeout)

    def chat(self, prompt: str = "hello", **more: Any) -> tuple[str, Any]:
        """One plain call: its id and its headers."""
        with self.client() as client:
            raw = client.chat.completions.with_raw_response.create(
                model="shop", messages=messages(prompt), **more)
            raw.parse()
            return raw.headers["x-bongsu-call-id"], raw.headers

    def api(self) -> Client:
        return Client(self.control_url, self.token)

    def board(self) -> Any:
        return self.api().get("/v1/board")

    def alert(self, name: str) -> str:
        return next((a["phase"] for a in self.board()["alerts"] if a["name"] == name), "")

    def run(self, *words: str, token: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """A verb of the command line, told where this machine is."""
        told = {**self.environ, "BONGSU_URL": self.control_url, "BONGSU_DATA": str(self.folder.root),
                "BONGSU_TOKEN": self.token if token is None else token, **environ}
        return subprocess.run([sys.executable, "-m", "bongsu", *words], capture_output=True, text=True,
                              encoding="utf-8", env=told, timeout=60, check=False)


def send_signal(pid: int, number: signal.Signals) -> None:
    """To one process that may have ended by itself meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@contextmanager
def machine(root: Path, policy: str = POLICY, *, workers: int = 1, delay: float = 0.0, start: bool = True,
            data: Path | None = None, **environ: str) -> Iterator[Machine]:
    """Everything running below ``root``; ``delay`` is how long a receiver takes to answer."""
    model, receiver = DemoModel(), Receiver(delay)
    path = root / "policy.yaml"
    path.write_text(policy, encoding="utf-8")
    with serving(model) as served, serving(receiver) as sink:
        told = {k: v for k, v in os.environ.items() if not k.startswith("BONGSU_")}
        told |= {"TEST_MODEL": served.url, "TEST_SINK": sink.url, "PYTHONUNBUFFERED": "1", **environ}
        one = Machine(path, Folder(data or root / "data"), model, served.url, receiver, told, workers=workers)
        try:
            yield one.start() if start else one
        finally:
            one.stop()

