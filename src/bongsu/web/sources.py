"""What others may send: the webhook of Alertmanager."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.responses import Response

from bongsu.ports import SecretError
from bongsu.sources.alertmanager import Taken, WebhookError
from bongsu.stores.faults import DiskFull
from bongsu.web.access import Visit, Way, Wrong, answer

MOST_BODY = 4 << 20
"""An Alertmanager that groups nothing sends hundreds of alerts at once."""


class Intake(Protocol):
    """Where it goes."""

    async def alertmanager(self, body: Mapping[str, Any]) -> Taken: ...

    def alertmanager_token(self) -> str: ...


def source_ways(intake: Intake) -> tuple[Way, ...]:
    """The rows of the table for these sources."""

    async def alertmanager(visit: Visit) -> Response:
        """Take the alerts of an Alertmanager as events of kind 'alert'."""
        try:
            taken = await intake.alertmanager(visit.form)
        except WebhookError as error:
            raise Wrong(400, "bad_webhook", str(error)) from None
        except DiskFull:  # Alertmanager tries again after any 5xx
            raise Wrong(503, "not_stored", "the alerts cannot be stored; free disk space and send them again",
                        {"Retry-After": "10"}) from None
        if taken.refused and not taken.events:
            raise Wrong(400, "bad_alert", taken.refused[0])
        return answer({"accepted": len(taken.events), "refused": taken.refused, "left_out": taken.left_out})

    def knows(token: str) -> bool:
        try:
            wanted = intake.alertmanager_token()
        except SecretError as error:
            raise Wrong(503, "no_secret", str(error)) from None
        return bool(wanted) and hmac.compare_digest(token.encode("utf-8", "surrogatepass"), wanted.encode())

    return (Way("POST", "/v1/sources/alertmanager", alertmanager, "admin", hook=True, token=knows, most=MOST_BODY,
                body={"version": "4", "alerts": "array: as Alertmanager sends them"}),)
