"""Dead-man's switch: a call out every so often while bongsu is well. Its silence is the alarm.

The receiver is anything that notices a missing beat: healthchecks.io, Dead Man's Snitch, an Alertmanager watchdog.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec

from bongsu.channels.http import Http
from bongsu.policy.model import Heartbeat
from bongsu.ports import Refused, Retry
from bongsu.quantity import SECOND
from bongsu.room.control import Control

log = logging.getLogger("bongsu.room.heartbeat")
STALE = 15 * SECOND


async def beat(settings: Heartbeat, outside: Http, control: Control, stop: asyncio.Event) -> None:
    """Post ``{"schema": "bongsu.heartbeat/v1", …}`` until stopped, skipping beats while the engine stands still."""
    while not stop.is_set():
        if well(control):
            body = msgspec.json.encode({"schema": "bongsu.heartbeat/v1", "service": control.plan.service,
                                        "watermark": control.engine.watermark, "policy": control.policy.hash})
            try:
                await outside.post(outside.secret(settings.url), body, {"content-type": "application/json"})
            except (Retry, Refused) as error:
                log.warning("the heartbeat was not taken: %s", error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), settings.every / SECOND)


def well(control: Control) -> bool:
    """Events are stored, and the engine has looked a moment ago."""
    return not control.troubles and control.clock() - control.engine.watermark < STALE
