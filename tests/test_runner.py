"""The embedded GROUP BY gives the integers of a naive count, whatever the shards and their order."""

from __future__ import annotations

import math
import random
import threading
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bongsu import aggregate
from bongsu.alert import Signal
from bongsu.cell import Cell, Cells
from bongsu.event import Event
from bongsu.expression import read
from bongsu.runners.duckdb import Counter, CountError
from bongsu.slis.count import Count
from bongsu.slis.mean import Mean
from bongsu.slis.quantile import Quantile, bucket
from bongsu.slis.ratio import Ratio
from bongsu.stores.arrow import table

BASE = 60


def number(text: str):
    return read(text, "number")


def half_away(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value)) if abs(value) < 2**52 else int(value)


def limbs(name: str, product: float) -> dict[str, int]:
    """A product as its parts of 32 bits, those of zero left out; it is exact as a binary float."""
    whole = int(product)
    parts = {f"{name}0": whole % 2**32, f"{name}1": (whole >> 32) % 2**32, f"{name}2": whole >> 64}
    return {part: n for part, n in parts.items() if n}


SLOW = Ratio(read("latency_ms > 100"), read("latency_ms IS NOT NULL"))
SIGNALS = (
    Signal("errors", Ratio(read("status >= 500")), ("model",), key="errors"),
    Signal("slow", SLOW, ("model", "group"), key="slow"),
    Signal("cpt", Mean(number("cost"), number("input_tokens + output_tokens")), ("model",), key="cpt"),
    Signal("score", Mean(number("grounding_score")), key="score"),
    Signal("calls", Count(), key="calls", origin="any"),
    Signal("attacks", Count(read("blocked")), ("model",), key="attacks", origin="redteam"),
    Signal("contents", Count(read("kind = 'content'")), key="contents"),
    Signal("p95", Quantile(number("latency_ms"), Fraction(95, 100)), ("model",), key="p95"),
    Signal("p50", Quantile(number("latency_ms"), Fraction(1, 2)), ("model",), key="p50"),
)


