"""A cost alarm proposes a limit that would end it, and at least what that saves: exactly, whatever callers do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bongsu.alert import Signal, Threshold
from bongsu.expression import read
from bongsu.policy import parse
from bongsu.policy.model import Price
from bongsu.quantity import HOUR, MINUTE, NANO, Duration, parse_rate
from bongsu.room.ceiling import Ceiling, Flow, ceilings
from bongsu.sentences import say
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


def flow(calls: int, given: int, output: int, price: Price = DEAR, route: str = "bot", cached: int = 0) -> Flow:
    return Flow(route, price, calls, given, cached, output)


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

prices = st.builds(lambda i, o: Price(parse_rate(f"{i} USD/1M"), parse_rate(f"{o} USD/1M")), st.integers(0, 50),
                   st.integers(0, 200))
calls = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=8)


def value(per: str, flows: list[tuple[Price, list[tuple[int, int]]]]) -> tuple[Fraction, Fraction | None]:
    """What it costs, and the signal."""
    cost = sum((i * p.input.nano + o * p.output.nano for p, some in flows for i, o in some), Fraction(0))
    shares = {"sum": lambda i, o: 0, "call": lambda i, o: 1, "token": lambda i, o: i + o, "input": lambda i, o: i}
    by = sum(shares[per](i, o) for _, some in flows for i, o in some)
    return cost, cost if per == "sum" else cost / by if by else None


@given(st.lists(st.tuples(prices, calls), min_size=1, max_size=3), st.sampled_from(["sum", "call", "token", "input"]),
       st.sampled_from(["<", "<="]), st.integers(1, 99))
def test_with_the_limit_the_alert_is_over_and_at_least_so_much_is_saved(
        flows: list[tuple[Price, list[tuple[int, int]]]], per: str, leave: Any, share: int) -> None:
    cost, now = value(per, flows)
    assume(now)
    assert now is not None
    sli = Sum(COST) if per == "sum" else Mean(COST, PER[per])
    threshold = when(sli, now * share / 100, HOUR, leave)
    seen = [flow(len(some), sum(i for i, _ in some), sum(o for _, o in some), price, f"r{n}")
            for n, (price, some) in enumerate(flows)]
    limit = found(threshold, *seen).get("output tokens a call")
    assume(limit is not None)
    assert limit is not None
    held = [(price, [(i, min(o, limit.limit)) for i, o in some]) for price, some in flows]
    then, after = value(per, held)
    assert after is None or OPERATORS[leave](after, threshold.exit)
    assert cost - then >= limit.hourly > 0


@given(st.lists(st.tuples(prices, calls), min_size=1, max_size=3), st.sampled_from(["<", "<="]), st.integers(1, 99))
def test_so_many_requests_a_minute_at_todays_cost_are_within_the_target(
        flows: list[tuple[Price, list[tuple[int, int]]]], leave: Any, share: int) -> None:
    cost, _ = value("sum", flows)
    assume(cost)
    threshold = when(Sum(COST), cost * share / 100, MINUTE, leave)
    seen = [flow(len(some), sum(i for i, _ in some), sum(o for _, o in some), price) for price, some in flows]
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
