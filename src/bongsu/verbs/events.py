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
BATCH = 2000
SHOWN = 20


@click.command("events")
@FILE
@MAP
@SET
@UNIT
@IDS
@click.option("--origin", type=click.Choice(["live", "replay", "evaluation"]), default="replay", show_default=True)
@URL
@TOKEN
def import_events(file: Path, pairs: tuple[str, ...], constants: tuple[str, ...], unit: Any, ids: str, origin: str,
                  url: str, token: str) -> None:
    """Send recorded events (Parquet, CSV, NDJSON) to a running bongsu; sending them again adds nothing.

    Exit 1 if some were refused. The token may be an ingest token.
    """
    from msgspec.structs import replace

    from bongsu.recorded import trace_of

    client, sums, refused = Client(url, token, timeout=60), {"accepted": 0, "duplicates": 0}, 0
    first = 0
    for batch in trace_of(file, pairs, constants, unit, ids).batches(BATCH):
        said = ask(partial(client.send, [replace(e, origin=origin) for e in batch]))
        for name in sums:
            sums[name] += said[name]
        for fault in said["refused"]:
            refused += 1
            if refused <= SHOWN:
                click.echo(f"{file}, row {first + fault['index'] + 1}, {fault['field']}: expected {fault['expected']}, "
                           f"came {fault['came']}", err=True)
        refused += said.get("refused_more", 0)
        first += len(batch)
    click.echo(f"{sums['accepted']} taken, {sums['duplicates']} known before, {refused} refused")
    sys.exit(NO if refused else 0)


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
    from bongsu.dataset import lines
    from bongsu.recorded import evaluate_file

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
