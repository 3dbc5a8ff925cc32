"""What the cockpit shows, as plain values: objectives, live alerts, and per incident cause -> actions -> residual risk.

The page, the JSON of ``/v1/board`` and ``bongsu status`` are all made from this. Times are microseconds since 1970;
texts come from the policy and from measurements, never from a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bongsu.incident import Exposure


@dataclass(frozen=True)
class BurnRow:
    """Burn over one alerting window, against the factor that alerts. ``burn`` is None without events."""

    window: str
    burn: float | None
    factor: float
    severity: str


@dataclass(frozen=True)
class ObjectiveRow:
    """``remaining`` is a share of the error budget: 1 untouched, 0 spent, negative overdrawn, None without events.

    ``projected`` is what a calendar budget will have spent at its end if things go on as so far.
    """

    name: str
    target: str
    window: str
    current: str
    remaining: float | None
    bad: int
    total: int
    exhausted: bool
    warming: bool
    coverage: float
    burns: tuple[BurnRow, ...]
    projected: float | None = None


@dataclass(frozen=True)
class CompositeRow:
    """The service's objectives together: ``within`` of ``known`` have budget left, of ``objectives`` in all.

    ``remaining`` is the weighted mean of what is left of each budget, ``worst`` the objective with the least left.
    """

    objectives: int
    known: int
    within: int
    share: float | None
    worst: str
    worst_remaining: float | None
    remaining: float | None
    exhausted: bool


@dataclass(frozen=True)
class AlertRow:
    """One state machine. ``data`` is ``seen``, ``none``, ``insufficient``, ``warming`` or ``unbound`` (its reference is
    not there, or does not serve; ``value`` says why): an alert without data is not a healthy one."""

    name: str
    labels: Mapping[str, str]
    tier: str
    priority: str
    phase: str
    since: int
    value: str
    against: str
    data: str


ActionState = Literal["waiting", "held", "running", "done", "failed", "unknown", "undo_waiting", "undo_held",
                      "undo_running", "undone"]


@dataclass(frozen=True)
class ActionRow:
    """One step of a playbook: what it does in words, where it stands, and what came of it."""

    playbook: str
    kind: str
    words: str
    state: ActionState
    attempts: int
    at: int
    note: str


@dataclass(frozen=True)
class TimelineRow:
    """One line of an incident's history, as audited."""

    at: int
    what: str
    text: str


@dataclass(frozen=True)
class ResidualRow:
    """What is left. ``exposure``: none, contained (an action is in force) or exposed (bad, and none is)."""

    exposure: Exposure
    value: str
    against: str
    budget: str
    in_force: tuple[str, ...]
    calls_since: int


@dataclass(frozen=True)
class Storyboard:
    """One incident: cause, actions and their state, residual risk, and the record of it.

    ``owed`` says that a postmortem of it is due and nobody has said where it can be read.
    """

    id: str
    alert: str
    labels: Mapping[str, str]
    tier: str
    priority: str
    phase: str
    opened: int
    cleared: int | None
    closed: int | None
    reopened: int
    cause: str
    actions: tuple[ActionRow, ...]
    residual: ResidualRow
    timeline: tuple[TimelineRow, ...]
    acknowledged_by: str = ""
    muted_by: tuple[str, ...] = ()
    next_notice: int | None = None
    proposals: tuple[str, ...] = ()
    owed: bool = False


@dataclass(frozen=True)
class AllowedRow:
    """One false alarm that a guard lets pass until then."""

    id: str
    guard: str
    until: int
    by: str
    reason: str


@dataclass(frozen=True)
class VersionRow:
    """A route's versions. ``shares`` are of new calls, and ``by`` is who set them if not the policy; ``previous`` is
    where a rollback leads, ``canary`` what was last seen of it."""

    route: str
    shares: Mapping[str, float]
    by: str
    previous: str
    canary: str
    canary_state: str


@dataclass(frozen=True)
class UpstreamRow:
    """One upstream as all workers see it: its ``circuit`` (closed, open, half_open), calls that ended lately and how
    many of them ``failed``, and when an open one is tried again."""

    name: str
    circuit: str
    calls: int
    failed: int
    again_in_s: float


@dataclass(frozen=True)
class Board:
    """Everything the first page shows, judged at ``now``. ``composite`` is there where two objectives weigh or more."""

    now: int
    service: str
    environment: str
    policy: str
    watermark: int
    automation: bool
    gate: str
    gate_reasons: tuple[str, ...]
    routes: Mapping[str, str]
    troubles: tuple[str, ...]
    objectives: tuple[ObjectiveRow, ...]
    alerts: tuple[AlertRow, ...]
    incidents: tuple[Storyboard, ...]
    audit_size: int
    calls_total: int
    allowed: tuple[AllowedRow, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    composite: CompositeRow | None = None
    upstreams: tuple[UpstreamRow, ...] = ()
