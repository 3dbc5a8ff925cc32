"""Texts of sent events that slow guards have yet to read: the facts are stored and answered for, their texts follow.

As in the gateway, a text is in memory only until the guards of ``on: store`` have read it; if the process dies first,
the record of the event has its fact and no text. So much may wait and no more: then senders are told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from bongsu.event import Event
from bongsu.stores.faults import DiskFull
from bongsu.web.cloak import Cloak

log = logging.getLogger("bongsu.control")
MOST = 16 << 20
"""Characters that may wait."""
AT_ONCE = 50
AGAIN = 5.0
"""Seconds between tries while there is no room on the disk."""

Keep = Callable[[Sequence[Event], Sequence[Event]], Awaitable[object]]
"""Stores masked texts, and the boxes of what they hide."""


class Later:
    """Belongs to one event loop. ``lost`` is told how many texts could not be masked, so that they are not kept."""

    def __init__(self, cloak: Cloak, keep: Keep, lost: Callable[[int], None], most: int = MOST) -> None:
        self._cloak, self._keep, self._lost, self._most = cloak, keep, lost, most
        self._waiting: deque[tuple[list[Event], Mapping[str, str]]] = deque()
        self._characters = 0
        self._task: asyncio.Task[None] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closing = asyncio.Event()

    @property
    def full(self) -> bool:
        return self._characters >= self._most

    def take(self, texts: Sequence[Event], users: Mapping[str, str]) -> None:
        """Mask and store them, soon; ``users`` is the token of each call's user."""
        for begin in range(0, len(texts), AT_ONCE):
            self._waiting.append((list(texts[begin : begin + AT_ONCE]), users))
        self._characters += _length(texts)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Wait for what is under way; what cannot be stored now is lost."""
        self._closing.set()
        if self._task is not None:
            await self._task
        if self._pool is not None:
            self._pool.shutdown()

    async def _work(self) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="cloak")
        while self._waiting:
            texts, users = self._waiting.popleft()
            try:
                kept, boxes = await asyncio.get_running_loop().run_in_executor(
                    self._pool, self._cloak.veiled, texts, users)
                if len(kept) < len(texts):
                    self._miss(len(texts) - len(kept), "a guard failed")
                await self._store(kept, boxes)
            finally:
                self._characters -= _length(texts)

    async def _store(self, kept: Sequence[Event], boxes: Sequence[Event]) -> None:
        """Until there is room: nobody can send them again, for their facts have been answered for."""
        while True:
            try:
                await self._keep(kept, boxes)
                return
            except DiskFull:
                if self._closing.is_set():
                    self._miss(len(kept), "the disk is full")
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), AGAIN)

    def _miss(self, n: int, why: str) -> None:
        log.warning("texts of %d sent events are not kept: %s", n, why)
        self._lost(n)


def _length(texts: Sequence[Event]) -> int:
    return sum(len(e.prompt or "") + len(e.reply or "") for e in texts)
