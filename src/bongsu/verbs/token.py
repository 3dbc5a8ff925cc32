"""The verb that makes tokens for others than the admin."""

from __future__ import annotations

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import REASON, TOKEN, URL, ask


@click.group("token")
def token() -> None:
    """Tokens that are good for one thing only."""


@token.command("ingest")
@REASON
@URL
@TOKEN
def token_ingest(reason: str, url: str, token: str) -> None:
    """Make a token for applications that send events, in place of the one before. It is shown once."""
    made = ask(lambda: Client(url, token).post("/v1/tokens/ingest", {"reason": reason}))
    click.echo(made["token"])
