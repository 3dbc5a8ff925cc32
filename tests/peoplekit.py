"""Control, its site, and gateways beside it in one process, on a clock in the hand: what tests of people need."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from itertools import count
from pathlib import Path
from typing import Any

import openai
from click.testing import CliRunner, Result

from bongsu.access.seats import shared_health
from bongsu.app import open_store, ways_of
from bongsu.cli import cli
from bongsu.demo.model import DemoModel
from bongsu.event import Event
from bongsu.host import keys
from bongsu.host.epochs import tokeniser
from bongsu.host.folder import Folder
from bongsu.live import Live
from bongsu.policy import load
from bongsu.ports import Secret
from bongsu.privacy.sealing import LIVE, Sealer
from bongsu.room.control import Control
from bongsu.room.desk import ControlDesk
from bongsu.room.worker import Worker, resolve_action
from bongsu.sources.spool import SpoolWriter
from bongsu.stores.log import EventLog
from bongsu.verbs.client import Client
from bongsu.web.access import Way
from bongsu.web.door import Door
from bongsu.web.gateway import Gateway
from bongsu.web.holding import Holding
from bongsu.web.purse import Purse
from bongsu.web.rates import Rates
from bongsu.web.site import control_app
from bongsu.web.transport import HttpTransport
from bongsu.wording import LIVE as WORDS
from bongsu.wording import Wording
from servers import serving

TOKEN = "bsu_test_admin"
T0 = 1_790_000_000_000_000
POLICY = """
bongsu: 1
service: {name: shop, environment: test}
settings: {base_window: 1s, currency: USD, fail: closed}
upstreams:
  main:  {url: "${TEST_MODEL}/v1", model: demo-large, price: {input: 2.50 USD/1M, output: 10 USD/1M}, timeout: 5s}
  light: {url: "${TEST_MODEL}/v1", model: demo-small, price: {input: 0.15 USD/1M, output: 0.60 USD/1M}, timeout: 5s}
routes:
  shop: {primary: main, light: light}
  plain: {primary: main}
guards:
  injection: {check: pattern, on: input, act: block, timeout: 1s, fails: closed}
  secret: {check: pattern, phrases: [zeus], builtin: false, on: output, act: block, timeout: 1s, fails: closed}
"""


@dataclass
class Reply:
    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def code(self) -> tuple[int, str]:
        """Status and code of an error; the code is empty where there is none."""
        return self.status, self.json().get("error", {}).get("code", "") if self.text.startswith("{") else ""


def fetch(url: str, key: str, body: Any = None) -> Reply:
    """One request with a key."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}"} | ({"content-type": "application/json"} if data else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
            return Reply(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read().decode())


class Place:
    """One bongsu. ``cycle`` is control's only life; a gateway is asked by ``post`` or with the SDK's ``client``."""

    def __init__(self, folder: Folder, policy: Path, model: Any, model_url: str) -> None:
        self.folder, self.path, self.model, self.now, self.url = folder, policy, model, T0, ""
        self.environ = {"TEST_MODEL": model_url}
        self.store = open_store(folder)
        self.policy = load(policy, self.environ)
        self.control = Control(self.policy, folder, self.store, lambda: self.now)
        self.gateways: list[str] = []
        self.doors: list[Door] = []
        self.ways: tuple[Way, ...] = ()

    def cycle(self, later: int = 0) -> None:
        self.now += later
        self.control.cycle()
        self.control.aside.wait(30)

    def act(self) -> None:
        """Carry out every step of a playbook that is due, and tell the gateways. Nobody is to be told anything."""

        async def send(_channel: str, _notice: Any) -> Any:
            raise AssertionError("nobody is told")

        asyncio.run(Worker(self.store, resolve_action, send, lambda: self.now, "w").drain())
        self.cycle()

    def cli(self, *words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--url", self.url, "--token", TOKEN])

    def api(self) -> Client:
        return Client(self.url, TOKEN)

    def key(self, name: str = "kim's laptop", **fields: Any) -> tuple[str, str]:
        """A new key and its id, known to every gateway."""
        made = self.api().post("/v1/keys", {"name": name, **fields})
        self.cycle()
        return made["key"], made["id"]

    def post(self, key: str = "sk-any", text: str = "hello", gateway: int = 0, route: str = "shop",
             **more: Any) -> Reply:
        body = {"model": route, "messages": [{"role": "user", "content": text}], **more}
        return fetch(f"{self.gateways[gateway]}/v1/chat/completions", key, body)

    def client(self, key: str, gateway: int = 0) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.gateways[gateway]}/v1", api_key=key, max_retries=0, timeout=30)

    def events(self) -> list[Event]:
        """All calls, after one more cycle."""
        self.control.cycle()
        with EventLog(self.folder.events) as log:
            ids = [i for _, t in log.read(0) for i, k in zip(*(t.column(c).to_pylist() for c in ("id", "kind")),
                                                            strict=True) if k == "call"]
            return [e for e in map(log.find, sorted(ids)) if e is not None]

    def last(self) -> Event:
        return self.events()[-1]

    def actions(self, prefix: str) -> list[str]:
        return [r.action for r in self.store.trail(50) if r.action.startswith(prefix)]


@contextmanager
def place(root: Path, policy: str = POLICY, *, gateways: int = 1, model: Any = None,
          door: Callable[[Folder, int], Door] | None = None) -> Iterator[Place]:
    """Everything below ``root``; ``door`` makes the door of the n-th gateway."""
    folder, path, numbers = Folder(root / "data").create(), root / "policy.yaml", count(1)
    path.write_text(policy, encoding="utf-8")
    model = model or DemoModel()
    with ExitStack() as stack:
        served = stack.enter_context(serving(model))
        one = Place(folder, path, model, served.url)
        stack.callback(lambda: one.store.close(one.now))
        stack.callback(one.control.close)
        site = control_app(ControlDesk(one.control), keys.digest(TOKEN), clock=lambda: one.now,
                           ways=ways_of(one.control), reviewers=one.store.reviewers)
        one.url, one.ways = stack.enter_context(serving(site)).url, site.state.ways
        one.cycle()
        for n in range(gateways):
            spool = SpoolWriter(folder.spool, f"gateway-{n}")
            stack.callback(spool.close)
            made = door(folder, n) if door else Door(Live(folder.live, "people"), Rates(folder.live),
                                                           Purse(folder.live, f"gateway-{n}"))
            stack.callback(made.close)
            one.doors.append(made)
            live = Live(folder.live)
            stack.callback(live.close)
            gateway = Gateway(one.policy, live, spool, tokeniser(folder.keys, lambda: one.now),
                              lambda _: Secret("sk-x"), HttpTransport(), door=made, clock=lambda: one.now,
                              ids=lambda: f"C{next(numbers):05d}",
                              sealer=Sealer(Live(folder.live, LIVE), one.policy.service.name),
                              holding=Holding(folder.held, Live(folder.live, "reviews")),
                              health=shared_health(folder.live),
                              wording=Wording(Live(folder.live, WORDS)))
            one.gateways.append(stack.enter_context(serving(gateway)).url)
        yield one
