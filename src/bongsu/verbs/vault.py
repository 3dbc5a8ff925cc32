"""The verbs of the privacy officer: read again what tokens stand for, destroy keys for good, wrap them anew."""

from __future__ import annotations

import json
import sys

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, NO, REASON, URL, WRONG, ask, fail

OFFICER = click.option("--token", "officer", default="", envvar="BONGSU_OFFICER_TOKEN",
                       help="The privacy officer's token (better: BONGSU_OFFICER_TOKEN).")
TICKET = click.option("--ticket", required=True, help="The request that this answers; goes on the record.")


@click.command()
@click.argument("tokens", nargs=-1, required=True, metavar="TOKEN...")
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def reveal(tokens: tuple[str, ...], reason: str, ticket: str, url: str, officer: str, as_json: bool) -> None:
    """What TOKENs stand for, put on the record first. Exit 0 all known, 1 one is not kept (any more).

    Needs the privacy officer's token: `bongsu token officer` makes it; the admin's does not do.
    """
    body = {"tokens": list(tokens), "reason": reason, "ticket": ticket}
    found = ask(lambda: Client(url, officer).post("/v1/vault/reveal", body))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        for token, value in found["values"].items():
            click.echo(f"{token}  {'not kept, or destroyed' if value is None else value}")
    sys.exit(NO if None in found["values"].values() else 0)


@click.command()
@click.option("--subject", default="", help="Whose: an id as applications send it, or its USER_ token; - reads it.")
@click.option("--day", default="", help="The keys of a day (UTC), such as 2026-11-22: values of "
              "nobody in particular. What was said that day of a person who has keys of their own stays under these.")
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def shred(subject: str, day: str, reason: str, ticket: str, url: str, officer: str, as_json: bool) -> None:
    """Destroy the keys of a person or of a day for good, certified on the record. Tokens still join."""
    if bool(subject) == bool(day):
        fail(WRONG, "expected either --subject or --day, came " + ("both" if day else "neither"))
    whose = sys.stdin.read().strip() if subject == "-" else subject
    body = {"subject": whose, "day": day, "reason": reason, "ticket": ticket}
    done = ask(lambda: Client(url, officer).post("/v1/vault/shred", body))
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False))
        return
    click.echo(f"{done['scope']}: {done['keys']} keys destroyed, {done['values']} values gone for good "
               f"(disposal {', '.join(map(str, done['disposals']))})")


@click.command()
@REASON
@TICKET
@URL
@OFFICER
@AS_JSON
def rewrap(reason: str, ticket: str, url: str, officer: str, as_json: bool) -> None:
    """Have the vault's keys wrapped anew, as after a rotation of the master key. It goes on by itself, also after a
    crash; its end is on the record, and `GET /v1/vault` says how many are left."""
    done = ask(lambda: Client(url, officer).post("/v1/vault/rewrap", {"reason": reason, "ticket": ticket}))
    click.echo(json.dumps(done) if as_json else f"{done['to_rewrap']} keys are being wrapped anew")
