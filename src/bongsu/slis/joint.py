"""How far numbers, taken together, are from a reference: a relation that breaks while every column stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from bongsu import aggregate
from bongsu.cell import Vector
from bongsu.drift import Direction, Joint, Measure, Reference, Smoothing, distance
from bongsu.event import FEATURES
from bongsu.expression import Expression, either, feature, read
from bongsu.interval import check_alpha
from bongsu.slis.drift import foreseen, strongest


@dataclass(frozen=True)
class JointDrift:
    """The largest distance, over fixed directions through the numeric features of a ``reference``, of this window.

    A direction is a weighted sum of features (``joint.py``): a feature beside the others, or a few together. Its
    histogram adds up as a column's, in bins cut once at the reference's deciles; ``measure`` and ``smoothing`` are as
    of ``drift``. Events in which no feature is known do not count; a feature that is missing counts as its mean.

    An alarm needs more than a value above its threshold: chance alone must give such a value less often than ``alpha``
    divided by directions and looks. Fewer than ``min_events`` events are not judged.
    """

    kind: ClassVar[str] = "joint_drift"
    unit: ClassVar[str] = ""
    proof: ClassVar[aggregate.Proof] = "always"
    reference: str = field(metadata={"ref": "references"})
    measure: Measure = "psi"
    smoothing: Smoothing = "half"
    alpha: Fraction = Fraction(1, 100)
    min_events: int = 200
    of: Expression | None = None
    joint: Joint | None = field(default=None, metadata={"bound": True})
    bound_to: Reference | None = field(default=None, metadata={"bound": True})
    lacking: str = field(default="no reference of the policy's types is registered yet", metadata={"bound": True})

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.min_events < 1:
            raise ValueError(f"min_events: expected 1 or more, came {self.min_events}")

    @property
    def columns(self) -> tuple[str, ...]:
        """All features."""
        return ()

    def against(self, reference: Reference) -> JointDrift:
        """The same, compared along the directions of this reference."""
        why = f"reference {reference.name} has no two numeric features that vary"
        return replace(self, joint=reference.joint, bound_to=reference, lacking=why)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.joint is None:
            return {}
        some = either([_known(column.name) for column in self.joint.columns])
        where = (some,) if self.of is None else (some, self.of)
        return {f"{i}:": aggregate.Tally(_sum(self.joint, way), way.bins.edges, where=where)
                for i, way in self._judged(self.joint)}

    def _judged(self, joint: Joint) -> list[tuple[int, Direction]]:
        return [(i, way) for i, way in enumerate(joint.directions) if not way.bins.unsuitable]

    def value(self, vector: Vector) -> Fraction | None:
        return self.evidence(vector).value

    def evidence(self, vector: Vector, looks: int = 1) -> aggregate.Evidence:
        found = []
        for i, way in self._judged(self.joint) if self.joint else ():
            now = [vector.get(f"{i}:{k}", 0) for k in range(len(way.bins.counts))]
            n = sum(now)
            far = distance(way.bins, now, self.measure, self.smoothing) if n >= self.min_events else None
            found.append((way.bins, n, far))
        return strongest(found, float(self.alpha) / looks, self.min_events, self.lacking)

    @property
    def ends(self) -> tuple[Fraction, Fraction | None]:
        return Fraction(0), None

    def foretold(self, value: float, n: int, looks: int = 1) -> aggregate.Evidence:
        """That of the direction of which it takes most events."""
        ways = [way.bins for _, way in self._judged(self.joint)] if self.joint else []
        return foreseen(ways, self.measure, value, n, float(self.alpha) / looks, self.min_events)


def _known(column: str) -> Expression:
    one = _feature(column)
    return Expression(f"{one.text} IS NOT NULL", "bool", one.columns)


def _feature(column: str) -> Expression:
    return feature(column.removeprefix(FEATURES), "number") if column.startswith(FEATURES) else read(column, "number")


def _sum(joint: Joint, way: Direction) -> Expression:
    """Term by term from the left, as ``sources/joint.py`` adds them, so that both give the same to the last bit."""
    said: list[str] = []
    used: list[str] = []
    for place, weight in way.terms:
        column = joint.columns[place]
        one = _feature(column.name)
        x, low, high = one.text, repr(column.low), repr(column.high)
        cut = f"CASE WHEN {x} IS NULL THEN {column.mean!r} WHEN {x} < {low} THEN {low} WHEN {x} > {high} THEN {high} "
        said.append(f"({cut}ELSE {x} END) * {weight!r}")
        used += one.columns
    return Expression(" + ".join(said), "number", tuple(dict.fromkeys(used)))
