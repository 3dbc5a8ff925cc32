"""The policy that an import makes: its parts, and its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from bongsu import policy
from bongsu.exports.names import decimal
from bongsu.imports.form import Source
from bongsu.policy.fault import NOWHERE, Fault, Place, PolicyError, quoted
from bongsu.quantity import Duration, show_duration


@dataclass(frozen=True)
class Signal:
    """What is counted: its kind, and that kind's own settings (a ratio's ``bad``). ``notes`` are its queries."""

    kind: str
    own: tuple[tuple[str, str], ...]
    labels: tuple[str, ...] = ()
    origin: str = ""
    notes: tuple[str, ...] = ()

    def settings(self) -> dict[str, str]:
        found = {"kind": self.kind, **{key: quote(value) for key, value in self.own if value},
                 "labels": f"[{', '.join(self.labels)}]" if self.labels else "", "origin": self.origin}
        return {k: v for k, v in found.items() if v}


@dataclass(frozen=True)
class Objective:
    signal: str
    target: Fraction
    window: Duration
    notes: tuple[str, ...] = ()
    unit: str = ""
    zone: str = ""
    good: str = ""
    every: Duration | None = None
    nodata: str = ""
    gate: str = ""

    def settings(self) -> dict[str, str]:
        found = {"signal": self.signal, "target": f"{decimal(self.target * 100)}%",
                 "window": self.unit or show_duration(self.window), "time_zone": self.zone,
                 "good": text(self.good) if self.good else "", "slice": show_duration(self.every) if self.every else "",
                 "nodata": self.nodata, "gate": self.gate}
        return {k: v for k, v in found.items() if v}


@dataclass(frozen=True)
class Alert:
    objective: str
    tier: str
    to: tuple[str, ...] = ()
    hold: Duration = Duration(0)
    clear_hold: Duration = Duration(0)
    text: str = ""
    notes: tuple[str, ...] = ()

    def settings(self) -> dict[str, str]:
        found = {"burn": self.objective, "tier": self.tier, "for": show_duration(self.hold) if self.hold else "",
                 "clear_for": show_duration(self.clear_hold) if self.clear_hold else "",
                 "to": f"[{', '.join(self.to)}]" if self.to else "", "text": text(self.text) if self.text else ""}
        return {k: v for k, v in found.items() if v}


@dataclass(frozen=True)
class Channel:
    kind: str
    url: str
    notes: tuple[str, ...] = ()

    def settings(self) -> dict[str, str]:
        return {self.kind: text(self.url)}


Part = Signal | Objective | Alert | Channel


@dataclass
class Draft:
    """What has been read so far. ``places`` says where each part came from."""

    source: Source
    service: str = ""
    base: Duration | None = None
    currency: str = ""
    notes: list[str] = field(default_factory=list)
    signals: dict[str, Signal] = field(default_factory=dict)
    objectives: dict[str, Objective] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    places: dict[tuple[str, str], Place] = field(default_factory=dict)

    def add(self, section: str, name: str, part: Part, place: Place) -> None:
        """A part under its name; the same again is the same, another one under that name is a fault."""
        parts = self.sections()[section]
        if name in parts and parts[name] != part:
            self.source.fault(place, f"each name of {section} once", f"{quoted(name)} again, and different")
            return
        self.places.setdefault((section, name), place)
        parts[name] = part  # type: ignore[index]  # a section holds parts of its own kind

    def serve(self, name: str, place: Place) -> None:
        if self.service and name and name != self.service:
            self.source.fault(place, f"one service ({self.service})", quoted(name),
                              "a policy is about one service; import each from a file of its own")
        self.service = self.service or name

    def sections(self) -> dict[str, Mapping[str, Part]]:
        return {"signals": self.signals, "objectives": self.objectives, "alerts": self.alerts,
                "channels": self.channels}

    def finish(self, title: str) -> str:
        """The text, read once by the policy's own reader; raises ``PolicyError`` with places in the foreign file."""
        self.source.finish()
        made = self._text(title)
        try:
            read = policy.parse(made, self.source.path, {})
        except PolicyError as error:
            raise PolicyError(self._moved(made, error)) from None
        return self._text(title, *(f"Note: {note.text}" for note in read.notices))

    def _text(self, *title: str) -> str:
        return "\n".join(self._lines(*title)) + "\n"

    def _lines(self, *title: str) -> Iterator[str]:
        yield from comments([*title, *self.notes])
        yield "bongsu: 1"
        yield f"service: {{name: {text(self.service)}}}"
        common = {"base_window": show_duration(self.base) if self.base else "", "currency": self.currency}
        if any(common.values()):
            yield f"settings: {{{', '.join(f'{k}: {v}' for k, v in common.items() if v)}}}"
        for section, parts in self.sections().items():
            if parts:
                yield f"{section}:"
            for name, part in parts.items():
                yield from comments(part.notes, "  ")
                yield f"  {name}: {{{', '.join(f'{k}: {v}' for k, v in part.settings().items())}}}"

    def _moved(self, made: str, error: PolicyError) -> Iterator[Fault]:
        """The reader's faults, each at the part of the foreign file that the line was made from."""
        lines = made.splitlines()
        for fault in error.faults:
            above = [line for line in lines[: fault.line] if line and line[0] not in " #"]
            name = re.match(r"  ([^\s#][^:]*): ", lines[fault.line - 1])
            place = self.places.get((above[-1].rstrip(":"), name[1] if name else ""), NOWHERE)
            yield Fault(self.source.path, place.line, place.column, fault.expected, fault.came, fault.hint)


def comments(lines: Iterable[str], indent: str = "") -> Iterator[str]:
    return (f"{indent}# {part}".rstrip() for line in lines for part in line.splitlines() or [""])


def quote(value: str) -> str:
    """A text in quotes, so that no sign of it is YAML's."""
    return json.dumps(value, ensure_ascii=not value.isprintable())


def text(value: str) -> str:
    """A text in quotes that names no variable.

    >>> text("a: b ${X}")
    '"a: b $${X}"'
    """
    return quote(value.replace("${", "$${"))
