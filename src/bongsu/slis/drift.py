"""How far columns of this window are from a reference, bin by bin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.drift import Bins, Distance, Measure, Reference, Smoothing, chance, distance
from bongsu.event import FEATURES, TEXTS
from bongsu.expression import Expression, feature, read
from bongsu.interval import check_alpha, exact


@dataclass(frozen=True)
class Drift:
    """The largest distance, over ``columns``, of this window from a ``reference``; all its features if none is named.

    ``measure``: psi, kl (of the window from the reference), js, chi2 (the statistic, which grows with the events), or
    wasserstein, which is approximate: it is made of bins. ``smoothing`` says how empty bins count.

    An alarm needs more than a value above its threshold: chance alone must give such a value less often than ``alpha``
    divided by columns and looks. Columns with fewer than ``min_events`` events are not judged, nor are those whose
    reference is unsuitable (constant, or too few bins).
    """

    kind: ClassVar[str] = "drift"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "always"
    reference: str = field(metadata={"ref": "references"})
    columns: tuple[str, ...] = field(default=(), metadata={"ref": "columns"})
    measure: Measure = "psi"
    smoothing: Smoothing = "half"
    alpha: Fraction = Fraction(1, 100)
    min_events: int = 100
    of: Expression | None = None
    bins: tuple[Bins, ...] = field(default=(), metadata={"bound": True})
    bound_to: Reference | None = field(default=None, metadata={"bound": True})
    lacking: str = field(default="no reference of the policy's types is registered yet", metadata={"bound": True})

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.min_events < 1:
            raise ValueError(f"min_events: expected 1 or more, came {self.min_events}")

    def against(self, reference: Reference) -> Drift:
        """The same, compared with these bins."""
        wanted = self.columns or tuple(b.column for b in reference.columns if b.column.startswith(FEATURES))
        found = [bins for column in wanted if (bins := reference.get(column)) is not None]
        sound = tuple(bins for bins in found if not bins.unsuitable and any(bins.counts))
        why = [f"{bins.column}: {bins.unsuitable}" for bins in found if bins.unsuitable]
        why += [f"reference {reference.name} has no column {column}" for column in wanted
                if reference.get(column) is None]
        return replace(self, bins=sound, bound_to=reference, lacking="; ".join(why))

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        counted = (self._about(),) if self.of is None else (self.of,)
        return {f"{b.column}:": aggregate.Tally(_column(b), b.edges, b.categories, (*counted, *self._known_by(b)))
                for b in self.bins}

    def _known_by(self, bins: Bins) -> tuple[Expression, ...]:
        """What is found of an event by a reference's words (``novelty.py``) is compared with no other's."""
        by = next((one.by for one in TEXTS if one.words == bins.column), "")
        words = getattr(self.bound_to, by, None) if by else None
        return (read(f"{by} = '{words.version}'"),) if words else ()

    def _about(self) -> Expression:
        """Predictions, and other events that have any of the columns."""
        known = [f"{_column(b).text} IS NOT NULL" for b in self.bins]
        columns = dict.fromkeys(("kind", *(c for b in self.bins for c in _column(b).columns)))
        return Expression(" OR ".join(["kind = 'prediction'", *known]), "bool", tuple(columns))

    def compared(self, vector: Vector) -> Iterator[tuple[Bins, int, Distance | None]]:
        """Each column with its events and its distance; None where there are too few."""
        for bins in self.bins:
            now = [vector.get(f"{bins.column}:{i}", 0) for i in range(len(bins.counts))]
            n = sum(now)
            yield bins, n, distance(bins, now, self.measure, self.smoothing) if n >= self.min_events else None

    def value(self, vector: Vector) -> Fraction | None:
        return self.evidence(vector).value

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        return strongest(list(self.compared(vector)), float(self.alpha) / looks, self.min_events, self.lacking)


    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), None

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """That of the column of which it takes most events."""
        return foreseen(self.bins, self.measure, value, n, float(self.alpha) / looks, self.min_events)


def foreseen(columns: Sequence[Bins], measure: Measure, value: float, n: int, alpha: float,
             min_events: int) -> aggregate.Evidence:
    """What ``n`` events would show whose distance is ``value`` in each column."""
    if not columns or measure == "wasserstein":
        return aggregate.Evidence(None)
    if n < min_events:
        return aggregate.Evidence(None, n, insufficient=f"{min_events} events are needed, {n} came")
    most = max(chance(measure, value, 1 / max(1, sum(b.counts)) + 1 / n, max(1, sum(map(bool, b.counts)) - 1))
               for b in columns)
    return aggregate.Evidence(exact(value), n, significant=most < alpha / len(columns))


def strongest(found: Sequence[tuple[Bins, int, Distance | None]], alpha: float, min_events: int,
              lacking: str) -> aggregate.Evidence:
    """The largest distance of those that are beyond chance at ``alpha`` divided by their number, else of all."""
    most = max((n for _, n, _ in found), default=0)
    judged = [(bins.column, n, d) for bins, n, d in found if d is not None]
    if not judged:
        few = f"{min_events} events are needed, {most} came" if most else ""
        return aggregate.Evidence(None, most, insufficient=few or (lacking if not found else ""))
    level = alpha / len(found)
    column, n, d = max(judged, key=lambda one: (one[2].p < level, one[2].value))
    return aggregate.Evidence(exact(d.value), n, significant=d.p < level, about=column)


def _column(bins: Bins) -> Expression:
    """Where the values of a column are."""
    name = bins.column.removeprefix(FEATURES)
    if name == bins.column:
        return read(f"{name}", "any") if bins.kind != "bool" else _as_text(name, name)
    found = feature(name, "text" if bins.kind == "words" else bins.kind)
    return _as_text(found.text, found.columns[0]) if bins.kind == "bool" else found


def _as_text(text: str, column: str) -> Expression:
    return Expression(f"CAST({text} AS TEXT)", "text", (column,))
