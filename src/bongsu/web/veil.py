"""What is kept of a call is masked once more before it is stored, by guards too slow for the call itself.

The fact of a call is written at once; its texts follow when the guards of ``on: store`` have read them, in a thread,
one call after the other. Until then they are in this process's memory only. Texts that cannot be masked (too many wait,
a guard fails closed, the process dies) are not kept: the record of the call has its fact, and no texts.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from bongsu.event import Event
from bongsu.guard import Guard
from bongsu.ports import Finding
from bongsu.privacy.tokens import beside_tokens
from bongsu.web.apart import LookError

log = logging.getLogger("bongsu.gateway")
MOST = 256
"""Texts of so many calls may wait; at some milliseconds each that is a few seconds' worth."""
SWITCH = 0.0005
"""Python gives the loop its turn after so many seconds of such work, instead of five milliseconds."""

Mask = Callable[[str, Sequence[Finding]], str]
Write = Callable[[Sequence[Event]], object]


class Veil:
    """The texts on their way. Belongs to the loop's thread; ``lost`` counts those that were not kept."""

    __slots__ = ("_mask", "_most", "_pool", "_waiting", "lost")

    def __init__(self, mask: Mask, most: int = MOST) -> None:
        self._mask, self._most = mask, most
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: set[asyncio.Future[Event | None]] = set()
        self.lost = 0

    def take(self, content: Event, guards: Sequence[Guard], write: Write) -> None:
        """Mask the texts of a call, then ``write`` them."""
        if len(self._waiting) >= self._most:
            self._miss(content, "too many wait to be masked")
            return
        if self._pool is None:
            sys.setswitchinterval(SWITCH)
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="veil")
        work = asyncio.get_running_loop().run_in_executor(self._pool, veiled, content, tuple(guards), self._mask)
        self._waiting.add(work)

        def done(ended: asyncio.Future[Event | None]) -> None:
            self._waiting.discard(ended)
            kept = None if ended.cancelled() or ended.exception() else ended.result()
            if kept is None:
                self._miss(content, "a guard failed")
            else:
                write([kept])

        work.add_done_callback(done)

    def _miss(self, content: Event, why: str) -> None:
        self.lost += 1
        log.warning("call %s: its texts are not kept, %s", content.call, why)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._waiting:
            await asyncio.wait(tuple(self._waiting))
        if self._pool is not None:
            self._pool.shutdown()


def veiled(content: Event, guards: Sequence[Guard], mask: Mask) -> Event | None:
    """The texts with a token for whatever these guards find; None where one that fails closed could not look."""
    def hidden(text: str | None) -> str | None:
        if not text:
            return text
        found: list[Finding] = []
        for guard in guards:
            try:
                found += guard.check.look(text)
            except Exception as error:
                log.error("guard %s failed on what is kept of call %s: %s", guard.name, content.call,
                          error.why if isinstance(error, LookError) else type(error).__name__)  # its words may hold it
                if guard.fails == "closed":
                    raise
        return mask(text, beside_tokens(text, found))

    try:
        return replace(content, prompt=hidden(content.prompt), reply=hidden(content.reply))
    except Exception:  # noqa: BLE001 (said above)
        return None
