"""The verbs of recorded events: import them into a running bongsu, or evaluate a data set without one."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, NO, TOKEN, URL, WRONG, ask, fail

FILE = click.argument("file", type=click.Path(path_type=Path))
MAP = click.option("--map", "pairs", multiple=True, metavar="COLUMN=FILE_COLUMN",
                   help="Where each event column is found (features too: features.age=AGE).")
SET = click.option("--set", "constants", multiple=True, metavar="COLUMN=VALUE", help="The same for every event.")
UNIT = click.option("--unit", type=click.Choice(["s", "ms", "us"]), default="us", show_default=True,
                    help="What a number in the time column counts, since 1970.")
IDS = click.option("--id", "ids", default="", metavar="FILE_COLUMN",
                   help="The column with ids of events; else the file's name and the row.")


@click.command("events")
@FILE
@MAP
@SET
@UNIT
@IDS
@click.option("--origin", type=click.Choice(["live", "replay", "evaluation"]), default="replay", show_default=True)
@click.option("--from", "first", type=click.IntRange(1), default=1, show_default=True, metavar="ROW",
              help="Where to begin, after an import that was broken off.")
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True,
              help="Seconds to try again while control cannot be reached or is busy.")
@URL
@TOKEN
def import_events(file: Path, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any, ids: str, origin: Any,
                  first: int, patience: float, url: str, token: str) -> None:
    """Send recorded events (Parquet, Arrow, CSV, NDJSON) to a running bongsu; sending them again adds nothing.

    A row that cannot be read or is refused is told with its line and column, and the others are taken: exit 1. The
    token may be an ingest token.
    """
    from bongsu.offline.recorded import trace_of
    from bongsu.verbs.importing import Importing

    work = Importing(trace_of(file, pairs, constants, unit, ids), Client(url, token, timeout=60), origin, patience)
    sums = ask(partial(work.run, first))
    click.echo(f"{sums['accepted']} taken, {sums['duplicates']} known before, {work.refused} refused")
    sys.exit(NO if work.refused else 0)


@click.command("evaluate")
@FILE
@click.option("--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="Whose signals.")
@MAP
@SET
@UNIT
@IDS
@AS_JSON
def evaluate_data(file: Path, policy_path: Path, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any,
                  ids: str, as_json: bool) -> None:
    """Measure a data set by a policy's signals: offline, with the definitions of production. Exit 1 on a breach."""
    from bongsu.offline.dataset import lines
    from bongsu.offline.recorded import evaluate_file

    found = evaluate_file(file, policy_path, pairs, constants, unit, ids)
    if not found.events:
        fail(WRONG, f"{file}: expected events, came none")
    if as_json:
        document = {"events": found.events, "signals": [row.as_json() for row in found.rows]}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        for line in lines(found):
            click.echo(line)
    sys.exit(NO if any(row.breached for row in found.rows) else 0)
