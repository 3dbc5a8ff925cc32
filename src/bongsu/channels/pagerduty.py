"""PagerDuty, through Events API v2: trigger, acknowledge, resolve of one alert by its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from bongsu.channels.words import fit, label
from bongsu.ports import Notice, Outside, Receipt, Retry
from bongsu.quantity import SECOND

SEVERITY = {"severe": "critical", "major": "error", "minor": "warning", "info": "info"}
ACTION = {"firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}
LONGEST_KEY, LONGEST_SUMMARY, LONGEST_FACT, MOST_FACTS = 255, 1024, 1000, 50


@dataclass(frozen=True)
class PagerDuty:
    """``{pagerduty: secret://env/ROUTING_KEY}``. Delivered means 202 and ``"status": "success"``.

    A test is a trigger of severity info that is resolved at once. ``url`` is for the EU's service region.
    """

    routing_key: str = field(metadata={"form": "secret"})
    url: str = "https://events.pagerduty.com/v2/enqueue"

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        key = outside.secret(self.routing_key).reveal()
        if notice.state == "test":
            await self._post(event(notice, key, "trigger"), outside)
            return await self._post(event(notice, key, "resolve"), outside)
        return await self._post(event(notice, key, ACTION[notice.state]), outside)

    async def _post(self, body: dict[str, Any], outside: Outside) -> Receipt:
        answer = await outside.post(outside.secret(self.url), msgspec.json.encode(body),
                                    {"content-type": "application/json"})
        try:
            said = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            said = None
        if answer.status != 202 or not isinstance(said, dict) or said.get("status") != "success":
            raise Retry(f"answered {answer.status} without PagerDuty's 'success': something else may be at that "
                        "address", unclear=True)
        return Receipt(answer.status, body["dedup_key"])


def event(notice: Notice, routing_key: str, action: str) -> dict[str, Any]:
    """The body of one event. Only a trigger says what happened; the others find their alert by its key."""
    key = notice.key if len(notice.key) <= LONGEST_KEY else sha256(notice.key.encode()).hexdigest()
    about = {"routing_key": routing_key, "event_action": action, "dedup_key": key}
    if action != "trigger":
        return about
    at = datetime.fromtimestamp(notice.at / SECOND, UTC).isoformat(timespec="milliseconds")
    facts = {fit(label(notice, name), 100): fit(value, LONGEST_FACT)
             for name, value in list(notice.facts.items())[:MOST_FACTS]}
    summary = f"{notice.title}: {notice.text}" if notice.text else notice.title
    payload = {"summary": fit(summary, LONGEST_SUMMARY), "source": notice.service or "bongsu", "timestamp": at,
               "severity": "info" if notice.state == "test" else SEVERITY.get(notice.tier, "error"),
               "component": notice.service, "class": notice.facts.get("alert", ""), "custom_details": facts}
    link = {"links": [{"href": notice.url, "text": label(notice, "open")}], "client_url": notice.url}
    return {**about, "client": "bongsu", "payload": {k: v for k, v in payload.items() if v},
            **(link if notice.url else {})}
