"""Which columns of an event a signal's definition names, bound to a reference or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from bongsu.alert import Signal
from bongsu.expression import Expression
from bongsu.ports import Sli


def asks(signal: Signal, *columns: str) -> bool:
    """Whether it names any of these columns."""
    return not {*signal.labels, *_named(signal.sli)}.isdisjoint(columns)


def asked(sli: Sli) -> frozenset[str]:
    """The columns that a kind's own settings name."""
    return frozenset(_named(sli))


def _named(sli: Sli) -> Iterator[str]:
    for field in fields(sli):  # type: ignore[arg-type]  # every SLI is a dataclass
        value = getattr(sli, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Expression):
                yield from one.columns
            elif isinstance(one, str):
                yield one
