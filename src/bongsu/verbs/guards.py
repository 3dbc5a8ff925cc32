"""The verbs of the checks: scan your texts, evaluate them on your labelled rows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bongsu.verbs.console import AS_JSON, NO, UNKNOWN, WRONG, fail

if TYPE_CHECKING:
    from bongsu.evaluation.run import Evaluated
    from bongsu.offline.scan import Hit, Miss
    from bongsu.ports import Check

KINDS = ("pii", "injection", "grounding", "toxicity", "code")
DEFAULT = ("pii", "pattern", "injection")
POLICY = click.option("--policy", type=click.Path(path_type=Path, dir_okay=False), help="Look with guards of this one.")
_UNREADABLE = {
    "en": "read in part: expected text in UTF-8, UTF-16, UTF-32 or CP949, came {n} bytes that are none",
    "ko": "일부만 읽었습니다: UTF-8, UTF-16, UTF-32, CP949 텍스트가 아닌 바이트가 {n}개 있습니다",
}
_FAILED = {
    "en": "{check} could not look at this text ({error})",
    "ko": "{check} 검사가 이 텍스트를 보지 못했습니다 ({error})",
}


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--check", "kinds", multiple=True, metavar="KIND",
              help=f"What to look for; again for more. Default: {', '.join(DEFAULT)}.")
@POLICY
@click.option("--guard", "guards", multiple=True, metavar="NAME",
              help="With --policy: one of its guards, a model of your own say; again for more. Default: all that look "
                   "at one text.")
@click.option("--jsonl", is_flag=True, help="Read as JSONL whatever the file's name (*.jsonl and *.ndjson are).")
@click.option("--field", "fields", multiple=True, metavar="NAME", help="In JSONL, look only under this field.")
@click.option("--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True)
@AS_JSON
def scan(files: tuple[Path, ...], kinds: tuple[str, ...], policy: Path | None, guards: tuple[str, ...], jsonl: bool,
         fields: tuple[str, ...], lang: str, as_json: bool) -> None:
    """Look for personal data, secrets and injections in FILES or standard input. Exit 1 if something is found, 3 if
    nothing is and a check failed on some text (standard error says on which).

    Places and kinds are told, never the text that was found.
    """
    from bongsu.offline.scan import Hit, ScanError, decoded, looked, texts

    found: list[Hit] = []
    missed: list[Miss] = []
    partly: list[str] = []
    seen = 0
    try:
        checks = _checks(kinds, policy, guards)
        for path in files or (Path("-"),):
            name = "standard input" if str(path) == "-" else str(path)
            rows = jsonl or bool(fields) or path.suffix in (".jsonl", ".ndjson")
            body, astray = decoded(_bytes(path))
            if astray:
                partly.append(name)
                click.echo(f"{name}: {_UNREADABLE[lang].format(n=astray)}", err=True)
            for text in texts(name, body, rows, fields):
                seen += 1
                for one in looked(name, text, checks):
                    if isinstance(one, Hit):
                        found.append(one)
                    else:
                        missed.append(one)
                        click.echo(f"{_place(one)}: {_FAILED[lang].format(check=one.check, error=one.error)}", err=True)
    except ScanError as error:
        fail(WRONG, str(error))
    if as_json:
        click.echo(json.dumps({"texts": seen, "partly_read": partly, "not_looked_at": [m.as_json() for m in missed],
                               "findings": [hit.as_json() for hit in found]}, ensure_ascii=False))
    else:
        _tell(found, missed, seen, lang)
    sys.exit(NO if found else UNKNOWN if missed else 0)


def _place(one: Miss) -> str:
    return f"{one.file}:{one.line}{' ' + one.field if one.field else ''}"


def _tell(found: Sequence[Hit], missed: Sequence[Miss], seen: int, lang: str) -> None:
    """Findings a line each, and how much was looked at."""
    score = "점수" if lang == "ko" else "score"
    for hit in found:
        field = f" {hit.field}" if hit.field else ""
        click.echo(f"{hit.file}:{hit.line}:{hit.column}{field}: {hit.kind} ({hit.check}, "
                   f"{_many(hit.length, 'character', lang)}, {score} {hit.score:.2f})")
    told = (f"텍스트 {seen}개에서 {len(found)}건을 찾았습니다" if lang == "ko" else
            f"{_many(len(found), 'finding', lang)} in {_many(seen, 'text', lang)}")
    if missed:
        told += (f"; 검사 {len(missed)}건은 하지 못했습니다" if lang == "ko" else
                 f"; {_many(len(missed), 'look', lang)} failed")
    click.echo(told, err=True)


def _checks(kinds: tuple[str, ...], policy: Path | None, guards: tuple[str, ...]) -> dict[str, Check]:
    """What is looked with: the checks asked for, the guards of a policy, or both."""
    from bongsu.offline.chosen import GuardError, chosen
    from bongsu.offline.scan import checks_in, checks_of
    from bongsu.policy import PolicyError, load

    _with_policy(policy, guards)
    if policy is None:
        return checks_of(kinds or DEFAULT)
    try:
        return {**checks_of(kinds), **checks_in(chosen(load(policy, os.environ), guards))}
    except (PolicyError, GuardError) as error:
        fail(WRONG, str(error))


def _with_policy(policy: Path | None, guards: tuple[str, ...]) -> None:
    if guards and policy is None:
        fail(WRONG, "--guard: expected the policy that it is in (--policy FILE), came none")


def _many(n: int, noun: str, lang: str) -> str:
    """
    >>> _many(1, "finding", "en"), _many(2, "finding", "en"), _many(3, "character", "ko")
    ('1 finding', '2 findings', '3자')
    """
    return f"{n}자" if lang == "ko" else f"{n} {noun}{'' if n == 1 else 's'}"


def _bytes(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(WRONG, f"{path}: expected a file to read, came '{error.strerror}'")


class _WithColumns(click.Command):
    """Its help ends with the columns of each kind of file, from the table they are read by."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click calls it)
        from bongsu.evaluation.rows import COLUMNS

        for kind, columns in COLUMNS.items():
            with formatter.section(f"Columns of {kind} ([…] may be left out)"):
                formatter.write_dl([(c.name if c.needed else f"[{c.name}]", c.says) for c in columns])


