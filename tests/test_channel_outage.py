"""When a destination is down: it costs nothing, nothing is lost, nothing is out of order, nobody is called twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import outsiders
from bongsu.actions.notify import Notify
from bongsu.channels.breaker import FIRST_REST, LONGEST_REST, OPENS_AFTER, PROBE, Breaker
from bongsu.channels.http import Http, sender
from bongsu.channels.jira import Jira
from bongsu.channels.pagerduty import PagerDuty
from bongsu.channels.slack_api import SlackApi
from bongsu.channels.twilio import Twilio
from bongsu.channels.webhook import Webhook
from bongsu.policy import parse
from bongsu.ports import Channel, Notice, Outside, Receipt, Refused, Retry, Send
from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.response import LEASE
from bongsu.room.worker import Worker, resolve_action
from bongsu.secret import reveal
from bongsu.stores.state import State
from outsiders import CANARY, Outsider, hangs, says, served
from stage import T0, clear, fire, opened
from test_channel_faults import NOTICE, SECRET

pytestmark = [pytest.mark.usefixtures("channel_secret"), pytest.mark.req("A1")]

PHONE = ("AC" + "0" * 32, SECRET, "+12025550100", "+821012345678")


@dataclass
class Clock:
    now: int = T0

    def __call__(self) -> int:
        return self.now


@dataclass
class Hooks(Outsider):
    """Takes any post unless it is ``down``."""

    down: bool = False
    taken: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, asked: Any) -> tuple[int, Any]:
        if self.down:
            return 503, "maintenance"
        body = asked.json()
        self.taken.append((body["delivery"], body["state"]))
        return 200, "ok"


@asynccontextmanager
async def outside(clock: Clock, state: State | None = None, timeout: int = 2 * SECOND) -> AsyncIterator[Http]:
    async with Http(reveal, clock, timeout, state) as http:
        yield http


async def drain(state: State, send: Send, clock: Clock) -> int:
    return await Worker(state, resolve_action, send, clock, "one", site="http://desk").drain()


# ---- the breaker ----


def stopped(breaker: Breaker, now: int) -> int | None:
    """How long the breaker makes a notice wait; None where it lets it through."""
    try:
        breaker.admit(now)
    except Retry as error:
        return error.after
    return None


def test_a_breaker_rests_longer_after_each_failed_try_and_closes_with_the_first_that_works() -> None:
    breaker, now = Breaker(), T0
    for _ in range(OPENS_AFTER):
        assert stopped(breaker, now) is None
        breaker.failed(now)
    rests = []
    for _ in range(6):
        rests.append(stopped(breaker, now))
        now += rests[-1] or 0
        assert stopped(breaker, now) is None, "one may try"
        assert stopped(breaker, now) == PROBE, "the others wait for what comes of it"
        breaker.failed(now)
    assert rests == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST, LONGEST_REST, LONGEST_REST]
    now += LONGEST_REST
    assert stopped(breaker, now) is None
    breaker.worked()
    assert [stopped(breaker, now) for _ in range(3)] == [None] * 3


def test_failures_of_one_moment_count_as_one_rest() -> None:
    breaker = Breaker()
    for _ in range(32):
        breaker.failed(T0)
    assert stopped(breaker, T0) == FIRST_REST


def test_what_a_destination_asks_for_holds_for_every_notice_to_it_and_is_no_failure() -> None:
    breaker = Breaker()
    for _ in range(2 * OPENS_AFTER):
        breaker.failed(T0, 7 * SECOND)
    assert stopped(breaker, T0 + SECOND) == 6 * SECOND
    assert stopped(breaker, T0 + 7 * SECOND) is None
    assert not breaker.open


def test_a_clock_that_is_set_back_does_not_keep_a_destination_shut() -> None:
    breaker = Breaker()
    breaker.failed(T0, HOUR)
    assert stopped(breaker, T0 - 24 * HOUR) is None


def test_a_dead_destination_is_not_asked_and_another_is_not_held_up() -> None:
    async def play() -> tuple[int, list[Any], int]:
        dead, well = Hooks(down=True), Hooks()
        async with served(dead), served(well), outside(Clock()) as http:
            send = sender({"dead": Webhook(dead.url), "well": Webhook(well.url)}, http)
            out = await asyncio.gather(*(send("dead", NOTICE) for _ in range(3)), return_exceptions=True)
            for _ in range(100):
                out += await asyncio.gather(send("dead", NOTICE), return_exceptions=True)
                assert await send("well", NOTICE) == Receipt(200)
            return len(dead.got), out, len(well.got)
    asked, out, well = asyncio.run(play())
    assert (asked, well) == (OPENS_AFTER, 100)
    assert all(isinstance(error, Retry) for error in out)
    assert str(out[-1]) == "not tried: it failed 5 times in a row"
    assert out[-1].after == FIRST_REST


def test_a_person_who_tests_a_destination_has_it_tried_and_if_that_works_all_go_on() -> None:
    async def play() -> None:
        hooks = Hooks(down=True)
        async with served(hooks), outside(Clock()) as http:
            send = sender({"ops": Webhook(hooks.url)}, http)
            for _ in range(OPENS_AFTER):
                with pytest.raises(Retry, match="answered 503"):
                    await send("ops", NOTICE)
            with pytest.raises(Retry, match="not tried"):
                await send("ops", NOTICE)
            with pytest.raises(Retry, match="answered 503"):
                await send("ops", replace(NOTICE, state="test"))
            hooks.down = False
            assert await send("ops", replace(NOTICE, state="test")) == Receipt(200)
            assert await send("ops", NOTICE) == Receipt(200)
    asyncio.run(play())


def test_one_who_asks_to_wait_is_asked_by_nobody_until_then() -> None:
    async def play() -> None:
        clock, hooks = Clock(), Hooks(faults=[says(429, Retry_After="9")])
        async with served(hooks), outside(clock) as http:
            send = sender({"ops": Webhook(hooks.url)}, http)
            for _ in range(3):
                with pytest.raises(Retry) as caught:
                    await send("ops", NOTICE)
                assert caught.value.after == 9 * SECOND
            assert len(hooks.got) == 1
            clock.now += 9 * SECOND
            assert await send("ops", NOTICE) == Receipt(200)
    asyncio.run(play())


def test_a_refusal_and_a_wait_of_one_notice_alone_open_nothing() -> None:
    class Own:
        async def send(self, notice: Notice, outside: Outside) -> Receipt:
            raise Refused("no") if notice.state == "test" else Retry("wait", HOUR, alone=True)

    async def play() -> None:
        async with outside(Clock()) as http:
            send = sender({"x": Own()}, http)
            for _ in range(2 * OPENS_AFTER):
                with pytest.raises(Refused, match="no"):
                    await send("x", replace(NOTICE, state="test"))
                with pytest.raises(Retry, match="wait"):
                    await send("x", NOTICE)
    asyncio.run(play())


@pytest.mark.parametrize("fault", [ValueError("bug"), asyncio.CancelledError()])
def test_a_part_that_breaks_or_is_given_up_counts_as_a_failure(fault: BaseException) -> None:
    class Broken:
        async def send(self, notice: Notice, outside: Outside) -> Receipt:
            raise fault

    async def play() -> list[str]:
        async with outside(Clock()) as http:
            send, out = sender({"x": Broken()}, http), []
            for _ in range(OPENS_AFTER + 1):
                try:
                    await send("x", NOTICE)
                except (ValueError, asyncio.CancelledError, Retry) as error:
                    out.append(type(error).__name__)
            return out
    assert asyncio.run(play()) == [type(fault).__name__] * OPENS_AFTER + ["Retry"]


# ---- an hour ----


def test_a_channel_that_is_down_for_an_hour_is_told_everything_in_order_afterwards(tmp_path: Path) -> None:
    """Incidents come and go meanwhile; each 'it fires' comes before its 'it is over', each incident of an alert before
    the next, all within minutes after the channel is back, and nothing comes twice."""
    async def play(state: State) -> Hooks:
        clock, hooks = Clock(), Hooks(down=True)
        async with served(hooks), outside(clock, state) as http:
            send = sender({"ops": Webhook(hooks.url)}, http)
            story: dict[int, Callable[[], Any]] = {
                0: lambda: fire(state, (Notify("ops"),), "INC-1", "cost", clock.now),
                5: lambda: clear(state, fired[0], clock.now),
                10: lambda: fire(state, (Notify("ops"),), "INC-2", "cost", clock.now),
                12: lambda: fire(state, (Notify("ops"),), "INC-3", "blocks", clock.now),
                20: lambda: fire(state, (Notify("ops"),), "INC-4", "slow", clock.now),
                21: lambda: clear(state, fired[20], clock.now),
                70: lambda: clear(state, fired[10], clock.now)}
            fired: dict[int, Any] = {}
            for minute in range(75):
                if minute in story:
                    fired[minute] = story[minute]()
                hooks.down = minute < 60
                for _ in range(4):
                    await drain(state, send, clock)
                    clock.now += 15 * SECOND
        return hooks
    with opened(tmp_path) as state:
        hooks = asyncio.run(play(state))
        assert state.next_due() is None
    assert sorted(hooks.taken) == sorted([
        ("INC-1/calm/0/do", "firing"), ("INC-1/calm/0/undo", "resolved"), ("INC-2/calm/0/do", "firing"),
        ("INC-2/calm/0/undo", "resolved"), ("INC-3/calm/0/do", "firing"), ("INC-4/calm/0/do", "firing"),
        ("INC-4/calm/0/undo", "resolved")])
    told = [delivery for delivery, _ in hooks.taken]
    assert told.index("INC-4/calm/0/do") < told.index("INC-4/calm/0/undo")
    assert [d for d in told if d.startswith(("INC-1", "INC-2"))] == [
        "INC-1/calm/0/do", "INC-1/calm/0/undo", "INC-2/calm/0/do", "INC-2/calm/0/undo"]
    assert len(hooks.got) < 5 + 60 + 10, "while it was down it was hardly asked"


def test_whoever_was_told_hears_that_it_is_over_though_the_end_came_while_the_channel_was_down(tmp_path: Path) -> None:
    async def play(state: State) -> outsiders.PagerDuty:
        clock, duty = Clock(), outsiders.PagerDuty()
        async with served(duty), outside(clock, state) as http:
            send = sender({"duty": PagerDuty(SECRET, f"{duty.url}/v2/enqueue")}, http)
            one = fire(state, (Notify("duty"),))
            await drain(state, send, clock)
            assert [a["state"] for a in duty.alerts.values()] == ["triggered"]
            clear(state, one, clock.now)
            duty.faults = [says(503)] * 7
            while state.next_due() is not None:
                clock.now += MINUTE
                await drain(state, send, clock)
        return duty
    with opened(tmp_path) as state:
        assert [a["state"] for a in asyncio.run(play(state)).alerts.values()] == ["resolved"]


# ---- a phone ----


def phone(state: State, fault: Any, lost: bool = False) -> tuple[outsiders.Twilio, str]:
    """Call once, with the reply lost or an answer instead; then let a day go by. The calls made, and the step."""
    async def play() -> tuple[outsiders.Twilio, str]:
        clock, twilio = Clock(), outsiders.Twilio()
        twilio.faults, twilio.after = ([], [fault]) if lost else ([fault], [])
        async with served(twilio), outside(clock, state, SECOND // 5) as http:
            send = sender({"phone": Twilio(*PHONE, url=twilio.url)}, http)
            fire(state, (Notify("phone", once=True),))
            for _ in range(24):
                await drain(state, send, clock)
                clock.now += HOUR
        return twilio, state.steps("INC-1")[0].step.state
    return asyncio.run(play())


def test_nobody_is_called_twice_where_the_reply_is_lost(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        twilio, step = phone(state, hangs, lost=True)
    assert (len(twilio.calls), step) == (1, "unknown")


def test_a_call_that_certainly_was_not_made_is_made_later(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        twilio, step = phone(state, says(429, Retry_After="60"))
    assert (len(twilio.calls), step) == (1, "done")


def test_a_worker_that_dies_while_it_calls_leaves_it_to_a_person(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, (Notify("phone", once=True), Notify("ops")))
        assert {c.step.n for c in state.claim_due(T0, 9, "dies")} == {0, 1}
        again = state.claim_due(T0 + LEASE, 9, "other")
        assert [c.settings["channel"] for c in again] == ["ops"]
        assert state.steps("INC-1")[0].step.state == "unknown"


def test_the_policy_knows_by_itself_which_channels_are_not_told_twice() -> None:
    text = """
