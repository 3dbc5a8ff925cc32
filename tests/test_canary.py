"""A canary's arithmetic: known intervals, few false alarms however often one looks, and the steps up and back."""

from __future__ import annotations

import random
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.canary import Canary, Means, Rates, Stage, batch_means, judge, newcombe, student, weights
from bongsu.language.sentences import say
from bongsu.quantity import MINUTE, Duration

CANARY = Canary("v2", "v1", "errors", promote_after=Duration(10 * MINUTE), min_events=100)
LOOK = 2 * MINUTE
RATES = st.integers(1, 10**6).flatmap(lambda n: st.builds(Rates, st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("a", "b", "low", "high"), [
    (Rates(56, 70), Rates(48, 80), 0.0524, 0.3339), (Rates(9, 10), Rates(3, 10), 0.1705, 0.8090),
    (Rates(6, 7), Rates(2, 7), 0.0582, 0.8062), (Rates(5, 56), Rates(0, 29), -0.0381, 0.1926),
    (Rates(0, 10), Rates(0, 20), -0.1611, 0.2775), (Rates(10, 10), Rates(0, 10), 0.6075, 1.0)])
def test_the_interval_of_a_difference_is_newcombe_s_own_table(a: Rates, b: Rates, low: float, high: float) -> None:
    """Table II of the paper, method 10, 95 %."""
    found = newcombe(a, b, 0.05)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(RATES, RATES, st.floats(0.001, 0.5))
def test_an_interval_holds_its_estimate_and_turns_with_its_arms(a: Rates, b: Rates, alpha: float) -> None:
    one, other = newcombe(a, b, alpha), newcombe(b, a, alpha)
    assert one.low <= a.bad / a.events - b.bad / b.events <= one.high
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert -1 - 1e-9 <= one.low <= one.high <= 1 + 1e-9


@pytest.mark.parametrize(("confidence", "freedom", "table"), [
    (0.95, 9, 2.262), (0.95, 20, 2.086), (0.99, 9, 3.250), (0.99, 30, 2.750), (0.998, 19, 3.579)])
def test_student_s_quantile_is_that_of_the_tables(confidence: float, freedom: int, table: float) -> None:
    assert student(confidence, freedom) == pytest.approx(table, rel=0.003)


def batches(*values: float) -> Means:
    return Means(tuple((Fraction(v).limit_denominator(10**6), Fraction(1)) for v in values), 1000)


def test_of_single_values_the_interval_of_means_is_the_classical_one() -> None:
    """Ten of each: means 5.5 and 4.5, both variances 55/6; 2.262 x sqrt(2 x 55/60)."""
    found = batch_means(batches(*range(1, 11)), batches(*range(10)), 0.05)
    assert found is not None
    assert (found.low + found.high) / 2 == pytest.approx(1.0)
    assert (found.high - found.low) / 2 == pytest.approx(2.262 * (2 * 55 / 60) ** 0.5, rel=0.003)
    assert found.scale == pytest.approx(4.5)


def test_windows_without_calls_tell_nothing_and_few_windows_not_enough() -> None:
    empty = ((Fraction(0), Fraction(0)),) * 50
    few = Means(batches(*range(9)).batches + empty, 1000)
    assert batch_means(few, batches(*range(20)), 0.05) is None
    assert batch_means(Means(empty, 1000), batches(*range(20)), 0.05) is None


def looked(bad: int, of_base: int, events: int = 2000, k: int = 5, stage: Stage | None = None,
           canary: Canary = CANARY) -> Stage:
    """What look k of a step comes to."""
    stage = stage or Stage()
    return judge(canary, stage, Rates(bad, events), Rates(of_base, events), stage.since + k * LOOK)


@pytest.mark.req("P3")
def test_a_canary_that_is_significantly_worse_is_rolled_back_at_its_first_look() -> None:
    after = looked(300, 100, k=1)
    assert (after.state, after.looks) == ("rolled_back", 1)
    assert "is worse" in after.why


def test_one_that_is_not_worse_goes_up_step_by_step_and_is_promoted_after_the_last_with_a_base() -> None:
    stage, shares = Stage(), [weights(CANARY, 0)]
    for _ in range(3):
        stage = looked(20, 20, stage=stage)
        shares.append(weights(CANARY, stage.step))
    assert shares == [{"v1": 95, "v2": 5}, {"v1": 75, "v2": 25}, {"v1": 50, "v2": 50}, {"v2": 100}]
    assert (stage.state, stage.step) == ("promoted", 3)


def test_no_step_up_before_its_time_is_over() -> None:
    stage = looked(20, 20, k=4)
    assert (stage.step, stage.state, stage.looks) == (0, "running", 4)
    assert looked(20, 20, k=5, stage=stage).step == 1


def test_too_few_events_of_either_move_nothing_however_bad_they_are() -> None:
    for of, base in ((Rates(99, 99), Rates(0, 5000)), (Rates(5000, 5000), Rates(0, 99))):
        after = judge(CANARY, Stage(), of, base, 50 * LOOK)
        assert (after.state, after.step) == ("running", 0)
        assert "100 of each are needed" in after.why


def test_one_that_may_be_worse_by_more_than_the_margin_waits() -> None:
    after = looked(6, 4, events=300)
    assert (after.state, after.step) == ("running", 0)
    assert "cannot be told yet" in after.why


def test_worse_by_less_than_the_margin_is_not_worse_however_sure_it_is() -> None:
    """0.2 points worse, known to a hundredth: within a margin of one point."""
    after = looked(12_000, 10_000, events=1_000_000)
    assert after.step == 1


def test_a_signal_of_which_less_is_worse_is_turned_round() -> None:
    lower = Canary("v2", "v1", "good", promote_after=Duration(10 * MINUTE), min_events=100, worse="lower")
    assert looked(1000, 1800, canary=lower).state == "rolled_back"
    assert looked(1800, 1000, canary=lower).step == 1


def test_a_look_is_taken_once() -> None:
    stage = looked(20, 20, k=1)
    assert judge(CANARY, stage, Rates(2000, 2000), Rates(0, 2000), LOOK + 1) is stage


def test_a_mean_is_judged_by_its_margin_as_a_share_of_the_base() -> None:
    random.seed(7)
    base = batches(*(random.gauss(100, 5) for _ in range(60)))
    alike, dearer = (batches(*(random.gauss(mean, 5) for _ in range(60))) for mean in (100, 120))
    wide = Canary("v2", "v1", "cost", promote_after=Duration(10 * MINUTE), min_events=100, margin=Fraction(5, 100))
    assert judge(wide, Stage(), alike, base, 5 * LOOK).step == 1
    assert judge(wide, Stage(), dearer, base, LOOK).state == "rolled_back"


def test_however_often_one_looks_few_canaries_like_their_base_are_rolled_back() -> None:
    """A thousand canaries with the base's own rate, looked at thirty times each: at most 5 % may be taken for worse."""
    random.seed(20_261_122)
    endless = Canary("v2", "v1", "errors", promote_after=Duration(10 * MINUTE), min_events=100, margin=Fraction(0))
    wrong = 0
    for _ in range(1000):
        stage, of, base = Stage(), 0, 0
        for k in range(1, 31):
            of += sum(random.random() < 0.1 for _ in range(20))
            base += sum(random.random() < 0.1 for _ in range(20))
            stage = judge(endless, stage, Rates(of, 20 * k), Rates(base, 20 * k), stage.since + k * LOOK)
            if stage.state != "running" or stage.step:
                break
        wrong += stage.state == "rolled_back"
    assert wrong <= 50


@pytest.mark.parametrize(("settings", "said"), [
    ({"steps": ()}, "a last step of 100%"), ({"steps": (Fraction(1, 2),)}, "a last step of 100%, came 50%"),
    ({"steps": (Fraction(1, 2), Fraction(1, 4), Fraction(1))}, r"steps\[1\]: expected shares that grow, came 25%"),
    ({"confidence": Fraction(1)}, "below 100%"), ({"min_events": 0}, "one or more"),
    ({"promote_after": Duration(0)}, "above zero")])
def test_a_canary_that_could_never_be_judged_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Canary("v2", "v1", "errors", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("why", [looked(300, 100, k=1).why, looked(6, 4, events=300).why, looked(20, 20, k=1).why,
                                 looked(20, 20).why, looked(1, 1, events=5).why,
                                 judge(CANARY, Stage(), batches(1.0), batches(2.0), LOOK).why])
def test_what_a_look_says_is_said_in_korean_too(why: str) -> None:
    assert re.search("[가-힣]", say(why, "ko")), why
