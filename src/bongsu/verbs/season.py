"""bongsu signal season: which rhythm an anomaly signal should be read by, from its own past or a recorded one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, TOKEN, URL, WRONG, ask, fail
from bongsu.verbs.events import MAP, SET, UNIT


@click.command()
@click.argument("name")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), help="Whose signal, with FILE.")
@click.option("--over", default="1h", show_default=True, help="The window of its alert.")
@MAP
@SET
@UNIT
@URL
@TOKEN
@AS_JSON
def season(name: str, file: Path | None, policy_path: Path | None, over: str, pairs: tuple[str, ...],
           constants: tuple[str, ...], unit: Any, url: str, token: str, as_json: bool) -> None:
    """Which season (none, day, week) fits an anomaly signal, by how well each predicts FILE, or, without one, what a
    running bongsu has counted in the last twelve weeks (as far as retention.cells keeps them). Nothing is changed: the
    answer is a line for the policy."""
    if file is None:
        found = ask(lambda: Client(url, token, timeout=60).get(f"/v1/signals/{quote(name, safe='')}/season"))
    else:
        found = _recorded(name, file, policy_path, over, pairs, constants, unit)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"season: {found['season']}" + (f"; the policy says {found['policy']}" if "policy" in found else ""))
    for one, share in found["errors"].items():
        click.echo(f"  with season: {one} its misses are {share:.0%} of those without; {found['windows']} windows")
    if not found["errors"]:
        click.echo(f"  {found['windows']} windows are too few for any season: three of it are needed")


def _recorded(name: str, file: Path, policy: Path | None, over: str, pairs: tuple[str, ...],
              constants: tuple[str, ...], unit: Any) -> dict[str, Any]:
    from bongsu.offline.recorded import season_of
    from bongsu.quantity import parse_duration

    if policy is None:
        fail(WRONG, f"{file}: expected --policy FILE, whose signal {name!r} is, came none")
    try:
        found = season_of(file, policy, name, parse_duration(over), pairs, constants, unit)
    except ValueError as error:
        fail(WRONG, str(error))
    return {"season": found.season, "errors": dict(found.errors), "windows": found.windows}
