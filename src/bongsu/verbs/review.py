"""The verbs of the review queue: list, show, claim, decide; and who reviews."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from bongsu.review import WORDS
from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, REASON, TOKEN, URL, ask


@click.group()
def review() -> None:
    """Calls, users and keys that a person must look at."""


@review.command("list")
@click.option("--over", is_flag=True, help="Those that are over, instead of those that wait.")
@URL
@TOKEN
@AS_JSON
def list_(over: bool, url: str, token: str, as_json: bool) -> None:
    """What waits for a person, the most urgent first."""
    found = ask(lambda: Client(url, token).get(f"/v1/reviews?state={'over' if over else 'open'}"))["reviews"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        state = one["word"] or (f"claimed by {one['claimant']}" if one["state"] == "claimed" else one["state"])
        late = " OVERDUE" if one["overdue"] and not one["word"] else ""
        click.echo(f"{one['id']}  {one['priority']}  due {_instant(one['due'])}{late}  {state}  {one['why']}")


@review.command("show")
@click.argument("case_id", metavar="ID")
@URL
@TOKEN
@AS_JSON
def show(case_id: str, url: str, token: str, as_json: bool) -> None:
    """One case with its masked texts."""
    one = ask(lambda: Client(url, token).get(f"/v1/reviews/{quote(case_id, safe='')}"))
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False, indent=2))
        return
    click.echo(_told(one))


@review.command("claim")
@click.argument("case_id", metavar="ID")
@URL
@TOKEN
def claim(case_id: str, url: str, token: str) -> None:
    """Look at a case, so that nobody else does meanwhile."""
    one = ask(lambda: Client(url, token).post(f"/v1/reviews/{quote(case_id, safe='')}/claim", {}))
    click.echo(f"{case_id} is yours until {_instant(one['claimed_until'])}")


@review.command("decide")
@click.argument("case_id", metavar="ID")
@click.argument("verdict", type=click.Choice(WORDS))
@click.option("--allow", "lasting", default="", help="Of a false alarm: let the guard pass it for so long, e.g. 7d.")
@click.option("--remember", is_flag=True, help="Remember a confirmed prompt as an attack.")
@REASON
@URL
@TOKEN
@AS_JSON
def decide(case_id: str, verdict: str, lasting: str, remember: bool, reason: str, url: str, token: str,
           as_json: bool) -> None:
    """Say what a case is. What may pass, passes within a second."""
    body = {"verdict": verdict, "allow": lasting, "remember": remember, "reason": reason}
    one = ask(lambda: Client(url, token).post(f"/v1/reviews/{quote(case_id, safe='')}/decide", body))
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
        return
    click.echo(f"{case_id}: {one['word']}" if one["word"] else f"{case_id}: somebody else must look at it, too")


@review.group("reviewer")
def reviewer() -> None:
    """Who reviews, each with a token of their own."""


@reviewer.command("add")
@click.argument("name")
@click.option("--user", default="", help="What their own calls name as their user, if that is another name.")
@REASON
@URL
@TOKEN
def appoint(name: str, user: str, reason: str, url: str, token: str) -> None:
    """Let NAME review. The token is shown this once; one they had is worth nothing from now on."""
    made = ask(lambda: Client(url, token).post("/v1/reviewers", {"name": name, "user": user, "reason": reason}))
    click.echo(made["token"])


@reviewer.command("list")
@URL
@TOKEN
@AS_JSON
def reviewers(url: str, token: str, as_json: bool) -> None:
    """Who reviews."""
    found = ask(lambda: Client(url, token).get("/v1/reviewers"))["reviewers"]
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(found))


@reviewer.command("remove")
@click.argument("name")
@REASON
@URL
@TOKEN
def dismiss(name: str, reason: str, url: str, token: str) -> None:
    """Let NAME review no more."""
    ask(lambda: Client(url, token).delete(f"/v1/reviewers/{quote(name, safe='')}", {"reason": reason}))
    click.echo(f"{name} reviews no more")


def _told(one: dict[str, Any]) -> str:
    lines = [f"{one['id']}  {one['priority']}  {one['state']}  {one['source']}: {one['why']}",
             f"asked {_instant(one['asked'])}, due {_instant(one['due'])}"]
    lines += [f"{name}: {one[name]}" for name in ("call", "subject", "route", "guard", "appeal") if one[name]]
    lines += [f"{said['by']}: {said['word']}: {said['reason']}" for said in one["said"]]
    lines += [f"--- {name}\n{one[name]}" for name in ("prompt", "reply") if one[name]]
    if one["tokens"]:
        lines.append(f"the privacy officer can read: bongsu vault reveal {' '.join(one['tokens'])}")
    if one["words"]:
        lines.append(f"bongsu review decide {one['id']} {'|'.join(one['words'])} --reason ...")
    return "\n".join(lines)


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")
