"""Slack, through an incoming webhook. It knows no keys: a notice that comes twice is shown twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bongsu.channels.words import label
from bongsu.ports import Notice, Outside, Receipt, Retry

LOOK = {"firing": (":rotating_light:", "#c62828"), "acknowledged": (":eyes:", "#ef6c00"),
        "resolved": (":white_check_mark:", "#2e7d32"), "test": (":bell:", "#546e7a")}
LONGEST_TITLE, LONGEST_TEXT, LONGEST_FIELD, MOST_FIELDS = 400, 2900, 1800, 10


@dataclass(frozen=True)
class Slack:
    """``{slack: secret://env/SLACK_WEBHOOK}``. Delivered means status 200 and the body ``ok``."""

    url: str

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        data = msgspec.json.encode(message(notice))
        answer = await outside.post(outside.secret(self.url), data, {"content-type": "application/json"})
        if answer.status != 200 or answer.body.strip() != b"ok":
            raise Retry(f"answered {answer.status} without Slack's 'ok': something else may be at that address")
        return Receipt(answer.status)


def message(notice: Notice) -> dict[str, Any]:
    """What Slack is given: ``text`` for the phone's notification, a coloured attachment for the channel."""
    emoji, colour = LOOK[notice.state]
    title = f"{emoji} {_fit(notice.title, LONGEST_TITLE)}"
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _marked(f"*{title}*")}]
    if notice.text:
        blocks.append({"type": "section", "text": _marked(_fit(notice.text, LONGEST_TEXT))})
    if notice.facts:
        fields = [_marked(f"*{_fit(label(notice, k), 100)}*\n{_fit(v, LONGEST_FIELD)}")
                  for k, v in list(notice.facts.items())[:MOST_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    about = " · ".join(_fit(part, 300) for part in (notice.service, notice.tier, notice.key))
    if notice.url:
        about += f" · <{escape(notice.url).replace('|', '%7C')}|{label(notice, 'open').lower()}>"
    blocks.append({"type": "context", "elements": [_marked(about)]})
    return {"text": title, "attachments": [{"color": colour, "blocks": blocks}]}


def escape(text: str) -> str:
    """Slack's three control characters: without this a prompt could mention everyone or forge a link.

    >>> escape("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _fit(text: str, length: int) -> str:
    """Escaped and no longer than Slack takes; cut before escaping, so that no entity is cut in two."""
    if len(text) <= length and len(escape(text)) <= length:
        return escape(text)
    cut = text[: length - 1]
    while len(escape(cut)) > length - 1:
        cut = cut[: len(cut) * 9 // 10]
    return escape(cut) + "…"
