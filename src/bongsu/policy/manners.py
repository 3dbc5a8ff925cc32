"""``notify:`` of a policy: how its channels are told, and when they are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from bongsu.alert import Tier
from bongsu.mute import Mute, Range, Times
from bongsu.notice import PAGES, Escalate, Manners
from bongsu.policy.fault import Misfit, did_you_mean, quoted
from bongsu.quantity import Duration, show_duration

if TYPE_CHECKING:
    from bongsu.policy.link import Linker

TIER_NAMES = {"P0": "severe", "P1": "major", "P2": "minor", "P3": "info"}
OWN = ("service", "alert", "tier", "objective")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_DASH = re.compile(r"\s*\.\.\s*")


@dataclass(frozen=True)
class MuteDecl:
    """A window in which ``channels`` are not told of ``alerts`` or ``tiers``; what is left out means all of them.

    ``times`` such as 22:00..24:00 include their start and not their end; weekdays, days of the month (-1 is the last),
    months and years are single or a range such as monday..friday.
    """

    times: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    tiers: tuple[Tier, ...] = field(default=(), metadata={"aliases": TIER_NAMES})
    alerts: tuple[str, ...] = field(default=(), metadata={"ref": "alerts"})
    channels: tuple[str, ...] = field(default=(), metadata={"ref": "channels"})

    def __post_init__(self) -> None:
        self.when()
        if not any((self.times, self.weekdays, self.days, self.months, self.years)):
            raise Misfit("when to be silent: times, weekdays, days, months or years", "none of them",
                         "to never tell somebody, leave the channel out of the alert's 'to'")

    def when(self) -> Times:
        """The window, read. Raises ``Misfit``."""
        return Times(
            tuple(_clock(text, i) for i, text in enumerate(self.times)),
            tuple(_named(self.weekdays, "weekdays", _WEEKDAYS, 0)),
            tuple(_whole(self.days, "days", lambda n: 1 <= abs(n) <= 31, "a day of the month such as 1 or -1")),
            tuple(_named(self.months, "months", _MONTHS, 1)),
            tuple(_whole(self.years, "years", lambda n: 1970 <= n <= 9999, "a year such as 2027")),
            str(self.zone or "UTC"))


@dataclass(frozen=True)
class EscalateDecl:
    """Who else is told where nobody acknowledges within ``after``."""

    after: Duration
    to: tuple[str, ...] = field(metadata={"ref": "channels"})
    tiers: tuple[Tier, ...] = field(default=PAGES, metadata={"aliases": TIER_NAMES})

    def __post_init__(self) -> None:
        if self.after <= 0:
            raise Misfit("a duration above zero", "0", "to tell them at once, add them to the alert's 'to'", "after")
        if not self.to:
            raise Misfit("at least one channel", "none", field="to")


@dataclass(frozen=True)
class NotifyDecl:
    """How channels are told. Without it: each alert by itself, at once, not again, and when it is over.

    Alerts that are equal in ``group_by`` are told together; with ``inhibit`` a page keeps back the tickets about the
    same objective, or the whole service. What is severe, and channels with ``mutable: false``, are never kept back.
    """

    group_by: tuple[str, ...] = ()
    group_wait: Duration = Duration(0)
    group_interval: Duration = Duration(0)
    repeat: Duration | None = None
    mute: Mapping[str, MuteDecl] = field(default_factory=dict, metadata={"names": r"\w[\w.-]*"})
    inhibit: Literal["none", "objective", "service"] = "none"
    escalate: EscalateDecl | None = None

    def __post_init__(self) -> None:
        if self.repeat is not None and self.repeat <= 0:
            raise Misfit("a duration above zero", "0", "leave it out to tell once", "repeat")
        if self.repeat is not None and self.repeat < self.group_interval:
            raise Misfit(f"a duration no shorter than group_interval ({show_duration(self.group_interval)})",
                         quoted(show_duration(self.repeat)), "a group is looked at no more often than that", "repeat")


def manners(linker: Linker) -> Manners:
    """How the service's channels are told."""
    document = linker.document
    decl = document.notify or NotifyDecl()
    labels = {label for signal in document.signals.values() for label in signal.labels}
    for i, name in enumerate(decl.group_by):
        if name not in OWN and name not in labels:
            known = (*OWN, *sorted(labels))
            linker.reader.fault(("notify", "group_by", i), f"service, alert, tier, objective or a label of a signal "
                                f"({', '.join(sorted(labels)) or 'there is none'})", quoted(name),
                                did_you_mean(name, known))
    mutes = tuple(Mute(name, one.when(), one.tiers, one.alerts, one.channels) for name, one in decl.mute.items())
    for name, one in decl.mute.items():
        for i, channel in enumerate(one.channels):
            if channel in linker.reader.immutable:
                at = ("notify", "mute", name, "channels", i)
                linker.reader.fault(at, "a channel that may be muted", quoted(channel),
                                    "what is severe, and channels with mutable: false, are always told")
    late = decl.escalate
    escalate = None if late is None else Escalate(late.after, late.to, late.tiers)
    return Manners(document.service.environment, decl.group_by, decl.group_wait, decl.group_interval,
                   decl.repeat or Duration(0), mutes, decl.inhibit, escalate, tuple(linker.reader.immutable),
                   linker.once())


# ---- ranges ----


def _clock(text: str, index: int) -> Range:
    edges = [_TIME.fullmatch(part) for part in _DASH.split(text.strip())]
    minutes = [int(edge[1]) * 60 + int(edge[2]) for edge in edges if edge and int(edge[2]) < 60]
    if len(edges) != 2 or len(minutes) != 2 or minutes[1] > 24 * 60:
        raise Misfit("a span of the day such as 22:00..24:00", quoted(text), field="times", index=index)
    if minutes[0] >= minutes[1]:
        raise Misfit("a span that ends after it begins", quoted(text),
                     "over midnight, write two: 22:00..24:00 and 00:00..06:00", "times", index=index)
    return minutes[0], minutes[1]


def _named(texts: Iterable[str], setting: str, names: Sequence[str], first: int) -> Iterator[Range]:
    for i, text in enumerate(texts):
        edges = _DASH.split(text.strip().lower())
        places = [n for edge in edges for n, name in enumerate(names) if edge in (name, name[:3])]
        if len(edges) > 2 or len(places) != len(edges):
            odd = next((e for e in edges if not any(e in (n, n[:3]) for n in names)), text)
            raise Misfit(f"a name such as {names[0]}, or a range such as {names[0]}..{names[4]}", quoted(text),
                         did_you_mean(odd, names), setting, index=i)
        yield from _wrapped(places[0] + first, places[-1] + first, first, first + len(names) - 1)


def _wrapped(begin: int, end: int, first: int, last: int) -> list[Range]:
    """saturday..monday goes round."""
    return [(begin, end)] if begin <= end else [(begin, last), (first, end)]


def _whole(texts: Iterable[str], setting: str, good: Any, noun: str) -> Iterator[Range]:
    for i, text in enumerate(texts):
        edges = _DASH.split(text.strip())
        if len(edges) > 2 or not all(re.fullmatch(r"-?\d{1,4}", e) and good(int(e)) for e in edges):
            raise Misfit(f"{noun}, or a range", quoted(text), field=setting, index=i)
        begin, end = int(edges[0]), int(edges[-1])
        if begin > end and (begin > 0) == (end > 0):
            raise Misfit("a range that ends after it begins", quoted(text), field=setting, index=i)
        yield begin, end
