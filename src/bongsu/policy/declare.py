"""The policy as it is written: every section, its settings, their types and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bongsu import ports
from bongsu.alert import Tier
from bongsu.event import COLUMNS, FEATURE_NAME, DeclaredKind, Origin
from bongsu.guard import Guard
from bongsu.policy.fault import NOWHERE, Misfit, Place, quoted
from bongsu.policy.manners import TIER_NAMES, NotifyDecl
from bongsu.policy.model import Exports, Heartbeat, Ingest, ReferenceDecl, Retention, Route, Service, Sources, Upstream
from bongsu.policy.pace import RateLimitDecl
from bongsu.policy.pricing import Exchange
from bongsu.policy.routing import Trust
from bongsu.policy.scalar import NEVER, Moment, Span, Timing, Undo, Window
from bongsu.policy.spend import BudgetDecl
from bongsu.postmortem import MOST
from bongsu.quantity import DAY, MINUTE, SECOND, Duration, show_duration, show_share
from bongsu.review import Terms
from bongsu.wraps.wrapping import Wrap

NAME = r"\w[\w.-]*"
ROUTE_NAME = r"\w[\w./:-]*"
SHORTEST_BASE = Duration(100_000)
MOST_EVENTS = 1_000_000
MOST_WEIGHT = 1000
MOST_BODY_MIB = 256
MOST_BODY_KIB = 1024
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Settings:
    """What holds for the whole service.

    ``keys`` says whether a call needs a virtual key; ``appeal`` tells who is restricted whom to ask, and ``slow_by`` is
    how much later those are answered who are slowed down. With ``vault``, what a token stands for can be read again by
    the privacy officer; its keys are wrapped by ``vault_key`` (a key file in the data folder, if left out). Once that
    is another, every key is wrapped anew; until then ``vault_key_before`` says what wrapped those that are not yet.
    With ``epoch`` tokens have another key each calendar month, quarter or year (UTC), or when the officer asks.
    ``trust`` says whose word counts for where a person is. ``max_body_mib`` is how large a request may be, in MiB;
    ``min_body_kib`` how much of it has to come each second, in KiB, once its first minute is over.
    """

    base_window: Duration = MINUTE
    currency: str = "USD"
    durability: Literal["group", "strict"] = "group"
    fail: Literal["open", "closed"] = "closed"
    apology: str = "I'm sorry, but I can't help with that request."
    retention: Retention = field(default_factory=Retention)
    stale_after: Duration = Duration(5 * MINUTE)
    keys: Literal["optional", "required"] = "optional"
    appeal: str = ""
    slow_by: Duration = Duration(2 * SECOND)
    vault: Literal["off", "on"] = "off"
    epoch: Literal["month", "quarter", "year"] | None = None
    vault_key: Wrap | None = None
    vault_key_before: Wrap | None = None
    ingest: Ingest = field(default_factory=Ingest)
    trust: Trust = field(default_factory=Trust)
    max_body_mib: int = 10
    min_body_kib: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.max_body_mib <= MOST_BODY_MIB:
            raise Misfit(f"a size from 1 to {MOST_BODY_MIB} (MiB)", str(self.max_body_mib), field="max_body_mib")
        if not 1 <= self.min_body_kib <= MOST_BODY_KIB:
            raise Misfit(f"a rate from 1 to {MOST_BODY_KIB} (KiB a second)", str(self.min_body_kib),
                         field="min_body_kib")
        if (behind := self.ingest.behind) is not None and behind > self.retention.cells:
            raise Misfit(f"a duration no longer than retention.cells ({show_duration(self.retention.cells)})",
                         quoted(show_duration(behind)), "what is older would be counted and forgotten at once",
                         "ingest")
        if self.retention.lake < self.retention.log:
            raise Misfit(f"a duration no shorter than retention.log ({show_duration(self.retention.log)})",
                         quoted(show_duration(self.retention.lake)), "the lake has what the log no longer has, for "
                         "signals that are new or changed", "retention")
        if self.retention.vault < DAY:
            raise Misfit("a day or more", quoted(show_duration(self.retention.vault)), "a key is made for a day, so no "
                         "value could be kept; vault: off keeps none", "retention")
        if self.slow_by > MINUTE:
            raise Misfit(f"a delay of at most {show_duration(MINUTE)}", quoted(show_duration(self.slow_by)),
                         "clients give up before a longer one", "slow_by")
        if not _CURRENCY.fullmatch(self.currency):
            raise Misfit("a currency code of three capitals such as USD", quoted(self.currency), field="currency")
        if self.base_window < SHORTEST_BASE:
            raise Misfit(f"a base window of {show_duration(SHORTEST_BASE)} or more",
                         quoted(show_duration(self.base_window)), field="base_window")
        if self.stale_after < self.base_window:
            raise Misfit(f"a duration no shorter than base_window ({show_duration(self.base_window)})",
                         quoted(show_duration(self.stale_after)), field="stale_after")


@dataclass(frozen=True)
class SignalDecl:
    """Something counted of the events: its kind, and what that kind needs.

    Where it reads ``label``, ``label`` may name another than the ordinary one: ``review``, ``feedback``.
    """

    kind: ports.Sli
    labels: tuple[str, ...] = field(default=(), metadata={"ref": "labels"})
    origin: Origin = "live"
    label: str = ""


@dataclass(frozen=True)
class ObjectiveDecl:
    """A promise: ``target`` is the share that must be good over ``window``, rolling (30d) or calendar (month).

    Of a ratio, the good events count; of any other signal, the good time slices: each ``slice`` whose value is
    ``good``. ``nodata`` says what a slice without a value is. Without ``gate`` it does not decide about deploys.
    ``weight`` is how much it counts where objectives are shown together, 0 not at all.
    """

    signal: str = field(metadata={"ref": "signals"})
    target: Fraction
    window: Window
    time_zone: ZoneInfo | None = None
    good: str = ""
    slice: Duration | None = None
    nodata: Literal["exclude", "bad", "good"] = "exclude"
    gate: bool = True
    weight: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MOST_WEIGHT:
            raise Misfit(f"a whole number from 0 to {MOST_WEIGHT}", str(self.weight), field="weight")
        if not 0 < self.target < 1:
            raise Misfit("a target above 0% and below 100%", show_share(self.target),
                         "a promise without an error budget cannot be kept", "target")
        if self.window.length <= 0:
            raise Misfit("a duration above zero", "0", field="window")
        if self.time_zone is not None and self.window.unit is None:
            raise Misfit("no time zone with a rolling window", quoted(str(self.time_zone)),
                         "use window: week, month, quarter or year", "time_zone")
        if bool(self.good) != (self.slice is not None):
            have, lack = ("good", "slice") if self.good else ("slice", "good")
            raise Misfit(f"'{lack}' beside '{have}', such as good: '<= 0.25' with slice: 1h", f"'{have}' alone",
                         field=have)


@dataclass(frozen=True)
class AlertDecl:
    """A condition over time: ``when`` a signal crosses a threshold, or an objective's budget ``burn``s too fast.

    With a ``volume`` the window is no longer than it takes to hold that many events; with a ``delay`` it ends so long
    ago, for what is judged on labels and reviews that take that long to come. ``evidence`` says whether the
    value beyond the threshold is enough, or the near end of its ``interval`` must be beyond it as well; if it is left
    out, a count and a sum are taken as they are and all other kinds need their interval. With ``nodata``, those told
    also hear when there has been nothing to judge for so long.
    """

    when: str = ""
    burn: str = field(default="", metadata={"ref": "objectives"})
    over: Duration | None = None
    clear: str = ""
    hold: Duration = field(default=Duration(0), metadata={"key": "for"})
    clear_hold: Duration = field(default=Duration(0), metadata={"key": "clear_for"})
    tier: Tier = field(default="minor", metadata={"aliases": TIER_NAMES})
    to: tuple[str, ...] = field(default=(), metadata={"ref": "channels"})
    by: tuple[str, ...] = field(default=(), metadata={"ref": "labels"})
    min_events: int = 0
    volume: int = 0
    delay: Duration = Duration(0)
    evidence: Literal["value", "interval"] | None = None
    text: str = ""
    nodata: Duration | None = None

    def __post_init__(self) -> None:
        if self.nodata is not None and self.nodata <= 0:
            raise Misfit("a duration above zero", "0", "leave it out to be told of no silence", "nodata")
        if self.volume < 0:
            raise Misfit("a number of events above zero", str(self.volume), "leave it out to look at all of 'over'",
                         "volume")
        if bool(self.when) == bool(self.burn):
            both = bool(self.when)
            raise Misfit("either 'when' or 'burn'", "both" if both else "neither", field="burn" if both else "")
        if self.when and self.over is None:
            raise Misfit("'over', the window that 'when' looks at", "nothing", field="when")
        if self.burn:
            for name, given in (("over", self.over), ("clear", self.clear), ("by", self.by),
                                ("min_events", self.min_events), ("volume", self.volume), ("delay", self.delay),
                                ("evidence", self.evidence)):
                if given:
                    raise Misfit("settings of a burn alert", f"'{name}'", "its windows follow from the objective", name)


@dataclass(frozen=True)
class PlaybookDecl:
    """What to ``do`` ``on`` an alert, and when to take it back."""

    on: str = field(metadata={"ref": "alerts", "prefix": "alert"})
    do: tuple[ports.Action, ...]
    undo_when: Undo = Undo(0)  # noqa: RUF009  # a number

    @property
    def undo_after(self) -> Duration | None:
        return None if self.undo_when == NEVER else Duration(self.undo_when)


@dataclass(frozen=True)
class Ladder:
    """At which share of an error budget left it says so, and at which a person must approve; at none it denies."""

    notice: Fraction = Fraction(1, 2)
    approval: Fraction = Fraction(1, 4)

    def __post_init__(self) -> None:
        for name, share in (("notice", self.notice), ("approval", self.approval)):
            if not 0 <= share <= 1:
                raise Misfit("a share from 0% to 100%", show_share(share), field=name)
        if self.approval > self.notice:
            raise Misfit(f"a share no larger than that of notice ({show_share(self.notice)})",
                         show_share(self.approval), "less of the budget is left when a person must approve", "approval")


@dataclass(frozen=True)
class GateDecl:
    """When deploys may go on. ``latch`` names alerts that, as severe ones do, hold the gate until it is cleared.

    An incident that takes more than ``postmortem`` of four weeks' error budget must be written up.
    """

    ladder: Ladder = field(default_factory=Ladder)
    stale_after: Duration | None = None
    min_coverage: Fraction = Fraction(9, 10)
    latch: tuple[str, ...] = field(default=(), metadata={"ref": "alerts"})
    postmortem: Fraction = MOST

    def __post_init__(self) -> None:
        if not 0 <= self.min_coverage <= 1:
            raise Misfit("a share from 0% to 100%", show_share(self.min_coverage), field="min_coverage")
        if not 0 < self.postmortem <= 1:
            raise Misfit("a share above 0%, up to 100%", show_share(self.postmortem), field="postmortem")


@dataclass(frozen=True)
class Happening:
    """Events of a test: one at a moment, or one every so often over a span. Other keys are columns of the event."""

    at: Timing
    every: Duration | None = None
    columns: Mapping[str, Any] = field(default_factory=dict, metadata={"rest": "columns"})
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        span = self.at.end > self.at.begin
        if span != (self.every is not None):
            raise Misfit("'every' with a span, and with a span only", "neither" if span else "'every' with a moment",
                         field="at" if span else "every")
        if self.every is not None and self.every <= 0:
            raise Misfit("a duration above zero", "0", field="every")
        many = (self.at.end - self.at.begin) // self.every if self.every else 1
        if many > MOST_EVENTS:
            raise Misfit(f"at most {MOST_EVENTS} events", str(many), field="every")


ALERT_STATES = ("ok", "pending", "firing", "clearing")
PLAYBOOK_STATES = ("begun", "undone")


@dataclass(frozen=True)
class Expectation:
    """What must be so at a moment, or at some moment of a span; ``never`` turns it round."""

    state: Literal["ok", "pending", "firing", "clearing", "begun", "undone"]
    at: Moment | None = None
    between: Span | None = None
    alert: str = field(default="", metadata={"ref": "alerts"})
    playbook: str = field(default="", metadata={"ref": "playbooks"})
    never: bool = False
    place: Place = NOWHERE

    def __post_init__(self) -> None:
        if (self.at is None) == (self.between is None):
            raise Misfit("either 'at' or 'between'", "neither" if self.at is None else "both")
        if bool(self.alert) == bool(self.playbook):
            raise Misfit("either 'alert' or 'playbook'", "both" if self.alert else "neither")
        allowed = ALERT_STATES if self.alert else PLAYBOOK_STATES
        if self.state not in allowed:
            what = "an alert" if self.alert else "a playbook"
            raise Misfit(f"a state of {what} ({', '.join(allowed)})", quoted(self.state), field="state")


@dataclass(frozen=True)
class TestDecl:
    """A timeline: these events happen, this is expected."""

    __test__ = False  # not a class of tests, whatever pytest makes of its name

    name: str
    events: tuple[Happening, ...]
    expect: tuple[Expectation, ...]
    place: Place = NOWHERE


class Extends(tuple[str, ...]):
    """Ready policies this one is on top of: merged into its text before it is read, so nothing of it is left here."""

    __slots__ = ()


def _named(pattern: str = NAME) -> Any:
    return field(default_factory=dict, metadata={"names": pattern})


@dataclass(frozen=True)
class Document:
    """A whole policy."""

    bongsu: Literal["1"]
    service: Service
    settings: Settings = field(default_factory=Settings)
    upstreams: Mapping[str, Upstream] = _named()
    routes: Mapping[str, Route] = _named(ROUTE_NAME)
    guards: Mapping[str, Guard] = _named()
    signals: Mapping[str, SignalDecl] = _named()
    objectives: Mapping[str, ObjectiveDecl] = _named()
    alerts: Mapping[str, AlertDecl] = _named()
    playbooks: Mapping[str, PlaybookDecl] = _named()
    channels: Mapping[str, ports.Channel] = _named()
    budgets: Mapping[str, BudgetDecl] = _named()
    rate_limits: Mapping[str, RateLimitDecl] = _named()
    roles: Mapping[str, tuple[str, ...]] = _named()
    gate: GateDecl | None = None
    notify: NotifyDecl | None = None
    heartbeat: Heartbeat | None = None
    sources: Sources = field(default_factory=Sources)
    export: Exports = field(default_factory=Exports)
    features: Mapping[str, DeclaredKind] = _named(FEATURE_NAME)
    references: Mapping[str, ReferenceDecl] = _named()
    regions: Mapping[str, tuple[str, ...]] = _named()
    borders: Mapping[str, tuple[str, ...]] = _named()
    rates: tuple[Exchange, ...] = ()
    review: Terms = field(default_factory=Terms)
    tests: tuple[TestDecl, ...] = ()
    extends: Extends = Extends()  # noqa: RUF009  # an empty tuple


EVENT_TYPES: dict[str, Any] = {"text": str, "int": int, "number": float, "bool": bool}
EVENT_COLUMNS = {name: Origin if name == "origin" else EVENT_TYPES[kind] for name, kind in COLUMNS.items()
                 if name not in ("id", "time", "service", "verdicts")}
"""What a test may say of an event, and as what it is read."""
