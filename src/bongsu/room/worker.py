"""Carries out what was written down: claims due steps, runs them side by side, records what came of each.

A worker may die anywhere. What it had claimed is claimed again when the lease runs out, with the same idempotency key;
``stores.steps`` sees to it that each step still ends with exactly one recorded outcome.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Protocol

import msgspec

from bongsu import registry
from bongsu.language.message import Language, describe
from bongsu.ports import Action, Done, Refused, Retry, Send
from bongsu.quantity import SECOND
from bongsu.response import LEASE
from bongsu.stores.steps import LAST, Claimed, Ended, Shown

WIDTH = 32
KEPT = 4
"""One slot in so many is for what is urgent: slow channels never hold up a severe notice or a fail-over."""
TIMEOUT = 20 * SECOND
LONGEST_SLEEP = 60 * SECOND


class Steps(Protocol):
    """The part of the state that a worker needs."""

    def claim_due(self, now: int, limit: int, owner: str = "", ordinary: int | None = None,
                  mine: Collection[str] = ()) -> list[Claimed]: ...

    def settle(self, ended: Sequence[Ended], now: int) -> list[bool]: ...

    def next_due(self, least: int = LAST, mine: Collection[str] = ()) -> int | None: ...

    def steps(self, incident: str) -> list[Shown]: ...


def resolve_action(kind: str, settings: Mapping[str, Any]) -> Action:
    """The action that a run wrote down as data, built by the code of today."""
    action: Action = msgspec.convert(settings, registry.part("actions", kind))
    return action


class Worker:
    """``await worker.run()`` until ``stop()``; ``poke()`` when there is news.

    ``after`` is called (in the loop) once outcomes are recorded: live changes may have changed. ``accept`` has the last
    word on what an action did before that takes force; it may raise ``Refused``.
    """

    def __init__(self, state: Steps, resolve: Callable[[str, Mapping[str, Any]], Action], send: Send,
                 clock: Callable[[], int], owner: str, *, site: str = "", width: int = WIDTH, timeout: int = TIMEOUT,
                 after: Callable[[], None] | None = None, language: Language = "en",
                 accept: Callable[[Done], Done] = lambda done: done) -> None:
        if not 0 < timeout < LEASE:
            raise ValueError(f"worker: expected a timeout below the lease of {LEASE} us, came {timeout}")
        self._state, self._resolve, self._send, self._clock, self._owner = state, resolve, send, clock, owner
        self._site, self._width, self._timeout, self._after = site, width, timeout, after
        self._accept = accept
        self._language: Language = language
        self._news, self._ended = asyncio.Event(), asyncio.Event()
        self._reports: list[Ended] = []
        self._hand: dict[tuple[str, int], Claimed] = {}  # by key and fence: what it claimed, until that is recorded
        self._stopping = self._claimed_last = False

    def poke(self) -> None:
        """There may be something to do now."""
        self._news.set()

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns once what is under way has ended."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Until stopped. An error of the state itself ends it loudly: without a record there must be no effects."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._record())
            while not self._stopping:
                self._news.clear()
                if not await self._claim(group):
                    await self._sleep()
            self._claimed_last = True
            self._ended.set()

    async def drain(self) -> int:
        """Carry out everything that is due now, and what becomes due by it; returns how many steps that was."""
        count = 0
        while claimed := await asyncio.to_thread(self._state.claim_due, self._clock(), self._width, self._owner):
            ended = await asyncio.gather(*map(self._carry, claimed))
            await self._settle(ended)
            count += len(claimed)
        return count

    # ---- the loop ----

    async def _claim(self, group: asyncio.TaskGroup) -> bool:
        free = self._width - len(self._hand)
        if free <= 0:
            return False
        claimed = await asyncio.to_thread(self._state.claim_due, self._clock(), free, self._owner, self._room(),
                                          self._mine())
        for one in claimed:
            self._hand[one.step.key, one.step.fence] = one
            group.create_task(self._carry_and_report(one))
        return bool(claimed)

    def _mine(self) -> frozenset[str]:
        """Steps that are not claimed again: a clock that jumps ends every lease, but not what is under way here."""
        return frozenset(key for key, _ in self._hand)

    def _room(self) -> int:
        """How many steps that are not urgent may be begun now."""
        return self._width - self._width // KEPT - sum(one.urgency > 0 for one in self._hand.values())

    async def _sleep(self) -> None:
        due = await asyncio.to_thread(self._state.next_due, LAST if self._room() > 0 else 0, self._mine())
        full = len(self._hand) >= self._width
        wait = LONGEST_SLEEP if due is None or full else min(due - self._clock(), LONGEST_SLEEP)
        try:
            async with asyncio.timeout(max(0, wait) / SECOND):
                await self._news.wait()
        except TimeoutError:
            return

    async def _carry_and_report(self, claimed: Claimed) -> None:
        ended = await self._carry(claimed)
        self._reports.append(ended)
        self._ended.set()

    async def _record(self) -> None:
        """Record outcomes as they come; those that come during one fsync share the next."""
        while not (self._claimed_last and not self._hand):
            await self._ended.wait()
            self._ended.clear()
            reports, self._reports = self._reports, []
            if reports:
                await self._settle(reports)
                for report in reports:
                    del self._hand[report.claimed.step.key, report.claimed.step.fence]
                self._news.set()

    async def _settle(self, ended: Sequence[Ended]) -> None:
        await asyncio.to_thread(self._state.settle, ended, self._clock())
        if self._after is not None:
            self._after()

    # ---- one step ----

    async def _carry(self, claimed: Claimed) -> Ended:
        """Do or undo it, and say what came of it. Nothing that goes wrong goes unrecorded."""
        try:
            action = self._resolve(claimed.step.kind, claimed.settings)
        except Exception as error:  # noqa: BLE001 code and data of two versions may disagree in any way; recorded
            why = f"this version of bongsu has no action '{claimed.step.kind}' with these settings"
            return Ended(claimed, "refused", why=f"{why} ({type(error).__name__})")
        steps = await asyncio.to_thread(self._state.steps, claimed.incident.id) if claimed.step.kind == "notify" else []
        notice = describe(claimed, self._site, self._language, steps)
        try:
            async with asyncio.timeout(self._timeout / SECOND):
                done: Done = await (action.do if claimed.way == "do" else action.undo)(notice, self._send)
            return Ended(claimed, "done", self._accept(done))
        except Retry as error:
            return self._unclear(claimed, str(error), error.after) if error.unclear else Ended(
                claimed, "retry", why=str(error), after=error.after)
        except Refused as error:
            return Ended(claimed, "refused", why=str(error))
        except TimeoutError:
            return self._unclear(claimed, f"no outcome within {self._timeout / SECOND:g} s")
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return self._unclear(claimed, "the action cancelled itself")
        except Exception as error:  # noqa: BLE001 a part may raise anything; it is recorded with its type and place
            return self._unclear(claimed, f"unexpected {type(error).__name__} at {_place(error)}")

    @staticmethod
    def _unclear(claimed: Claimed, why: str, after: int | None = None) -> Ended:
        """The effect may have happened: done again with the same key if it may be, else left to a person."""
        return Ended(claimed, "retry" if claimed.on_unknown == "retry" else "unknown", why=why, after=after)


def _place(error: BaseException) -> str:
    """File and line where it was raised. Not its words: they may hold what must not be recorded."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
