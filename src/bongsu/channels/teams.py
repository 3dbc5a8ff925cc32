"""Microsoft Teams, through a Workflows webhook: one Adaptive Card 1.4 a notice.

What comes from measurements stands in text runs, which are shown as they are: nobody can forge a link or a mention.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from bongsu.channels.words import fit, label
from bongsu.ports import Notice, Outside, Receipt, Refused

COLOUR = {"firing": "attention", "acknowledged": "warning", "resolved": "good", "test": "accent"}
LONGEST_TITLE, LONGEST_TEXT, LONGEST_FACT, MOST_FACTS, LONGEST_MESSAGE = 300, 4000, 500, 15, 28 * 1024


@dataclass(frozen=True)
class Teams:
    """``{teams: secret://env/TEAMS_WORKFLOW}``. Delivered means that the workflow took it: 200 or 202."""

    url: str = field(metadata={"form": "endpoint"})

    async def send(self, notice: Notice, outside: Outside) -> Receipt:
        data = msgspec.json.encode(message(notice))
        if len(data) > LONGEST_MESSAGE:
            data = msgspec.json.encode(message(notice, facts=False))
        answer = await outside.post(outside.secret(self.url), data, {"content-type": "application/json"})
        if answer.status not in (200, 202):
            raise Refused(f"answered {answer.status}, where a workflow says 202: something else is at that address")
        run = answer.headers.get("x-ms-workflow-run-id", "")
        return Receipt(answer.status, run if run.isalnum() and run.isascii() and len(run) <= 100 else "")


def message(notice: Notice, facts: bool = True) -> dict[str, Any]:
    """The envelope that Workflows wants, with the card in it; without facts where it would be too long with them."""
    body = [_runs((fit(notice.title, LONGEST_TITLE),
                   {"size": "large", "weight": "bolder", "color": COLOUR[notice.state]}))]
    if notice.text:
        body.append(_runs((fit(notice.text, LONGEST_TEXT), {})))
    shown = list(notice.facts.items())[:MOST_FACTS] if facts else []
    body += [_runs((f"{fit(label(notice, name), 60)}: ", {"weight": "bolder"}), (fit(value, LONGEST_FACT), {}))
             for name, value in shown]
    card: dict[str, Any] = {"type": "AdaptiveCard", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                            "version": "1.4", "msteams": {"width": "Full"}, "body": body}
    if notice.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label(notice, "open"), "url": notice.url}]
    return {"type": "message", "attachments": [
        {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}]}


def _runs(*runs: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look} for text, look in runs]}
