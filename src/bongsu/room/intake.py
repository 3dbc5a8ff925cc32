"""What other tools' webhooks send to control becomes events, which go the way of all sent events: into the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from bongsu.event import Event
from bongsu.policy.model import Policy
from bongsu.privacy.personal import veiled
from bongsu.secret import reveal
from bongsu.sources.alertmanager import Taken, read_webhook
from bongsu.stores.arrow import table

Take = Callable[[pa.Table, Sequence[Event]], Awaitable[object]]
"""Makes events durable, once however often they come, in the one thread that may."""


class Intake:
    """Reads what is sent, and has it stored."""

    def __init__(self, policy: Policy, clock: Callable[[], int], take: Take) -> None:
        self._policy, self._clock, self._take = policy, clock, take

    async def alertmanager(self, body: Mapping[str, Any]) -> Taken:
        """Take Alertmanager's alerts: durable when this returns. ``WebhookError`` where it is none of its webhooks,
        ``DiskFull`` where there is no room."""
        policy = self._policy
        taken = read_webhook(body, policy.service.name, self._clock(), policy.features, veiled)
        if taken.events:
            await self._take(table(taken.events), ())
        return taken

    def alertmanager_token(self) -> str:
        """The token that opens this way and no other; empty where the policy names none. Raises ``SecretError``."""
        source = self._policy.sources.alertmanager
        return "" if source is None else reveal(source.token).reveal()
