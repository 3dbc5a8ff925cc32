"""A cost alarm proposes a limit that would end it, and at least what that saves: exactly, whatever callers do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold
from bongsu.expression import read
from bongsu.language.sentences import say
from bongsu.policy import parse
from bongsu.policy.model import Price
from bongsu.quantity import HOUR, MINUTE, NANO, Duration, parse_rate
from bongsu.room.ceiling import Ceiling, Flow, ceilings
from bongsu.room.saving import priced
from bongsu.slis.mean import Mean
from bongsu.slis.sum import Sum
from bongsu.slo import OPERATORS

pytestmark = pytest.mark.req("A4")
COST, BOTH = read("cost", "number"), read("input_tokens + output_tokens", "number")
PER = {"call": None, "token": BOTH, "input": read("input_tokens", "number"), "output": read("output_tokens", "number"),
       "second": read("latency_ms", "number")}
DEAR = Price(parse_rate("2.50 USD/1M"), parse_rate("10 USD/1M"))


def when(sli: Any, target: Fraction, over: int = MINUTE, leave: Any = "<=", op: Any = ">") -> Threshold:
    return Threshold(Signal("spend", sli, unit="USD"), op, target, Duration(over), leave, target)


def flow(calls: int, given: int, output: int, price: Price = DEAR, route: str = "bot", **classes: int) -> Flow:
    return Flow(route, price, calls, given, output, **classes)


def found(threshold: Threshold, *flows: Flow) -> dict[str, Ceiling]:
    return {one.what: one for one in ceilings(threshold, flows, "USD")}


# ---- examples by hand ----


def test_money_an_hour_is_held_by_tokens_a_call_or_by_requests_a_minute() -> None:
    """60 calls an hour of 1,000 input and 1,000 output tokens cost 0.75 USD; 0.30 USD may be spent.

    Input alone costs 0.15, so 0.15 USD is left for output: 15,000 tokens, 250 a call. Or 24 calls: none a minute.
    """
    spend = when(Sum(COST), Fraction(3, 10) * NANO, HOUR)
    by = found(spend, flow(60, 60_000, 60_000))
    assert (by["output tokens a call"].limit, by["output tokens a call"].hourly) == (250, Fraction(45, 100) * NANO)
    assert "requests a minute" not in by, "less than one a minute is no limit"
    by = found(spend, flow(6000, 60_000, 60_000))
    assert (by["requests a minute"].limit, by["requests a minute"].hourly) == (40, Fraction(45, 100) * NANO)
    assert str(by["requests a minute"]) == ("limiting bot to 40 requests a minute would save at least 0.45 USD an hour "
                                            "and bring spend to <= 0.3 USD")
    assert say(str(by["requests a minute"]), "ko") == (
        "bot 경로를 분당 40건으로 제한하면 시간당 0.45 USD 이상 절감되고 spend 값이 <= 0.3 USD 조건으로 돌아옵니다")


def test_an_alert_that_leaves_only_below_its_limit_is_not_brought_just_to_it() -> None:
    spent = Fraction(3, 10) * NANO
    limits = [found(when(Sum(COST), spent, HOUR, leave), flow(60, 60_000, 60_000))["output tokens a call"].limit
              for leave in ("<=", "<")]
    assert limits == [250, 249]


@pytest.mark.parametrize(("sli", "flows"), [
    (Mean(COST, PER["output"]), [flow(1, 10, 1)]),  # fewer output tokens make each dearer
    (Mean(COST, PER["second"]), [flow(1, 10, 10_000)]),
    (Mean(read("cost * 2", "number"), BOTH), [flow(1, 10, 10_000)]),
    (Sum(COST), []), (Sum(COST), [flow(0, 0, 0)]),
    (Sum(COST), [flow(1, 10**9, 0)])])  # the input alone is too dear
def test_nothing_is_proposed_that_would_not_help(sli: Any, flows: list[Flow]) -> None:
    assert "output tokens a call" not in found(when(sli, Fraction(4400)), *flows)
    assert found(when(sli, Fraction(4400), op="<", leave=">="), *flows) == {}


# ---- whatever callers do ----

def rate(n: int | None) -> Any:
    return None if n is None else parse_rate(f"{n} USD/1M")


class Made(NamedTuple):
    """One call's tokens: the classes are parts of what stands before them."""

    input: int
    output: int
    cached: int
    written: int
    thought: int

    @classmethod
    def of(cls, fresh: int, said: int, cached: int, written: int, thought: int) -> Made:
        return cls(fresh + cached + written, said + thought, cached, written, thought)

    def cut(self, limit: int) -> Made:
        """With at most so many tokens of output; what was thought came first."""
        out = min(self.output, limit)
        return self._replace(output=out, thought=min(self.thought, out))

    def cost(self, price: Price) -> Fraction:
        read_at, write_at = price.cache_read or price.input, price.cache_write or price.input
        return ((self.input - self.cached - self.written) * price.input.nano + self.cached * read_at.nano
                + self.written * write_at.nano + (self.output - self.thought) * price.output.nano
                + self.thought * (price.reasoning or price.output).nano)


