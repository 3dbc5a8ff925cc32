"""A playbook that restricts somebody while tokens change: it follows the person, or says that it restricts nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bongsu.language.sentences import say
from bongsu.ports import Change, Done, Refused
from bongsu.quantity import SECOND
from bongsu.room.desk import ControlDesk
from bongsu.room.epochs import GRACE, LEAD
from bongsu.room.whom import followed
from bongsu.room.worker import Worker, resolve_action
from test_epochs import post
from test_restrictions import ATTACK
from vaultkit import VAULT, Safe, safe

POLICY = VAULT + """
signals:
  violations: {kind: count, of: blocked, labels: [user]}
alerts:
  offender: {when: violations >= 3, over: 60s, by: [user], tier: minor}
playbooks:
  offender:
    on: alert offender
    do: [{restrict: suspended, of: user, for: 30d, reason: too many blocked prompts}]
    undo_when: never
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Safe]:
    with safe(tmp_path, POLICY) as made:
        yield made


def offends(one: Safe) -> str:
    """An alert about somebody whose playbook has begun; the token it is about."""
    key, _ = one.one.key("app", team="app")
    for _ in range(3):
        assert one.one.post(key, ATTACK, user="mallory").status == 200
    one.one.cycle(2 * SECOND)
    one.one.cycle(2 * SECOND)
    return key


def act(one: Safe) -> None:
    """Carry the playbook's steps out, as the process does."""
    async def send(_channel: str, _notice: Any) -> Any:
        raise AssertionError("nobody is told")

    accept = one.one.control.epochs.of_now
    asyncio.run(Worker(one.one.store, resolve_action, send, lambda: one.one.now, "w",
                       accept=lambda done: followed(done, accept)).drain())
    one.one.control.revised()
    one.one.cycle()


@pytest.mark.req("P6", "X2")
def test_a_restriction_is_of_the_token_that_gateways_make_of_the_person_today(one: Safe) -> None:
    key, before = offends(one), one.token("USER", "mallory")
    assert post(one, "").status == 200
    one.one.cycle(LEAD + SECOND)
    now = one.token("USER", "mallory")
    assert before != now
    act(one)
    assert [r.subject for r in one.one.store.restrictions()] == [f"user/{now}"]
    assert one.one.post(key, user="mallory").code() == (403, "suspended")
    done = next(r for r in one.one.store.trail(50) if r.action == "step.done")
    assert f"user/{now}" in str(done.detail)
    one.one.cycle(GRACE)
    one.one.cycle()
    assert one.one.post(key, user="mallory").code() == (403, "suspended"), "also once the old key is put away"


@pytest.mark.req("P6", "X2")
def test_where_nothing_leads_to_the_token_of_today_the_step_fails_and_says_who_can_help(one: Safe) -> None:
    key = offends(one)
    assert post(one, "").status == 200
    one.one.cycle(LEAD + SECOND)
    one.one.cycle(GRACE)
    one.one.cycle()  # the key of the epoch that is over is in the vault, for the officer
    act(one)
    failed, = (a for story in ControlDesk(one.one.control).board().incidents for a in story.actions)
    assert failed.state == "failed"
    assert failed.note == ("restrict: expected a person's token of now, came one of epoch 1, which is over; nobody is "
                           "restricted. The privacy officer can join it (bongsu epoch join)")
    assert "아무도 제한하지 않았습니다" in say(failed.note, "ko")
    assert one.one.store.restrictions() == []
    assert one.one.post(key, user="mallory").status == 200
    assert "step.failed" in one.one.actions("step.")


def test_what_names_no_person_by_a_token_stays_as_it_is() -> None:
    done = Done({}, (Change("restrict/key/0a1b2c3d/x", {}), Change("route/chat", "light"),
                     Change("restrict/user/kim/x", {})))
    assert followed(done, lambda _: None) is done
    with pytest.raises(Refused, match="epoch 7"):
        followed(Done({}, (Change(f"restrict/user/USER_E7_{'A' * 16}/x", {}),)), lambda _: None)
