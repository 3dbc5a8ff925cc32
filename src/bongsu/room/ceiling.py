"""What limit would bring a dear signal back under its target, and at least what that would save.

Output tokens a call: if no call may have more than L, the output of N calls is at most N x L, whatever callers do.
Where a signal is cost / (a I + b O + c N) with input I and output O tokens, and a route's output costs at most p a
token (that of reasoning may cost more than what is said), it is at most T as soon as

    L x sum N (p - b T)  <=  T (a I + c N) - (cost of the input),    summed over the routes where p > b T

Requests a minute: where a signal is the money spent in a window, the calls of that window may cost T, at what a call
costs now. Exact; nothing is proposed where a price is missing, or where no limit of one or more would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from bongsu.alert import Threshold
from bongsu.cell import Vector
from bongsu.incident import show
from bongsu.policy.model import Price
from bongsu.quantity import HOUR, MINUTE
from bongsu.slis.mean import Mean
from bongsu.slis.sum import Sum

What = Literal["output tokens a call", "requests a minute"]
_PER: Mapping[str, tuple[int, int, int]] = {
    "": (0, 0, 1), "input_tokens": (1, 0, 0), "output_tokens": (0, 1, 0), "input_tokens + output_tokens": (1, 1, 0),
    "output_tokens + input_tokens": (1, 1, 0)}
"""What a cost is divided by -> (a, b, c)."""


@dataclass(frozen=True)
class Flow:
    """What goes through one route and upstream in a window, at the upstream's price: ``input`` includes what was read
    from and written to a cache, ``output`` what was thought."""

    route: str
    price: Price
    calls: int
    input: int
    output: int
    cached: int = 0
    written: int = 0
    thought: int = 0

    @classmethod
    def of(cls, route: str, price: Price, tokens: Vector) -> Flow:
        return cls(route, price, **{name: tokens.get(name, 0) for name in
                                    ("calls", "input", "output", "cached", "written", "thought")})

    @property
    def fixed(self) -> Fraction:
        """What its input costs, in nano-units: no limit on the output changes that."""
        price = self.price
        read_at, write_at = (price.cache_read or price.input).nano, (price.cache_write or price.input).nano
        fresh = self.input - self.cached - self.written
        return fresh * price.input.nano + self.cached * read_at + self.written * write_at

    @property
    def dearest(self) -> Fraction:
        """Nano-units that a token of output costs at most, whatever its class."""
        return max(self._said, self._thought)

    @property
    def _said(self) -> Fraction:
        return self.price.output.nano

    @property
    def _thought(self) -> Fraction:
        return (self.price.reasoning or self.price.output).nano

    @property
    def spoken(self) -> Fraction:
        """What its output costs."""
        return (self.output - self.thought) * self._said + self.thought * self._thought

    @property
    def cost(self) -> Fraction:
        return self.fixed + self.spoken

    def least(self, tokens: int) -> Fraction:
        """What so many tokens of its output cost at least."""
        cheap, rest = sorted(((self._said, self.output - self.thought), (self._thought, self.thought)))
        first = min(tokens, cheap[1])
        return first * cheap[0] + (tokens - first) * rest[0]


@dataclass(frozen=True)
class Ceiling:
    """At most ``limit`` of ``what``, on all these routes; ``hourly`` (nano-units) is saved at least."""

    what: What
    routes: tuple[str, ...]
    limit: int
    hourly: Fraction
    currency: str
    signal: str
    target: str

    def __str__(self) -> str:
        return (f"limiting {' and '.join(self.routes)} to {self.limit} {self.what} would save at least "
                f"{show(self.hourly, self.currency)} an hour and bring {self.signal} to {self.target}")


def ceilings(when: Threshold, flows: Sequence[Flow], currency: str) -> list[Ceiling]:
    """The limits that would end an alert on cost, by what they limit; none where the flows do not explain it."""
    sli, flows = when.signal.sli, [flow for flow in flows if flow.calls]
    if when.op not in (">", ">=") or not flows:
        return []
    found: list[tuple[What, int, Fraction]] = []
    if isinstance(sli, Sum) and sli.of.text == "cost":
        found += [*_tokens(when, flows, (0, 0, 0), when.exit), *_requests(when, flows)]
    elif isinstance(sli, Mean) and sli.sum.text == "cost":
        form = _PER.get("" if sli.per is None else sli.per.text)
        found += _tokens(when, flows, form, Fraction(0)) if form else []
    routes = tuple(sorted({flow.route for flow in flows}))
    target = f"{when.leave_op} {show(when.exit, when.signal.unit)}"
    return [Ceiling(what, routes, limit, saved * HOUR / when.over, currency, when.signal.name, target)
            for what, limit, saved in found if limit >= 1 and saved > 0]


def _tokens(when: Threshold, flows: Sequence[Flow], form: tuple[int, int, int],
            constant: Fraction) -> list[tuple[What, int, Fraction]]:
    (a, b, c), target = form, when.exit
    dear = [(flow, flow.dearest - b * target) for flow in flows if flow.dearest > b * target]
    weight = sum((flow.calls * more for flow, more in dear), Fraction(0))
    room = constant + sum((target * (a * flow.input + c * flow.calls) - flow.fixed for flow in flows), Fraction(0))
    if not weight or sum((flow.spoken - b * target * flow.output for flow, _ in dear), Fraction(0)) <= room:
        return []
    limit = _whole(room / weight, when)
    saved = sum((flow.least(max(0, flow.output - flow.calls * limit)) for flow, _ in dear), Fraction(0))
    return [("output tokens a call", limit, saved)]


def _requests(when: Threshold, flows: Sequence[Flow]) -> list[tuple[What, int, Fraction]]:
    spent, minutes = sum((flow.cost for flow in flows), Fraction(0)), Fraction(when.over, MINUTE)
    if spent <= when.exit:
        return []
    each = spent / sum(flow.calls for flow in flows)
    limit = _whole(when.exit / each / minutes, when)
    return [("requests a minute", limit, spent - limit * minutes * each)]


def _whole(most: Fraction, when: Threshold) -> int:
    """The largest whole number that is within: below the bound where the alert leaves only below it."""
    whole = most.numerator // most.denominator
    return whole - 1 if when.leave_op == "<" and whole == most else whole
