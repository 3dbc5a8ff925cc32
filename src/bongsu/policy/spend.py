"""Budgets as they are written in a policy, and what only the whole policy can tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from bongsu.access.budget import Budget, Per
from bongsu.access.meter import Meter
from bongsu.period import Calendar
from bongsu.policy.fault import Misfit, quoted
from bongsu.policy.scalar import Window
from bongsu.quantity import NANO, SECOND, Money, show_share

if TYPE_CHECKING:
    from bongsu.policy.link import Linker
    from bongsu.policy.model import Upstream


def check_only(only: tuple[str, ...], per: Per, of: str) -> None:
    """Only teams and keys have names that a policy can know."""
    if only and per not in ("team", "key"):
        raise Misfit(f"no names for a {of} per {per}", quoted(only[0]), "names are of teams or keys", "only")


@dataclass(frozen=True)
class BudgetDecl:
    """At most ``limit`` over ``window`` (rolling: 30d, or calendar: month), for each key, user or team (``per``), or
    for the whole service. From the share ``soft`` on callers are told; at the end calls are refused, or go on with the
    ``light`` model."""

    limit: Money
    window: Window
    per: Per = "service"
    only: tuple[str, ...] = ()
    soft: Fraction = Fraction(4, 5)
    then: Literal["refuse", "light"] = "refuse"
    time_zone: ZoneInfo | None = field(default=None)

    def __post_init__(self) -> None:
        if self.limit.nano < 1 or self.limit.nano >= 2**62:
            raise Misfit("an amount above zero", quoted(str(self.limit)), field="limit")
        if self.window.length < SECOND:
            raise Misfit("a window of 1s or more", "a shorter one", field="window")
        if not 0 < self.soft <= 1:
            raise Misfit("a share above 0% and up to 100%", show_share(self.soft), field="soft")
        check_only(self.only, self.per, "budget")
        if self.time_zone is not None and self.window.unit is None:
            raise Misfit("no time zone with a rolling window", quoted(str(self.time_zone)),
                         "use window: week, month, quarter or year", "time_zone")


def budgets(linker: Linker) -> Iterator[Budget]:
    """Each in the policy's currency; one whose end is the light model needs a route that has one."""
    doc = linker.document
    currency, lights = doc.settings.currency, any(route.light for route in doc.routes.values())
    for name, decl in doc.budgets.items():
        if decl.limit.currency != currency:
            linker.reader.fault(("budgets", name, "limit"), f"an amount in {currency}, the currency of this policy",
                                quoted(str(decl.limit)))
            continue
        if decl.then == "light" and doc.routes and not lights and "routes" not in linker.names.broken:
            linker.reader.fault(("budgets", name, "then"), "a route with a light model", quoted("light"),
                                "add 'light: UPSTREAM' to a route, or say then: refuse")
        unit = decl.window.unit
        calendar = Calendar(unit, str(decl.time_zone or "UTC")) if unit else None
        yield Budget(name, int(decl.limit.nano), decl.window.length, calendar, decl.per, decl.only, decl.soft,
                     decl.then)


def check_affordable(linker: Linker, money: Iterable[Budget], upstreams: Mapping[str, Upstream]) -> None:
    """Point out budgets that one call can be too dear for: what its reply may come to is reserved before it is made."""
    doc = linker.document
    meters = {route.primary: Meter(*one.tariff) for route in doc.routes.values()
              if (one := upstreams.get(route.primary)) and one.tariff}
    for budget in money:
        over = {name: meter.most(0, upstreams[name].max_output) for name, meter in meters.items()
                if meter.most(1, upstreams[name].max_output) > budget.limit}  # a call has a token of input at least
        if budget.then == "refuse" and over:
            name = max(over, key=lambda one: (over[one], one))
            cost = Money(Fraction(over[name], NANO), doc.settings.currency)
            linker.note(("budgets", budget.name, "limit"),
                        f"budget {budget.name}: a call to {name} that does not say max_tokens may cost {cost} for its "
                        f"reply alone ({upstreams[name].max_output} tokens), so it is always refused; raise the limit, "
                        f"or lower max_output of upstream {name}")