bongsu: 1
service: {name: bot}
signals: {blocks: {kind: count, of: blocked}}
alerts: {burst: {when: blocks > 10, over: 10m, tier: severe}}
playbooks: {burst: {on: alert burst, do: [{notify: [phone, text]}]}}
channels:
  phone: {twilio: secret://env/A, token: secret://env/T, from: "+12025550100", to: "+821012345678"}
  text:  {twilio: secret://env/A, token: secret://env/T, from: "+12025550100", to: "+821012345678", way: sms}
"""
    policy = parse(text, "x.yaml", {})
    steps: list[Any] = [step for book in policy.plan.playbooks for step in book.steps]
    assert [(s.channel, s.once, s.on_unknown) for s in steps] == [
        ("phone", True, "never"), ("text", False, "retry")]


# ---- memory ----


@pytest.mark.parametrize(("outsider", "make"), [
    (lambda: outsiders.Slack(), lambda url: SlackApi(SECRET, "#ops", f"{url}/api")),
    (lambda: outsiders.Jira(login=f"Bearer {CANARY}"), lambda url: Jira(url, "OPS", SECRET))])
def test_what_a_channel_remembers_outlives_the_process(
        outsider: Callable[[], Any], make: Callable[[str], Channel], tmp_path: Path) -> None:
    """Thread and issue are found again by another process; another channel of the same kind has its own."""
    async def told(other: Any, names: tuple[str, ...], notice: Notice) -> None:
        with opened(tmp_path) as state:
            async with outside(Clock(), state) as http:
                send = sender({name: make(other.url) for name in names}, http)
                for name in names:
                    await send(name, notice)

    async def play() -> Any:
        async with served(outsider()) as other:
            await told(other, ("a",), NOTICE)
            await told(other, ("a",), replace(NOTICE, state="resolved", delivery="INC-1/calm/0/undo"))
        return other
    other = asyncio.run(play())
    if isinstance(other, outsiders.Jira):
        assert (len(other.issues), other.open()) == (1, [])
    else:
        first, second = other.messages
        assert other.messages[second]["thread_ts"] == first


def test_two_channels_do_not_share_what_they_remember() -> None:
    async def play() -> list[Any]:
        slack = outsiders.Slack()
        async with served(slack), outside(Clock()) as http:
            send = sender({name: SlackApi(SECRET, "#ops", f"{slack.url}/api") for name in "ab"}, http)
            for name in "ab":
                await send(name, NOTICE)
        return [m.get("thread_ts") for m in slack.messages.values()]
    assert asyncio.run(play()) == [None, None]