def naive(events: list[Event]) -> Cells:
    """What the signals mean, in plain Python."""
    cells = Cells(BASE)

    def add(key: str, labels: tuple[str, ...], e: Event, part: str, n: int) -> None:
        cells.add([Cell(key, labels, e.time // BASE * BASE, part, n)])

    for e in events:
        if e.kind == "content":
            if e.origin == "live":
                add("contents", (), e, "n", 1)
            continue
        add("calls", (), e, "n", 1)
        if e.origin == "redteam":
            add("attacks", (e.model,), e, "n", e.blocked)
        if e.origin != "live":
            continue
        add("errors", (e.model,), e, "total", 1)
        add("errors", (e.model,), e, "bad", e.status is not None and e.status >= 500)
        if e.latency_ms is not None:
            add("slow", (e.model, e.group), e, "total", 1)
            add("slow", (e.model, e.group), e, "bad", e.latency_ms > 100)
            for key in ("p95", "p50"):
                add(key, (e.model,), e, f"b{bucket(half_away(e.latency_ms * 10**6))}", 1)
        if None not in (e.cost, e.input_tokens, e.output_tokens):
            add("cpt", (e.model,), e, "sum", e.cost)
            add("cpt", (e.model,), e, "per", e.input_tokens + e.output_tokens)
            add("cpt", (e.model,), e, "n", 1)
            per = e.input_tokens + e.output_tokens
            for name, a, b in (("xx", e.cost, e.cost), ("xy", e.cost, per), ("yy", per, per)):
                for part, n in limbs(name, float(a) * float(b)).items():
                    add("cpt", (e.model,), e, part, n)
        if e.grounding_score is not None:
            add("score", (), e, "sum", half_away(e.grounding_score * 10**6))
            add("score", (), e, "per", 1)
            add("score", (), e, "n", 1)
            for part, n in limbs("xx", half_away(e.grounding_score * 10**6) ** 2).items():
                add("score", (), e, part, n)
    return cells


def maybe(strategy):
    return st.none() | strategy


EVENTS = st.lists(st.builds(
    Event, id=st.uuids().map(str), time=st.integers(0, 5 * BASE),
    kind=st.sampled_from(["call", "call", "call", "content"]), origin=st.sampled_from(["live", "live", "redteam"]),
    model=st.sampled_from(["", "big", "it's"]), group=st.sampled_from(["", "a"]), blocked=st.booleans(),
    status=maybe(st.sampled_from([200, 499, 500, 503])),
    latency_ms=maybe(st.floats(-5, 10**6) | st.sampled_from([100.0, 0.0000005, 0.0000015, 0.128])),
    cost=maybe(st.integers(-(2**40), 2**40)), input_tokens=maybe(st.integers(0, 10**6)),
    output_tokens=maybe(st.integers(0, 10**6)), grounding_score=maybe(st.floats(0, 1))), max_size=40)


@pytest.fixture(scope="module")
def counter():
    counter = Counter(SIGNALS, BASE)
    yield counter
    counter.close()


@pytest.mark.req("D11", "O3", "O5")
@settings(deadline=None, max_examples=80)
@given(events=EVENTS)
def test_the_cells_equal_a_naive_count(counter, events):
    assert list(Cells(BASE, counter.count(table(events)))) == list(naive(events))


@settings(deadline=None, max_examples=40)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 99))
def test_shards_and_orders_give_identical_cells(counter, events, cuts, seed):
    once = Cells(BASE, counter.count(table(events)))
    random.Random(seed).shuffle(events)
    places = [0, *sorted(cuts), len(events)]
    shards = Cells(BASE)
    for begin, end in pairwise(places):
        shards.add(counter.count(table(events[begin:end])))
    assert shards.digest() == once.digest()


def in_buckets(values: list[int]) -> dict[int, int]:
    signal = Signal("q", Whole(), key="q")
    counter = Counter([signal], BASE)
    cells = counter.count(table([Event(id=str(i), time=0, cost=v) for i, v in enumerate(values)]))
    counter.close()
    return {int(c.part[1:]): c.n for c in cells}


class Whole:
    """A histogram of a whole number as it is."""

    kind, unit = "whole", ""

    def parts(self):
        return {"b": aggregate.Histogram(number("cost"), scale=1)}


def test_a_bucket_is_the_same_number_here_and_in_python_around_every_power_of_two():
    values = sorted({2**k + d for k in range(63) for d in (-1, 0, 1)} | {-5, 2**63 - 1, *range(300)})
    expected: dict[int, int] = {}
    for value in values:
        expected[bucket(value)] = expected.get(bucket(value), 0) + 1
    assert in_buckets(values) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**53), min_size=1, max_size=50))
def test_a_bucket_is_the_same_number_here_and_in_python(values):
    expected: dict[int, int] = {}
    for value in values:
        expected[bucket(value)] = expected.get(bucket(value), 0) + 1
    assert in_buckets(values) == expected


def count_one(sli, events: list[Event]) -> dict[str, int]:
    counter = Counter([Signal("s", sli, key="s")], BASE)
    try:
        return {c.part: c.n for c in counter.count(table(events))}
    finally:
        counter.close()


def test_whole_numbers_never_pass_through_a_float():
    events = [Event(id=str(i), time=0, cost=2**53 + 1) for i in range(3)]
    assert count_one(Mean(number("cost")), events)["sum"] == 3 * (2**53 + 1)


def test_a_division_by_zero_is_unknown_not_infinite():
    events = [Event(id="a", time=0, cost=6, input_tokens=0), Event(id="b", time=0, cost=6, input_tokens=4)]
    assert count_one(Mean(number("cost / input_tokens")), events) == {"sum": 1_500_000, "per": 1, "n": 1,
                                                                      **limbs("xx", 1_500_000**2)}
    buckets = count_one(Quantile(number("cost / input_tokens"), Fraction(1, 2)), events)
    assert buckets == {f"b{bucket(1_500_000)}": 1}


