"""A policy, read and linked: what the gateway, the engine and the workers are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from bongsu.access.budget import Budget
from bongsu.access.pace import RateLimit
from bongsu.canary import Canary
from bongsu.engine import Plan
from bongsu.event import FeatureKind
from bongsu.guard import Guard
from bongsu.policy.patience import Breaker, Retries, Timeouts
from bongsu.policy.predict import Predicted
from bongsu.policy.routing import Borders, Trust, Version, check_canary, check_split
from bongsu.policy.scalar import ALWAYS, Day
from bongsu.ports import Channel
from bongsu.quantity import DAY, MINUTE, SECOND, Duration, Rate
from bongsu.review import Terms
from bongsu.wraps.wrapping import Wrap

if TYPE_CHECKING:
    from bongsu.policy.declare import TestDecl
    from bongsu.policy.extend import Extension
    from bongsu.policy.fault import Place

Role = Literal["primary", "light", "conservative"]


@dataclass(frozen=True)
class Price:
    """What a token of each class costs, from a day on: input that no cache had, input read from a cache or written to
    one, output, and output of reasoning. What is not given costs what ``input`` or ``output`` does.
    """

    input: Rate
    output: Rate
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    reasoning: Rate | None = None
    since: Day = field(default=ALWAYS, metadata={"key": "from"})


@dataclass(frozen=True)
class Upstream:
    """A model endpoint. ``api`` is what it speaks: OpenAI's API, Anthropic's, or plain HTTP (a prediction server, which
    is called at ``url`` itself). ``key`` is a secret reference, never a value. ``max_output`` is how many tokens it can
    write at most: what a call that sets no limit of its own reserves of a budget. ``prices`` are those that come after
    ``price``, each from its day on."""

    name: str
    url: str = field(metadata={"form": "url"})
    model: str
    key: str = field(default="", metadata={"form": "secret"})
    region: str = ""
    provider: str = ""
    model_version: str = ""
    price: Price | None = None
    prices: tuple[Price, ...] = ()
    max_output: int = 16_384
    timeout: Duration = Duration(60 * SECOND)
    timeouts: Timeouts = field(default_factory=Timeouts)
    breaker: Breaker = field(default_factory=Breaker)
    api: Literal["openai", "anthropic", "http"] = "openai"


    @property
    def tariff(self) -> tuple[Price, ...]:
        """Every price, the first to hold first."""
        return (*((self.price,) if self.price else ()), *self.prices)

    def price_at(self, at: int) -> Price | None:
        """The price that holds at a time; None before the first."""
        return next((price for price in reversed(self.tariff) if price.since <= at), None)


@dataclass(frozen=True)
class Route:
    """What a client's ``model`` names: where its traffic goes, and where else it may go.

    With ``versions``, calls are spread over them by the weights of ``split`` (all to the first, if left out); the same
    conversation or user always meets the same version, whatever is ``sticky`` and known. ``predict`` says where a
    prediction stands in JSON; ``moderation`` by whom a moderation is answered: the upstream, or the route's guards.
    """

    name: str
    primary: str = field(metadata={"ref": "upstreams"})
    fallback: tuple[str, ...] = field(default=(), metadata={"ref": "upstreams"})
    light: str = field(default="", metadata={"ref": "upstreams"})
    conservative: str = field(default="", metadata={"ref": "upstreams"})
    prompt_version: str = ""
    versions: Mapping[str, Version] = field(default_factory=dict, metadata={"names": r"\w[\w.-]*"})
    split: Mapping[str, int] = field(default_factory=dict)
    canary: Canary | None = None
    sticky: Literal["conversation", "user", "call"] = "conversation"
    predict: Predicted | None = None
    moderation: Literal["upstream", "guards"] = "upstream"
    retries: Retries | None = None

    def __post_init__(self) -> None:
        check_split(self.split, self.versions)
        if self.canary is not None:
            check_canary(self.canary, self.split, self.versions)

    def weights(self) -> Mapping[str, int]:
        """How calls are spread over the versions, as the policy says."""
        if self.canary is not None:
            return {self.canary.base: 100}
        return self.split or dict.fromkeys([*self.versions][:1], 100)

    def resolve(self, target: str) -> str:
        """The upstream that a role or an upstream's name means here."""
        roles = {"primary": self.primary, "light": self.light, "conservative": self.conservative}
        return roles.get(target) or target


@dataclass(frozen=True)
class Retention:
    """How long each store keeps what it has.

    ``labels`` is how late a label may come (while its cells are kept): so long the log keeps what it may be about,
    without texts, where a signal reads labels. ``vault`` is the longest that a value can be read again,
    ``epochs`` how long after its end a token epoch can still be joined with others (with a vault).
    """

    log: Duration = Duration(7 * DAY)
    lake: Duration = Duration(365 * DAY)
    cells: Duration = Duration(400 * DAY)
    labels: Duration = Duration(90 * DAY)
    vault: Duration = Duration(90 * DAY)
    epochs: Duration = Duration(730 * DAY)

    @property
    def labelled(self) -> Duration:
        """How late a label may come and still be counted."""
        return min(self.labels, self.cells)


