"""The share of events whose data is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import ClassVar, Literal, NewType

from bongsu import aggregate
from bongsu.event import FEATURE_KINDS, FEATURES, feature_of
from bongsu.expression import Expression, either, feature
from bongsu.interval import check_alpha
from bongsu.quantity import DAY, Duration, show_duration
from bongsu.slis.share import Share

Measure = Literal["null", "range", "type", "category", "duplicate", "freshness", "schema"]
Limit = NewType("Limit", float)
LONGEST = Duration(30 * DAY)
"""For which distinctness can be asked."""
_NOT_STORED = ("id", "prompt", "reply")


@dataclass(frozen=True)
class Quality(Share):
    """Events of which any of ``columns`` is bad, out of those that are about them.

    ``null``: it is missing. ``range``: below ``low`` or above ``high``. ``type``: a feature that came as another type
    than the policy declares. ``category``: not one of ``allowed``. ``duplicate``: the
    values of all ``columns`` together came before, in an event whose time is at most ``within`` away
    (``stores/repeats.py``); without ``within``, a truth that says so. ``freshness``: a time (seconds since 1970) more
    than ``within`` before the event. ``schema``: missing or of another type.

    An alarm needs the bound of Clopper and Pearson's interval at ``alpha``, corrected for looks, beyond its threshold.

    >>> from bongsu.expression import read
    >>> Quality("null", (read("score", "any"),)).value({"bad": 1, "total": 20})
    Fraction(1, 20)
    """

    kind: ClassVar[str] = "quality"
    unit: ClassVar[str] = "share"
    proof: ClassVar[aggregate.Proof] = "always"
    measure: Measure
    columns: tuple[Expression, ...] = field(metadata={"want": "any"})
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    within: Duration | None = None
    alpha: Fraction = Fraction(1, 100)
    of: Expression | None = None

    def __post_init__(self) -> None:
        given = {"low": self.low is not None, "high": self.high is not None, "allowed": bool(self.allowed),
                 "within": self.within is not None}
        needs = {"range": ("low", "high"), "category": ("allowed",), "freshness": ("within",)}.get(self.measure, ())
        may = (*needs, "within") if self.measure == "duplicate" else needs
        for name, there in given.items():
            if there and name not in may:
                raise ValueError(f"{name}: expected settings of measure {self.measure}, came {name!r}")
        if needs and not any(given[name] for name in needs):
            raise ValueError(f"measure: expected {' or '.join(needs)} beside {self.measure!r}, came neither")
        if not self.columns:
            raise ValueError("columns: expected a column or more, came none")
        if self.measure == "duplicate" and self.within is not None and not 0 < self.within <= LONGEST:
            raise ValueError(f"within: expected a time above 0 and at most {show_duration(LONGEST)}, came "
                             f"{show_duration(self.within)}")
        check_alpha(self.alpha)
        for i, column in enumerate(self.columns):
            self._fits(i, column)

    def _fits(self, place: int, column: Expression) -> None:
        kinds = {"range": ("int", "number"), "freshness": ("int", "number"), "category": ("text",),
                 "duplicate": ("bool",) if self.within is None else None}.get(self.measure)
        came = f"'{column.text}' of type {column.kind}"
        if len(column.columns) != 1:
            raise ValueError(f"columns[{place}]: expected a single column, came '{column.text}'")
        if self.measure == "duplicate" and column.columns[0] in _NOT_STORED:
            raise ValueError(f"columns[{place}]: expected a column that differs where events do, came {came}; ids are "
                             "taken once however often they come, and texts are kept apart from events")
        if kinds and column.kind not in kinds:
            raise ValueError(f"columns[{place}]: expected a column of type {kinds[-1]}, came {came}")
        if self.measure == "type" and not column.columns[0].startswith(FEATURES):
            raise ValueError(f"columns[{place}]: expected a feature, came {came}; other columns have one type only")

    @property
    def distinct(self) -> tuple[str, tuple[str, ...], int] | None:
        """What must be distinct (``stores/repeats.py``): a digest, the stored columns, for how many microseconds."""
        if self.measure != "duplicate" or self.within is None:
            return None
        stored = tuple(sorted({name for one in self.columns for name in one.columns}))
        return sha256(repr((stored, int(self.within))).encode()).hexdigest()[:8], stored, int(self.within)

    def parts(self) -> Mapping[str, aggregate.Aggregate]:
        if self.distinct is not None:
            name = self.distinct[0]
            asked = (_condition(f"repeats LIKE '%{name}=%'", "repeats"), *((self.of,) if self.of else ()))
            again = _condition(f"repeats LIKE '%{name}=1%'", "repeats")
            return {"bad": aggregate.Count((again, *asked)), "total": aggregate.Count(asked)}
        about = self.of or either([_condition("kind = 'prediction'", "kind"),
                                   *(_condition(f"{c.text} IS NOT NULL", *c.columns)
                                     for one in self.columns for c in _forms(one))])
        where: tuple[Expression, ...] = (about,)
        if self.measure in ("range", "category", "freshness", "duplicate"):
            where += (either([_condition(f"{c.text} IS NOT NULL", *c.columns) for c in self.columns]),)
        bad = either([self._bad(column) for column in self.columns])
        return {"bad": aggregate.Count((bad, *where)), "total": aggregate.Count(where)}

    def _bad(self, column: Expression) -> Expression:
        text = column.text
        if self.measure == "duplicate":
            return column
        if self.measure == "category":
            listed = ", ".join("'" + word.replace("'", "''") + "'" for word in self.allowed)
            return _condition(f"{text} NOT IN ({listed})", *column.columns)
        if self.measure == "range":
            bounds = [f"{text} < {self.low!r}"] * (self.low is not None)
            bounds += [f"{text} > {self.high!r}"] * (self.high is not None)
            return _condition(" OR ".join(bounds), *column.columns)
        if self.measure == "freshness":
            return _condition(f"time - {text} * 1000000 > {int(self.within or 0)}", "time", *column.columns)
        forms = _forms(column)
        missing = either([_condition(f"{c.text} IS NULL", *c.columns) for c in forms], " AND ")
        stray = [_condition(f"{c.text} IS NOT NULL", *c.columns) for c in forms if c.kind != column.kind]
        if self.measure == "null":
            return missing
        return either([*stray, *([missing] if self.measure == "schema" else [])]) if stray else missing


def _forms(column: Expression) -> list[Expression]:
    """A feature as every type it may have come as; any other column as itself."""
    stored = column.columns[0]
    if not stored.startswith(FEATURES):
        return [column]
    return [feature(feature_of(stored)[0], kind) for kind in FEATURE_KINDS]


def _condition(text: str, *columns: str) -> Expression:
    return Expression(text, "bool", tuple(dict.fromkeys(columns)))
