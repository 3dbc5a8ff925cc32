"""A policy's own tests run on a virtual clock, and what they did not meet is a sentence with its place."""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

import pytest

from bongsu.cell import Cell
from bongsu.engine import Plan
from bongsu.event import Event
from bongsu.policy import Policy, PolicyError, load, parse
from bongsu.policy.rehearse import events, rehearse
from bongsu.policy.scalar import show_moment
from bongsu.runners.duckdb import Counter
from bongsu.stores.arrow import table

DEMO = Path(str(resources.files("bongsu") / "demo/bongsu.yaml"))
ENVIRON = {"BONGSU_DEMO_URL": "http://127.0.0.1:9001", "BONGSU_DEMO_WEBHOOK": "http://127.0.0.1:9002/hook"}

POLICY = """\
bongsu: 1
service: {name: bot}
settings: {base_window: 1s}
signals:
  errors: {kind: ratio, bad: "outcome = 'error'", labels: [model]}
  calls: {kind: count}
objectives:
  good: {signal: errors, target: 99%, window: 30d}
alerts:
  errors: {when: errors > 10%, evidence: value, over: 5s, for: 2s, clear_for: 3s}
  each: {when: errors > 10%, evidence: value, over: 5s, by: [model]}
  burning: {burn: good, tier: major}
playbooks:
  calm: {on: alert errors, do: [{freeze: errors}], undo_when: clear for 4s}
tests:
  - name: one
    events:
      - {at: "00:00..00:30", every: 500ms, model: a, outcome: ok}
      - {at: "00:10..00:15", every: 500ms, model: a, outcome: error}
    expect:
      - EXPECT
"""


def count(happened: Sequence[Event], plan: Plan) -> Iterable[Cell]:
    """The embedded runner."""
    counter = Counter(plan.signals, plan.base)
    try:
        return counter.count(table(happened))
    finally:
        counter.close()


def policy(expect: str) -> Policy:
    return parse(POLICY.replace("EXPECT", expect), "p.yaml", {})


def failures(expect: str) -> list[str]:
    return [str(f) for f in rehearse(policy(expect), count)]


@pytest.mark.req("G7")
def test_the_demo_keeps_what_its_tests_promise() -> None:
    assert rehearse(load(DEMO, ENVIRON), count) == []


MET = """
{at: "00:09", alert: errors, state: ok}
{at: "00:11", alert: errors, state: pending}
{at: "00:12", alert: errors, state: pending}
{at: "00:13", alert: errors, state: firing}
{between: "00:10..00:15", alert: errors, state: firing}
{between: "00:15..00:22", alert: errors, state: clearing}
{between: "00:22..00:30", alert: errors, state: firing, never: true}
{at: "00:30", alert: errors, state: ok}
{at: "00:13", playbook: calm, state: begun}
{between: "00:14..00:30", playbook: calm, state: begun, never: true}
{between: "00:20..00:30", playbook: calm, state: undone}
{at: "00:12", alert: each, state: firing}
{at: "00:05", alert: each, state: ok}
{between: "00:00..00:30", alert: burning, state: ok}
""".strip().splitlines()


@pytest.mark.parametrize("expect", MET)
def test_what_happens_is_met(expect: str) -> None:
    """Errors from 00:10 to 00:15; the alert waits 2 s to enter, 3 s to leave, its playbook 4 s more."""
    assert failures(expect) == []


UNMET = [
    ('{at: "00:13", alert: errors, state: ok}',
     "p.yaml:21:9: test 'one': expected alert errors ok at 00:13, came firing from 00:13"),
    ('{between: "00:10..00:13", alert: errors, state: clearing}',
     "p.yaml:21:9: test 'one': expected alert errors clearing between 00:10 and 00:13, came ok from 00:10, then "
     "pending from 00:11, then firing from 00:13"),
    ('{between: "00:00..00:30", alert: errors, state: firing, never: true}',
     "p.yaml:21:9: test 'one': expected alert errors never firing between 00:00 and 00:30, came ok from 00:00, then "
     "pending from 00:11, then firing from 00:13, then clearing from 00:20, then ok from 00:23"),
    ('{at: "00:05", playbook: calm, state: begun}',
     "p.yaml:21:9: test 'one': expected playbook calm begun at 00:05, came begun at 00:13, undone at 00:27"),
]


@pytest.mark.req("G7")
@pytest.mark.parametrize(("expect", "sentence"), UNMET)
def test_what_does_not_happen_is_told_with_what_did(expect: str, sentence: str) -> None:
    assert failures(expect) == [sentence]


def test_a_moment_between_two_ticks_is_judged_at_the_next() -> None:
    assert failures('{at: "00:12.5", alert: errors, state: firing}') == []


def test_events_are_typed_and_have_ids_of_their_own() -> None:
    p = policy('{at: "00:01", alert: errors, state: ok}')
    happened = list(events(p, p.tests[0]))
    assert len({e.id for e in happened}) == len(happened) == 70
    assert {e.service for e in happened} == {"bot"}
    assert happened[1].time - happened[0].time == 500_000


@pytest.mark.parametrize(("expect", "fault"), [
    ('{at: "00:01", alert: erors, state: ok}', "expected an alert (errors, each or burning), came 'erors'"),
    ('{at: "00:01", playbook: clam, state: begun}', "expected a playbook (calm), came 'clam'"),
    ('{at: "0:61", alert: errors, state: ok}', "expected a time with less than 60 seconds and minutes, came '0:61'"),
    ('{at: "00:01", playbook: calm, state: firing}', "expected a state of a playbook (begun, undone), came 'firing'"),
    ('{at: "00:01", alert: errors}', "expected the setting 'state' of tests[0].expect[0], came nothing"),
])
def test_tests_are_checked_like_the_rest(expect: str, fault: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(expect)
    assert [f"expected {f.expected}, came {f.came}" for f in caught.value.faults] == [fault]


def test_an_origin_that_is_none_is_a_fault() -> None:
    text = POLICY.replace("EXPECT", '{at: "00:01", alert: errors, state: ok}')
    with pytest.raises(PolicyError, match="expected live, redteam, replay or evaluation, came 'lvie'; did you mean"):
        parse(text.replace("model: a, outcome: ok", "origin: lvie"), "p.yaml", {})


def test_an_hour_is_rehearsed_within_a_test() -> None:
    """Game days are played, not waited for."""
    text = POLICY.replace("EXPECT", '{at: "01:00:00", alert: errors, state: ok}')
    hour = parse(text.replace("00:00..00:30", "00:00..01:00:00"), "p.yaml", {})
    assert rehearse(hour, count) == []


def test_moments_are_shown_as_they_are_written() -> None:
    assert [show_moment(n) for n in (0, 61_500_000, 3_661_000_000)] == ["00:00", "01:01.5", "01:01:01"]
