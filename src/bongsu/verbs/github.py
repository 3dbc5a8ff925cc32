"""A verdict in the forms that GitHub Actions reads: workflow commands, step outputs, a summary in Markdown.

Every text of a verdict may hold what a person wrote, so each is escaped: none can add a command, an output or markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

KINDS = {"deny": "error", "inconclusive": "warning", "allow": "notice"}
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~@-])")


def annotate(kind: str, title: str, text: str) -> str:
    """One workflow command; percent signs and ends of lines would end it or begin another.

    >>> annotate("error", "a:b", "x" + chr(10) + "::error::y")
    '::error title=a%3Ab::x%0A::error::y'
    """
    return f"::{kind} title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(text)}"


def notes(data: Mapping[str, Any]) -> Iterator[str]:
    """A line for the decision, with its reasons; a notice where an override excused them."""
    reasons = "; ".join(reason["text"] for reason in data["reasons"]) or "nothing speaks against it"
    yield annotate(KINDS[data["decision"]], f"Deploy gate: {data['decision']}",
                   f"{data['service']} ({data['verdictId']}): {reasons}")
    if data["override"]:
        one = data["override"]
        yield annotate("notice", "Deploy gate: override", f"{one['id']} by {one['author']}, approved by "
                       f"{one['approver']}: {one['reason']}")


def outputs(data: Mapping[str, Any]) -> str:
    """For ``$GITHUB_OUTPUT``; the reasons are JSON on one line."""
    reasons = json.dumps([reason["code"] for reason in data["reasons"]])
    return f"decision={data['decision']}\nverdict-id={data['verdictId']}\nreasons={reasons}\n"


def markdown(data: Mapping[str, Any]) -> str:
    """For ``$GITHUB_STEP_SUMMARY``."""
    lines = [f"### Deploy gate: {data['decision']}", "",
             f"Service {_plain(data['service'])}, verdict `{data['verdictId']}`, as of {data['asOf']}.", ""]
    lines += [f"- **{reason['decision']}** {_plain(reason['text'])}" for reason in data["reasons"]]
    if data["override"]:
        one = data["override"]
        lines.append(f"- **override** {_plain(one['id'])} by {_plain(one['author'])}, approved by "
                     f"{_plain(one['approver'])}: {_plain(one['reason'])}")
    if data["objectives"]:
        lines += ["", "| objective | error budget left | seen |", "|---|---|---|"]
        lines += [f"| {_plain(one['name'])} | {_share(one['budgetRemaining'])} | {_share(one['coverage'])} |"
                  for one in data["objectives"]]
    return "\n".join(lines) + "\n"


def _share(value: float | None) -> str:
    return "no data" if value is None else f"{value:.1%}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
