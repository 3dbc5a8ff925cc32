"""The verbs of the ladder: restrict, unrestrict, restrictions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from bongsu.access.restriction import RUNGS
from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.command()
@click.argument("subject")
@click.argument("rung", type=click.Choice(RUNGS))
@click.option("--for", "lasting", default="", help="How long, e.g. 2h (else until a person takes it back).")
@click.option("--appeal", default="", help="Whom they may ask; told with the refusal.")
@REASON
@URL
@TOKEN
def restrict(subject: str, rung: str, lasting: str, appeal: str, reason: str, url: str, token: str) -> None:
    """Put SUBJECT (user/NAME or key/ID) on a RUNG of the ladder."""
    body = {"subject": subject, "rung": rung, "for": lasting, "appeal": appeal, "reason": reason}
    made = ask(lambda: Client(url, token).post("/v1/restrictions", body))
    click.echo(f"{made['subject']}: {made['rung']} {_until(made['until'])}")


@click.command()
@click.argument("subject")
@REASON
@URL
@TOKEN
def unrestrict(subject: str, reason: str, url: str, token: str) -> None:
    """Take back every restriction of SUBJECT (user/NAME or key/ID), a playbook's too."""
    found = ask(lambda: Client(url, token).delete("/v1/restrictions", {"subject": subject, "reason": reason}))
    click.echo(f"{found['lifted']} lifted")


@click.command()
@URL
@TOKEN
@AS_JSON
def restrictions(url: str, token: str, as_json: bool) -> None:
    """Who is restricted now, how, until when, by whom and why."""
    found = ask(lambda: Client(url, token).get("/v1/restrictions"))["restrictions"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one['subject']}  {one['rung']}  {_until(one['until'])}  by {one['by']}: {one['reason']}")


def _until(at: int) -> str:
    if not at:
        return "until it is taken back"
    return "until " + datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")
