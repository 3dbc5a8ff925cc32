"""Two table files compared column by column, as plain values: the first cuts the bins that the second falls into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from bongsu.drift import Bins, Joint, Measure, Reference, distance, shares
from bongsu.novelty import Known, counted, new_words
from bongsu.quantity import show_share
from bongsu.sources.columns import WORDS, Columns, ColumnsError, bins_of, counts_of
from bongsu.sources.joint import counts_along, joined

THRESHOLDS: dict[Measure, float] = {"psi": 0.25, "kl": 0.125, "js": 0.18, "chi2": 0.0, "wasserstein": 0.0}
"""Above which a measure alarms unless told otherwise. PSI's is the usual one; KL's and JS's are the same shift seen by
them (half of it; the root of an eighth of it, in bits)."""

TOGETHER = "__joint__"
"""Numbers together, among the names of columns."""
NEW_WORDS = ": new words"
"""Ends the name of the row that says how much of a column's texts is in words that the reference does not have."""
NOVEL = 0.4
"""It alarms at this share of the usual thresholds (PSI 0.1): a fifth of new questions gives 0.17 on CLINC150."""


@dataclass(frozen=True)
class Terms:
    """What alarms: ``measure`` above ``threshold``, beyond chance at ``alpha`` divided by the number of columns."""

    measure: Measure = "psi"
    threshold: float | None = None
    alpha: float = 0.01
    min_rows: int = 100

    @property
    def limit(self) -> float:
        return THRESHOLDS[self.measure] if self.threshold is None else self.threshold


@dataclass(frozen=True)
class Found:
    """One column. Values are None where it cannot be judged, and ``note`` says why."""

    kind: str
    psi: float | None
    kl: float | None
    js: float | None
    chi2: float | None
    wasserstein: float | None
    p: float | None
    alarm: bool
    note: str
    names: tuple[str, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]


def compare(reference: Path, current: Path, terms: Terms, only: tuple[str, ...] = (),
            progress: Callable[[str, int, int], None] = lambda column, done, of: None, texts: tuple[str, ...] = (),
            together: bool = True) -> dict[str, Any]:
    """Everything `bongsu drift` says; ``texts`` are columns compared by the cells of their texts.

    With ``together`` numbers are compared together as well, if there are two or more. ``progress`` hears the column
    that is read, how many were before it, and how many there are.

    Raises ``ColumnsError``.
    """
    one, two = Columns(reference, texts), Columns(current, texts)
    for name in texts:
        for file in (one, two):
            if name in file.schema.names and file.kind(name) != "text":
                raise ColumnsError(f"{file.path}: expected texts in column {name!r}, came "
                                   f"{file.schema.field(name).type}")
    for name in (*only, *texts):
        if name not in one.schema.names:
            raise ColumnsError(f"{reference}: expected a column {name!r}; it has {', '.join(one.schema.names)}")
    names = [name for name in one.schema.names if not only or name in only]
    skipped = {name: "only in the current file" for name in two.schema.names
               if not only and name not in one.schema.names}
    pairs: dict[str, tuple[Bins, list[int]]] = {}
    for done, name in enumerate(names):
        progress(name, done, len(names) + together)
        kind = one.kind(name)
        if kind is None:
            skipped[name] = f"its type ({one.schema.field(name).type}) has no distribution to compare"
        elif name not in two.schema.names:
            skipped[name] = "only in the reference"
        elif kind == "number" and two.kind(name) not in ("number", "text") and not two.empty(name):
            skipped[name] = f"numbers in the reference, {two.schema.field(name).type} in the current file"
        else:
            bins = bins_of(one.read(name), name, kind)
            pairs[name] = bins, counts_of(two.read(name), bins)
        if name in texts and name in pairs:
            pairs[name + NEW_WORDS] = new_words(name + NEW_WORDS, one.some_texts(name), two.some_texts(name))
    joint = None
    if together:
        progress(TOGETHER, len(names), len(names) + 1)
        numbers = [name for name, (bins, _) in pairs.items() if bins.kind == "number" and name in one.schema.names]
        joint = _joint(joined({name: one.read(name) for name in numbers}), two, terms) if len(numbers) > 1 else None
    return _report(pairs, skipped, (one.rows, two.rows), terms, joint)


def against(reference: Reference, current: Columns, terms: Terms) -> dict[str, Any]:
    """The same with a reference that was made before."""
    skipped, pairs = {}, {}
    for bins in reference.columns:
        there = current.find(bins.column)
        if there is None:
            skipped[bins.column] = "only in the reference"
        else:
            pairs[bins.column] = bins, _counted(reference, bins, current, there)
    return _report(pairs, skipped, (reference.rows, current.rows), terms, _joint(reference.joint, current, terms))


