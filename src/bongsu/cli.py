"""The verbs. Each is a few lines: it reads options, calls the part that knows, prints, and chooses an exit code.

Exit codes: 0 yes/done, 1 no/failed, 2 the input is wrong, 3 not known (gate inconclusive), 4 nobody answered.
Nothing heavy is imported before a verb needs it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from bongsu import __version__
from bongsu.verbs.allow import allow
from bongsu.verbs.attack import attack
from bongsu.verbs.channel import channel
from bongsu.verbs.client import Client
from bongsu.verbs.console import AS_JSON, DATA, NO, REASON, TOKEN, URL, WRONG, ask, fail, manners
from bongsu.verbs.drift import drift
from bongsu.verbs.epoch import epoch
from bongsu.verbs.events import evaluate_data
from bongsu.verbs.exchange import export, import_
from bongsu.verbs.gate import gate
from bongsu.verbs.guards import evaluate, scan
from bongsu.verbs.incident import incident
from bongsu.verbs.key import key
from bongsu.verbs.model import model
from bongsu.verbs.notice import ack, silence
from bongsu.verbs.pack import pack
from bongsu.verbs.restrict import restrict, restrictions, unrestrict
from bongsu.verbs.review import review
from bongsu.verbs.route import route
from bongsu.verbs.shadow import shadow
from bongsu.verbs.signal import reference, signal
from bongsu.verbs.status import status
from bongsu.verbs.token import token
from bongsu.verbs.vault import reveal, rewrap, shred

PORT = click.IntRange(1, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bongsu")
def cli() -> None:
    """bongsu sees AI risk as it happens, prices it as an error budget, acts on it, and proves what it did."""


cli.add_command(allow)
cli.add_command(attack)
cli.add_command(review)
cli.add_command(ack)
cli.add_command(silence)
cli.add_command(gate)
cli.add_command(incident)
cli.add_command(key)
cli.add_command(model)
cli.add_command(restrict)
cli.add_command(unrestrict)
cli.add_command(restrictions)
cli.add_command(token)
cli.add_command(route)
cli.add_command(scan)
cli.add_command(shadow)
cli.add_command(evaluate)
cli.add_command(evaluate_data)
cli.add_command(channel)
cli.add_command(drift)
cli.add_command(signal)
cli.add_command(reference)
cli.add_command(export)
cli.add_command(status)
cli.add_command(import_)
cli.add_command(pack)
cli.add_command(epoch)
cli.add_command(reveal)
cli.add_command(shred)
cli.add_command(rewrap)


# ---- policy ----


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--demo", is_flag=True, help="Check the demo's policy.")
@click.option("--lang", type=click.Choice(["en", "ko"]), help="Explain in this language.")
@AS_JSON
def check(file: Path | None, demo: bool, lang: str | None, as_json: bool) -> None:
    """Read a policy, show every error in it, run its own tests, and say in words what will happen. Exit 0, 1 or 2."""
    from bongsu.offline.checkup import check_policy, demo_policy, summed

    if demo == (file is not None):
        fail(WRONG, "expected a policy file, or --demo; came " + ("both" if demo else "neither"))
    report = check_policy(demo_policy() if demo else file, lang)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for fault in report["faults"]:
            click.echo(fault, err=True)
        for kind in ("words", "notices", "failures"):
            for line in report[kind]:
                click.echo(line, err=kind == "failures")
        if not report["faults"]:
            click.echo(summed(report))
    sys.exit(WRONG if report["faults"] else NO if report["failures"] else 0)


@cli.command()
def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    from bongsu.policy.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


# ---- running ----


@cli.command()
@click.option("--policy", "policy_path", required=True, type=click.Path(path_type=Path), help="The policy to live by.")
@DATA
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the gateway listens: loopback unless told.")
@click.option("--control-host", default="127.0.0.1", show_default=True, help="Where API and cockpit listen.")
@click.option("--public-url", default="", envvar="BONGSU_PUBLIC_URL", help="How people reach the cockpit: for links.")
@click.option("--gateway-port", default=8080, show_default=True, type=PORT)
@click.option("--control-port", default=8081, show_default=True, type=PORT)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="How many gateway processes.")
@manners
def up(policy_path: Path, data: Path, host: str, control_host: str, public_url: str, gateway_port: int,
       control_port: int, workers: int, drain: float, drain_notice: float, logs: str) -> None:
    """Run everything on this machine: N gateways and one control process, started again if they die."""
    from bongsu.app import run_up
    from bongsu.host.process import Manners

    sys.exit(run_up(policy_path, data, (host, gateway_port), (control_host, control_port), workers, public_url,
                    Manners(drain, drain_notice, logs)))  # type: ignore[arg-type] # click has checked it


@cli.command(hidden=True)
@click.option("--fd", type=int, required=True)
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), required=True)
@DATA
@click.option("--parent", type=int, default=0)
@click.option("--site", default="")
@click.option("--written", default="")
@manners
def control(fd: int, policy_path: Path, data: Path, parent: int, site: str, written: str, drain: float,
            drain_notice: float, logs: str) -> None:
    """The control process (started by `up`)."""
    from bongsu.app import run_control
    from bongsu.host.process import Manners

    run_control(fd, policy_path, data, parent, site,
                Manners(drain, drain_notice, logs), written)  # type: ignore[arg-type]


@cli.command(hidden=True)
@click.option("--fd", type=int, required=True)
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), required=True)
@DATA
@click.option("--parent", type=int, default=0)
@click.option("--worker", default="0")
@manners
def gateway(fd: int, policy_path: Path, data: Path, parent: int, worker: str, drain: float, drain_notice: float,
            logs: str) -> None:
    """One gateway process (started by `up`)."""
    from bongsu.app import run_gateway
    from bongsu.host.process import Manners

    run_gateway(fd, policy_path, data, parent, worker, Manners(drain, drain_notice, logs))  # type: ignore[arg-type]


@cli.command()
@click.option("--once", is_flag=True, help="End when the story is over: exit 0 only if every step really happened.")
@click.option("--speed", default=1.0, show_default=True, help="Shortens waits; measures nothing differently.")
@click.option("--story", "story_path", type=click.Path(path_type=Path), help="Another story than the packaged one.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the data here.")
def demo(once: bool, speed: float, story_path: Path | None, data: Path | None) -> None:
    """Start everything with a small local model and play a story of real traffic through it."""
    from bongsu.demo.run import run_demo

    sys.exit(run_demo(once=once, speed=speed, story_path=story_path, data=data))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--policy", "policy_path", type=click.Path(path_type=Path), help="Judge by this policy, not the demo's.")
@click.option("--map", "pairs", multiple=True, metavar="COLUMN=FILE_COLUMN", help="Where each event column is found.")
@click.option("--set", "constants", multiple=True, metavar="COLUMN=VALUE", help="The same for every event.")
@click.option("--unit", type=click.Choice(["s", "ms", "us"]), default="us", show_default=True,
              help="What a number in the time column counts, since 1970.")
@click.option("--upstream", help="Price calls without a cost as this upstream of the policy (else the first route's).")
@click.option("--live", is_flag=True, help="Send the trace as real calls through the demo's gateway.")
@click.option("--speed", default=60.0, show_default=True, help="With --live: how much faster than recorded.")
@click.option("--limit", type=int, help="Stop after so many rows.")
@AS_JSON
def replay(file: Path, policy_path: Path | None, pairs: tuple[str, ...], constants: tuple[str, ...],
           unit: str, upstream: str | None, live: bool, speed: float, limit: int | None, as_json: bool) -> None:
    """Judge a recorded trace (Parquet, Arrow, CSV, NDJSON) on a virtual clock: what would be alerted and done?"""
    from bongsu.offline.recorded import replay_live, replay_offline

    options = (file, policy_path, pairs, constants, unit, upstream, limit)
    found = replay_live(*options, speed) if live else replay_offline(*options)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for name, value in found.items():
        if isinstance(value, list):
            for item in value:
                click.echo(f"{item['at']}  {item['text']}" if isinstance(item, dict) else f"{name}: {item}")
        elif isinstance(value, dict):
            for key, text in value.items():
                click.echo(f"{name} {key}: {text}")
        else:
            click.echo(f"{name}: {value}")


# ---- asking a running bongsu ----


@cli.command()
@click.argument("call_id")
@URL
@TOKEN
def explain(call_id: str, url: str, token: str) -> None:
    """What happened to one call: guards, route, cost, alerts and actions around it."""
    answer = ask(lambda: Client(url, token).get(f"/v1/calls/{call_id}"))
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@cli.command()
@click.argument("switch", type=click.Choice(["on", "off"]))
@REASON
@URL
@TOKEN
def automation(switch: str, reason: str, url: str, token: str) -> None:
    """The kill switch: off holds every action that changes traffic; notices still go out."""
    ask(lambda: Client(url, token).post("/v1/automation", {"on": switch == "on", "reason": reason}))
    click.echo(f"automation is {switch}")


# ---- the record ----


@cli.group()
def audit() -> None:
    """The tamper-evident record."""


@audit.command("verify")
@DATA
@click.option("--anchor", type=click.Path(path_type=Path),
              help="A checkpoint kept elsewhere: proves against a cut or a rewrite.")
@click.option("--vkey", help="The verifier key shown at first start (else the one in the data folder).")
@AS_JSON
def audit_verify(data: Path, anchor: Path | None, vkey: str | None, as_json: bool) -> None:
    """Prove the record, or name the first record that is not what it was. Exit 0 proven, 1 not, 2 wrong input."""
    from bongsu.proof import verify_audit

    report = verify_audit(data, anchor, vkey)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else report["words"])
    sys.exit(0 if report["ok"] else WRONG if report.get("wrong") else NO)


@audit.command("prove")
@click.argument("seq", type=int)
@DATA
def audit_prove(seq: int, data: Path) -> None:
    """A self-contained proof that record SEQ is in the log: JSON for an auditor."""
    from bongsu.proof import prove_audit

    proof = prove_audit(data, seq)
    if proof is None:
        fail(WRONG, f"expected the number of a record under a signed checkpoint, came {seq}")
    click.echo(json.dumps(proof, ensure_ascii=False, indent=2))


# ---- keeping ----


@cli.command()
@click.argument("target", type=click.Path(path_type=Path))
@DATA
def backup(target: Path, data: Path) -> None:
    """Copy state, event log, policies and keys to TARGET, consistent while everything runs."""
    from bongsu.host.backup import back_up

    try:
        click.echo(back_up(data, target))
    except (OSError, ValueError) as error:
        fail(WRONG, str(error))


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@DATA
def restore(source: Path, data: Path) -> None:
    """Make a new data folder from a backup; refuses to overwrite one."""
    from bongsu.host.backup import restore as restore_from

    try:
        click.echo(restore_from(source, data))
    except (OSError, ValueError) as error:
        fail(WRONG, str(error))


def main() -> None:
    """Entry point. UTF-8 whatever the terminal says: half of our users write Korean."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    os.environ.setdefault("PYTHONUTF8", "1")
    try:
        cli(prog_name="bongsu")
    except Exception as error:
        # Faults of ours have a sentence for people; anything else is a bug, and its traceback is wanted.
        if os.environ.get("BONGSU_TRACEBACK"):
            raise
        if type(error).__module__.startswith("bongsu."):
            fail(WRONG, str(error))
        if isinstance(error, OSError) and error.filename and error.strerror:  # a place the user named, or a full disk
            fail(WRONG, f"{error.filename}: {error.strerror}")
        raise
