"""bongsu signal season: which rhythm an anomaly signal should be read by, from a recorded past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from bongsu.verbs.console import AS_JSON, WRONG, fail
from bongsu.verbs.events import FILE, MAP, SET, UNIT


@click.command()
@click.argument("name")
@FILE
@click.option("--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="Whose signal.")
@click.option("--over", default="1h", show_default=True, help="The window of its alert.")
@MAP
@SET
@UNIT
@AS_JSON
def season(name: str, file: Path, policy_path: Path, over: str, pairs: tuple[str, ...], constants: tuple[str, ...],
           unit: Any, as_json: bool) -> None:
    """Which season (none, day, week) fits an anomaly signal, by how well each predicts FILE. Nothing is changed: the
    answer is a line for the policy."""
    from bongsu.offline.recorded import season_of
    from bongsu.quantity import parse_duration

    try:
        found = season_of(file, policy_path, name, parse_duration(over), pairs, constants, unit)
    except ValueError as error:
        fail(WRONG, str(error))
    if as_json:
        click.echo(json.dumps({"season": found.season, "errors": dict(found.errors), "windows": found.windows}))
        return
    click.echo(f"season: {found.season}")
    for one, share in found.errors.items():
        click.echo(f"  with season: {one} its misses are {share:.0%} of those without; {found.windows} windows")
    if not found.errors:
        click.echo(f"  {found.windows} windows are too few for any season: three of it are needed")