def _counted(reference: Reference, bins: Bins, current: Columns, there: str) -> list[int]:
    words = getattr(reference, WORDS[bins.column]) if bins.column in WORDS else None
    if words is not None:
        return counted(map(Known(words).share, current.some_texts(there)))
    return counts_of(current.read(there), bins)


def _report(pairs: dict[str, tuple[Bins, list[int]]], skipped: dict[str, str], rows: tuple[int, int],
            terms: Terms, joint: dict[str, Any] | None) -> dict[str, Any]:
    sound = sum(_why_not(bins, now, terms) == "" for bins, now in pairs.values())
    found = {name: _judge(bins, now, terms, sound) for name, (bins, now) in pairs.items()}
    alarms = [name for name, each in found.items() if each.alarm]
    return {"columns": {name: asdict(each) for name, each in found.items()}, "skipped": skipped, "joint": joint,
            "rows": {"reference": rows[0], "current": rows[1]},
            "alarms": [*alarms, TOGETHER] if joint and joint["alarm"] else alarms,
            "terms": {"measure": terms.measure, "threshold": terms.limit, "alpha": terms.alpha, "comparisons": sound}}


def _joint(joint: Joint | None, current: Columns, terms: Terms) -> dict[str, Any] | None:
    """All numbers together: the direction along which they moved most, and how likely that is over all directions.

    None where there are no two numbers to compare.
    """
    if joint is None:
        return None
    there = {column.name: current.find(column.name) for column in joint.columns}
    if not all(name and current.kind(name) in ("number", "text") for name in there.values()):
        return None
    counted = counts_along(joint, {column: current.read(str(name)) for column, name in there.items()})
    ways = [(way.bins, now) for way, now in zip(joint.directions, counted, strict=True) if not way.bins.unsuitable]
    if not ways:
        return None
    judged = [(_judge(bins, now, terms, len(ways)), bins) for bins, now in ways]
    value = {id(bins): getattr(found, terms.measure) or 0.0 for found, bins in judged}
    found, bins = max(judged, key=lambda one: (one[0].alarm, value[id(one[1])]))
    p = None if found.p is None else min(1.0, found.p * len(ways))
    return {**asdict(replace(found, kind="joint", p=p)), "about": bins.column, "directions": len(ways)}


def _why_not(bins: Bins, now: list[int], terms: Terms) -> str:
    if bins.unsuitable:
        return f"unsuitable: {bins.unsuitable}"
    few = min(sum(bins.counts), sum(now))
    return f"insufficient data: {few} rows, {terms.min_rows} are needed" if few < terms.min_rows else ""


def _judge(bins: Bins, now: list[int], terms: Terms, comparisons: int) -> Found:
    note = _why_not(bins, now, terms)
    values: dict[str, float | None] = dict.fromkeys(THRESHOLDS)
    p, alarm = None, False
    if not note:
        all_of = {measure: distance(bins, now, measure) for measure in THRESHOLDS}
        values = {measure: one.value for measure, one in all_of.items()}
        if bins.kind != "number":
            values["wasserstein"] = None
        chosen = all_of[terms.measure]
        novel = terms.threshold is None and (bins.column in WORDS or bins.column.endswith(NEW_WORDS))
        limit = terms.limit * (NOVEL if novel else 1)
        p, alarm = chosen.p, chosen.value > limit and chosen.p < terms.alpha / max(1, comparisons)
    return Found(bins.kind, values["psi"], values["kl"], values["js"], values["chi2"], values["wasserstein"], p, alarm,
                 note, bins.names, bins.counts, tuple(now))


def judged(report: dict[str, Any]) -> int:
    """Of how many columns, numbers together being one more, a report can say whether they have drifted."""
    return sum(not one["note"] for one in (*report["columns"].values(), *filter(None, [report["joint"]])))


def bars(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Each bin with its share in the reference and now; bins that both lack are left out."""
    rows = [row for row in zip(found["names"], found["reference"], found["current"], strict=True) if row[1] or row[2]]
    if not rows:
        return []
    before, after = (_plain([row[i] for row in rows]) for i in (1, 2))
    return [(row[0], a, b) for row, a, b in zip(rows, before, after, strict=True)]


def _plain(counts: list[int]) -> list[float]:
    return shares(counts, "none") if sum(counts) else [0.0] * len(counts)


def percent(share: float) -> str:
    return show_share(Fraction(share).limit_denominator(10**6), 1)
