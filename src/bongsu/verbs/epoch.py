"""The verbs of token epochs: which there are, a new one, tokens joined over them, an old one ended for good."""

from __future__ import annotations

import json
import sys
from functools import partial

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, NO, REASON, TOKEN, URL, WRONG, ask, fail, instant
from bongsu.verbs.vault import OFFICER, TICKET

BATCH = 500
"""Tokens that one request may carry."""


@click.group()
def epoch() -> None:
    """Epochs of the token key: in each the same value has another token. Needs the privacy officer's token."""


@epoch.command("list")
@URL
@TOKEN
@AS_JSON
def epoch_list(url: str, token: str, as_json: bool) -> None:
    """Which epochs there were, and what became of their keys (the admin's token does)."""
    found = ask(lambda: Client(url, token).get("/v1/epochs"))
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found["epochs"]:
        until = f", joins until {instant(one['joins_until'])}" if one["joins_until"] else ""
        click.echo(f"{one['epoch']}  {one['state']}, since {instant(one['begins'])}{until}")


@epoch.command("begin")
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def epoch_begin(reason: str, ticket: str, url: str, officer: str, as_json: bool) -> None:
    """Begin a new epoch in a few seconds, in every gateway at one moment. Who acts is carried over."""
    made = ask(lambda: Client(url, officer).post("/v1/epochs", {"reason": reason, "ticket": ticket}))
    click.echo(json.dumps(made) if as_json else f"epoch {made['epoch']} begins at {instant(made['begins'])}")


@epoch.command("join")
@click.argument("tokens", nargs=-1, metavar="[TOKEN...]")
@click.option("--to", default=0, help="The epoch whose tokens are wanted; that of now, if left out.")
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def epoch_join(tokens: tuple[str, ...], to: int, reason: str, ticket: str, url: str, officer: str,
               as_json: bool) -> None:
    """The tokens of the same values in another epoch; TOKENs, or one a line on standard input. On the record first.

    No value is opened. Exit 0 all joined, 1 one joins no more, since a key was destroyed.
    """
    wanted = list(tokens) or sys.stdin.read().split()
    if not wanted:
        fail(WRONG, "expected tokens as arguments or on standard input, came none")
    client, found = Client(url, officer), dict[str, str | None]()
    for at in range(0, len(wanted), BATCH):
        body = {"tokens": wanted[at : at + BATCH], "to": to, "reason": reason, "ticket": ticket}
        found |= ask(partial(client.post, "/v1/epochs/join", body))["tokens"]
    if as_json:
        click.echo(json.dumps(found))
    else:
        for token, other in found.items():
            click.echo(f"{token}  {other or 'joins no more'}")
    sys.exit(NO if None in found.values() else 0)


@epoch.command("destroy")
@click.argument("number", type=int)
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def epoch_destroy(number: int, reason: str, ticket: str, url: str, officer: str, as_json: bool) -> None:
    """Destroy the key of epoch NUMBER for good, certified on the record: its tokens join with no other's any more."""
    body = {"epoch": number, "reason": reason, "ticket": ticket}
    done = ask(lambda: Client(url, officer).post("/v1/epochs/destroy", body))
    click.echo(json.dumps(done) if as_json else
               f"epoch {done['epoch']}: its key is destroyed, {done['values']} values of its tokens gone for good")
