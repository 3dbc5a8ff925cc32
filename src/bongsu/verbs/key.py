"""The verbs of virtual keys: create, list, rotate, revoke."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.group()
def key() -> None:
    """Virtual keys: who may call the gateway, and on whose account."""


@key.command("create")
@click.argument("name")
@click.option("--user", default="", help="Whom its calls are of; only a token of it is kept.")
@click.option("--team", default="", help="On whose budget.")
@click.option("--service", default="", help="This policy's service, or none.")
@click.option("--tier", default="", help="A tag of its events.")
@click.option("--region", default="", help="Where its people are, for the policy's borders.")
@click.option("--route", "routes", multiple=True, help="A route that it may call (else every one). Repeatable.")
@click.option("--scope", "scopes", multiple=True, help="gateway:invoke, models:read (else both). Repeatable.")
@click.option("--origin", type=click.Choice(["live", "redteam", "evaluation"]), default="live", show_default=True,
              help="What its calls count as.")
@click.option("--block", type=click.Choice(["reply", "error"]), default="reply", show_default=True,
              help="How a blocked call is answered: a refusal like any reply, or HTTP 400.")
@click.option("--expires", default="", help="In how long, e.g. 90d (else never).")
@click.option("--requests", type=click.IntRange(0), default=0, help="At most so many requests a minute.")
@click.option("--tokens", type=click.IntRange(0), default=0, help="At most so many tokens a minute.")
@URL
@TOKEN
@AS_JSON
def create(name: str, url: str, token: str, as_json: bool, **fields: Any) -> None:
    """Make a key called NAME and show it, this once."""
    body = {"name": name, **{field: list(v) if isinstance(v, tuple) else v for field, v in fields.items() if v}}
    _show(ask(lambda: Client(url, token).post("/v1/keys", body)), as_json)


@key.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """Every key, the oldest first; no secret is shown."""
    found = ask(lambda: Client(url, token).get("/v1/keys"))["keys"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        owner = ", ".join(f"{field} {one[field]}" for field in ("user", "team", "tier") if one[field])
        used = f"used {_instant(one['last_used'])}" if one["last_used"] else "never used"
        click.echo(f"{one['id']}  {one['state']}  {one['name']}  {owner or 'no owner'}  {one['origin']}  {used}")


@key.command("rotate")
@click.argument("id_", metavar="ID")
@click.option("--grace", default="24h", show_default=True, help="How long the old secret lives on; 0s for not at all.")
@REASON
@URL
@TOKEN
@AS_JSON
def rotate(id_: str, grace: str, reason: str, url: str, token: str, as_json: bool) -> None:
    """Give key ID a new secret and show it, this once."""
    body = {"grace": grace, "reason": reason}
    _show(ask(lambda: Client(url, token).post(f"/v1/keys/{quote(id_, safe='')}/rotate", body)), as_json)


@key.command("revoke")
@click.argument("id_", metavar="ID")
@REASON
@URL
@TOKEN
def revoke(id_: str, reason: str, url: str, token: str) -> None:
    """End key ID for good, within a second."""
    ask(lambda: Client(url, token).delete(f"/v1/keys/{quote(id_, safe='')}", {"reason": reason}))
    click.echo(f"{id_} is revoked")


def _show(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    click.echo(made["key"])
    click.echo(f"key {made['id']} ({made['name']}): shown this once, keep it now", err=True)


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")
