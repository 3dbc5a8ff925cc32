"""Alarms on more than chance, for every kind: the near end of the interval is part of the condition."""

from __future__ import annotations

import random
from fractions import Fraction
from math import exp, factorial
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.aggregate import Evidence
from bongsu.alert import Reading, Rule, Signal, State, Threshold, needed, read_threshold, step
from bongsu.cell import Cell, Cells
from bongsu.drift import Bins, Reference
from bongsu.expression import read
from bongsu.incident import cause, measured
from bongsu.language.sentences import say
from bongsu.policy import Policy, PolicyError, load
from bongsu.policy.explain import explain
from bongsu.policy.signals import explain_signal
from bongsu.ports import Sli
from bongsu.quantity import DAY, HOUR, MINUTE, Duration
from bongsu.slis.count import Count
from bongsu.slis.drift import Drift
from bongsu.slis.gap import Gap
from bongsu.slis.mean import Mean
from bongsu.slis.quantile import SCALE, Quantile, bucket
from bongsu.slis.rate import Rate
from bongsu.slis.ratio import Ratio
from bongsu.slis.sum import Sum
from bongsu.slo import Objective, Slices, beyond, budget
from bongsu.tails import binomial_tail, clopper_pearson, paulson, poisson_interval, poisson_tail, ranks, student

LATENCY = Quantile(read("latency_ms", "number"), Fraction(95, 100))
COST = read("cost", "number")
Z = 1.959964


def vector_of(sli: Sli, numbers: list[tuple[int, int]]) -> dict[str, int]:
    """The parts of a mean or a sum over whole numbers (x, y)."""
    out = {"n": len(numbers), "per": sum(y for _, y in numbers), "sum": sum(x for x, _ in numbers)}
    for name, total in (("xx", sum(x * x for x, _ in numbers)), ("xy", sum(x * y for x, y in numbers)),
                        ("yy", sum(y * y for _, y in numbers))):
        out |= {f"{name}0": total % 2**32, f"{name}1": total >> 32}
    return {part: n for part, n in out.items() if n and part in sli.parts()}


# ---- the laws of the tails ----


@given(st.integers(0, 60), st.floats(0.1, 40))
def test_the_tail_of_a_poisson_number_is_its_sum(k: int, mean: float) -> None:
    below = sum(exp(-mean) * mean**i / factorial(i) for i in range(k))
    assert poisson_tail(k, mean) == pytest.approx(1 - below, abs=1e-12)


@given(st.integers(0, 3000), st.floats(0.5, 5))
def test_an_end_of_garwoods_interval_is_where_so_many_are_just_as_unlikely_as_asked(k: int, z: float) -> None:
    low, high = poisson_interval(k, z)
    tail = NormalDist().cdf(-z)
    assert low <= k < high
    assert k == 0 or poisson_tail(k, low) == pytest.approx(tail, rel=0.01)
    assert 1 - poisson_tail(k + 1, high) == pytest.approx(tail, rel=0.01)


@pytest.mark.parametrize(("k", "n", "ends"), [
    (81, 263, (0.2527, 0.3676)), (15, 148, (0.0578, 0.1617)), (0, 20, (0.0, 0.1684)), (1, 29, (0.0009, 0.1776))])
def test_the_exact_interval_of_a_share_is_that_of_newcombes_table(k: int, n: int, ends: tuple[float, float]) -> None:
    """Statistics in Medicine 17 (1998) 857, table I, method 5."""
    assert tuple(round(x, 4) for x in clopper_pearson(k, n, Z)) == ends


@given(st.integers(1, 3000), st.data(), st.floats(0.5, 6))
def test_a_share_as_far_as_an_end_of_its_interval_gives_so_many_just_as_seldom_as_asked(n: int, data: st.DataObject,
                                                                                        z: float) -> None:
    k, tail = data.draw(st.integers(0, n)), NormalDist().cdf(-z)
    low, high = clopper_pearson(k, n, z)
    assert 0 <= low <= k / n <= high <= 1
    assert low == 0 if k == 0 else binomial_tail(k, n, low) == pytest.approx(tail, rel=1e-3)
    assert high == 1 if k == n else binomial_tail(n - k, n, 1 - high) == pytest.approx(tail, rel=1e-3)
    assert low <= clopper_pearson(min(k + 1, n), n, z)[0], "more bad ones never lower it"


