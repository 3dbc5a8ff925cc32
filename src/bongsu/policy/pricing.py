"""Prices over time, in the currency of the policy: declared rates convert them exactly, before anything is rounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from bongsu.policy.fault import Misfit, quoted
from bongsu.policy.model import Price, Upstream
from bongsu.policy.scalar import ALWAYS, Day, show_day
from bongsu.quantity import Money, Rate

if TYPE_CHECKING:
    from bongsu.policy.link import Linker

_CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Exchange:
    """``{one: USD, is: 1_350 KRW, from: 2026-01-01}``: from that day on; both ways. Without a day it always held."""

    one: str
    amount: Money = field(metadata={"key": "is"})
    since: Day = field(default=ALWAYS, metadata={"key": "from"})

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.one) or self.one == self.amount.currency:
            raise Misfit(f"another currency than {self.amount.currency}, three capitals such as USD", quoted(self.one),
                         field="one")
        if not self.amount.amount:
            raise Misfit("an amount above zero", str(self.amount), field="amount")

    def rate(self, of: str, into: str) -> Fraction | None:
        """What one unit of a currency is in another; None where this says nothing of the two."""
        if (of, into) == (self.one, self.amount.currency):
            return self.amount.amount
        return 1 / self.amount.amount if (into, of) == (self.one, self.amount.currency) else None


def converted(prices: Iterable[Price], rates: Iterable[Exchange], into: str) -> tuple[Price, ...]:
    """The prices in one currency: a new one each time that a price or the rate for it changes.

    Raises ``Misfit`` where a price has no rate on some day.
    """
    dated = sorted(prices, key=lambda price: price.since)
    out: list[Price] = []
    for price, until in zip(dated, [*(p.since for p in dated[1:]), None], strict=False):
        of = price.input.currency
        if of == into:
            out.append(price)
            continue
        known = sorted(((r.since, rate) for r in rates if (rate := r.rate(of, into)) is not None), key=lambda r: r[0])
        before = [one for one in known if one[0] <= price.since]
        if not before:
            since = "" if price.since == ALWAYS else f" that holds on {show_day(price.since)}"
            raise Misfit(f"a price in {into}, the currency of this policy, or a rate for {of}{since}",
                         quoted(str(price.input)), f"add {{one: {of}, is: … {into}}} to rates")
        later = [one for one in known if one[0] > price.since and (until is None or one[0] < until)]
        out += [_times(price, rate, into, max(since, price.since)) for since, rate in (before[-1], *later)]
    return tuple(out)


def _times(price: Price, rate: Fraction, into: str, since: Day) -> Price:
    changed = {f.name: Rate(value.nano * rate, into) for f in fields(price)
               if isinstance(value := getattr(price, f.name), Rate)}
    return replace(price, since=since, **changed)


def priced(linker: Linker) -> Mapping[str, Upstream]:
    """The upstreams, with prices in the policy's currency."""
    doc = linker.document
    return {name: _priced(linker, upstream, doc.settings.currency) for name, upstream in doc.upstreams.items()}


def _priced(linker: Linker, upstream: Upstream, currency: str) -> Upstream:
    every = upstream.tariff
    places = [("upstreams", upstream.name, "price")] if upstream.price else []
    trails = [*places, *(("upstreams", upstream.name, "prices", i) for i in range(len(upstream.prices)))]
    for trail, price in zip(trails, every, strict=True):
        for f in fields(price):
            rate = getattr(price, f.name)
            if isinstance(rate, Rate) and rate.currency != price.input.currency:
                linker.reader.fault((*trail, f.name), f"a price in {price.input.currency}, as that of input is",
                                    quoted(str(rate)))
                return upstream
    for trail, before, price in zip(trails[1:], every, every[1:], strict=False):
        if price.since <= before.since:
            linker.reader.fault((*trail, "from"), f"a day after {show_day(before.since)}, when the price before it "
                                "began", quoted(show_day(price.since)))
            return upstream
    try:
        prices = converted(every, linker.document.rates, currency)
    except Misfit as error:
        at = next(t for t, p in zip(trails, every, strict=True) if quoted(str(p.input)) == error.came)
        linker.reader.misfit((*at, "input"), error)
        return upstream
    return upstream if prices == every else replace(upstream, price=None, prices=prices)
