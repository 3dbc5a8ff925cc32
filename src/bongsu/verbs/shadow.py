"""The verb of shadow guards: what they would have done, before anybody lets them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bongsu.quantity import QuantityError, parse_duration
from bongsu.verbs.console import AS_JSON, DATA, UNKNOWN, WRONG, fail

WORDS = {
    "en": {"guard": "guard", "calls": "calls", "skipped": "not in its sample",
           "failed": "failed", "block": "would block", "share": "share (95 %)",
           "review": "would wait for a person",
           "enforced": "of these done while it was enforced", "alone": "of these not blocked by others",
           "other": "would", "found": "found",
           "none": "no guard said anything in shadow since then"},
    "ko": {"guard": "가드", "calls": "호출", "skipped": "표본에 들지 않음",
           "failed": "실패", "block": "차단했을 호출", "share": "비율 (95 %)",
           "review": "사람의 검토를 기다렸을 호출",
           "enforced": "그중 적용 중에 실제로 한 것", "alone": "그중 실제로는 차단되지 않음",
           "other": "했을 조치", "found": "찾은 것",
           "none": "그때부터 관찰 모드로 본 가드가 없습니다"},
}


@click.command()
@click.option("--since", default="7d", show_default=True, help="How far back, e.g. 24h.")
@click.option("--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True)
@DATA
@AS_JSON
def shadow(since: str, lang: str, data: Path, as_json: bool) -> None:
    """What guards in shadow would have done: calls each would have blocked or held for a person, and how many of them
    got through.

    Reads the data folder; it changes nothing. Exit 3 where no guard in shadow has seen a call.
    """
    from bongsu.offline.shadow import tally

    try:
        begin = time.time_ns() // 1000 - parse_duration(since)
    except QuantityError as error:
        fail(WRONG, f"--since: {error}")
    found = {name: one.as_json() for name, one in tally(_calls(data, begin)).items()}
    if as_json:
        click.echo(json.dumps({"since": since, "guards": found}, ensure_ascii=False, indent=2))
    elif found:
        for name, one in found.items():
            _tell(name, one, WORDS[lang])
    else:
        click.echo(WORDS[lang]["none"], err=True)
    if not found:
        raise SystemExit(UNKNOWN)


def _tell(name: str, one: dict[str, Any], words: dict[str, str]) -> None:
    held = one["review"]
    stopped = [_share(act, counts, words) for act, counts in (("block", one), ("review", held))
               if counts[act] or (act == "block" and not held["review"])]
    click.echo(f"{words['guard']} {name}: {words['calls']} {one['calls']}, {', '.join(stopped)}, "
               f"{words['failed']} {one['failed']}"
               + (f", {words['skipped']} {one['skipped']}" if one["skipped"] else ""))
    for label, counts in ((words["other"], one["acts"]), (words["found"], one["kinds"])):
        if counts:
            click.echo(f"  {label}: " + ", ".join(f"{key} {n}" for key, n in counts.items()))


def _share(act: str, counts: dict[str, Any], words: dict[str, str]) -> str:
    low, high = counts["interval"]
    enforced = f"{words['enforced']} {counts['enforced']}, " if counts["enforced"] else ""
    return (f"{words[act]} {counts[act]}, {words['share']} {counts['share']:.2%} ({low:.2%} .. {high:.2%}), {enforced}"
            f"{words['alone']} {counts['alone']}")


def _calls(data: Path, begin: int) -> Iterator[tuple[bool, Any]]:
    """(blocked, verdicts) of each call since then."""
    from bongsu.host.folder import Folder
    from bongsu.offline.shadow import COLUMNS, calls_of
    from bongsu.stores.log import EventLog

    path = Folder(data).events
    if not path.is_file():
        fail(WRONG, f"--data: expected a folder with an event log, came {data}; name that of `bongsu up`")
    with EventLog(path) as log:
        for _, table in log.read(columns=COLUMNS):
            for call in calls_of(table, begin):
                yield call.blocked, call.verdicts
