"""A gateway for tests: real servers, hand-made policies, and parts whose every step can be seen."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Literal

import anthropic
import msgspec
import openai

from bongsu.demo.model import DemoModel
from bongsu.engine import Plan
from bongsu.event import Event
from bongsu.guard import Guard
from bongsu.live import Live, Publisher
from bongsu.policy.model import Policy, Price, Route, Service, Upstream
from bongsu.ports import Finding, Secret
from bongsu.privacy.tokens import Tokeniser
from bongsu.quantity import Duration, parse_rate
from bongsu.web.gateway import Gateway
from bongsu.web.transport import HttpTransport
from servers import Server, StandIn, body_of, serving

TOKENS = Tokeniser(bytes(32))
KEY = "sk-upstream-key-0123456789"
PRICE = Price(parse_rate("2.50 USD/1M"), parse_rate("10 USD/1M"))
CHEAP = Price(parse_rate("0.15 USD/1M"), parse_rate("0.60 USD/1M"))


def now() -> int:
    return time.time_ns() // 1000


class Memory:
    """A spool in memory; ``broken`` makes it a full disk, ``sent`` tells what was out when each event was written."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False

    def append(self, events: Iterable[Event]) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.events += events

    def calls(self) -> list[Event]:
        return [e for e in self.events if e.kind == "call"]

    def last(self) -> Event:
        return self.calls()[-1]

    def last_of(self, kind: str) -> Event:
        return [e for e in self.events if e.kind == kind][-1]

    def content(self) -> list[Event]:
        return [e for e in self.events if e.kind == "content"]

    def wait(self, n: int) -> Event:
        """The n-th call, when it is written."""
        until = time.monotonic() + 10
        while len(self.calls()) < n:
            assert time.monotonic() < until, f"expected {n} events, came {len(self.calls())}"
            time.sleep(0.01)
        return self.calls()[n - 1]


@dataclass(frozen=True)
class Word:
    """Finds one literal; holds back whatever may still become it."""

    name: ClassVar[str] = "pattern"
    version: ClassVar[str] = "1"
    word: str = "zeus"
    kind: str = "pattern"

    def look(self, text: str) -> Sequence[Finding]:
        return [Finding(self.kind, m.start(), m.end()) for m in re.finditer(re.escape(self.word), text)]

    def hold(self, text: str) -> int:
        return next((n for n in range(len(self.word) - 1, 0, -1) if text.endswith(self.word[:n])), 0)


@dataclass(frozen=True)
class Mail:
    """Finds e-mail addresses; the open word is held back."""

    name: ClassVar[str] = "pii"
    version: ClassVar[str] = "1"

    def look(self, text: str) -> Sequence[Finding]:
        return [Finding("email", m.start(), m.end()) for m in re.finditer(r"[a-z.]+@[a-z]+\.[a-z]+", text)]

    def hold(self, text: str) -> int:
        return len(text) - (max(text.rfind(" "), text.rfind("\n")) + 1)


@dataclass(frozen=True)
class Broken:
    """Cannot look: it raises, takes its time, or finds places that are not there."""

    name: ClassVar[str] = "broken"
    version: ClassVar[str] = "1"
    busy_ms: int = 0
    astray: bool = False

    def look(self, text: str) -> Sequence[Finding]:
        if self.astray:
            return [Finding("x", 0, len(text) + 1)]
        if not self.busy_ms:
            raise ValueError(text)
        until = time.thread_time() + self.busy_ms / 1000
        while time.thread_time() < until:
            continue
        return ()

    def hold(self, text: str) -> int:
        return 0


async def left(receive: Any, pause: float) -> bool:
    """Wait so many seconds, or until whoever asked has left: nobody waits for a model that speaks to nobody."""
    if not pause:
        await asyncio.sleep(0)
        return False
    try:
        async with asyncio.timeout(pause):
            return bool((await receive())["type"] == "http.disconnect")
    except TimeoutError:
        return False


class Script(StandIn):
    """An upstream that says exactly what it is told to, byte for byte; ``seen`` are the requests."""

    def __init__(self, pieces: Sequence[bytes] = (), *, plain: Any = None, status: int = 200, pause: float = 0,
                 cut: bool = False, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.pieces, self.plain, self.status, self.pause, self.cut = pieces, plain, status, pause, cut
        self.headers = [(b"content-type", b"application/json"), *headers]
        self.seen: list[Any] = []

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = await body_of(receive)
        self.seen.append(msgspec.json.decode(body))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if self.seen[-1].get("stream") and self.status == 200:
            for piece in self.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if await left(receive, self.pause):
                    return
            if self.cut:
                raise ConnectionAbortedError
            await send({"type": "http.response.body"})
        else:
            body = self.plain if isinstance(self.plain, bytes) else msgspec.json.encode(self.plain)
            await send({"type": "http.response.body", "body": body})


def reply(text: str, asked: int = 3, said: int = 5) -> dict[str, Any]:
    """A whole reply of a model."""
    return {"id": "r1", "object": "chat.completion", "created": 1, "model": "scripted",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}}


