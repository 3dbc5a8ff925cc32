"""The verbs of versions: which are live, back to the last good one, the policy's own again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.group()
def route() -> None:
    """The versions of routes, and the way back."""


@route.command("show")
@click.argument("name", metavar="ROUTE", required=False)
@URL
@TOKEN
@AS_JSON
def show(name: str | None, url: str, token: str, as_json: bool) -> None:
    """How calls are spread over versions now; of one ROUTE also which were live before."""
    rows = ask(lambda: Client(url, token).get("/v1/versions"))["routes"]
    rows = [row for row in rows if name in (None, row["route"])]
    past: list[Any] = []
    if name is not None:
        past = ask(lambda: Client(url, token).get(f"/v1/versions/{quote(name, safe='')}/history"))["history"]
    if as_json:
        click.echo(json.dumps({"routes": rows, "history": past}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        shares = ", ".join(f"{version} {share:.4g}%" for version, share in
                           ((v, 100 * s) for v, s in row["shares"].items()))
        by = f" (by {row['by']})" if row["by"] else ""
        canary = f"; canary {row['canary_state']}: {row['canary']}" if row["canary_state"] else ""
        back = (f"a rollback leads to {row['previous']}" if row["previous"] not in row["shares"] or row["canary_state"]
                else "no other good version was before: name one to roll back to with --to")
        click.echo(f"{row['route']}: {shares}{by}; {back}{canary}")
    for one in past:
        at = datetime.fromtimestamp(one["at"] // 10**6, UTC).isoformat().replace("+00:00", "Z")
        click.echo(f"  {at}  {one['version']}{'' if one['good'] else ' (rolled back)'}  by {one['by']}: {one['why']}")


@route.command("rollback")
@click.argument("name", metavar="ROUTE")
@click.option("--to", default="", help="The version; the last good one, if left out.")
@REASON
@URL
@TOKEN
def rollback(name: str, to: str, reason: str, url: str, token: str) -> None:
    """Make the last good version of ROUTE live at once."""
    body = {"to": to, "reason": reason}
    done = ask(lambda: Client(url, token).post(f"/v1/versions/{quote(name, safe='')}/rollback", body))
    click.echo(f"{name} is back to {', '.join(done['split'])}")


@route.command("restore")
@click.argument("name", metavar="ROUTE")
@REASON
@URL
@TOKEN
def restore(name: str, reason: str, url: str, token: str) -> None:
    """Take a rollback of ROUTE back: the split of the policy again."""
    done = ask(lambda: Client(url, token).delete(f"/v1/versions/{quote(name, safe='')}/rollback", {"reason": reason}))
    click.echo(f"{name} is as the policy says: {', '.join(done['split'])}")
