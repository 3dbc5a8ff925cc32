"""The verbs that make tokens: for others than the admin, and the admin's own anew."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import DATA, REASON, TOKEN, URL, WRONG, ask, fail


@click.group("token")
def token() -> None:
    """Tokens: for those who send events, for the privacy officer, and the admin's own, made anew."""


@token.command("ingest")
@REASON
@URL
@TOKEN
def token_ingest(reason: str, url: str, token: str) -> None:
    """Make a token for applications that send events, in place of the one before. It is shown once."""
    made = ask(lambda: Client(url, token).post("/v1/tokens/ingest", {"reason": reason}))
    click.echo(made["token"])


@token.command("renew")
@REASON
@DATA
def token_renew(reason: str, data: Path) -> None:
    """Make a new admin token in place of the one before, which is worth nothing from now on. It is shown once.

    It needs no token, for it may be lost: whoever may write the data folder may renew it. Sessions end.
    """
    from bongsu.host.keys import ADMIN, renew_token

    try:
        made = renew_token(data, ADMIN, f"{_user()} (command line)", reason, time.time_ns() // 1000)
    except ValueError as error:
        fail(WRONG, str(error))
    click.echo(made)
    if os.environ.get("BONGSU_ADMIN_TOKEN"):
        click.echo("BONGSU_ADMIN_TOKEN is set here: where control starts with it, that one counts again", err=True)


@token.command("officer")
@REASON
@DATA
def token_officer(reason: str, data: Path) -> None:
    """Make the privacy officer's token, in place of the one before. It is shown once.

    It opens the vault and nothing else. No admin can make it: it takes whoever may write the data folder.
    """
    from bongsu.host.keys import OFFICER, renew_token

    try:
        click.echo(renew_token(data, OFFICER, f"{_user()} (command line)", reason, time.time_ns() // 1000))
    except ValueError as error:
        fail(WRONG, str(error))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
