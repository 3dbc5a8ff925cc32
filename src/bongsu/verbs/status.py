"""The verb status: what a running bongsu shows on its board, as lines of text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, NO, TOKEN, URL, ask


@click.command()
@URL
@TOKEN
@AS_JSON
def status(url: str, token: str, as_json: bool) -> None:
    """Objectives, alerts and incidents that are not over, now. Exit 1 while an incident is open."""
    board = ask(lambda: Client(url, token).get("/v1/board"))
    click.echo(json.dumps(board, ensure_ascii=False, indent=2) if as_json else "\n".join(lines(board)))
    sys.exit(NO if any(i["phase"] == "open" for i in board["incidents"]) else 0)


def lines(board: Mapping[str, Any]) -> Iterator[str]:
    """A line each: gate, troubles, objectives, upstreams, alerts, incidents: who took charge and what is told when."""
    yield f"gate: {board['gate']}" + "".join(f"; {why}" for why in board["gate_reasons"])
    yield from (f"trouble: {trouble}" for trouble in board["troubles"])
    for o in board["objectives"]:
        left = "no data" if o["remaining"] is None else f"{o['remaining']:.1%} of the error budget left"
        yield f"objective {o['name']}: {o['current']} against {o['target']} over {o['window']}, {left}"
    if (whole := board["composite"]) and whole["known"]:
        yield (f"together: {whole['within']} of {whole['known']} objectives within budget, {whole['remaining']:.1%} of "
               f"the error budgets left (weighted), least of {whole['worst']}: {whole['worst_remaining']:.1%}")
    for u in board["upstreams"]:
        again = f", tried again in {u['again_in_s']:.0f} s" if u["again_in_s"] else ""
        yield f"upstream {u['name']}: circuit {u['circuit']}, {u['failed']} of {u['calls']} calls failed lately{again}"
    for a in board["alerts"]:
        phase = "not judged" if a["data"] == "unbound" else a["phase"]
        yield f"alert {a['name']} ({a['priority']}): {phase}, {a['value']} (alert at {a['against']})"
    for i in board["incidents"]:
        if i["phase"] != "closed":
            yield "; ".join(_incident(i))


def _incident(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"incident {one['id']} {one['phase']}: {one['cause']}"
    yield f"residual: {one['residual']['exposure']}"
    if one["acknowledged_by"]:
        yield f"acknowledged by {one['acknowledged_by']}"
    if one["muted_by"]:
        yield f"kept back by {', '.join(one['muted_by'])}"
    if one["next_notice"] is not None:
        yield f"next notice at {datetime.fromtimestamp(one['next_notice'] / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield from one["proposals"]
