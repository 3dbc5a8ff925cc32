"""Which columns of an event a signal's definition names, bound to a reference or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from bongsu.alert import Signal
from bongsu.expression import Expression


def asks(signal: Signal, *columns: str) -> bool:
    """Whether it names any of these columns."""
    return any(one in columns for one in _named(signal))


def _named(signal: Signal) -> Iterator[str]:
    yield from signal.labels
    for field in fields(signal.sli):  # type: ignore[arg-type]  # every SLI is a dataclass
        value = getattr(signal.sli, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Expression):
                yield from one.columns
            elif isinstance(one, str):
                yield one