@given(st.integers(1, 3000), st.data(), st.floats(1.6, 5))
def test_the_closed_form_of_it_that_prometheus_is_given_hardly_ever_says_more_than_the_exact_one(
    n: int, data: st.DataObject, z: float,
) -> None:
    k = data.draw(st.integers(1, n))
    low = paulson(k, n, z)
    assert 0 <= low < 1
    assert low == 0 or binomial_tail(k, n, low) <= 1.05 * NormalDist().cdf(-z)
    if min(k, n - k) > 200:
        assert low == pytest.approx(clopper_pearson(k, n, z)[0], rel=1e-3)


@pytest.mark.parametrize("looks", [1, 24, 240])
@pytest.mark.parametrize("share", [0.005, 0.01, 0.05, 0.2])
@pytest.mark.parametrize("n", [50, 100, 300, 1000])
def test_a_share_that_is_what_it_may_be_alarms_no_more_often_than_its_alpha_says(n: int, share: float,
                                                                                 looks: int) -> None:
    """Exact, from the binomial law. By Wilson's interval 100 events at 0.5 % would alarm 68 times as often."""
    sli, limit = Ratio(read("blocked")), Fraction(share)
    fires = next(k for k in range(n + 1) if beyond(sli.evidence({"bad": k, "total": n}, looks), ">", limit))
    assert binomial_tail(fires, n, share) <= float(sli.alpha) / 2 / looks


@pytest.mark.parametrize(("df", "t"), [(1, 12.7062), (4, 2.7764), (29, 2.0452), (120, 1.9799), (5000, 1.9604)])
def test_students_law_is_that_of_the_tables(df: int, t: float) -> None:
    assert student(Z, df) == pytest.approx(t, abs=5e-5)


@given(st.integers(1, 400), st.floats(0.01, 0.99), st.floats(0.5, 4))
def test_a_quantile_is_outside_its_ranks_no_more_often_than_asked(n: int, q: float, z: float) -> None:
    low, high = ranks(n, q, z)
    tail = NormalDist().cdf(-z) + 1e-12
    assert 0 <= low < high <= n + 1
    assert low == 0 or 1 - binomial_tail(low, n, q) <= tail, "the value of this rank lies above it"
    assert high == n + 1 or binomial_tail(high, n, q) <= tail
    assert low == n or 1 - binomial_tail(low + 1, n, q) > tail - 1e-9, "and no rank nearer would do"


@pytest.mark.parametrize("per", [None, read("output_tokens", "number")])
def test_the_interval_of_a_mean_is_the_textbooks(per: object) -> None:
    """By Cochran's formulas in plain floats, from the events themselves."""
    sli = Mean(COST, per, Fraction(5, 100))
    chance = random.Random(3)
    events = [(chance.randrange(10**6, 10**9), chance.randrange(1, 900) if per else 1) for _ in range(200)]
    x, y, n = sum(a for a, _ in events), sum(b for _, b in events), len(events)
    spread = sum((a - x / y * b) ** 2 for a, b in events) / (n - 1)
    reach = student(Z, n - 1) * (spread * n) ** 0.5 / y
    found = sli.evidence(vector_of(sli, events))
    assert float(found.low) == pytest.approx(x / y - reach, rel=1e-7)
    assert float(found.high) == pytest.approx(x / y + reach, rel=1e-7)


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(1, 2**20)), max_size=60), st.integers(1, 10**5))
def test_a_value_lies_in_its_interval_and_more_looks_never_narrow_it(events: list[tuple[int, int]], looks: int) -> None:
    mean, total = Mean(COST, read("output_tokens", "number")), Sum(COST)
    for sli in (mean, total):
        once, often = (sli.evidence(vector_of(sli, events), k) for k in (1, looks))
        assert once.value == often.value
        if once.low is not None:
            assert often.low <= once.low <= once.value <= once.high <= often.high
        assert once.significant == (len(events) >= 20)


# ---- part of the condition ----


def threshold(sli: Sli, op: str, limit: int | str, evidence: str | None = None, least: int = 0) -> Threshold:
    signal = Signal("s", sli, key="s")
    return Threshold(signal, op, Fraction(limit), HOUR, {">": "<=", "<": ">="}[op], Fraction(limit), least,
                     evidence=evidence)


def reading_of(when: Threshold, vector: dict[str, int]) -> tuple[bool, bool]:
    """Whether it enters, and leaves."""
    cells = Cells(MINUTE, [Cell("s", (), 0, part, n) for part, n in vector.items()])
    found = read_threshold(cells, when, HOUR)
    return found.enter, found.leave


