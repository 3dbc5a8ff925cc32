"""Prometheus Alertmanager, through its API v2: it groups, routes and tells in its own way.

Alertmanager ends an alert by itself after a few minutes unless told until when it lasts. We say a week: it ends when we
say that it is over, and if bongsu is gone for good it does not stay for ever.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from bongsu.channels.words import fit
from bongsu.ports import Notice, Outside, Receipt, Refused, Secret
from bongsu.quantity import DAY, SECOND

LASTS = 7 * DAY


@dataclass(frozen=True)
class Alertmanager:
    """``{alertmanager: http://alertmanager:9093}``, with ``user`` and ``password``, or ``token``, if it asks for them.

    The labels ``alertname``, ``service``, ``severity`` and ``bongsu_key`` are the same for every notice of one alert.
    """

    url: str = field(metadata={"form": "endpoint"})
    user: str = ""
    password: str = ""
    token: str = ""

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {outside.secret(self.token).reveal()}"
        elif self.user:
            login = f"{self.user}:{outside.secret(self.password).reveal()}"
            headers["authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        url = Secret(f"{outside.secret(self.url).reveal().rstrip('/')}/api/v2/alerts")
        answer = await outside.post(url, msgspec.json.encode([alert(notice, outside.now())]), headers)
        if answer.status != 200:
            raise Refused(f"answered {answer.status}, where Alertmanager says 200: something else is at that address")
        return Receipt(answer.status)


def alert(notice: Notice, now: int) -> dict[str, Any]:
    """One alert as Alertmanager takes it. A test is over in a minute, by itself."""
    labels = {"alertname": notice.facts.get("alert") or notice.title, "service": notice.service,
              "severity": notice.tier, "bongsu_key": notice.key}
    said = {"summary": notice.title, "description": notice.text,
            **{name: value for name, value in notice.facts.items() if name.isidentifier() and name.isascii()}}
    out: dict[str, Any] = {"labels": {k: fit(v, 500) for k, v in labels.items() if v},
                           "annotations": {k: fit(v, 2000) for k, v in said.items() if v}}
    if notice.state == "resolved":
        out["endsAt"] = _instant(now)
    elif notice.state == "test":
        out |= {"startsAt": _instant(now), "endsAt": _instant(now + 60 * SECOND)}
    else:
        out |= {"startsAt": _instant(notice.at), "endsAt": _instant(max(now, notice.at) + LASTS)}
    return {**out, "generatorURL": notice.url} if notice.url else out


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 10**6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
