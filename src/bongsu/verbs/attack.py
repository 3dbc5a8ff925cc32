"""The verbs of the attack memory: add, list, remove."""

from __future__ import annotations

import json
import sys
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.group()
def attack() -> None:
    """Known attacks: texts that are mostly one of them are stopped by guards with check: known_attack."""


@attack.command("add")
@click.option("--text", required=True, help="The attack; - reads it from standard input.")
@click.option("--note", default="", help="What it is, for people.")
@click.option("--for", "lasting", default="180d", show_default=True, help="How long it is remembered; 366d at most.")
@click.option("--sensitive", is_flag=True, help="Keep keyed hashes and no text, not even a masked one.")
@REASON
@URL
@TOKEN
@AS_JSON
def add(text: str, note: str, lasting: str, sensitive: bool, reason: str, url: str, token: str, as_json: bool) -> None:
    """Remember an attack. Its like is stopped within a second."""
    said = sys.stdin.read() if text == "-" else text
    body = {"text": said, "note": note, "for": lasting, "sensitive": sensitive, "reason": reason}
    made = ask(lambda: Client(url, token).post("/v1/attacks", body))
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    click.echo(f"{made['id']} is known until {made['until']} by {made['anchors']} anchors")
    if not made["guards"]:
        click.echo("note: the policy has no guard with check: known_attack, so nothing is stopped by it", err=True)


@attack.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """Every known attack, the oldest first."""
    found = ask(lambda: Client(url, token).get("/v1/attacks"))["attacks"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        said = one["text"] or "(no text is kept)"
        old = "" if one["recognised"] else "  NOT RECOGNISED: an older version remembered it, add it again"
        told = one["note"] or " ".join(said.split())[:80]
        click.echo(f"{one['id']}  until {one['until']}  by {one['by']}: {told}{old}")


@attack.command("remove")
@click.argument("attack_id", metavar="ID")
@REASON
@URL
@TOKEN
def remove(attack_id: str, reason: str, url: str, token: str) -> None:
    """Forget an attack before its time."""
    ask(lambda: Client(url, token).delete(f"/v1/attacks/{quote(attack_id, safe='')}", {"reason": reason}))
    click.echo(f"{attack_id} is forgotten")