CASES = [
    (Ratio(read("blocked")), ">", "0.05", {"bad": 8, "total": 100}, {"bad": 800, "total": 10_000}),
    (Ratio(read("blocked")), "<", "0.05", {"bad": 2, "total": 100}, {"bad": 200, "total": 10_000}),
    (Mean(COST), ">", 10, *(vector_of(Mean(COST), [(0, 1), (24, 1)] * n) for n in (15, 1500))),
    (Mean(COST), "<", 10, *(vector_of(Mean(COST), [(0, 1), (16, 1)] * n) for n in (15, 1500))),
    (LATENCY, ">", 100, {f"b{bucket(10 * SCALE)}": 93, f"b{bucket(900 * SCALE)}": 7},
     {f"b{bucket(10 * SCALE)}": 9300, f"b{bucket(900 * SCALE)}": 700}),
    (LATENCY, "<", 100, {f"b{bucket(10 * SCALE)}": 97, f"b{bucket(900 * SCALE)}": 3},
     {f"b{bucket(10 * SCALE)}": 9700, f"b{bucket(900 * SCALE)}": 300}),
    (Rate(per=HOUR), ">", 10, {"n": 14}, {"n": 40}),
    (Rate(per=HOUR), "<", 10, {"n": 6}, {}),
    (Rate(read("blocked"), calls=1000), ">", 50, {"n": 8, "total": 100}, {"n": 800, "total": 10_000}),
]


@pytest.mark.req("D1", "D7", "D10", "D11")
@pytest.mark.parametrize(("sli", "op", "limit", "few", "many"), CASES)
def test_a_value_beyond_a_threshold_alarms_only_once_its_interval_is_too(
    sli: Sli, op: str, limit: int | str, few: dict[str, int], many: dict[str, int],
) -> None:
    assert reading_of(threshold(sli, op, limit), few) == (False, True)
    assert reading_of(threshold(sli, op, limit), many) == (True, False)
    assert reading_of(threshold(sli, op, limit, "value"), few) == (True, False), "unless the value is enough"


@pytest.mark.parametrize(("sli", "vector"), [
    (Count(), {"n": 14}), (Sum(COST), vector_of(Sum(COST), [(1, 1), (0, 1)] * 14))])
def test_what_was_counted_or_spent_is_compared_as_it_is_unless_asked(sli: Sli, vector: dict[str, int]) -> None:
    assert reading_of(threshold(sli, ">", 10), vector) == (True, False)
    assert reading_of(threshold(sli, ">", 10, "interval"), vector) == (False, True)


def test_a_single_event_is_never_proof_of_a_mean_or_a_quantile() -> None:
    dear = vector_of(Mean(COST), [(10**9, 1)])
    assert reading_of(threshold(Mean(COST), ">", 10), dear) == (False, False), "nothing is said of it"
    assert reading_of(threshold(LATENCY, ">", 10), {f"b{bucket(10**5 * SCALE)}": 1}) == (False, True)
    assert reading_of(threshold(LATENCY, "<", 10), {f"b{bucket(SCALE)}": 1}) == (False, True), "nothing bounds it above"


def test_more_looks_at_once_ask_for_more_evidence() -> None:
    """A window of a minute is looked at 1,440 times a day, and each of a hundred label values is another chance."""
    vector = {"bad": 20, "total": 200}
    daily, minutely = (Threshold(Signal("s", Ratio(read("blocked")), key="s"), ">", Fraction(4, 100), over, "<=",
                                 Fraction(4, 100)) for over in (DAY, MINUTE))
    cells = Cells(MINUTE, [Cell("s", (), 0, part, n) for part, n in vector.items()])
    assert read_threshold(cells, daily, MINUTE).enter
    assert not read_threshold(cells, minutely, MINUTE).enter
    assert not read_threshold(cells, daily, MINUTE, groups=1000).enter


def test_fewer_events_than_asked_for_are_insufficient_data_and_freeze_the_alert() -> None:
    when = threshold(Ratio(read("blocked")), ">", "0.05", least=50)
    cells = Cells(MINUTE, [Cell("s", (), 0, "bad", 5), Cell("s", (), 0, "total", 49)])
    reading = read_threshold(cells, when, HOUR)
    assert (reading.value, reading.insufficient) == (None, True)
    assert step(Rule("a", when), State("firing"), reading, HOUR) == State("firing", data="insufficient")


def test_an_alarm_of_a_mean_is_not_taken_back_because_too_few_numbers_are_left_to_say() -> None:
    when = threshold(Mean(COST), ">", 10)
    few = [Cell("s", (), 0, part, n) for part, n in vector_of(Mean(COST), [(29, 1), (31, 1)] * 8).items()]
    reading = read_threshold(Cells(MINUTE, few), when, HOUR)
    assert (reading.value, reading.insufficient) == (None, True)
    assert step(Rule("a", when), State("firing"), reading, HOUR) == State("firing", data="insufficient")


