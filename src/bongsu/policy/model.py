"""A policy, read and linked: what the gateway, the engine and the workers are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bongsu.engine import Plan
from bongsu.guard import Guard
from bongsu.ports import Channel
from bongsu.quantity import DAY, SECOND, Duration, Rate

Role = Literal["primary", "light", "conservative"]


@dataclass(frozen=True)
class Price:
    """What a token of each class costs. ``cache_read`` falls back to ``input``, ``reasoning`` counts as output."""

    input: Rate
    output: Rate
    cache_read: Rate | None = None


@dataclass(frozen=True)
class Upstream:
    """A model endpoint that speaks the OpenAI API. ``key`` is a secret reference, never a value."""

    name: str
    url: str
    model: str
    key: str = ""
    region: str = ""
    provider: str = ""
    model_version: str = ""
    price: Price | None = None
    timeout: Duration = Duration(60 * SECOND)


@dataclass(frozen=True)
class Route:
    """What a client's ``model`` names: where its traffic goes, and where else it may go."""

    name: str
    primary: str
    fallback: tuple[str, ...] = ()
    light: str = ""
    conservative: str = ""
    prompt_version: str = ""

    def resolve(self, target: str) -> str:
        """The upstream that a role or an upstream's name means here."""
        roles = {"primary": self.primary, "light": self.light, "conservative": self.conservative}
        return roles.get(target) or target


@dataclass(frozen=True)
class Retention:
    """How long each store keeps what it has."""

    log: Duration = Duration(7 * DAY)
    lake: Duration = Duration(365 * DAY)
    cells: Duration = Duration(400 * DAY)


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

    url: str
    every: Duration = Duration(60 * SECOND)


@dataclass(frozen=True)
class Policy:
    """Everything one service declared. ``hash`` names this very text in every record."""

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
    tests: tuple[Mapping[str, Any], ...] = ()
