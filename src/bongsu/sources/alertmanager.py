"""Alertmanager's webhook (version 4) -> events: an alert of Prometheus may begin a playbook.

Each alert becomes an event of kind ``alert``, one when it fires and one when it is over; what Alertmanager repeats is
the same event, and counts once.

    kind        alert
    outcome     firing, resolved
    operation   the label ``alertname``
    tier        the label ``severity``
    call        the fingerprint: the same for both events of an alert
    latency_ms  of a resolved one: how long it lasted
    provider    alertmanager

``environment``, ``group``, ``model``, ``region``, ``route`` and ``upstream`` are the labels of those names; any other
label is a feature, where the policy declares one of its name and of type text. Annotations are not kept: they are
prose, and may say anything.

Contract: Prometheus documentation, Configuration of Alertmanager, ``<webhook_config>``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from bongsu.event import Event, FeatureKind

VERSION = "4"
LONGEST = 200
SAME = ("environment", "group", "model", "region", "route", "upstream")
NAMED = {"operation": "alertname", "tier": "severity"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WebhookError(ValueError):
    """What came is not a webhook of Alertmanager: where, what was expected, what came."""


@dataclass(frozen=True)
class Taken:
    """The events of one webhook, and why some of its alerts are none. ``left_out`` are those Alertmanager cut off."""

    events: tuple[Event, ...] = ()
    refused: tuple[str, ...] = ()
    left_out: int = 0


def read_webhook(body: Mapping[str, Any], service: str, now: int, features: Mapping[str, FeatureKind],
                 veil: Callable[[str], str] = str) -> Taken:
    """The alerts of a webhook as events known at ``now``; one that cannot be read does not cost the others.

    ``veil`` hides personal data in a label's value. Raises ``WebhookError`` where nothing can be read.
    """
    if body.get("version") != VERSION:
        raise WebhookError(f"version: expected {VERSION!r}, came {_shown(body.get('version'))}; this takes "
                           "Alertmanager's webhook (webhook_configs)")
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        raise WebhookError(f"alerts: expected a list, came {_shown(alerts)}")
    texts = [name for name, kind in features.items() if kind == "text"]
    events, refused = list[Event](), list[str]()
    for n, alert in enumerate(alerts):
        try:
            events.append(_event(alert, service, now, texts, veil))
        except WebhookError as error:
            refused.append(f"alerts[{n}]{error}")
    left_out = body.get("truncatedAlerts", 0)
    return Taken(tuple(events), tuple(refused), left_out if isinstance(left_out, int) else 0)


def _event(alert: Any, service: str, now: int, texts: list[str], veil: Callable[[str], str]) -> Event:
    if not isinstance(alert, Mapping):
        raise WebhookError(f": expected an object, came {_shown(alert)}")
    status, fingerprint = alert.get("status"), alert.get("fingerprint")
    if status not in ("firing", "resolved"):
        raise WebhookError(f".status: expected firing or resolved, came {_shown(status)}")
    if not isinstance(fingerprint, str) or not 0 < len(fingerprint) <= LONGEST:
        raise WebhookError(f".fingerprint: expected a text of 1 to {LONGEST} characters, came {_shown(fingerprint)}")
    labels = alert.get("labels", {})
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise WebhookError(f".labels: expected an object of texts, came {_shown(labels)}")
    began = _instant(alert, "startsAt")
    lasted = max(0, _instant(alert, "endsAt") - began) if status == "resolved" else None

    def said(label: str) -> str:
        return veil(str(labels.get(label, ""))[:LONGEST])

    identity = sha256("\0".join((fingerprint, str(began), status)).encode()).hexdigest()[:32]
    columns: dict[str, Any] = {**{name: said(name) for name in SAME},
                               **{column: said(label) for column, label in NAMED.items()}}
    return Event(id=f"alert-{identity}", time=now, kind="alert", service=service, provider="alertmanager",
                 outcome=status, call=f"alert-{fingerprint}", latency_ms=None if lasted is None else lasted / 1000,
                 features={name: said(name) for name in texts if name in labels}, **columns)


def _instant(alert: Mapping[str, Any], name: str) -> int:
    """Microseconds since 1970 of an RFC 3339 instant; what is finer is cut off."""
    text = alert.get(name)
    try:
        at = datetime.fromisoformat(str(text))
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise WebhookError(f".{name}: expected an instant such as 2026-01-02T03:04:05Z, came {_shown(text)}") from None
    return (at - _EPOCH) // timedelta(microseconds=1)


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]
