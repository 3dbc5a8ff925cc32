"""bongsu drift: two files compared, with no server at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from bongsu.verbs.console import AS_JSON, NO, UNKNOWN, WRONG, fail

BAR = 20


@click.command()
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("current", type=click.Path(path_type=Path))
@click.option("--measure", type=click.Choice(["psi", "kl", "js", "chi2", "wasserstein"]), default="psi",
              show_default=True, help="What decides.")
@click.option("--threshold", type=float, help="Above which it alarms [psi 0.25, kl 0.125, js 0.18].")
@click.option("--alpha", default=0.01, show_default=True, type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="How often chance may alarm, over all columns.")
@click.option("--column", "columns", multiple=True, help="Only this one (again for more).")
@click.option("--text", "texts", multiple=True, metavar="COLUMN",
              help="Compare the texts of this column by the words in them (again for more).")
@click.option("--joint/--no-joint", "together", default=True, show_default=True,
              help="Compare the columns of numbers together as well.")
@click.option("--min-rows", default=100, show_default=True, type=click.IntRange(1), help="Fewer are not judged.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with charts here.")
@click.option("--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True)
@AS_JSON
def drift(reference: Path, current: Path, measure: Any, threshold: float | None, alpha: float,
          columns: tuple[str, ...], texts: tuple[str, ...], together: bool, min_rows: int, html: Path | None, lang: Any,
          as_json: bool) -> None:
    """Compare CURRENT with REFERENCE (Parquet, CSV), column by column.

    Exit 0 no drift, 1 drift, 2 wrong input, 3 nothing could be judged.
    """
    from bongsu.offline.comparison import Terms, compare
    from bongsu.offline.driftpage import page, summary
    from bongsu.sources.columns import ColumnsError

    def progress(column: str, done: int, of: int) -> None:
        if sys.stderr.isatty():
            bar = "█" * (done * BAR // of)
            click.echo(f"\r\x1b[K{bar:░<{BAR}} {done}/{of} {column}", nl=False, err=True)

    try:
        report = compare(reference, current, Terms(measure, threshold, alpha, min_rows), columns, progress, texts,
                         together)
        if html is not None:
            html.write_text(page(report, lang), encoding="utf-8")
    except (ColumnsError, OSError) as error:
        fail(WRONG, str(error))
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        table(report, lang)
        click.echo(summary(report, lang))
    sys.exit(outcome(report))


def outcome(report: dict[str, Any]) -> int:
    """The exit code of a comparison: where nothing could be judged it must not pass for 'no drift'."""
    from bongsu.offline.comparison import judged

    return NO if report["alarms"] else 0 if judged(report) else UNKNOWN


def table(report: dict[str, Any], lang: Any) -> None:
    """The report as lines of text."""
    from bongsu.language.sentences import say
    from bongsu.language.width import left, width
    from bongsu.offline.driftpage import WORDS, number, shown

    words, measures = WORDS[lang], ("psi", "kl", "js", "chi2", "wasserstein", "p")
    rows = shown(report, words)
    wide = max(map(width, [words["column"], *rows]))
    click.echo("  ".join([left(words["column"], wide), *(m.rjust(11) for m in measures), words["verdict"]]))
    for name, one in rows.items():
        if one["note"]:
            click.echo(f"{left(name, wide)}  {say(one['note'], lang)}")
        else:
            click.echo("  ".join([left(name, wide), *(number(one[m]).rjust(11) for m in measures),
                                  words["drift" if one["alarm"] else "ok"]]))
    for name, why in report["skipped"].items():
        click.echo(f"{words['skipped']}: {name} ({say(why, lang)})")