@dataclass(frozen=True)
class Ingest:
    """Which times are believed of those who send events themselves: none older than ``behind`` (as long as cells are
    kept, if left out: what is older would be forgotten at once), none further ``ahead`` of our clock."""

    behind: Duration | None = None
    ahead: Duration = Duration(5 * MINUTE)

    def span(self, now: int, retention: Retention) -> tuple[int, int]:
        """The first and the last time (microseconds since 1970) that is taken now."""
        behind = retention.cells if self.behind is None else self.behind
        return max(0, now - behind), now + self.ahead


@dataclass(frozen=True)
class Service:
    """Whom this policy is about. ``language`` is that of notices: en or ko."""

    name: str
    region: str = ""
    environment: str = "production"
    language: Literal["en", "ko"] = "en"
    raci: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heartbeat:
    """Dead-man's switch: ``url`` is called every ``every`` while bongsu is well; its silence is the alarm."""

    url: str = field(metadata={"form": "endpoint"})
    every: Duration = Duration(60 * SECOND)


@dataclass(frozen=True)
class AlertmanagerSource:
    """Who may send alerts: the token opens ``/v1/sources/alertmanager`` and nothing else."""

    token: str = field(metadata={"form": "secret"})


@dataclass(frozen=True)
class Sources:
    """What others send."""

    alertmanager: AlertmanagerSource | None = None


@dataclass(frozen=True)
class Otlp:
    """A collector of traces: every call is posted to ``endpoint`` as a span (OTLP/HTTP, JSON), without any content.
    ``headers`` are secret references."""

    endpoint: str = field(metadata={"form": "endpoint"})
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            if not value.startswith("secret://"):
                raise ValueError(f"headers: expected secret references such as {name}: secret://env/NAME, came a "
                                 "literal value (not shown)")


@dataclass(frozen=True)
class Exports:
    """What is told to others of every call."""

    otlp: Otlp | None = None


@dataclass(frozen=True)
class ReferenceDecl:
    """What windows are compared with: the rows of a ``file`` (Parquet or CSV; a relative path begins at the policy),
    those of a pinned ``window`` (``2026-11-01..2026-11-08``, days in UTC, the last one not included), or what was
    registered for a ``model_version``. It is read once, when it is registered; only its bins and counts are kept.
    """

    file: str = ""
    window: str = ""
    model_version: str = ""

    def __post_init__(self) -> None:
        given = [name for name in ("file", "window", "model_version") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{given[-1] + ': ' if given else ''}expected one of 'file', 'window' and "
                             f"'model_version', came {' and '.join(given) or 'none'}")
        if self.window:
            self.span()

    def span(self) -> tuple[int, int]:
        """The pinned window, in microseconds."""
        begin, dots, end = self.window.partition("..")
        try:
            days = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (begin, end)]
        except ValueError:
            days = []
        if not dots or len(days) < 2 or days[0] >= days[1]:
            raise ValueError(f"window: expected a span such as 2026-11-01..2026-11-08, came {self.window!r}")
        return int(days[0].timestamp()) * 10**6, int(days[1].timestamp()) * 10**6


@dataclass(frozen=True)
class Note:
    """Something worth knowing that is not wrong."""

    path: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: note: {self.text}"


@dataclass(frozen=True)
class Policy:
    """Everything one service declared. ``hash`` names this very text in every record.

    ``features`` are what models are given, with the type each is meant to have. ``limits`` has each threshold alert's
    limit as it was written (``120% of 0.000004 USD``).
    """

    path: str
    hash: str
    service: Service
    plan: Plan
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    guards: tuple[Guard, ...] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retention: Retention = Retention()
    heartbeat: Heartbeat | None = None
    currency: str = "USD"
    apology: str = "I'm sorry, but I can't help with that request."
    durability: Literal["group", "strict"] = "group"
    fail: Literal["open", "closed"] = "closed"
    tests: tuple[TestDecl, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Note, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    extensions: tuple[Extension, ...] = ()
    features: Mapping[str, FeatureKind] = field(default_factory=dict)
    worded: frozenset[str] = frozenset()
    borders: Borders = field(default_factory=Borders)
    keys: Literal["optional", "required"] = "optional"
    appeal: str = ""
    slow_by: Duration = Duration(2 * SECOND)
    budgets: tuple[Budget, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    sources: Sources = Sources()
    export: Exports = Exports()
    references: Mapping[str, ReferenceDecl] = field(default_factory=dict)
    vault: Literal["off", "on"] = "off"
    epoch: Literal["month", "quarter", "year"] | None = None
    vault_key: Wrap | None = None
    vault_key_before: Wrap | None = None
    ingest: Ingest = Ingest()
    review: Terms = field(default_factory=Terms)
    trust: Trust = field(default_factory=Trust)
    max_body: int = 10 << 20
    body_rate: int = 4 << 10