prices = st.builds(lambda i, o, r, w, t: Price(rate(i), rate(o), rate(r), rate(w), rate(t)), st.integers(0, 50),
                   st.integers(0, 200), *[st.none() | st.integers(0, 300)] * 3)
calls = st.lists(st.builds(Made.of, st.integers(0, 5000), st.integers(0, 5000), *[st.integers(0, 500)] * 3),
                 min_size=1, max_size=8)
Flows = list[tuple[Price, list[Made]]]


def value(per: str, flows: Flows) -> tuple[Fraction, Fraction | None]:
    """What it costs, and the signal."""
    cost = sum((one.cost(price) for price, some in flows for one in some), Fraction(0))
    shares: dict[str, Any] = {"sum": lambda one: 0, "call": lambda one: 1, "token": lambda one: one.input + one.output,
                              "input": lambda one: one.input}
    by = sum(shares[per](one) for _, some in flows for one in some)
    return cost, cost if per == "sum" else cost / by if by else None


def seen_as(flows: Flows) -> list[Flow]:
    def total(some: list[Made], name: str) -> int:
        return sum(getattr(one, name) for one in some)

    return [flow(len(some), total(some, "input"), total(some, "output"), price, f"r{n}",
                 **{name: total(some, name) for name in ("cached", "written", "thought")})
            for n, (price, some) in enumerate(flows)]


@given(st.lists(st.tuples(prices, calls), min_size=1, max_size=3))
def test_every_class_of_token_has_its_own_price(flows: Flows) -> None:
    assert sum(one.cost for one in seen_as(flows)) == value("sum", flows)[0]
    for (price, some), one in zip(flows, seen_as(flows), strict=True):
        tokens = {"input": one.input, "output": one.output, "cached": one.cached, "written": one.written,
                  "thought": one.thought, "calls": one.calls}
        assert Flow.of(one.route, price, tokens) == one
        assert one.cost == priced(tokens, price), "as savings are reckoned"
        assert one.least(one.output) == one.spoken <= one.output * one.dearest
        assert len(some) == one.calls


@given(st.lists(st.tuples(prices, calls), min_size=1, max_size=3), st.sampled_from(["sum", "call", "token", "input"]),
       st.sampled_from(["<", "<="]), st.integers(1, 99))
def test_with_the_limit_the_alert_is_over_and_at_least_so_much_is_saved(flows: Flows, per: str, leave: Any,
                                                                        share: int) -> None:
    cost, now = value(per, flows)
    assume(now)
    assert now is not None
    sli = Sum(COST) if per == "sum" else Mean(COST, PER[per])
    threshold = when(sli, now * share / 100, HOUR, leave)
    limit = found(threshold, *seen_as(flows)).get("output tokens a call")
    assume(limit is not None)
    assert limit is not None
    held = [(price, [one.cut(limit.limit) for one in some]) for price, some in flows]
    then, after = value(per, held)
    assert after is None or OPERATORS[leave](after, threshold.exit)
    assert cost - then >= limit.hourly > 0


@given(st.lists(st.tuples(prices, calls), min_size=1, max_size=3), st.sampled_from(["<", "<="]), st.integers(1, 99))
def test_so_many_requests_a_minute_at_todays_cost_are_within_the_target(flows: Flows, leave: Any, share: int) -> None:
    cost, _ = value("sum", flows)
    assume(cost)
    threshold = when(Sum(COST), cost * share / 100, MINUTE, leave)
    seen = seen_as(flows)
    number = sum(one.calls for one in seen)
    limit = found(threshold, *seen).get("requests a minute")
    if limit is None:
        assert cost / number > threshold.exit or leave == "<", "one call alone is too dear"
        return
    assert OPERATORS[leave](limit.limit * cost / number, threshold.exit)
    assert not OPERATORS[leave]((limit.limit + 1) * cost / number, threshold.exit), "and no more are"
    assert limit.hourly == (cost - limit.limit * cost / number) * 60


# ---- the policy ----


def test_money_spent_is_a_signal_of_its_own_kind() -> None:
    policy = parse("""
bongsu: 1
service: {name: bot}
signals: {spend: {kind: sum, of: cost}}
alerts: {dear: {when: spend > 5 USD, over: 1h, clear: <= 4 USD}}
""", "x.yaml", {})
    (rule,) = policy.plan.rules
    assert isinstance(rule.when, Threshold)
    assert (rule.when.signal.unit, rule.when.enter) == ("USD", 5 * NANO)
