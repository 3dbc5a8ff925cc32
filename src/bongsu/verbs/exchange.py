"""The verbs that trade policies with other tools: export, import."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bongsu.verbs.console import WRONG, fail
from bongsu.verbs.events import import_events

OUT = click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False),
                   help="Write into this folder, not to standard output.")
POLICY = click.argument("policy", type=click.Path(path_type=Path))
FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group("export")
def export() -> None:
    """A policy for other tools to read. What their form cannot say is told on standard error."""


@export.command("prometheus")
@POLICY
@OUT
@click.option("--sloth-compat", is_flag=True, help="Add the labels that boards made for Sloth filter by.")
def export_prometheus(policy: Path, out: Path | None, sloth_compat: bool) -> None:
    """Recording and alerting rules; with -o a promtool test file beside them."""
    from bongsu.exports.prometheus import left_out, rules
    from bongsu.exports.promtest import rules_test
    from bongsu.policy import load

    read = load(policy, os.environ)
    files = {"rules.yml": rules(read, sloth_compat)}
    if out is not None:
        files["rules_test.yml"] = rules_test(read, sloth_compat=sloth_compat)
    _write(files, out, left_out(read))


@export.command("openslo")
@POLICY
@OUT
def export_openslo(policy: Path, out: Path | None) -> None:
    """OpenSLO v1: services, indicators, objectives and burn alerts."""
    from bongsu.exports.openslo import left_out, openslo
    from bongsu.policy import load

    read = load(policy, os.environ)
    _write({"openslo.yaml": openslo(read)}, out, left_out(read))


@click.group("import")
def import_() -> None:
    """Another tool's objectives as a policy, on standard output; or recorded events, into a running bongsu."""


import_.add_command(import_events)


@import_.command("openslo")
@FILE
def import_openslo(file: Path) -> None:
    """From OpenSLO v1 or v1alpha."""
    from bongsu.imports.openslo import openslo

    _read(file, openslo)


@import_.command("sloth")
@FILE
@click.option("--period", default="30d", show_default=True, help="The window of the objectives; Sloth keeps it apart.")
def import_sloth(file: Path, period: str) -> None:
    """From Sloth's prometheus/v1."""
    from bongsu.imports.sloth import sloth
    from bongsu.quantity import QuantityError, parse_duration

    try:
        window = parse_duration(period)
    except QuantityError as error:
        fail(WRONG, f"--period: {error}")
    _read(file, lambda text, path: sloth(text, path, window))


def _write(files: dict[str, str], out: Path | None, left_out: list[str]) -> None:
    for line in left_out:
        click.echo(f"not exported: {line}", err=True)
    if out is None:
        click.echo(next(iter(files.values())), nl=False)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
            click.echo(out / name)
    except OSError as error:
        fail(WRONG, f"{error.filename}: expected a folder to write into, came '{error.strerror}'")


def _read(file: Path, convert: Callable[[str, str], str]) -> None:
    from bongsu.policy import PolicyError

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        fail(WRONG, f"{file}: expected a file to read, came '{error.strerror}'")
    except UnicodeDecodeError as error:
        fail(WRONG, f"{file}: expected text in UTF-8, came the byte 0x{error.object[error.start]:02x}")
    try:
        click.echo(convert(text, str(file)), nl=False)
    except PolicyError as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        sys.exit(WRONG)
