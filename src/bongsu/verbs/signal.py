"""The verbs of signals and references: signal list, explain, season; reference add, list, show, compare."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, TOKEN, URL, WRONG, ask, fail
from bongsu.verbs.season import season

LANG = click.option("--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True)


@click.group()
def signal() -> None:
    """What is counted, and what it shows now."""


@signal.command("list")
@URL
@TOKEN
def signals(url: str, token: str) -> None:
    """Every signal with its kind."""
    for one in ask(lambda: Client(url, token).get("/v1/signals"))["signals"]:
        click.echo(f"{one['name']} ({one['kind']})")


@signal.command("explain")
@click.argument("name")
@LANG
@URL
@TOKEN
@AS_JSON
def explain(name: str, lang: str, url: str, token: str, as_json: bool) -> None:
    """What a signal counts, its value and how sure it is, what it is compared with, and what would fire."""
    found = ask(lambda: Client(url, token).get(f"/v1/signals/{quote(name, safe='')}?lang={lang}"))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for line in (*found["words"], "", *found["chart"]):
        click.echo(line)


signal.add_command(season)


@click.group()
def reference() -> None:
    """What windows are compared with: bins and counts by version, without rows."""


@reference.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model-version", default="", help="The model whose training set this is.")
@URL
@TOKEN
@AS_JSON
def add(name: str, file: Path, model_version: str, url: str, token: str, as_json: bool) -> None:
    """Make bins of FILE (Parquet, CSV) here and register them; no row leaves this machine."""
    import msgspec

    from bongsu.sources.columns import Columns, ColumnsError
    from bongsu.sources.columns import reference as made_of
    from bongsu.sources.joint import joined

    client = Client(url, token)
    asked: Any = ask(lambda: client.get("/v1/references"))
    try:
        one = made_of(name, Columns(file), asked["wanted"] or None, model_version=model_version,
                      together=joined if asked["together"] else None)
    except ColumnsError as error:
        fail(WRONG, str(error))
    made = ask(lambda: client.post("/v1/references", {"reference": msgspec.to_builtins(one)}))
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"{name} version {made['version']} is {_standing(made)}")
    for bins in one.columns:
        click.echo(f"  {bins.column}: {(bins.unsuitable and 'unsuitable: ' + bins.unsuitable) or _cut(bins)}")


def _standing(made: Any) -> str:
    """As what it is compared with now; a version that the policy does not name is kept, and nothing else."""
    already = "" if made["new"] else " already"
    if made["in_force"]:
        return f"in force{already} as {', '.join(made['in_force'])}"
    return f"registered{already}; no reference of the policy is this one (a reference names a model_version)"


def _cut(bins: Any) -> str:
    return f"{len(bins.counts) - 1} bins, {bins.counts[-1]} missing"


@reference.command("list")
@URL
@TOKEN
@AS_JSON
def list_(url: str, token: str, as_json: bool) -> None:
    """Every version, the newest first."""
    found = ask(lambda: Client(url, token).get("/v1/references"))["references"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for one in found:
        mark = f"  in force as {', '.join(one['in_force'])}" if one["in_force"] else ""
        click.echo(f"{one['name']}  {one['version']}  {one['at']}  {one['rows']:,} rows of {one['source']}{mark}")


@reference.command("show")
@click.argument("name")
@click.option("--version", default="", help="Which; else the newest.")
@URL
@TOKEN
@AS_JSON
def show(name: str, version: str, url: str, token: str, as_json: bool) -> None:
    """The bins of a reference and how many fell where."""
    from bongsu.drift import Reference

    found = _get(name, version, url, token)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    import msgspec

    one = msgspec.convert(found, Reference)
    click.echo(f"{one.name}  {one.version}  {one.rows:,} rows of {one.source}")
    for bins in one.columns:
        click.echo(f"{bins.column} ({bins.kind}){': unsuitable: ' + bins.unsuitable if bins.unsuitable else ''}")
        for label, n in zip(bins.names, bins.counts, strict=True):
            click.echo(f"  {label:<28} {n:>10,}")


@reference.command("compare")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--version", default="", help="Which; else the newest.")
@LANG
@URL
@TOKEN
@AS_JSON
def compare(name: str, file: Path, version: str, lang: Any, url: str, token: str, as_json: bool) -> None:
    """Compare FILE with a registered reference, in its bins. Exit 0 no drift, 1 drift, 2 wrong input."""
    import msgspec

    from bongsu.drift import Reference
    from bongsu.offline.comparison import Terms, against
    from bongsu.offline.driftpage import summary
    from bongsu.sources.columns import Columns, ColumnsError
    from bongsu.verbs.drift import outcome, table

    one = msgspec.convert(_get(name, version, url, token), Reference)
    try:
        report = against(one, Columns(file), Terms())
    except ColumnsError as error:
        fail(WRONG, str(error))
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        table(report, lang)
        click.echo(summary(report, lang))
    sys.exit(outcome(report))


def _get(name: str, version: str, url: str, token: str) -> Any:
    return ask(lambda: Client(url, token).get(f"/v1/references/{quote(name, safe='')}?version={quote(version)}"))
