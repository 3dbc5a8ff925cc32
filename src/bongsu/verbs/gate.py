"""The verbs of the deploy gate: check, override, clear, replay."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn
from urllib.parse import quote

import click

from bongsu.verbs.client import Client, RefusedError, UnreachableError
from bongsu.verbs.console import AS_JSON, NO, REASON, TOKEN, UNKNOWN, UNREACHABLE, URL, WRONG, ask, fail
from bongsu.verbs.github import annotate, markdown, notes, outputs


@click.group()
def gate() -> None:
    """The deploy gate."""


@gate.command("check")
@click.argument("service")
@click.option("--stage", default="", help="For the record, e.g. canary.")
@click.option("--on-inconclusive", type=click.Choice(["deny", "allow"]), default="deny", show_default=True)
@click.option("--github", is_flag=True, help="Also write annotations, outputs and a summary for GitHub Actions.")
@URL
@TOKEN
def check(service: str, stage: str, on_inconclusive: str, github: bool, url: str, token: str) -> None:
    """May SERVICE be deployed? Exit 0 allow, 1 deny, 2 wrong input, 3 inconclusive, 4 unreachable. JSON on stdout."""
    try:
        answer = Client(url, token).get(f"/v1/gate/{quote(service, safe='')}?stage={quote(stage, safe='')}")
    except UnreachableError as error:
        _stop(UNREACHABLE, str(error), github)
    except RefusedError as error:
        _stop(WRONG if error.status < 500 else UNREACHABLE, str(error), github)
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    data = answer["data"]
    if github:
        _github(data)
    if data["decision"] == "inconclusive":
        sys.exit(0 if on_inconclusive == "allow" else UNKNOWN)
    sys.exit(0 if data["decision"] == "allow" else NO)


def _stop(code: int, message: str, github: bool) -> NoReturn:
    if github:
        click.echo(annotate("error", "Deploy gate: no verdict", message))
        _append("GITHUB_OUTPUT", "decision=\nverdict-id=\nreasons=[]\n")
    fail(code, message)


def _github(data: dict[str, Any]) -> None:
    for line in notes(data):
        click.echo(line)
    _append("GITHUB_OUTPUT", outputs(data))
    _append("GITHUB_STEP_SUMMARY", markdown(data))


def _append(name: str, text: str) -> None:
    """Add to the file that a variable of the runner names; without one there is nobody to tell."""
    path = os.environ.get(name)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


@gate.command("clear")
@click.argument("service")
@REASON
@URL
@TOKEN
def clear(service: str, reason: str, url: str, token: str) -> None:
    """Let deploys of SERVICE go on after severe alerts that are over."""
    done = ask(lambda: Client(url, token).post(f"/v1/gate/{quote(service, safe='')}/clear", {"reason": reason}))
    click.echo(f"cleared: {', '.join(done['cleared'])}")
    if done["firing"]:
        click.echo(f"still firing, not cleared: {', '.join(done['firing'])}", err=True)


@gate.command("replay")
@click.argument("verdict", metavar="VERDICT_ID")
@URL
@TOKEN
@AS_JSON
def replay(verdict: str, url: str, token: str, as_json: bool) -> None:
    """Recompute a verdict as of its time. Exit 0 the same, 1 different, 2 unknown, 3 not kept well enough."""
    found = ask(lambda: Client(url, token, timeout=120.0).get(f"/v1/gate/verdicts/{quote(verdict, safe='')}/replay"))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        state = {True: "the same", False: "different", None: "not known"}[found["same"]]
        click.echo(f"{verdict}: {state} ({found['was']['decision']} at {found['was']['asOf']})")
        for line in found["why"]:
            click.echo(f"  {line}")
    sys.exit(UNKNOWN if found["same"] is None else 0 if found["same"] else NO)


# ---- overrides ----


@gate.group("override")
def override() -> None:
    """Exemptions: asked for by one person, approved by another, over at a time."""


@override.command("request")
@click.argument("service")
@click.option("--for", "lasting", required=True, help="How long from its approval, e.g. 2h; 24h at most.")
@click.option("--author", required=True, help="Who asks.")
@click.option("--stage", default="", help="Only for this stage; for every stage if left out.")
@click.option("--including-stale", is_flag=True, help="Also where data is stale or missing and nobody knows.")
@REASON
@URL
@TOKEN
@AS_JSON
def request(service: str, lasting: str, author: str, stage: str, including_stale: bool, reason: str, url: str,
            token: str, as_json: bool) -> None:
    """Ask for an override of the gate for SERVICE."""
    body = {"reason": reason, "for": lasting, "author": author, "stage": stage, "including_stale": including_stale}
    _show(ask(lambda: Client(url, token).post(f"/v1/gate/{quote(service, safe='')}/overrides", body)), as_json)


@override.command("approve")
@click.argument("key", metavar="ID")
@click.option("--approver", required=True, help="Who approves: one of roles.approver, and not the author.")
@URL
@TOKEN
@AS_JSON
def approve(key: str, approver: str, url: str, token: str, as_json: bool) -> None:
    """Put an override in force."""
    body = {"approver": approver}
    _show(ask(lambda: Client(url, token).post(f"/v1/gate/overrides/{quote(key, safe='')}/approve", body)), as_json)


@override.command("revoke")
@click.argument("key", metavar="ID")
@REASON
@URL
@TOKEN
@AS_JSON
def revoke(key: str, reason: str, url: str, token: str, as_json: bool) -> None:
    """Take the force from an override."""
    body = {"reason": reason}
    _show(ask(lambda: Client(url, token).post(f"/v1/gate/overrides/{quote(key, safe='')}/revoke", body)), as_json)


@override.command("list")
@click.argument("service")
@URL
@TOKEN
@AS_JSON
def list_(service: str, url: str, token: str, as_json: bool) -> None:
    """The latest overrides of SERVICE, newest first."""
    found = ask(lambda: Client(url, token).get(f"/v1/gate/{quote(service, safe='')}/overrides"))["overrides"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        _show(one, False)


def _show(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False, indent=2))
        return
    until = f" until {one['expires']}" if one["expires"] else ""
    by = f", approved by {one['approver']}" if one["approver"] else ""
    click.echo(f"{one['id']}  {one['state']}{until}  by {one['author']}{by}: {one['reason']}")
