"""The verbs of the allow-list: add, list, remove."""

from __future__ import annotations

import json
import sys
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask, instant


@click.group()
def allow() -> None:
    """False alarms of a guard that pass for a while."""


@allow.command("add")
@click.argument("guard")
@click.option("--text", required=True, help="What the guard found, and no more; - reads it from standard input.")
@click.option("--for", "lasting", required=True, help="How long, e.g. 7d; 90d at most.")
@REASON
@URL
@TOKEN
@AS_JSON
def add(guard: str, text: str, lasting: str, reason: str, url: str, token: str, as_json: bool) -> None:
    """Let GUARD pass one text until a time. Only a keyed hash of the text is kept."""
    said = sys.stdin.read() if text == "-" else text
    body = {"guard": guard, "text": said, "for": lasting, "reason": reason}
    made = ask(lambda: Client(url, token).post("/v1/allow", body))
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    click.echo(f"{made['id']} allowed by guard {guard} until {instant(made['until'])}")
    if made["notice"]:
        click.echo(f"note: {made['notice']}", err=True)


@allow.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """What guards let pass now, the next to end first."""
    found = ask(lambda: Client(url, token).get("/v1/allow"))["allowed"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one['id']}  {one['guard']}  until {instant(one['until'])}  by {one['by']}: {one['reason']}")


@allow.command("remove")
@click.argument("entry", metavar="ID")
@REASON
@URL
@TOKEN
def remove(entry: str, reason: str, url: str, token: str) -> None:
    """Take an entry back before its time."""
    ask(lambda: Client(url, token).delete(f"/v1/allow/{quote(entry, safe='')}", {"reason": reason}))
    click.echo(f"{entry} is removed")
