"""What a cheaper model would save: the tokens of an alert's window, priced as they are and as they could be.

Exact, and stated per hour. Nothing is proposed where a price is missing or nothing would be saved. What a limit would
save instead is ``room.ceiling``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from bongsu.aggregate import Aggregate, Count, Evidence, Proof, Sum
from bongsu.alert import Rule, Signal, Threshold
from bongsu.cell import Cells, Labels, Vector
from bongsu.engine import Decision
from bongsu.expression import read
from bongsu.incident import show
from bongsu.notice import Tell
from bongsu.policy.model import Policy, Price
from bongsu.quantity import HOUR
from bongsu.room.ceiling import Flow, ceilings


@dataclass(frozen=True)
class Tokens:
    """Tokens as they are priced, and of how many calls: ``input`` includes the cached ones, ``output`` those of
    reasoning."""

    kind: ClassVar[str] = "tokens"
    unit: ClassVar[str] = ""
    proof: ClassVar[Proof] = "never"

    def parts(self) -> Mapping[str, Aggregate]:
        return {"input": Sum(read("input_tokens", "number")), "output": Sum(read("output_tokens", "number")),
                "cached": Sum(read("cache_read_tokens", "number")),
                "written": Sum(read("cache_write_tokens", "number")),
                "thought": Sum(read("reasoning_tokens", "number")),
                "calls": Count(known=(read("output_tokens", "number"),))}

    def value(self, vector: Vector) -> Fraction | None:
        return Fraction(vector.get("input", 0) + vector.get("output", 0)) if vector else None

    def evidence(self, vector: Vector, looks: int = 1) -> Evidence:  # noqa: ARG002  # nothing is alerted on here
        return Evidence(self.value(vector), vector.get("calls", 0))


TOKENS = Signal("tokens", Tokens(), ("route", "upstream", "model"), "live", "bongsu/tokens/3")
"""Always counted: what a proposal is computed from."""


@dataclass(frozen=True)
class Saving:
    """``hourly`` is in nano-units of the policy's currency."""

    route: str
    light: str
    hourly: Fraction
    currency: str

    def __str__(self) -> str:
        return f"moving {self.route} to {self.light} would save {show(self.hourly, self.currency)} an hour"


def priced(tokens: Vector, price: Price) -> Fraction:
    """What tokens cost, in nano-units, exactly."""
    read, written, thought = (tokens.get(name, 0) for name in ("cached", "written", "thought"))
    each = ((tokens.get("input", 0) - read - written, price.input), (read, price.cache_read or price.input),
            (written, price.cache_write or price.input), (tokens.get("output", 0) - thought, price.output),
            (thought, price.reasoning or price.output))
    return sum((n * rate.nano for n, rate in each), Fraction(0))


def savings(policy: Policy, rule: Rule, labels: Labels, cells: Cells, now: int) -> list[Saving]:
    """What each route's light upstream would save at the traffic that a cost alert is about; the most first."""
    if not isinstance(rule.when, Threshold) or rule.when.signal.unit != policy.currency:
        return []
    saved: dict[str, Fraction] = {}
    for facts, tokens in _used(rule.when, dict(zip(rule.by, labels, strict=False)), cells, now):
        route, upstream = policy.routes.get(facts["route"]), policy.upstreams.get(facts["upstream"])
        light = policy.upstreams.get(route.light) if route else None
        price, less = (None if one is None else one.price_at(now) for one in (upstream, light))
        if route is None or price is None or less is None:
            continue
        more = priced(tokens, price) - priced(tokens, less)
        saved[route.name] = saved.get(route.name, Fraction(0)) + more * HOUR / rule.when.over
    found = [Saving(name, policy.routes[name].light, hourly, policy.currency) for name, hourly in saved.items()]
    return sorted((one for one in found if one.hourly > 0), key=lambda one: (-one.hourly, one.route))


def _used(when: Threshold, about: Mapping[str, str], cells: Cells,
          now: int) -> Iterator[tuple[dict[str, str], Vector]]:
    """Where the tokens of an alert's window went: (route, upstream, model) and the tokens there."""
    span = cells.window(now - when.delay, when.over)
    for place in cells.labels(TOKENS.key):
        facts = dict(zip(TOKENS.labels, place, strict=True))
        if all(facts.get(name, value) == value for name, value in about.items()):
            yield facts, cells.vector(TOKENS.key, *span, labels=[place])


def proposals(policy: Policy, rule: Rule, labels: Labels, cells: Cells, now: int) -> list[str]:
    """What would bring a cost alert's money down, in words: another model, or a limit."""
    moved = list(map(str, savings(policy, rule, labels, cells, now)))
    if not isinstance(rule.when, Threshold) or rule.when.signal.unit != policy.currency:
        return moved
    flows = []
    for facts, tokens in _used(rule.when, dict(zip(rule.by, labels, strict=False)), cells, now):
        upstream = policy.upstreams.get(facts["upstream"])
        if not any(tokens.values()):
            continue
        price = None if upstream is None else upstream.price_at(now)
        if price is None:
            return moved
        flows.append(Flow.of(facts["route"], price, tokens))
    return moved + list(map(str, ceilings(rule.when, flows, policy.currency)))


def advised(policy: Policy, rules: Iterable[Rule], decisions: Iterable[Decision], cells: Cells,
            now: int) -> Iterator[Decision]:
    """The decisions; a notice of a cost alert that fires says what would save how much."""
    named = {rule.name: rule for rule in rules}
    for decision in decisions:
        if not isinstance(decision, Tell) or decision.state != "firing":
            yield decision
            continue
        lines = (line for known in decision.firing if known.alert in named
                 for line in proposals(policy, named[known.alert], known.labels, cells, now))
        yield replace(decision, proposals=tuple(dict.fromkeys((*lines, *decision.proposals))))
