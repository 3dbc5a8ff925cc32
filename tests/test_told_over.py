"""Whoever was told, or may have been, hears that it is over; what is severe is told though it was over first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bongsu.actions.notify import Notify
from bongsu.engine import Changed, EngineState, Opened, Plan, Undo
from bongsu.incident import Incident
from bongsu.notice import Manners
from bongsu.ports import Done, Notice, Receipt
from bongsu.quantity import HOUR, SECOND
from bongsu.response import LEASE, Playbook
from bongsu.room.worker import Worker, resolve_action
from bongsu.stores.state import State
from stage import T0, actions_of, clear, fire, incident, opened
from test_notice import alarm, play, span

pytestmark = pytest.mark.req("A1")
ONCE = (Notify("ops", once=True),)


def told(state: State, now: int) -> list[tuple[str, str, str]]:
    """Carry out all that is due: (incident, state, text) of each notice."""
    sent: list[tuple[str, str, str]] = []

    async def send(channel: str, notice: Notice) -> Receipt:
        sent.append((notice.facts["incident"], notice.state, notice.text))
        return Receipt(200)

    asyncio.run(Worker(state, resolve_action, send, lambda: now, "one").drain())
    return sent


# ---- nobody knows whether it was told ----


def test_who_may_have_been_told_hears_that_it_is_over(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state, ONCE)
        state.claim(T0, "dies")
        assert state.claim_due(T0 + LEASE, 9, "other") == []
        assert state.steps("INC-1")[0].step.state == "unknown"
        clear(state, one, T0 + 2 * LEASE)
        assert [(who, how) for who, how, _ in told(state, T0 + 2 * LEASE)] == [("INC-1", "resolved")]
        assert state.steps("INC-1")[0].step.state == "undone"


def test_so_does_one_whose_notice_was_refused_or_given_up(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state, (Notify("ops"),))
        claimed = state.claim(T0)
        assert claimed is not None
        state.refuse(claimed, "answered 404", T0)
        clear(state, one)
        assert [(who, how) for who, how, _ in told(state, T0 + HOUR)] == [("INC-1", "resolved")]


@pytest.mark.parametrize("dies", [True, False])
def test_though_it_was_over_while_it_was_being_told(tmp_path: Path, dies: bool) -> None:
    with opened(tmp_path) as state:
        one = fire(state, ONCE)
        claimed = state.claim(T0)
        assert claimed is not None
        clear(state, one, T0 + SECOND)
        if dies:
            assert state.claim_due(T0 + LEASE, 9, "other") == []
        else:
            state.refuse(claimed, "answered 404", T0 + SECOND)
        assert [how for _, how, _ in told(state, T0 + 2 * LEASE)] == ["resolved"]


def test_an_end_that_could_not_be_told_is_not_told_for_ever(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        one = fire(state, (Notify("ops"),))
        claimed = state.claim(T0)
        assert claimed is not None
        state.finish(claimed, Done(), T0)
        clear(state, one)
        back = state.claim(T0 + HOUR)
        assert back is not None
        state.refuse(back, "answered 404", T0 + HOUR)
        assert state.take_back("INC-1", "calm", "anna", "again", T0 + HOUR) == 0
        assert told(state, T0 + 2 * HOUR) == []


# ---- over before its turn came ----


def begins(state: State, name: str, tier: str, now: int) -> Incident:
    one = replace(incident(name, at=now), tier=tier)  # type: ignore[arg-type]
    plan = Plan("bot", playbooks=(Playbook("calm", "cost", (Notify("ops"),)),))
    state.commit(EngineState(now), (Opened(one, ("calm",)),), plan, "policy-1", now)
    return one


def ends(state: State, one: Incident, now: int) -> None:
    closed = replace(one, phase="closed", cleared=now, closed=now)
    state.commit(EngineState(now), (Undo(closed, "calm"), Changed(closed)), Plan("bot"), "policy-1", now)


@pytest.mark.parametrize(("tier", "second"), [("severe", [("INC-2", "resolved")]), ("major", [])])
def test_an_incident_that_begins_and_ends_behind_an_earlier_notice(
        tmp_path: Path, tier: str, second: list[tuple[str, str]]) -> None:
    """The channel is down while the first is told; the second begins and ends meanwhile. A severe one is told in one
    message that says both; what is less is not worth a message any more."""
    with opened(tmp_path) as state:
        one = begins(state, "INC-1", tier, T0)
        first = state.claim(T0)
        assert first is not None
        state.retry(first, "answered 503", T0)
        ends(state, one, T0 + SECOND)
        two = begins(state, "INC-2", tier, T0 + 2 * SECOND)
        ends(state, two, T0 + 5 * SECOND)
        heard = told(state, T0 + HOUR)
        assert [(who, how) for who, how, _ in heard] == [("INC-1", "firing"), ("INC-1", "resolved"), *second]
        assert all(text.startswith("Over after 3s. It was: ") for who, _, text in heard if who == "INC-2")
        assert actions_of(state).count("step.overtaken") == len(second)
        assert state.next_due() is None


def test_each_severe_incident_is_told_though_the_last_ones_end_was_not_yet() -> None:
    """Between two looks of a group the alert is over, begins again and is over again."""
    manners = Manners("prod", group_interval=span(60))
    lives = [(alarm("a", tier="severe", incident="INC-1"), 3), (alarm("a", 4, tier="severe", incident="INC-2"), 5)]
    found, _ = play(manners, lives, 70)
    assert [(at, t.why, [k.incident for k in t.firing], [k.incident for k in t.resolved]) for at, t in found] == [
        (0, "first", ["INC-1"], []), (4, "new", ["INC-2"], ["INC-1"]), (60, "over", [], ["INC-2"])]


def test_what_is_less_than_severe_and_comes_back_between_two_looks_is_one_notice() -> None:
    manners = Manners("prod", group_interval=span(60))
    lives = [(alarm("a", incident="INC-1"), 3), (alarm("a", 4, incident="INC-2"), 5)]
    found, _ = play(manners, lives, 70)
    assert [(at, t.why) for at, t in found] == [(0, "first"), (60, "over")]
