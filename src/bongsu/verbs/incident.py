"""The verbs of incidents: owed, postmortem."""

from __future__ import annotations

import json
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.group()
def incident() -> None:
    """Incidents and their postmortems."""


@incident.command("owed")
@URL
@TOKEN
@AS_JSON
def owed(url: str, token: str, as_json: bool) -> None:
    """Postmortems that are due, the oldest first. Exit 1 while there is one."""
    found = ask(lambda: Client(url, token).get("/v1/postmortems"))["postmortems"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for one in found:
            click.echo(f"{one['incident']}  took {one['share']} of four weeks' error budget of {one['objective']}")
    raise SystemExit(1 if found else 0)


@incident.command("postmortem")
@click.argument("key", metavar="ID")
@click.option("--at", "where", required=True, help="Where it can be read, an http or https address.")
@REASON
@URL
@TOKEN
def postmortem(key: str, where: str, reason: str, url: str, token: str) -> None:
    """Say that an incident's postmortem is written, and where it can be read."""
    body = {"url": where, "reason": reason}
    ask(lambda: Client(url, token).post(f"/v1/incidents/{quote(key, safe='')}/postmortem", body))
    click.echo(f"the postmortem of {key} is at {where}")