@click.command("eval", cls=_WithColumns)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--threshold", type=click.FloatRange(0, 1), help="Flag from this score on, not from the check's own.")
@POLICY
@click.option("--guard", "guards", multiple=True, metavar="NAME",
              help="With --policy: the guard to evaluate in place of our check; for personal data, again for more.")
@click.option("--forms", is_flag=True, help="Personal data: only what has a form, not names and addresses.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: a .svg or .html file.")
@AS_JSON
def evaluate(kind: str, file: Path, threshold: float | None, policy: Path | None, guards: tuple[str, ...], forms: bool,
             plot: Path | None, as_json: bool) -> None:
    """How well a check, or a guard of a policy, does on your labelled rows (JSONL): by source, with intervals, and how
    fast.

    A guard that asks others (check: judge, factcheck) asks once a row: that takes its time, and what it costs.
    """
    from bongsu.evaluation.report import lines

    if plot is not None and plot.suffix not in (".svg", ".html"):
        fail(WRONG, f"--plot: expected a file that ends in .svg or .html, came '{plot}'")
    found, curves = _evaluated(kind, file, threshold, policy, guards, forms)
    words = list(lines(found))
    if plot is not None:
        from bongsu.evaluation.picture import html, svg

        try:
            plot.write_text(html(found, curves, words) if plot.suffix == ".html" else svg(found, curves),
                            encoding="utf-8")
        except OSError as error:
            fail(WRONG, f"{plot}: expected a file to write, came '{error.strerror}'")
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(words))


def _evaluated(kind: str, file: Path, threshold: float | None, policy: Path | None, guards: tuple[str, ...],
               forms: bool) -> Evaluated:
    from bongsu.app import evaluate
    from bongsu.evaluation.rows import RowsError
    from bongsu.evaluation.run import PERSONAL, evaluated
    from bongsu.offline.chosen import GuardError
    from bongsu.policy import PolicyError
    from bongsu.ports import SecretError
    from bongsu.support import JudgeError

    _with_policy(policy, guards)
    if policy is not None and forms:
        fail(WRONG, "--forms: expected our own checks, came a policy; --guard says with what is looked")
    try:
        if policy is None:
            return evaluated(kind, file, threshold, ("pii",) if forms else PERSONAL)
        return evaluate(kind, file, policy, guards, threshold)
    except (RowsError, GuardError, PolicyError, JudgeError, SecretError) as error:
        fail(WRONG, str(error))