@pytest.mark.parametrize(("text", "event"), [
    ("latency_ms", Event(id="a", time=0, latency_ms=1e300)),
    ("cost + 1", Event(id="a", time=0, cost=2**63 - 1)),
])
def test_a_number_beyond_64_bits_is_an_error_that_names_the_signal(text, event):
    counter = Counter([*SIGNALS, Signal("huge", Mean(number(text)), key="huge")], BASE)
    with pytest.raises(CountError, match=r"signal '(huge|p95)' cannot be counted.*64-bit"):
        counter.count(table([event]))
    assert counter.count(table([Event(id="b", time=0)])), "the counter is still of use"
    counter.close()


def test_a_sum_beyond_64_bits_is_an_error_that_names_the_signal_and_part():
    with pytest.raises(CountError, match=r"signal 's': the sum 'sum' .* expected a 64-bit integer"):
        count_one(Mean(number("cost")), [Event(id=str(i), time=0, cost=2**62) for i in range(3)])


def test_a_quote_in_a_policy_is_a_text_and_not_sql():
    events = [Event(id="a", time=0, model="it's"), Event(id="b", time=0, model="x'; DROP TABLE batch; --")]
    assert count_one(Count(read("model = 'it''s'")), events) == {"n": 1}
    assert count_one(Count(read("model = 'x''; DROP TABLE batch; --'")), events) == {"n": 1}


def test_words_that_sql_keeps_for_itself_are_columns_here():
    events = [Event(id="a", time=7, user="u", group="g", label="l", error="e")]
    question = """user = 'u' AND "group" = 'g' AND group = 'g' AND label = 'l' AND time = 7"""
    assert count_one(Count(read(question)), events) == {"n": 1}


def test_decimals_in_a_policy_are_the_floats_of_every_engine():
    events = [Event(id="a", time=0, input_tokens=3, grounding_score=0.1 + 0.2)]
    assert count_one(Count(read("grounding_score > 0.3")), events) == {"n": 1}
    assert count_one(Mean(number("input_tokens * 0.1")), events)["sum"] == 300_000
    assert count_one(Mean(number("1.5")), events)["sum"] == 1_500_000


def test_windows_are_floors_even_before_1970():
    counter = Counter([Signal("calls", Count(), key="calls")], BASE)
    early = table([Event(id="a", time=0)]).set_column(1, "time", [[-1]])
    assert [c.start for c in counter.count(early)] == [-BASE]
    counter.close()


def test_signals_that_would_mix_their_cells_are_refused():
    with pytest.raises(CountError, match="expected a key each"):
        Counter([Signal("a", Count(), key="k"), Signal("b", Count(read("blocked")), key="k")], BASE)
    twice = Counter([Signal("a", Count(), key="k")] * 2, BASE)
    assert twice.count(table([Event(id="a", time=0)])) == [Cell("k", (), 0, "n", 1)]
    twice.close()


def test_a_counter_reads_no_files_and_serves_one_thread(counter, tmp_path):
    with pytest.raises(Exception, match="disabled"):
        counter._db.execute(f"SELECT * FROM read_csv('{tmp_path}/x.csv')")
    said = []

    def elsewhere():
        try:
            counter.count(table([Event(id="a", time=0)]))
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "belongs to the thread" in said[0]


def test_equal_questions_share_a_scan(counter):
    """15 signals must not mean 15 passes: one for each split and filter, one for each different histogram."""
    groups = {(s.labels, s.origin) for s in SIGNALS if not s.key.startswith("p")}
    queries = sum(len(scan.queries) for scan in counter._scans)
    assert queries == len(groups) + 1 + 1  # one that counts contents too, one histogram for two quantiles