def test_a_budget_of_slices_counts_what_came_and_an_alarm_wants_proof() -> None:
    """Budgets agree with those of other tools to the slice: their goldens know no intervals."""
    slices = Slices(Ratio(read("blocked")), HOUR, "<=", Fraction(5, 100))
    goal = Objective("o", "s", Fraction(9, 10), Duration(10 * HOUR), slices=slices)
    each = {"bad": 8, "total": 100}
    cells = Cells(MINUTE, [Cell("s", (), h * HOUR, part, n) for h in range(10) for part, n in each.items()])
    assert budget(cells, goal, 10 * HOUR)[0].bad == 10


@pytest.mark.parametrize("op", [">", "<"])
def test_what_nothing_bounds_on_a_side_is_not_beyond_a_limit_there(op: str) -> None:
    found = Evidence(Fraction(5), 3, **{"high" if op == ">" else "low": Fraction(5)})
    limit = Fraction(4 if op == ">" else 6)
    assert not beyond(found, op, limit)
    assert beyond(found, op, limit, sure=False)


# ---- what people see ----


def test_a_notice_says_the_interval_where_it_decides() -> None:
    rule = Rule("share", threshold(Ratio(read("blocked")), ">", "0.05"))
    ends = Fraction(6, 100), Fraction(11, 100)
    text = cause(rule, Fraction(8, 100), (), ends=ends)
    assert text == "s is 0.08 (0.06 to 0.11) over 1h, alert at > 0.05"
    assert say(text, "ko") == "최근 1시간 동안 s 값이 0.08(구간 0.06~0.11)입니다. 알림 기준은 > 0.05입니다."
    assert measured(rule, Fraction(8, 100), ends=ends)[0] == "0.08 (0.06 to 0.11)"
    open_ended = cause(rule, Fraction(8, 100), (), "A - B", ends=(ends[0], None))
    assert open_ended.startswith("s is 0.08 (0.06 or more; A - B)")
    assert say("0.08 (0.11 or less)", "ko") == "0.08(구간 0.11 이하)"
    exactly = Rule("share", threshold(Ratio(read("blocked")), ">", "0.05", "value"))
    assert cause(exactly, Fraction(8, 100), (), ends=ends) == "s is 0.08 over 1h, alert at > 0.05"


POLICY = """bongsu: 1
service: {name: bot}
signals:
  share: {kind: ratio, bad: blocked, alpha: 5%}
  hourly: {kind: rate, of: blocked, per: 1h}
  often: {kind: rate, of: blocked, calls: 1000}
alerts:
  surely: {when: share > 5%, over: 1h}
  exactly: {when: share > 5%, over: 1h, evidence: value}
  hourly: {when: hourly > 20, over: 1h}
  often: {when: often > 20, over: 1h}
"""


def policy_of(folder: Path, text: str = POLICY) -> Policy:
    path = folder / "bongsu.yaml"
    path.write_text(text)
    return load(path, {})


def test_a_policy_says_which_evidence_it_wants_and_explains_it(tmp_path: Path) -> None:
    policy = policy_of(tmp_path)
    sure = {rule.name: rule.when.sure for rule in policy.plan.rules if isinstance(rule.when, Threshold)}
    assert sure == {"surely": True, "exactly": False, "hourly": True, "often": True}
    english, korean = explain(policy, "en"), explain(policy, "ko")
    assert any("share over 1 hour is above 5% for sure" in line for line in english)
    assert any("share over 1 hour is above 5%, " in line for line in english)
    assert any("확실히 5%" in line for line in korean)


def test_how_a_signal_is_judged_is_no_part_of_what_is_counted(tmp_path: Path) -> None:
    """Another alpha asks another question of the same cells; they are not counted anew."""
    one, other = (policy_of(tmp_path, text).plan.signals[0].key for text in (POLICY, POLICY.replace("5%}", "1%}", 1)))
    assert one == other


