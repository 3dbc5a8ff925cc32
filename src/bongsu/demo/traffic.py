"""Real traffic: the ``openai`` SDK, calling the gateway as any application would."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from openai import APIError, AsyncOpenAI

SYSTEM = (
    "Please answer briefly and in the language of the question. Context: our shop sells hiking gear, delivers within "
    "two working days in Korea, takes returns for thirty days, and refunds to the original payment "
    "method within a week."
)
QUESTIONS = (
    "주문한 등산화가 아직 안 왔어요. 언제 도착하나요?",
    "How do I return a jacket that does not fit?",
    "배송지 주소를 바꿀 수 있나요?",
    "Which tent is good for winter in Seoraksan?",
    "회원 등급은 어떻게 올라가나요?",
    "Can I pay in instalments?",
)


@dataclass
class Seen:
    """What callers saw."""

    calls: int = 0
    upstreams: Counter[str] = field(default_factory=Counter)
    last_upstream: str = ""
    blocked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Traffic:
    """Calls at a steady rate until stopped; every third call streams."""

    def __init__(self, base_url: str, route: str) -> None:
        self.client = AsyncOpenAI(base_url=base_url, api_key="demo-caller", max_retries=0, timeout=20)
        self.route, self.seen = route, Seen()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._steady: asyncio.Task[None] | None = None
        self._numbers = itertools.count()

    def steady(self, rate: float) -> None:
        """From now on, ``rate`` calls a second; 0 stops."""
        if self._steady is not None:
            self._steady.cancel()
            self._steady = None
        if rate > 0:
            self._steady = asyncio.create_task(self._forever(rate))

    async def _forever(self, rate: float) -> None:
        for n in self._numbers:
            self._spawn(self.chat(QUESTIONS[n % len(QUESTIONS)], stream=n % 3 == 0, user=f"user-{n % 40}"))
            await asyncio.sleep(1 / rate)

    async def burst(self, count: int, rate: float, prompt: str) -> None:
        for _ in range(count):
            self._spawn(self.chat(prompt, stream=False, user="mallory"))
            await asyncio.sleep(1 / rate)

    def _spawn(self, call: Any) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def chat(self, prompt: str, *, stream: bool = False, user: str = "user-0", max_tokens: int | None = None,
                   system: bool = True) -> tuple[str, str]:
        """One call; returns what the caller reads, and the call's id."""
        messages: Any = [{"role": "user", "content": prompt}]
        if system:
            messages.insert(0, {"role": "system", "content": SYSTEM})
        extra: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        self.seen.calls += 1
        try:
            raw = await self.client.chat.completions.with_raw_response.create(
                model=self.route, messages=messages, stream=stream, user=user, **extra)
            upstream = raw.headers.get("x-bongsu-upstream", "")
            call = raw.headers.get("x-bongsu-call-id", "")
            parsed: Any = raw.parse()
            text, finish = "", ""
            if stream:
                async for chunk in parsed:
                    for choice in chunk.choices:
                        text += choice.delta.content or ""
                        finish = choice.finish_reason or finish
            else:
                text, finish = parsed.choices[0].message.content or "", parsed.choices[0].finish_reason
        except APIError as error:
            self.seen.errors.append(f"{type(error).__name__}: {error}")
            return "", ""
        if finish == "content_filter":
            self.seen.blocked.append(text)
        elif upstream:
            self.seen.last_upstream = upstream
            self.seen.upstreams[upstream] += 1
        return text, call

    async def close(self) -> None:
        self.steady(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=20)
        await self.client.close()
