"""What the verbs of the command line share: exit codes, options, and how a call to control ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from bongsu.verbs.client import DEFAULT_URL, RefusedError, UnreachableError

NO, WRONG, UNKNOWN, UNREACHABLE = 1, 2, 3, 4
DATA = click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=".bongsu", show_default=True,
                    envvar="BONGSU_DATA", help="The data folder.")
URL = click.option("--url", default=DEFAULT_URL, show_default=True, envvar="BONGSU_URL", help="The control port.")
TOKEN = click.option("--token", default="", envvar="BONGSU_TOKEN", help="The admin token (better: BONGSU_TOKEN).")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
REASON = click.option("--reason", required=True, help="Goes on the record.")


def fail(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


def instant(at: int) -> str:
    """Microseconds since 1970 as people and programs read them.

    >>> instant(1_790_000_000_000_000)
    '2026-09-21T14:13:20Z'
    """
    return datetime.fromtimestamp(at // 10**6, UTC).isoformat().replace("+00:00", "Z")


def ask(call: Callable[[], Any]) -> Any:
    """Carry out a call to control; say what is wrong in one line where it fails."""
    try:
        return call()
    except UnreachableError as error:
        fail(UNREACHABLE, str(error))
    except RefusedError as error:
        fail(WRONG if error.status in (400, 401, 404) else NO, str(error))


def manners(command: Any) -> Any:
    """The options of how processes leave, and of what they write."""
    seconds = click.FloatRange(0, 3600)
    for option in (
        click.option("--logs", type=click.Choice(["text", "json"]), default="text", show_default=True,
                     envvar="BONGSU_LOGS", help="What is written to standard error; json adds a line a call."),
        click.option("--drain-notice", type=seconds, default=0.0, show_default=True, envvar="BONGSU_DRAIN_NOTICE",
                     help="Seconds that a gateway told to end says 'not ready' before it takes no more calls."),
        click.option("--drain", type=seconds, default=10.0, show_default=True, envvar="BONGSU_DRAIN",
                     help="Seconds that open calls then have to end.")):
        command = option(command)
    return command
