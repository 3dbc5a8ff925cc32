"""What other tools' webhooks send to control becomes events by way of a spool, which control itself reads.

So an event is counted once, whatever is killed, and is durable before the sender hears that it was taken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bongsu.event import Event
from bongsu.personal import veiled
from bongsu.policy.model import Policy
from bongsu.secret import reveal
from bongsu.sources.alertmanager import Taken, read_webhook
from bongsu.sources.spool import SpoolWriter

WRITER = "control"


class Intake:
    """Takes what is sent, until closed. Its spool is begun with the first event: most services never send one."""

    def __init__(self, policy: Policy, spool: Path, clock: Callable[[], int]) -> None:
        self._policy, self._folder, self._clock = policy, spool, clock
        self._lock = threading.Lock()
        self._writer: SpoolWriter | None = None

    def alertmanager(self, body: Mapping[str, Any]) -> Taken:
        """Take Alertmanager's alerts. ``WebhookError`` where it is none of its webhooks, OSError on a full disk."""
        policy = self._policy
        taken = read_webhook(body, policy.service.name, self._clock(), policy.features, veiled)
        self.append(taken.events)
        return taken

    def alertmanager_token(self) -> str:
        """The token that opens this way and no other; empty where the policy names none. Raises ``SecretError``."""
        source = self._policy.sources.alertmanager
        return "" if source is None else reveal(source.token).reveal()

    def append(self, events: Sequence[Event]) -> None:
        """Durable when this returns, also over a power cut; OSError where it cannot be."""
        if not events:
            return
        with self._lock:
            if self._writer is None:
                self._writer = SpoolWriter(self._folder, WRITER, strict=True)
        self._writer.append(events)

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.close()
