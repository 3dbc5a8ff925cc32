"""The verbs of channels: list, test."""

from __future__ import annotations

import json
import sys
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, NO, TOKEN, URL, ask

PATIENCE = 40.0


@click.group()
def channel() -> None:
    """Who is told, and whether they can be."""


@channel.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """The policy's channels with their kinds."""
    found = ask(lambda: Client(url, token).get("/v1/channels"))["channels"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one['name']}  {one['kind']}")


@channel.command("test")
@click.argument("name")
@URL
@TOKEN
@AS_JSON
def test(name: str, url: str, token: str, as_json: bool) -> None:
    """Send a test notice to channel NAME. Exit 0 delivered, 1 not, 2 no such channel, 4 control is not reachable."""
    found = ask(lambda: Client(url, token, PATIENCE).post(f"/v1/channels/{quote(name, safe='')}/test", {}))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif found["delivered"]:
        receipt = f", receipt {found['id']}" if found["id"] else ""
        click.echo(f"{name}: delivered in {found['took_ms']} ms (status {found['status']}{receipt})")
    else:
        click.echo(f"{name}: NOT delivered: {found['why']}", err=True)
    sys.exit(0 if found["delivered"] else NO)
