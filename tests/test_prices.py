"""What a call costs: every token of one class, paid for once, at the price of its day, in the policy's currency."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.access.meter import Meter, Usage, read_usage
from bongsu.event import Event
from bongsu.policy import parse
from bongsu.policy.fault import PolicyError
from bongsu.policy.model import Price, Upstream
from bongsu.policy.pricing import Exchange, converted
from bongsu.policy.scalar import Day, read_day
from bongsu.quantity import parse_money, parse_rate
from bongsu.room.saving import priced
from bongsu.web.surfaces.messages_stream import read_tokens
from gatewaykit import Script, reply, standing

SMALL = (Path(__file__).parent / "good/small.yaml").read_text(encoding="utf-8")
JAN, JUL = read_day("2026-01-01"), read_day("2026-07-01")


def price(input_: str, output: str, since: int = 0, **classes: str) -> Price:
    return Price(parse_rate(input_), parse_rate(output), since=Day(since),
                 **{name: parse_rate(text) for name, text in classes.items()})


FULL = price("3 USD/1M", "15 USD/1M", cache_read="0.30 USD/1M", cache_write="3.75 USD/1M", reasoning="20 USD/1M")


@pytest.mark.req("O4")
@pytest.mark.parametrize(("usage", "nano"), [
    (Usage(1000, 100), 1000 * 3000 + 100 * 15000),
    (Usage(1000, 100, cache_read=400), 600 * 3000 + 400 * 300 + 100 * 15000),
    (Usage(1000, 100, cache_write=400), 600 * 3000 + 400 * 3750 + 100 * 15000),
    (Usage(1000, 100, 300, 200, 60), 500 * 3000 + 300 * 300 + 200 * 3750 + 40 * 15000 + 60 * 20000),
    (Usage(10, 5, 10, 10, 5), 10 * 300 + 5 * 20000),
    (Usage(10, 5, 99, 99, 99), 10 * 300 + 5 * 20000)],
    ids=["plain", "read", "write", "all", "more than there are", "nonsense"])
def test_a_token_is_of_one_class_and_paid_for_once(usage: Usage, nano: int) -> None:
    """Cached tokens are part of the input, reasoning is part of the output: counting them beside it charges twice."""
    assert Meter(FULL).cost(usage) == nano


@pytest.mark.parametrize(("found", "read"), [
    ({"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400},
      "completion_tokens_details": {"reasoning_tokens": 60}, "total_tokens": 1100}, Usage(1000, 100, 400, None, 60)),
    ({"prompt_tokens": 1000, "completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 60},
      "total_tokens": 1100}, Usage(1000, 100, None, None, 60))], ids=["within", "beside"])
def test_openai_s_usage_is_read_with_reasoning_in_the_output_wherever_it_was_counted(found: Any, read: Usage) -> None:
    assert read_usage(found) == read


def test_anthropic_s_input_does_not_have_the_cached_tokens_in_it_and_ours_does() -> None:
    usage = read_tokens({"input_tokens": 500, "output_tokens": 9, "cache_read_input_tokens": 300,
                         "cache_creation_input_tokens": 200})
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.cache_write) == (1000, 300, 200)
    assert Meter(FULL).cost(usage) == 500 * 3000 + 300 * 300 + 200 * 3750 + 9 * 15000


def test_a_class_without_a_price_costs_what_its_side_does() -> None:
    plain = price("3 USD/1M", "15 USD/1M")
    assert Meter(plain).cost(Usage(1000, 100, 300, 200, 60)) == 1000 * 3000 + 100 * 15000


@given(st.integers(0, 10**6), st.integers(0, 10**6), *[st.one_of(st.none(), st.integers(0, 10**6))] * 3)
def test_no_classes_cost_more_than_the_bound_that_a_budget_reserves(into: int, out: int, read: Any, write: Any,
                                                                    thought: Any) -> None:
    cost = Meter(FULL).cost(Usage(into, out, read, write, thought))
    assert cost is not None
    assert 0 <= cost <= Meter(FULL).most(into, out)


@pytest.mark.parametrize(("at", "nano"), [
    (JAN - 1, None), (JAN, 3000), (JUL - 1, 3000), (JUL, 2000), (JUL + 10**15, 2000)])
def test_a_price_holds_from_its_day_until_the_next_one_does(at: int, nano: int | None) -> None:
    meter = Meter(price("3 USD/1M", "15 USD/1M", JAN), price("2 USD/1M", "15 USD/1M", JUL))
    assert meter.cost(Usage(1, 0), at) == nano
    assert meter.most(1, 0) == 3000


def rate(one: str, amount: str, since: int = 0) -> Exchange:
    return Exchange(one, parse_money(amount), Day(since))


def test_a_price_in_another_currency_is_converted_exactly_and_rounded_once() -> None:
    """1 USD = 1,333.33 KRW: a token of 1/3 nano-USD, ten million times, is not ten million roundings."""
    third = Price(parse_rate("0.001 USD/1M"), parse_rate("0.001 USD/1M"))
    made = converted([third], [rate("USD", "1333.33 KRW")], "KRW")
    assert made[0].input.nano == Fraction(133333, 100)
    assert made[0].input.currency == "KRW"
    assert Meter(*made).cost(Usage(10**7, 1)) == round(Fraction(133333, 100) * (10**7 + 1))


def test_a_rate_holds_both_ways() -> None:
    won = price("1350 KRW/1M", "2700 KRW/1M")
    assert converted([won], [rate("USD", "1350 KRW")], "USD")[0].input.nano == Fraction(1000)


def test_a_new_price_begins_with_each_change_of_price_or_rate() -> None:
    prices = [price("3 USD/1M", "15 USD/1M"), price("2 USD/1M", "15 USD/1M", JUL)]
    rates = [rate("USD", "1300 KRW"), rate("USD", "1400 KRW", JAN), rate("USD", "1500 KRW", JUL + 5)]
    made = converted(prices, rates, "KRW")
    assert [(p.since, p.input.nano) for p in made] == [
        (0, 3000 * 1300), (JAN, 3000 * 1400), (JUL, 2000 * 1400), (JUL + 5, 2000 * 1500)]


def in_policy(price_: str, more: str = "") -> Upstream:
    text = SMALL.replace("price: {input: 2.50 USD/1M, output: 10 USD/1M}", price_) + more
    return parse(text, "small.yaml", {}).upstreams["main"]


def test_a_policy_declares_dated_prices_and_rates() -> None:
    up = in_policy("price: {input: 3 EUR/1M, output: 15 EUR/1M, cache_write: 4 EUR/1M}, prices: [{from: 2026-07-01, "
                   "input: 2 USD/1M, output: 10 USD/1M}]", "rates: [{one: EUR, is: 1.25 USD}]\n")
    assert [(p.since, p.input.nano, p.input.currency) for p in up.tariff] == [(0, 3750, "USD"), (JUL, 2000, "USD")]
    assert up.tariff[0].cache_write is not None
    assert up.tariff[0].cache_write.nano == 5000
    assert up.price_at(JUL - 1) == up.tariff[0]
    assert in_policy("price: {input: 3 USD/1M, output: 15 USD/1M, from: 2026-01-01}").price_at(JAN - 1) is None


@pytest.mark.parametrize(("price_", "more", "said"), [
    ("price: {input: 3 EUR/1M, output: 15 EUR/1M}", "", "or a rate for EUR, came '3 EUR/1M'"),
    ("price: {input: 3 EUR/1M, output: 15 EUR/1M}", "rates: [{one: EUR, is: 2 USD, from: 2026-01-01}]\n",
     "a rate for EUR"),
    ("price: {input: 3 USD/1M, output: 15 EUR/1M}", "", "a price in USD, as that of input is, came '15 EUR/1M'"),
    ("prices: [{from: 2026-07-01, input: 3 USD/1M, output: 1 USD/1M}, {from: 2026-01-01, input: 2 USD/1M, "
     "output: 1 USD/1M}]", "", "a day after 2026-07-01"),
    ("price: {input: 3 USD/1M, output: 15 USD/1M, from: 1/1/2026}", "", "a day such as 2026-01-01"),
    ("price: {input: 3 USD/1M, output: 15 USD/1M, from: 2026-01-01T00:00:00}", "",
     "did you mean '2026-01-01T00:00:00Z'?"),
    ("max_output: 5", "rates: [{one: EUR, is: 0 USD}]\n", "an amount above zero"),
    ("max_output: 5", "rates: [{one: USD, is: 1 USD}]\n", "another currency than USD")])
def test_a_mistake_in_a_price_is_told(price_: str, more: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        in_policy(price_, more)
    assert said in str(caught.value)
    assert len(caught.value.faults) == 1


@pytest.mark.req("O4")
@pytest.mark.parametrize(("at", "nano"), [(JUL - 1, 3 * 3000 + 5 * 15000), (JUL, 3 * 2000 + 5 * 15000)])
def test_a_call_is_charged_the_price_of_its_event_s_own_time(tmp_path: Path, at: int, nano: int) -> None:
    def change(policy: Any) -> Any:
        main = replace(policy.upstreams["main"], price=price("3 USD/1M", "15 USD/1M"),
                       prices=(price("2 USD/1M", "15 USD/1M", JUL),))
        return replace(policy, upstreams={**policy.upstreams, "main": main})

    with standing(tmp_path, model=Script(plain=reply("hi")), change=change, clock=lambda: at) as stand:
        raw = stand.shared.chat.completions.with_raw_response.create(
            model="support-bot", messages=[{"role": "user", "content": "hi"}])
        event: Event = stand.spool.last()
    assert (event.time, event.cost, event.currency) == (at, nano, "USD")
    assert raw.headers["x-bongsu-cost"] == f"0.{nano:09d}"


def test_what_a_cheaper_model_would_save_is_priced_by_the_same_classes() -> None:
    tokens = {"input": 1000, "output": 100, "cached": 300, "written": 200, "thought": 60}
    assert priced(tokens, FULL) == Meter(FULL).cost(Usage(1000, 100, 300, 200, 60))
