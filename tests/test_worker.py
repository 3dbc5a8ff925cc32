"""The worker: every claimed step ends in a recorded outcome, and slow ones delay nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bongsu.actions.notify import Notify
from bongsu.ports import Action, Notice, Receipt, Refused, Retry
from bongsu.quantity import SECOND
from bongsu.response import LEASE
from bongsu.room.worker import Worker, resolve_action
from bongsu.stores.state import State
from stage import T0, THREE, Call, actions_of, clear, fire, opened


@dataclass
class Clock:
    now: int = T0

    def __call__(self) -> int:
        return self.now


@dataclass
class Outbox:
    """Remembers what was sent; ``behave`` may raise or wait first."""

    behave: Callable[[str, Notice], Awaitable[None]] | None = None
    sent: list[tuple[str, Notice]] = field(default_factory=list)

    async def __call__(self, channel: str, notice: Notice) -> Receipt:
        if self.behave is not None:
            await self.behave(channel, notice)
        self.sent.append((channel, notice))
        return Receipt(200, "r-1")


def resolve(kind: str, settings: Mapping[str, Any]) -> Action:
    return Call(**settings) if kind == "call" else resolve_action(kind, settings)


def drain(state: State, outbox: Outbox, clock: Clock, timeout: int = SECOND) -> int:
    return asyncio.run(Worker(state, resolve, outbox, clock, "one", site="http://desk", timeout=timeout).drain())


def story(state: State) -> list[tuple[str, str, str]]:
    return [(s.step.kind, s.step.state, s.why) for s in state.steps("INC-1")]


def test_a_run_is_carried_out_from_data_and_taken_back(tmp_path: Path) -> None:
    clock, outbox = Clock(), Outbox()
    with opened(tmp_path) as state:
        one = fire(state)
        assert drain(state, outbox, clock) == 3
        assert state.changes() == {"route/bot": "light", "freeze/bot": "cost"}
        clear(state, one)
        clock.now = T0 + 60 * SECOND
        assert drain(state, outbox, clock) == 3
        assert (state.changes(), {s for _, s, _ in story(state)}) == ({}, {"undone"})
        (_, firing), (_, resolved) = outbox.sent
        assert (firing.state, resolved.state, firing.key == resolved.key) == ("firing", "resolved", True)
        assert (firing.delivery, resolved.delivery) == ("INC-1/calm/0/do", "INC-1/calm/0/undo")
        assert (firing.url, firing.text, firing.at, resolved.at) == (
            "http://desk/incidents/INC-1", one.cause, T0, T0 + 60 * SECOND)
        assert state.timeline("INC-1")[4].facts["detail"] == {"channel": "ops", "status": 200, "id": "r-1"}


def _raises(error: BaseException) -> Callable[[str, Notice], Awaitable[None]]:
    async def behave(channel: str, notice: Notice) -> None:
        raise error
    return behave


async def _hangs(channel: str, notice: Notice) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize(("behave", "state_after", "why"), [
    (_raises(Retry("answered 503", 7 * SECOND)), "waiting", "answered 503"),
    (_raises(Refused("answered 404")), "failed", "answered 404"),
    (_raises(KeyError("hunter2")), "waiting", "unexpected KeyError at test_worker.py:"),
    (_raises(asyncio.CancelledError()), "waiting", "the action cancelled itself"),
    (_hangs, "waiting", "no outcome within 0.05 s"),
])
def test_whatever_goes_wrong_is_recorded_and_the_rest_goes_on(
        tmp_path: Path, behave: Callable[[str, Notice], Awaitable[None]], state_after: str, why: str) -> None:
    with opened(tmp_path) as state:
        fire(state)
        drain(state, Outbox(behave), Clock(), timeout=SECOND // 20)
        (kind, found, words), *rest = story(state)
        assert (kind, found) == ("notify", state_after)
        assert words.startswith(why)
        assert [s for _, s, _ in rest] == ["done", "done"]
        assert not any(b"hunter2" in body for _, body, _ in state.stored())
        if "503" in why:
            assert state.next_due() == T0 + 7 * SECOND


def test_an_unclear_end_of_what_must_not_be_repeated_is_left_to_a_person(tmp_path: Path) -> None:
    def broken(kind: str, settings: Mapping[str, Any]) -> Action:
        call = Call()
        object.__setattr__(call, "do", _raises(OSError("line cut")))
        return call
    with opened(tmp_path) as state:
        fire(state, (Call(),))
        asyncio.run(Worker(state, broken, Outbox(), Clock(), "one").drain())
        assert story(state)[0][1] == "unknown"
        assert "OSError" in story(state)[0][2]


def test_a_kind_that_this_version_does_not_have_is_refused_with_its_name(tmp_path: Path) -> None:
    with opened(tmp_path) as state:
        fire(state, (Call(),))
        asyncio.run(Worker(state, resolve_action, Outbox(), Clock(), "one").drain())
        why = "this version of bongsu has no action 'call' with these settings (KeyError)"
        assert story(state) == [("call", "failed", why)]


def test_a_slow_channel_delays_no_fail_over_and_a_poke_wakes_at_once(tmp_path: Path) -> None:
    async def play(state: State) -> None:
        release = asyncio.Event()

        async def slow(channel: str, notice: Notice) -> None:
            await release.wait()
        changed = asyncio.Event()
        outbox = Outbox(slow)
        worker = Worker(state, resolve, outbox, Clock(), "one", after=changed.set)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.05)
        await asyncio.to_thread(fire, state)
        worker.poke()
        async with asyncio.timeout(60):
            while "route/bot" not in state.changes():
                await changed.wait()
                changed.clear()
        assert outbox.sent == []
        worker.stop()
        await asyncio.sleep(0.05)
        assert not running.done(), "it waits for what is under way"
        release.set()
        await asyncio.wait_for(running, 60)
        assert len(outbox.sent) == 1
    with opened(tmp_path) as state:
        asyncio.run(play(state))
        assert [s for _, s, _ in story(state)] == ["done"] * 3


def test_a_worker_wakes_by_itself_when_a_retry_is_due(tmp_path: Path) -> None:
    tries: list[float] = []

    async def first_fails(channel: str, notice: Notice) -> None:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise Retry("answered 503")

    async def play(state: State) -> None:
        begun = time.monotonic()
        clock = lambda: T0 + int((time.monotonic() - begun) * 10**6)  # noqa: E731
        worker = Worker(state, resolve, Outbox(first_fails), clock, "one")
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(60):
            while state.next_due() is not None:
                await asyncio.sleep(0.02)
        worker.stop()
        await running
    with opened(tmp_path) as state:
        fire(state, (Notify("ops"),))
        asyncio.run(play(state))
        assert tries[1] - tries[0] > 0.9, "not before it is due"


def test_what_a_worker_has_in_hand_is_not_taken_again_when_the_clock_jumps(tmp_path: Path) -> None:
    """A clock that is set forward, or a machine that slept, ends every lease; what is under way is under way."""
    clock, begun, release = Clock(), asyncio.Event(), asyncio.Event()

    async def waits(channel: str, notice: Notice) -> None:
        begun.set()
        await release.wait()

    async def play(state: State) -> list[tuple[str, Notice]]:
        outbox = Outbox(waits)
        worker = Worker(state, resolve, outbox, clock, "one")
        running = asyncio.create_task(worker.run())
        await asyncio.wait_for(begun.wait(), 30)
        clock.now += 20 * LEASE
        await asyncio.to_thread(fire, state, (Call(),), "INC-2", "later")
        worker.poke()
        async with asyncio.timeout(30):
            while state.steps("INC-2")[0].step.state != "done":  # so it did look again after the jump
                await asyncio.sleep(0.02)
        release.set()
        worker.stop()
        await running
        return outbox.sent
    with opened(tmp_path) as state:
        fire(state, (Notify("ops"),))
        assert len(asyncio.run(play(state))) == 1
        assert story(state) == [("notify", "done", "")]
        assert "step.stale" not in actions_of(state)


def test_two_workers_and_a_killed_one_give_each_step_one_outcome(tmp_path: Path) -> None:
    """The first is cancelled mid-effect; the others take over when the lease runs out, with the same delivery key."""
    clock = Clock()

    async def play(state: State) -> list[tuple[str, Notice]]:
        dying = asyncio.create_task(Worker(state, resolve, Outbox(_hangs), clock, "dies", timeout=LEASE - 1).run())
        await asyncio.sleep(0.3)
        dying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dying
        clock.now += LEASE
        outbox = Outbox()
        await asyncio.gather(*(Worker(state, resolve, outbox, clock, name).drain() for name in ("a", "b")))
        return outbox.sent
    with opened(tmp_path) as state:
        for n in range(5):
            fire(state, THREE, f"INC-{n}", f"alert-{n}")
        sent = asyncio.run(play(state))
        assert sorted(n.delivery for _, n in sent) == [f"INC-{n}/calm/0/do" for n in range(5)]
        assert [a for a in actions_of(state) if a.startswith("step")] == ["step.done"] * 15


def test_an_error_of_the_state_stops_the_worker_loudly(tmp_path: Path) -> None:
    class Full:
        def claim_due(self, *asked: Any) -> list[Any]:
            raise OSError("disk full")

        def settle(self, ended: Any, now: int) -> list[bool]:
            return []

        def next_due(self, *asked: Any) -> int | None:
            return None
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(Worker(Full(), resolve, Outbox(), Clock(), "one").run())
    assert caught.value.subgroup(OSError) is not None


def test_a_timeout_as_long_as_the_lease_is_refused() -> None:
    with pytest.raises(ValueError, match="below the lease"):
        Worker(None, resolve, Outbox(), Clock(), "one", timeout=LEASE)  # type: ignore[arg-type]
