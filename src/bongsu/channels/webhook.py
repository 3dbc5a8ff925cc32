"""Any HTTP endpoint, told in JSON and signed.

The body:

    {"schema": "bongsu.notice/v1", "key": "bongsu/bot/cost", "delivery": "INC-…/calm/0/do", "state": "firing",
     "tier": "major", "service": "bot", "title": "…", "text": "…", "at": "2026-11-22T09:00:00Z", "url": "…",
     "facts": {"alert": "cost"}}

``key`` is the same for every notice about one alert, ``delivery`` is unique; it comes as the header
``idempotency-key`` too, and a notice that is sent again carries the same one. With a ``secret`` the header
``x-bongsu-signature: t=SECONDS,v1=HEX`` holds HMAC-SHA256(secret, ``SECONDS.BODY``); ``verified`` is what a receiver
does. A ``template`` (Jinja2) makes another JSON body of the same fields: ``{"text": {{ title | tojson }}}``.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from bongsu.channels.template import check, render
from bongsu.ports import Notice, Outside, Receipt
from bongsu.quantity import MINUTE, SECOND

SIGNATURE = "x-bongsu-signature"
_SIGNED = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_ID = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Webhook:
    """``{webhook: https://…, secret: secret://…, template: …}``. Any 2xx answer is a receipt."""

    url: str
    secret: str = ""
    template: str = ""

    def __post_init__(self) -> None:
        if self.template:
            check(self.template)

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        data = render(self.template, notice) if self.template else body(notice)
        headers = {"content-type": "application/json", "idempotency-key": notice.delivery}
        if self.secret:
            headers[SIGNATURE] = signature(outside.secret(self.secret).reveal(), data, outside.now())
        answer = await outside.post(outside.secret(self.url), data, headers)
        given = answer.headers.get("x-request-id", "")
        return Receipt(answer.status, given if _ID.fullmatch(given) else "")


def body(notice: Notice) -> bytes:
    """The notice as JSON."""
    at = datetime.fromtimestamp(notice.at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return msgspec.json.encode({
        "schema": "bongsu.notice/v1", "key": notice.key, "delivery": notice.delivery, "state": notice.state,
        "tier": notice.tier, "service": notice.service, "title": notice.title, "text": notice.text, "at": at,
        "url": notice.url, "facts": dict(notice.facts)})


def signature(secret: str, data: bytes, now: int) -> str:
    seconds = now // SECOND
    mac = hmac.new(secret.encode(), b"%d.%b" % (seconds, data), sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def verified(secret: str, header: str, data: bytes, now: int, tolerance: int = 5 * MINUTE) -> bool:
    """Whether the header signs this body, and not long ago (an old one may be a replay)."""
    match = _SIGNED.fullmatch(header)
    if not match or abs(now // SECOND - int(match[1])) * SECOND > tolerance:
        return False
    return hmac.compare_digest(header, signature(secret, data, int(match[1]) * SECOND))
