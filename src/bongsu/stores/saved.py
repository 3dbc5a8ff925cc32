"""How values are kept as text: JSON with sorted keys, fractions as ``numerator/denominator``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import msgspec

from bongsu.alert import State as AlertState
from bongsu.engine import EngineState
from bongsu.incident import Incident
from bongsu.notice import Tell, Told
from bongsu.ports import Action

T = TypeVar("T")


def _write(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"expected a value that JSON can hold, came {type(value).__name__}")


def _read(kind: type, value: Any) -> Any:
    if kind is Fraction:
        return Fraction(value)
    raise TypeError(f"expected a type that JSON can hold, came {kind.__name__}")


_encode = msgspec.json.Encoder(enc_hook=_write, order="sorted").encode


def dump(value: Any) -> str:
    """The value as JSON text; TypeError where JSON cannot hold it.

    >>> dump({"b": Fraction(1, 3), "a": ("x",)})
    '{"a":["x"],"b":"1/3"}'
    """
    return _encode(value).decode()


def load(text: str, kind: type[T] | Any = Any) -> Any:
    return msgspec.json.decode(text, type=kind, dec_hook=_read)


@dataclass(frozen=True)
class _Engine:
    watermark: int
    alerts: list[tuple[str, tuple[str, ...], AlertState]]
    incidents: list[tuple[str, tuple[str, ...], Incident]]
    book: list[Told] = field(default_factory=list)
    owed: list[tuple[str, str]] = field(default_factory=list)


def dump_engine(state: EngineState) -> str:
    """The engine's memory as text; equal states give equal texts, whatever order they were filled in."""
    return dump(_Engine(state.watermark, [(*key, alert) for key, alert in sorted(state.alerts.items(), key=_instance)],
                        [(*key, incident) for key, incident in sorted(state.incidents.items(), key=_instance)],
                        [told for _, told in sorted(state.book.items(), key=_instance)], sorted(state.owed)))


def _instance(item: tuple[Any, Any]) -> Any:
    return item[0]


def load_engine(text: str) -> EngineState:
    saved: _Engine = load(text, _Engine)
    return EngineState(saved.watermark, {(name, labels): alert for name, labels, alert in saved.alerts},
                       {(name, labels): incident for name, labels, incident in saved.incidents},
                       {told.place: told for told in saved.book}, frozenset(saved.owed))


@dataclass(frozen=True)
class Spec:
    """One step of a playbook as data, so that a run outlives an edit of the policy and an upgrade of the code."""

    kind: str
    settings: dict[str, Any]
    tell: Tell | None = None


def spec_of(action: Action) -> Spec:
    return Spec(action.kind, load(dump(action)))