def chunk(text: str, index: int = 0, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk of a streamed reply."""
    return {"id": "r1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [{"index": index, "delta": {"content": text, **delta}, "finish_reason": reason}]}


def sse(*events: Any) -> list[bytes]:
    """Events as a server sends them, one a piece."""
    datas = [e.encode() if isinstance(e, str) else e for e in events]
    datas = [e if isinstance(e, bytes) else msgspec.json.encode(e) for e in datas]
    return [b"data: " + data + b"\n\n" for data in datas]


INJECTION = Guard("injection", Word("ignore all rules"), on=("input",))
SECRET = Guard("secret", Word("zeus"), on=("output",))
PII = Guard("pii", Mail(), act="tokenise")


def policy_for(url: str, guards: Sequence[Guard] = (), **more: Any) -> Policy:
    upstreams = {
        "main": Upstream("main", f"{url}/v1", "demo-large", key="secret://env/KEY", region="us", provider="demo",
                         price=PRICE, timeout=Duration(1_000_000)),
        "light": Upstream("light", f"{url}/v1", "demo-small", key="secret://env/KEY", region="kr", price=CHEAP,
                          timeout=Duration(1_000_000))}
    settled: dict[str, Any] = {
        "path": "bongsu.yaml", "hash": "hash-1", "service": Service("support-bot", region="kr", environment="test"),
        "plan": Plan("support-bot"), "upstreams": upstreams, "guards": tuple(guards), "apology": "Sorry, no.",
        "routes": {"support-bot": Route("support-bot", "main", light="light", prompt_version="v1")}, **more}
    return Policy(**settled)


@dataclass
class Stand:
    """A running gateway with its model, spool and control."""

    gateway: Gateway
    server: Server
    model: DemoModel
    upstream: Server
    spool: Memory
    publisher: Publisher

    @cached_property
    def shared(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="sk-client", max_retries=0, timeout=20)

    @cached_property
    def claude(self) -> anthropic.Anthropic:
        """Anthropic's client; it is closed with the stand."""
        return anthropic.Anthropic(base_url=self.server.url, api_key="sk-client", max_retries=0, timeout=20)

    def client(self) -> nullcontext[openai.OpenAI]:
        """The one client of this stand; it is closed with it."""
        return nullcontext(self.shared)

    def ask(self, text: str = "hello", **more: Any) -> Any:
        """A call through the OpenAI client; a stream comes as a list."""
        with self.client() as client:
            reply = client.chat.completions.create(model="support-bot", messages=[{"role": "user", "content": text}],
                                                   **more)
            return list(reply) if more.get("stream") else reply

    def stream(self, text: str = "hello", **more: Any) -> list[Any]:
        found: list[Any] = self.ask(text, stream=True, **more)
        return found


@contextmanager
def standing(folder: Path, guards: Sequence[Guard] = (), *, change: Callable[[Policy], Policy] = lambda p: p,
             model: Any = None, spool: Any = None, tokens: Any = None, clock: Callable[[], int] = now,
             reload: Callable[[str], Policy] | None = None,
             **settings: Any) -> Iterator[Stand]:
    """A gateway in front of ``model`` (the demo model, unless another application is given)."""
    model = model or DemoModel()
    publisher, live = Publisher(folder / "live"), Live(folder / "live")
    numbers = count(1)
    with serving(model) as upstream:
        spool = spool or Memory()
        policy = change(policy_for(upstream.url, guards))
        gateway = Gateway(policy, live, spool, tokens or TOKENS, lambda _: Secret(KEY),
                          HttpTransport(), clock=clock, ids=lambda: f"C{next(numbers):05d}",
                          reload=reload, **settings)
        with serving(gateway) as server:
            stand = Stand(gateway, server, model, upstream, spool, publisher)
            try:
                yield stand
            finally:
                stand.shared.close()
                if "claude" in stand.__dict__:
                    stand.claude.close()
    live.close()


def text_of(chunks: Iterable[Any], index: int = 0) -> str:
    """What a stream said, of one choice."""
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices and c.choices[0].index == index)


def speaking(api: Literal["openai", "anthropic", "http"]) -> Callable[[Policy], Policy]:
    """The same policy, whose models speak another API."""
    return lambda policy: replace(policy, upstreams={
        name: replace(upstream, api=api) for name, upstream in policy.upstreams.items()})


def typed(*events: dict[str, Any]) -> list[bytes]:
    """Events as the newer APIs send them, each with its type as its name."""
    return [b"event: " + e["type"].encode() + b"\ndata: " + msgspec.json.encode(e) + b"\n\n" for e in events]


def with_fallback(policy: Policy) -> Policy:
    return replace(policy, routes={"support-bot": Route("support-bot", "main", fallback=("light",), light="light")})
