"""A recorded file sent to a running bongsu: how far it has come, what is wrong in it, and how to go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import click
from msgspec.structs import replace

from bongsu.event import Event
from bongsu.sources.trace import Place, Trace, TraceError, rows_of
from bongsu.verbs.client import Client, RefusedError, UnreachableError

BATCH = 2000
SHOWN = 20
"""Faults that are told one by one; the others are counted."""
AGAIN = 1.0
BUSY = (429, 502, 503, 504)


class Importing:
    """One import. ``refused`` counts rows that could not be read, and those that control would not take."""

    def __init__(self, trace: Trace, client: Client, origin: Literal["live", "replay", "evaluation"],
                 patience: float) -> None:
        self._trace, self._client, self._origin, self._patience = trace, client, origin, patience
        self._sums = {"accepted": 0, "duplicates": 0}
        self._shows = sys.stderr.isatty()
        self._total = rows_of(trace.path) if self._shows else 0
        self._began, self._first = time.monotonic(), 1
        self.refused = 0

    def run(self, first: int = 1) -> dict[str, int]:
        """Send the file from row ``first`` on; where it is broken off, say how to go on."""
        self._first = first
        done, events = first - 1, self._trace.events(first, self._tell)
        try:
            while batch := list(islice(events, BATCH)):
                self._take(batch, self._sent([replace(event, origin=self._origin) for _, event in batch]))
                done = batch[-1][0].row
                self._show(done)
        except (UnreachableError, RefusedError, KeyboardInterrupt):
            self._clear()
            click.echo(f"{self._trace.path}: broken off after row {done}; go on with --from {done + 1}", err=True)
            raise
        self._clear()
        return self._sums

    def _sent(self, events: Sequence[Event]) -> Any:
        """Again and again while nobody answers or control is busy, as long as patience lasts."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._client.send(events)
            except (UnreachableError, RefusedError) as error:
                if (isinstance(error, RefusedError) and error.status not in BUSY) or time.monotonic() >= end:
                    raise
                time.sleep(min(AGAIN, max(0.0, end - time.monotonic())))

    def _take(self, batch: Sequence[tuple[Place, Event]], said: Any) -> None:
        for name in self._sums:
            self._sums[name] += said[name]
        for fault in said["refused"]:
            place, field = batch[fault["index"]][0], fault["field"]
            column = self._trace.columns.get(field, self._trace.ids if field == "id" else "")
            where = f"column {column!r} ({field})" if column and column != field else field or "the row"
            self._tell(TraceError(f"{place.of(self._trace.path)}, {where}: expected {fault['expected']}, "
                                  f"came {fault['came']}"))
        self.refused += said.get("refused_more", 0)

    def _tell(self, error: TraceError) -> None:
        self.refused += 1
        if self.refused <= SHOWN:
            self._clear()
            click.echo(str(error), err=True)

    def _show(self, row: int) -> None:
        if self._shows:
            rate = (row - self._first + 1) / max(1e-9, time.monotonic() - self._began)
            share = min(1.0, row / max(1, self._total))
            bar = "█" * round(share * 30)
            click.echo(f"\r\x1b[K{bar:30} {share:4.0%}  {row:,} rows, {rate:,.0f} a second", nl=False, err=True)

    def _clear(self) -> None:
        if self._shows:
            click.echo("\r\x1b[K", nl=False, err=True)