@pytest.mark.parametrize(("written", "said"), [
    ("{kind: rate, of: blocked}", "expected either 'per' (a time such as 1h) or 'calls' (a number such as 1000), came "
                                  "neither"),
    ("{kind: rate, of: blocked, per: 1h, calls: 10}", "came both"),
    ("{kind: rate, calls: 10}", "expected a condition beside 'calls'"),
    ("{kind: rate, of: blocked, per: 1h, out_of: blocked}", "expected it beside 'calls'"),
    ("{kind: ratio, bad: blocked, alpha: 0%}", "expected a share above 0% and below 100%, came 0%"),
])
def test_a_setting_that_makes_no_sense_is_told_where_it_stands(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(tmp_path, POLICY.replace("{kind: ratio, bad: blocked, alpha: 5%}", written))
    assert any(said in str(fault) and "bongsu.yaml:4" in str(fault) for fault in caught.value.faults)


def test_an_explanation_says_how_many_events_would_prove_what_the_value_shows(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, POLICY.replace(", alpha: 5%", ""))
    signal, surely = policy.plan.signals[0], policy.plan.rules[0].when
    assert isinstance(surely, Threshold)

    def world(times: int) -> Cells:
        return Cells(MINUTE, [Cell(signal.key, (), 0, part, n * times) for part, n in (("bad", 8), ("total", 100))])
    enough = needed(world(1), surely, HOUR)
    assert enough is not None
    assert enough % 100 == 0
    assert read_threshold(world(enough // 100), surely, HOUR).enter
    assert not read_threshold(world(enough // 100 - 1), surely, HOUR).enter
    assert needed(world(enough // 100), surely, HOUR) is None, "it is proven"
    assert needed(Cells(MINUTE, [Cell(signal.key, (), 0, "total", 100)]), surely, HOUR) is None, "it is not beyond"
    english, korean = (explain_signal(policy, policy.plan.rules, signal, world(1), HOUR, language).words
                       for language in ("en", "ko"))
    assert any(line.endswith(f"about {enough:,} such events would prove it") for line in english)
    assert any(f"이벤트 약 {enough:,}건이면 입증" in line for line in korean)


# ---- of so much time ----


@pytest.mark.req("D8")
def test_a_rate_is_over_the_time_that_was_counted() -> None:
    signal = Signal("s", Rate(per=HOUR), key="s")
    when = Threshold(signal, ">", Fraction(60), HOUR, "<=", Fraction(60))
    cells = Cells(MINUTE, [Cell("s", (), 50 * MINUTE, "n", 20)])
    assert read_threshold(cells, when, HOUR).value == 20
    cells.since = 50 * MINUTE
    assert read_threshold(cells, when, HOUR).value == 120, "the service is ten minutes old"
    cells.upto = 55 * MINUTE
    assert read_threshold(cells, when, HOUR).value == 240, "five minutes are not read yet"
    cells.since = HOUR
    assert read_threshold(cells, when, HOUR) == Reading(None, insufficient=True)


def test_slices_of_a_rate_are_each_of_their_own_length() -> None:
    slices = Slices(Rate(per=MINUTE), HOUR, "<=", Fraction(2))
    goal = Objective("o", "s", Fraction(1, 2), Duration(4 * HOUR), slices=slices)
    cells = Cells(MINUTE, [Cell("s", (), h * HOUR, "n", n) for h, n in enumerate((60, 120, 121, 600))])
    assert budget(cells, goal, 4 * HOUR)[0].bad == 2


# ---- many comparisons at once ----


@pytest.mark.req("D1", "D6")
def test_many_features_and_many_groups_alarm_no_more_often_than_one() -> None:
    """25 features, or 20 groups (190 pairs), in 300 windows in which nothing changed: chance is divided among them."""
    chance, equal = random.Random(5), (10_000,) * 4
    bins = tuple(Bins(f"features.x{i}", "number", (*equal, 0), (1.0, 2.0, 3.0)) for i in range(25))
    drift = Drift("r", min_events=1).against(Reference("r", "v", bins, 40_000))
    gap = Gap("group", "fpr", min_group=1)
    drifted = apart = one_feature = 0
    for _ in range(300):
        counts = {f"{b.column}:{i}": n for b in bins for i, n in enumerate(drawn(chance, 4, 120))}
        drifted += drift.evidence(counts).significant
        one_feature += any(Drift("r", (b.column,), min_events=1).against(Reference("r", "v", (b,), 40_000)).evidence(
            {part: n for part, n in counts.items() if part.startswith(f"{b.column}:")}).significant for b in bins)
        bad = {f"g{i}": sum(chance.random() < 0.15 for _ in range(60)) for i in range(20)}
        vector = {part: n for g, k in bad.items() for part, n in ((f"fp={g}", k), (f"tn={g}", 60 - k))}
        apart += beyond(gap.evidence(vector), ">", Fraction(0))
    assert drifted <= 9, "1 % of 300 windows is 3"
    assert apart <= 9
    assert one_feature > 30, "asked one by one, some feature would alarm in every fifth window"


def drawn(chance: random.Random, cells: int, n: int) -> list[int]:
    out = [0] * cells
    for _ in range(n):
        out[chance.randrange(cells)] += 1
    return out
