"""A data set measured by the signals of a policy, as live traffic would be: one value each for the whole of it.

The same expressions, the same counting, the same evidence; so a figure of an offline run and one of production may be
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from bongsu.aggregate import Evidence
from bongsu.alert import Rule, Signal, Threshold
from bongsu.cell import Cells, Labels
from bongsu.engine import Plan
from bongsu.event import Event
from bongsu.incident import limit, show
from bongsu.ports import Timed
from bongsu.runners.labelled import LabelledCounter

ALL = (0, 2**62)


@dataclass(frozen=True)
class Row:
    """One signal's value over the data set, for all of it or for one combination of label values."""

    signal: Signal
    labels: Labels | None
    found: Evidence
    breached: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        found, unit = self.found, self.signal.unit
        return {"signal": self.signal.name, "kind": self.signal.sli.kind,
                "labels": None if self.labels is None else dict(zip(self.signal.labels, self.labels, strict=True)),
                "value": None if found.value is None else float(found.value), "shown": show(found.value, unit),
                "low": None if found.low is None else float(found.low),
                "high": None if found.high is None else float(found.high),
                "n": found.n, "insufficient": found.insufficient, "breached": list(self.breached)}


@dataclass(frozen=True)
class Evaluation:
    """What the signals say of so many events."""

    events: int
    rows: tuple[Row, ...]


def evaluate(plan: Plan, batches: Iterable[Sequence[Event]],
             progress: Callable[[int], None] = lambda n: None) -> Evaluation:
    """Count everything, whatever its time; thresholds of alerts are looked at as if the whole were their window.

    Labels that are rows of their own join what they are about. All of it is read before it is counted, since the last
    row may be the label of the first.
    """
    signals = tuple(replace(s, origin="any") for s in plan.signals)
    counter, cells, events = LabelledCounter(signals, plan.base), Cells(plan.base), 0
    times: list[int] = []
    try:
        for batch in _with_labels_together(batches):
            cells.add(counter.count(batch))
            times += [at(e.time for e in batch) for at in (min, max) if batch]
            events += len(batch)
            progress(events)
    finally:
        counter.close()
    if times:  # of so much time the whole is: in whole base windows
        cells.since, cells.upto = min(times) // plan.base * plan.base, (max(times) // plan.base + 1) * plan.base
    return Evaluation(events, tuple(row for s in signals for row in _rows(s, cells, plan.rules)))


def _with_labels_together(batches: Iterable[Sequence[Event]]) -> Iterable[list[Event]]:
    """Batches as they come; all in one where some row is a label."""
    found = [list(batch) for batch in batches]
    return [list(chain.from_iterable(found))] if any(e.kind == "label" for b in found for e in b) else found


def _rows(signal: Signal, cells: Cells, rules: Sequence[Rule]) -> Iterable[Row]:
    yield _row(signal, None, cells, rules)
    if signal.labels:
        for labels in cells.labels(signal.key):
            yield _row(signal, labels, cells, rules)


def _row(signal: Signal, labels: Labels | None, cells: Cells, rules: Sequence[Rule]) -> Row:
    sli = signal.sli.during(cells.covered(*ALL)) if isinstance(signal.sli, Timed) else signal.sli
    found = sli.evidence(cells.vector(signal.key, *ALL, labels=None if labels is None else [labels]))
    breached = tuple(f"{rule.name} ({limit(rule.when)})" for rule in rules
                     if isinstance(rule.when, Threshold) and rule.when.signal.key == signal.key and not rule.nodata
                     and bool(rule.by) == (labels is not None) and rule.when.holds(found))
    return Row(signal, labels, found, breached)


def lines(found: Evaluation) -> Iterable[str]:
    """A table for people."""
    rows = [("signal", "value", "interval", "events", "")]
    for row in found.rows:
        e, unit = row.found, row.signal.unit
        name = row.signal.name if row.labels is None else f"  {', '.join(row.labels)}"
        interval = "" if e.low is None or e.high is None else f"{show(e.low, unit)} .. {show(e.high, unit)}"
        value = f"insufficient data: {e.insufficient}" if e.insufficient else show(e.value, unit)
        rows.append((name, value, interval, str(e.n), " ".join(f"! {one}" for one in row.breached)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for cells in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, [*widths, 0], strict=True)).rstrip()
