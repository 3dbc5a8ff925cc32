"""The verbs of the checks: scan your texts, evaluate them on your labelled rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bongsu.verbs.console import AS_JSON, NO, WRONG, fail

KINDS = ("pii", "injection", "grounding", "toxicity", "code")
DEFAULT = ("pii", "pattern", "injection")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--check", "kinds", multiple=True, metavar="KIND",
              help=f"What to look for; again for more. Default: {', '.join(DEFAULT)}.")
@click.option("--jsonl", is_flag=True, help="Read as JSONL whatever the file's name (*.jsonl and *.ndjson are).")
@click.option("--field", "fields", multiple=True, metavar="NAME", help="In JSONL, look only under this field.")
@click.option("--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True)
@AS_JSON
def scan(files: tuple[Path, ...], kinds: tuple[str, ...], jsonl: bool, fields: tuple[str, ...], lang: str,
         as_json: bool) -> None:
    """Look for personal data, secrets and injections in FILES or standard input. Exit 1 if something is found.

    Places and kinds are told, never the text that was found.
    """
    from bongsu.offline.scan import Hit, ScanError, checks_of, hits, texts

    found: list[Hit] = []
    seen = 0
    try:
        checks = checks_of(kinds or DEFAULT)
        for path in files or (Path("-"),):
            name = "standard input" if str(path) == "-" else str(path)
            rows = jsonl or bool(fields) or path.suffix in (".jsonl", ".ndjson")
            for text in texts(name, _body(path), rows, fields):
                seen += 1
                found += hits(name, text, checks)
    except ScanError as error:
        fail(WRONG, str(error))
    if as_json:
        click.echo(json.dumps({"texts": seen, "findings": [hit.as_json() for hit in found]}, ensure_ascii=False))
    else:
        score = "점수" if lang == "ko" else "score"
        for hit in found:
            field = f" {hit.field}" if hit.field else ""
            click.echo(f"{hit.file}:{hit.line}:{hit.column}{field}: {hit.kind} ({hit.check}, "
                       f"{_many(hit.length, 'character', lang)}, {score} {hit.score:.2f})")
        told = (f"텍스트 {seen}개에서 {len(found)}건을 찾았습니다" if lang == "ko" else
                f"{_many(len(found), 'finding', lang)} in {_many(seen, 'text', lang)}")
        click.echo(told, err=True)
    sys.exit(NO if found else 0)


def _many(n: int, noun: str, lang: str) -> str:
    """
    >>> _many(1, "finding", "en"), _many(2, "finding", "en"), _many(3, "character", "ko")
    ('1 finding', '2 findings', '3자')
    """
    return f"{n}자" if lang == "ko" else f"{n} {noun}{'' if n == 1 else 's'}"


def _body(path: Path) -> str:
    """A file as text; bytes that are no UTF-8 do not stop the search."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(WRONG, f"{path}: expected a file to read, came '{error.strerror}'")
    return raw.decode("utf-8-sig", "replace")


@click.command("eval")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--threshold", type=click.FloatRange(0, 1), help="Flag from this score on, not from the check's own.")
@click.option("--forms", is_flag=True, help="Personal data: only what has a form, not names and addresses.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: a .svg or .html file.")
@AS_JSON
def evaluate(kind: str, file: Path, threshold: float | None, forms: bool, plot: Path | None, as_json: bool) -> None:
    """How well a check does on your labelled rows (JSONL): by source, with intervals, and how fast."""
    from bongsu.evaluation.report import lines
    from bongsu.evaluation.rows import RowsError
    from bongsu.evaluation.run import PERSONAL, drawn, report

    if plot is not None and plot.suffix not in (".svg", ".html"):
        fail(WRONG, f"--plot: expected a file that ends in .svg or .html, came '{plot}'")
    try:
        found = report(kind, file, threshold, ("pii",) if forms else PERSONAL)
        curves = drawn(kind, file) if plot is not None else {}
    except RowsError as error:
        fail(WRONG, str(error))
    words = list(lines(found))
    if plot is not None:
        from bongsu.evaluation.picture import html, svg

        try:
            plot.write_text(html(found, curves, words) if plot.suffix == ".html" else svg(found, curves),
                            encoding="utf-8")
        except OSError as error:
            fail(WRONG, f"{plot}: expected a file to write, came '{error.strerror}'")
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(words))
