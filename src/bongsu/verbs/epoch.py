"""The verbs of token epochs: which there are, a new one, tokens joined over them, an old one ended for good."""

from __future__ import annotations

import json
import sys
from functools import partial
from http.client import TOO_MANY_REQUESTS
from time import sleep
from typing import Any

import click

from bongsu.verbs.client import Client, RefusedError
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

    No value is opened. More than may be asked in a minute waits. Exit 0 all joined, 1 one joins no more, since a
    key was destroyed.
    """
    wanted = list(tokens) or sys.stdin.read().split()
    if not wanted:
        fail(WRONG, "expected tokens as arguments or on standard input, came none")
    client, found = Client(url, officer), dict[str, str | None]()
    try:
        for at in range(0, len(wanted), BATCH):
            body = {"tokens": wanted[at : at + BATCH], "to": to, "reason": reason, "ticket": ticket}
            found |= ask(partial(_patiently, client, body))["tokens"]
    finally:  # also where a later request fails: what was joined is on the record
        _show(found, as_json)
    sys.exit(NO if None in found.values() else 0)


def _patiently(client: Client, body: dict[str, Any]) -> Any:
    """The answer to one request; where that comes too fast for control, once control says that it may."""
    while True:
        try:
            return client.post("/v1/epochs/join", body)
        except RefusedError as error:
            if error.status != TOO_MANY_REQUESTS or not error.after:
                raise
            click.echo(f"{error}; waiting", err=True)
            sleep(error.after)


def _show(found: dict[str, str | None], as_json: bool) -> None:
    if as_json and found:
        click.echo(json.dumps(found))
    elif found:
        click.echo("\n".join(f"{token}  {other or 'joins no more'}" for token, other in found.items()))


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
