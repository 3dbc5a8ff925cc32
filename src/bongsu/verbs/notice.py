"""The verbs of notices: silence add, list, remove; ack."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask

BY = click.option("--by", default="", help="Who you are, where the token does not say it.")


@click.group()
def silence() -> None:
    """Notices that are kept back for a while. That something is over is told all the same."""


@silence.command("add")
@click.argument("match", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--for", "lasting", required=True, help="How long, e.g. 2h; 90d at most.")
@BY
@REASON
@URL
@TOKEN
@AS_JSON
def add(match: tuple[str, ...], lasting: str, by: str, reason: str, url: str, token: str, as_json: bool) -> None:
    """Keep back what matches all of NAME=VALUE (also !=, =~ and !~): alert, tier, objective, service or a label."""
    body = {"match": list(match), "for": lasting, "by": by, "reason": reason}
    made = ask(lambda: Client(url, token).post("/v1/silences", body))
    click.echo(json.dumps(made, ensure_ascii=False) if as_json else
               f"{made['id']} keeps back {', '.join(made['matchers'])} until {_instant(made['ends'])}; "
               "severe alerts, channels that cannot be muted, and that something is over are told all the same")


@silence.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """What is kept back, the next to end first."""
    found = ask(lambda: Client(url, token).get("/v1/silences"))["silences"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one['id']}  {', '.join(one['matchers'])}  from {_instant(one['starts'])} until "
                   f"{_instant(one['ends'])}  by {one['by']}: {one['reason']}")


@silence.command("remove")
@click.argument("entry", metavar="ID")
@REASON
@URL
@TOKEN
def remove(entry: str, reason: str, url: str, token: str) -> None:
    """End a silence before its time."""
    ask(lambda: Client(url, token).delete(f"/v1/silences/{quote(entry, safe='')}", {"reason": reason}))
    click.echo(f"{entry} is removed")


@click.command()
@click.argument("incident", metavar="ID")
@BY
@REASON
@URL
@TOKEN
def ack(incident: str, by: str, reason: str, url: str, token: str) -> None:
    """Take charge of an incident: it is not told again and not escalated."""
    ask(lambda: Client(url, token).post(f"/v1/incidents/{quote(incident, safe='')}/ack", {"by": by, "reason": reason}))
    click.echo(f"{incident} is acknowledged")


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")
