"""The policy's channels, tried out one by one: before something is on fire, not while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bongsu import registry
from bongsu.language.message import trial
from bongsu.policy.model import Policy
from bongsu.ports import Refused, Retry, Send

PATIENCE = 20.0


class Record(Protocol):
    """Where it is written down that somebody tried a channel."""

    def record(self, action: str, actor: str, target: str, reason: str, detail: Mapping[str, Any], now: int,
               policy: str = "") -> int: ...


@dataclass(frozen=True)
class Trial:
    """What came of it: the receipt, or why there is none."""

    channel: str
    delivered: bool
    status: int = 0
    id: str = ""
    why: str = ""
    took_ms: int = 0


class Outlets:
    """``kinds`` names every channel with its kind; ``test`` sends a notice that says it is a test."""

    def __init__(self, policy: Policy, send: Send, record: Record, clock: Callable[[], int], site: str = "") -> None:
        self._policy, self._send, self._record, self._clock, self._site = policy, send, record, clock, site

    def kinds(self) -> dict[str, str]:
        return {name: registry.kind_of("channels", part) for name, part in sorted(self._policy.channels.items())}

    async def test(self, channel: str, actor: str) -> Trial:
        """Send, and put on record what came of it. KeyError where the policy has no such channel."""
        if channel not in self._policy.channels:
            raise KeyError(channel)
        begun = self._clock()
        found = await self._try(channel, begun)
        detail = {"delivered": found.delivered, "status": found.status, "id": found.id}
        await asyncio.to_thread(self._record.record, "channel.test", actor, channel, found.why or "delivered", detail,
                                self._clock(), self._policy.hash)
        return found

    async def _try(self, channel: str, begun: int) -> Trial:
        service = self._policy.service
        notice = trial(channel, service.name, begun, self._site, service.language)
        try:
            async with asyncio.timeout(PATIENCE):
                receipt = await self._send(channel, notice)
            return Trial(channel, True, receipt.status, receipt.id, took_ms=(self._clock() - begun) // 1000)
        except (Retry, Refused) as error:
            why = str(error)
        except TimeoutError:
            why = f"no outcome within {PATIENCE:g} s"
        except Exception as error:  # noqa: BLE001 a part may raise anything; its words may hold what must not be told
            why = f"unexpected {type(error).__name__}"
        return Trial(channel, False, why=why, took_ms=(self._clock() - begun) // 1000)
