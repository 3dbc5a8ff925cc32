"""The verbs of packs: list, show."""

from __future__ import annotations

import json

import click

from bongsu.packs import PACKS
from bongsu.verbs.console import AS_JSON


@click.group()
def pack() -> None:
    """Ready policies that yours can extend with one line."""


@pack.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """Each pack, its parts, and what it may be given."""
    from bongsu.policy.extend import read_pack

    packs = [read_pack(name) for name in PACKS]
    if as_json:
        click.echo(json.dumps([{
            "name": one.name, "about": one.about, "parameters": dict(one.parameters),
            "parts": [{"name": part.name, "about": part.about, "needs": part.needs} for part in one.parts],
        } for one in packs], ensure_ascii=False, indent=2))
        return
    for one in packs:
        click.echo(f"{one.name}: {one.about}")
        for part in one.parts:
            click.echo(f"  {part.name}: {part.about}" + (f" (needs {', '.join(part.needs)})" if part.needs else ""))
        for name, about in one.parameters.items():
            click.echo(f"  with {name}: {about}")


@pack.command()
@click.argument("name", type=click.Choice(list(PACKS)))
def show(name: str) -> None:
    """The pack as it is written, with the source of every number."""
    click.echo(PACKS[name].read_text(encoding="utf-8"), nl=False)
