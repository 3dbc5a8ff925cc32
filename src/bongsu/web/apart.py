"""Guards that look in processes of their own: one crew a check, however many guards and policies use it.

Asking a process blocks, so it is done in threads kept for that, never where the loop runs: there it fails at once. So
many calls may wait for such guards and no more; for the next one they have failed, as their policy says.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from bongsu.exports.exposition import Family, Lines, Values, shown
from bongsu.guard import Guard, attacks
from bongsu.host.crew import Crew
from bongsu.host.looker import Ask, Said, UntoldError, hello, packed
from bongsu.host.seat import START, CrewError
from bongsu.ports import Check, Finding
from bongsu.support import Grounds, Support

USUAL = 50_000
"""Characters for which a look has its time-out once, where the check does not say."""
MOST = 32
"""Calls that may look, or wait to look, in other processes."""
_MEMORY = Family("bongsu_guard_resident_memory_bytes", "gauge", "Memory that the processes of a guard hold.",
                 ("guard",))
_ENDED = Family("bongsu_guard_processes_replaced_total", "counter", "Processes of a guard that were killed for their "
                "time, or died.", ("guard", "reason"))
PATIENCE = 10.0
"""Seconds that a text may wait for its turn where no caller waits for it."""
T = TypeVar("T")


class LookError(Exception):
    """Nothing was seen: ``why`` is ``busy``, ``timeout``, ``died`` or ``unable``, or the kind of the check's fault."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def usual(check: Check) -> int:
    """Characters for which a look has its time-out once."""
    return getattr(check, "usual", USUAL)


@dataclass(frozen=True)
class Apart:
    """A check whose looks are made elsewhere, each within ``seconds`` for every ``usual`` characters, and ``patience``
    seconds more where it has to wait for its turn."""

    check: Check
    seconds: float
    patience: float
    crew: Crew = field(compare=False, repr=False)
    crews: Crews = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.check.name

    @property
    def version(self) -> str:
        return self.check.version

    @property
    def attack(self) -> bool:
        return attacks(self.check)

    def look(self, text: str) -> Sequence[Finding]:
        """Blocks its thread. Raises ``LookError``."""
        return self._asked(text, None).findings if text else ()

    def hold(self, text: str) -> int:
        return self.check.hold(text)

    def _asked(self, text: str, context: Sequence[str] | None) -> Said:
        if _on_the_loop():
            raise LookError("busy")
        size = len(text) + sum(map(len, context or ()))
        seconds = self.seconds * (1 + size // usual(self.check))
        try:
            said = self.crew.ask(Ask(packed(text), seconds, None if context is None else [*map(packed, context)]),
                                 self.patience)
        except CrewError as error:
            raise LookError(error.why) from None
        if said.error:
            raise LookError(said.error)
        return said


@dataclass(frozen=True)
class ApartGrounds(Apart):
    """The same for a check that holds a reply against its context."""

    @property
    def usual(self) -> int:
        return usual(self.check)

    @property
    def roles(self) -> tuple[str, ...]:
        return self.check.roles  # type: ignore[attr-defined, no-any-return]  # it is made of none but ``Grounds``

    def support(self, text: str, context: Sequence[str]) -> Support:
        said = self._asked(text, context)
        return Support(said.score, said.findings)


def _on_the_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Crews:
    """All crews of one process, and the threads in which calls wait for them. ``warm`` is what a check looks at first.
    """

    def __init__(self, warm: str = "") -> None:
        self._warm = warm
        self._crews: dict[bytes, Crew] = {}
        self._by_guard: dict[str, Crew] = {}
        self._before: frozenset[bytes] = frozenset()
        self._used: set[bytes] = set()
        self._coming: set[bytes] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._free = threading.Semaphore(MOST)

    def apart(self, guard: Guard) -> Guard:
        """The guard as it is used here: one that looks apart is given its crew, which begins to load."""
        if not guard.apart or not guard.enabled or isinstance(guard.check, Apart):
            return guard
        key = self._key(guard)
        crew = self._crews[key]
        self._used.add(key)
        self._by_guard[guard.name] = crew
        kind = ApartGrounds if isinstance(guard.check, Grounds) else Apart
        patience = PATIENCE if guard.on == ("store",) else 0.0
        return replace(guard, check=kind(guard.check, guard.limit / 1e6, patience, crew, self))

    def _key(self, guard: Guard) -> bytes:
        """Under which its crew is found; one that is not there is made."""
        told = hello(guard.check, self._warm)
        key = msgspec.msgpack.encode((told, guard.apart))
        if key not in self._crews:
            self._crews[key] = Crew(told, guard.apart)
        return key

    async def load(self, guards: Iterable[Guard]) -> None:
        """Wait until those of guards to come have loaded, or cannot; those in use are not asked, and go on looking."""
        self._coming = set()
        for guard in guards:
            if guard.apart and guard.enabled:
                with contextlib.suppress(UntoldError):  # which is said where the guard is made ready (``plan``)
                    self._coming.add(self._key(guard))
        coming = [self._crews[key] for key in self._coming - self._used]
        await asyncio.gather(*(asyncio.to_thread(crew.ready, START) for crew in coming))

    def turn(self) -> None:
        """Plans are about to be made: what neither these nor the last use, nor any to come, is ended at the next."""
        kept = self._used | self._before | self._coming
        for key in [k for k in self._crews if k not in kept]:
            self._crews.pop(key).close()
        self._before, self._used = frozenset(self._used), set()
        self._by_guard = {}

    async def ready(self) -> None:
        """Wait until every crew has loaded, or cannot."""
        await asyncio.gather(*(asyncio.to_thread(crew.ready, START) for crew in self._crews.values()))

    def troubles(self) -> dict[str, str]:
        """Guard -> why it cannot look now."""
        return {name: why for name, crew in self._by_guard.items() if (why := crew.trouble())}

    def lines(self, fixed: Sequence[tuple[str, str]] = ()) -> Lines:
        """What the processes of each guard hold and what became of them, for Prometheus."""
        held: dict[Values, int] = {(name,): crew.memory for name, crew in self._by_guard.items()}
        ended: dict[Values, int] = {(name, why): n for name, crew in self._by_guard.items()
                                    for why, n in (("died", crew.died), ("timeout", crew.killed))}
        return shown(_MEMORY, held, fixed) | shown(_ENDED, ended, fixed)

    async def beside(self, work: Callable[[], T]) -> T:
        """Do what looks at texts in a thread; here, where guards that look apart fail, if too much waits already."""
        if not self._free.acquire(blocking=False):
            return work()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="guards")
        task: Future[T] = self._pool.submit(work)
        task.add_done_callback(lambda _: self._free.release())
        future = asyncio.wrap_future(task)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait((future,))  # what it works on is not touched by two at once
            raise

    def close(self) -> None:
        """Kill all processes; what waits for one fails."""
        for crew in self._crews.values():
            crew.close()
        self._crews = {}
        if self._pool is not None:
            self._pool.shutdown()


def crews_of(guards: Iterable[Guard]) -> Crews | None:
    """Where these guards look, if any of them looks apart."""
    return next((g.check.crews for g in guards if isinstance(g.check, Apart)), None)


async def aside(work: Callable[[], T], size: int, guards: Iterable[Guard], most: int) -> T:
    """Let guards look at so many characters or bytes without making other calls wait: beside, if any looks apart; in
    a thread from ``most`` on; else here."""
    if (crews := crews_of(guards)) is not None:
        return await crews.beside(work)
    return work() if size < most else await asyncio.to_thread(work)
