"""The laws of every kind of signal: its cells add up in any cut, order and grouping, and can be taken back exactly.

A kind that is not in ``CASES`` fails: what does not obey these cannot be counted by several processes, corrected by a
late label, or replayed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bongsu.alert import Signal
from bongsu.cell import Cell, Cells, merged
from bongsu.drift import Direction, Joint, Reference, number_bins, text_bins
from bongsu.event import Event
from bongsu.expression import read
from bongsu.joint import Column
from bongsu.ports import Seasonal, Sli, Timed
from bongsu.quantity import DAY, HOUR, MINUTE
from bongsu.registry import kinds
from bongsu.runners.duckdb import Counter
from bongsu.slis.anomaly import Anomaly
from bongsu.slis.calibration import Calibration
from bongsu.slis.count import Count
from bongsu.slis.drift import Drift
from bongsu.slis.gap import Gap
from bongsu.slis.joint import JointDrift
from bongsu.slis.mean import Mean
from bongsu.slis.performance import Performance
from bongsu.slis.quality import Quality
from bongsu.slis.quantile import Quantile
from bongsu.slis.rate import Rate
from bongsu.slis.ratio import Ratio
from bongsu.slis.sum import Sum
from bongsu.stores.arrow import table

COST, TOKENS = read("cost", "number"), read("input_tokens + output_tokens", "number")
AGES = number_bins("features.age", sorted(x * 7 % 101 / 3 for x in range(300)), 4)
PLANS = text_bins("features.plan", {"free": 60, "paid": 40}, 3)
SCORES = number_bins("score", [x / 300 for x in range(300)], 0)


def together() -> Joint:
    columns = (Column("features.age", 0.0, 33.0, 16.0, 10.0), Column("score", 0.0, 1.0, 0.5, 0.3))
    bins = number_bins("age + score", [x / 10 for x in range(-30, 60)], 0)
    return Joint(columns, (Direction(((0, 0.1), (1, 1.5)), bins),), 300)


REFERENCE = Reference("r", "v1", (AGES, PLANS, SCORES), 300)
CASES: dict[str, tuple[Sli, ...]] = {
    "ratio": (Ratio(read("blocked"), read("latency_ms IS NOT NULL")),),
    "mean": (Mean(COST, TOKENS), Mean(read("score", "number"))),
    "sum": (Sum(COST), Sum(read("latency_ms", "number"))),
    "count": (Count(read("label = '1'")),),
    "rate": (Rate(read("blocked"), per=HOUR), Rate(read("blocked"), calls=1000, out_of=read("label = '1'"))),
    "quantile": (Quantile(read("latency_ms", "number"), Fraction(9, 10)),),
    "drift": (Drift("r", min_events=1).against(REFERENCE), Drift("r", ("score",), min_events=1).against(REFERENCE)),
    "joint_drift": (JointDrift("r", min_events=1).against(replace(REFERENCE, joint=together())),),
    "gap": (Gap("group", "equalized_odds", min_group=1), Gap("group", "impact_ratio", min_group=1, cutoff=0.5)),
    "quality": (Quality("null", (read("score", "number"),)), Quality("range", (read("score", "number"),), high=0.5)),
    "anomaly": (Anomaly(COST, "mean", where=read("NOT blocked")), Anomaly()),
    "calibration": (Calibration(min_events=1), Calibration("brier", min_events=1)),
    "performance": tuple(Performance(measure, min_labels=1) for measure in ("accuracy", "f1", "auc", "mae", "rmse")),
}
SIGNALS = {f"{kind}{i}": Signal(f"{kind}{i}", sli, ("model",), "any", f"{kind}{i}")
           for kind, slis in CASES.items() for i, sli in enumerate(slis)}


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


EVENTS = st.lists(st.builds(
    Event, id=st.uuids().map(str), time=st.integers(0, 5 * MINUTE), kind=st.sampled_from(["prediction", "call"]),
    model=st.sampled_from(["", "big"]), group=st.sampled_from(["", "a", "b", "o'c"]), blocked=st.booleans(),
    prediction=maybe(st.sampled_from("01")), label=maybe(st.sampled_from(["0", "1", "0.5"])),
    score=maybe(st.floats(0, 1)), latency_ms=maybe(st.floats(-5, 10**5)), cost=maybe(st.integers(-(2**40), 2**40)),
    input_tokens=maybe(st.integers(0, 10**6)), output_tokens=maybe(st.integers(0, 10**6)),
    features=st.fixed_dictionaries({}, optional={"age": st.floats(-5, 60) | st.sampled_from(["x", 1e300]),
                                                 "plan": st.sampled_from(["free", "paid", "new"])})),
    max_size=12)
SEEDS = st.integers(0, 999)
LAWS = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    one = Counter(SIGNALS.values(), MINUTE)
    yield one
    one.close()


def test_every_kind_of_signal_is_held_to_the_laws() -> None:
    assert set(CASES) == set(kinds("slis"))
    for kind, slis in CASES.items():
        assert {sli.kind for sli in slis} == {kind}
        assert all(sli.proof in ("always", "alarm", "never") and sli.parts() for sli in slis), kind


def negated(cells: Iterable[Cell]) -> list[Cell]:
    return [cell._replace(n=-cell.n) for cell in cells]


@LAWS
@given(EVENTS, SEEDS)
def test_cells_add_up_in_any_cut_order_and_grouping_and_are_taken_back_exactly(
    counter: Counter, events: list[Event], seed: int,
) -> None:
    """Shards counted apart, in any order, merged by twos in any order (associative, commutative), less the whole."""
    chance, whole = random.Random(seed), counter.count(table(events))
    shards: list[list[Event]] = [[] for _ in range(3)]
    for event in chance.sample(events, len(events)):
        chance.choice(shards).append(event)
    heaps = [counter.count(table(shard)) for shard in shards]
    added = Cells(MINUTE, chain.from_iterable(heaps))
    while len(heaps) > 1:
        chance.shuffle(heaps)
        heaps.append(merged([*heaps.pop(), *heaps.pop()]))
    assert added.digest() == Cells(MINUTE, heaps[0]).digest() == Cells(MINUTE, whole).digest()
    assert merged([*heaps[0], *negated(whole)]) == []


@LAWS
@given(EVENTS, SEEDS)
def test_a_corrected_label_takes_the_place_of_the_one_before(
    counter: Counter, events: list[Event], seed: int,
) -> None:
    """What the rows gave with their old labels is taken back, what they give with the new ones is added."""
    chance = random.Random(seed)
    moved = [event for event in events if chance.random() < 0.5]
    other = {e.id: msgspec.structs.replace(e, label=chance.choice([None, "0", "1"])) for e in moved}
    cells = Cells(MINUTE, counter.count(table(events)))
    cells.add(negated(counter.count(table(moved))))
    cells.add(counter.count(table(list(other.values()))))
    corrected = counter.count(table([other.get(event.id, event) for event in events]))
    assert cells.digest() == Cells(MINUTE, corrected).digest()


def seen(sli: Sli, vector: dict[str, int], past: Sequence[dict[str, int]]) -> object:
    if isinstance(sli, Seasonal):
        return sli.beside(vector, past)
    return (sli.during(HOUR) if isinstance(sli, Timed) else sli).evidence(vector, 24)


@LAWS
@given(EVENTS, SEEDS)
def test_what_is_read_depends_on_the_sums_alone(counter: Counter, events: list[Event], seed: int) -> None:
    """Not on the order in which parts came, nor on parts of zero; and the value is within its interval."""
    cells = Cells(MINUTE, counter.count(table(events)))
    for name, signal in SIGNALS.items():
        vector = cells.vector(name, 0, DAY)
        mixed = list(vector.items())
        random.Random(seed).shuffle(mixed)
        found = seen(signal.sli, vector, [vector] * 24)
        assert seen(signal.sli, dict(mixed), [vector] * 24) == found, name
        if found.value is not None and found.low is not None and signal.sli.kind not in ("gap", "quantile"):
            slack = Fraction(1, 10**9) * max(1, abs(found.value))
            assert found.low <= found.value + slack, name
            assert found.high is None or found.value <= found.high + slack, name


@pytest.mark.parametrize("name", SIGNALS)
def test_nothing_counted_is_no_data_but_of_what_is_counted_or_added_up(name: str) -> None:
    sli = SIGNALS[name].sli
    found = seen(sli, {}, [{}] * 24)
    assert found.n == 0
    known = sli.proof == "never" or (sli.kind == "rate" and sli.per is not None)
    assert found.value == (0 if known else None)
    assert not found.insufficient or known is False
