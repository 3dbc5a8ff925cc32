"""Processes that look at texts for a guard, each killed at its deadline and replaced: no thread of Python's can be.

Any thread may ask, and waits: for half of its time at most until a process is free and ready, and until its time is
over for the answer. A process that does not answer by then is killed. One that died is replaced at once, and what it
was asked is asked once more if there is time; one that dies again and again is replaced later each time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass, field

from bongsu.host.looker import Ask, Hello, Said, frame
from bongsu.host.seat import CrewError, Gone, Seat

TURN = 0.05
"""Seconds after which whoever waits for a process to load looks whether another one is free."""
ENDS = "what it looks for has come to its end"


@dataclass
class Crew:
    """So many processes that make one check, begun when they are first wanted. ``killed`` and ``died`` count those that
    had to be replaced."""

    told: Hello
    size: int = 1
    killed: int = 0
    died: int = 0
    _seats: list[Seat] = field(default_factory=list)
    _idle: queue.PriorityQueue[tuple[bool, int, Seat]] = field(default_factory=queue.PriorityQueue)
    """Those that nobody has, with what orders them: who is ready comes first."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def __post_init__(self) -> None:
        for number in range(self.size):
            self._seats.append(Seat(frame(self.told), number))
            self._lay(self._seats[-1])

    def ask(self, ask: Ask, patience: float = 0.0) -> Said:
        """What a process says. Raises ``CrewError``.

        Blocks its thread for ``ask.seconds`` at most; where nobody waits for the answer, ``patience`` seconds more may
        go by until a process is free and ready.
        """
        begun, half = time.monotonic(), ask.seconds / 2
        seat = self._take_ready(begun + half + patience)
        try:
            return self._asked(seat, frame(ask), max(begun + ask.seconds, time.monotonic() + half))
        finally:
            self._give(seat)

    def ready(self, seconds: float) -> str:
        """Wait for every process to have loaded; why one cannot look, if so."""
        until, taken = time.monotonic() + seconds, []
        try:
            for _ in range(self.size):
                taken.append(self._take(max(0.001, until - time.monotonic())))
                taken[-1].start()
            for seat in taken:
                seat.await_ready(until)
        except CrewError as error:
            return str(error)
        finally:
            for seat in taken:
                self._give(seat)
        return ""

    def trouble(self) -> str:
        """Why it cannot look now; empty where it can. What can be done without waiting is done."""
        taken = []
        with contextlib.suppress(CrewError):
            for _ in range(self.size):
                taken.append(self._take(0.001))
        for seat in taken:
            with contextlib.suppress(CrewError):
                seat.await_ready(time.monotonic() + 0.001)
            self._give(seat)
        if any(seat.ready or (seat.lived and not seat.trouble) for seat in self._seats):
            return ""
        return next((seat.trouble for seat in self._seats if seat.trouble), "its process has not loaded yet")

    @property
    def memory(self) -> int:
        """Bytes that its processes held when they last answered, together."""
        return sum(seat.memory for seat in self._seats)

    def close(self) -> None:
        """Kill all; a look under way ends with ``CrewError``."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for seat in self._seats:
            if (process := seat.process) is not None:  # its thread may be about to end it, too
                process.kill()
        for _ in self._seats:
            self._idle.get()[-1].end()

    def _take(self, seconds: float) -> Seat:
        try:
            *_, seat = self._idle.get(timeout=seconds)
        except queue.Empty:
            raise CrewError("busy", "all its processes were busy") from None
        if self._closed:
            self._lay(seat)
            raise CrewError("unable", ENDS)
        return seat

    def _take_ready(self, until: float) -> Seat:
        """One that has loaded by then. Nobody keeps to one that loads while another becomes free."""
        while True:
            seat, held = self._take(max(0.001, until - time.monotonic())), False
            try:
                seat.await_ready(min(until, time.monotonic() + TURN))
                held = True
                return seat
            except CrewError as error:
                if error.why != "busy" or time.monotonic() >= until:
                    raise
            finally:
                if not held:
                    self._give(seat)

    def _give(self, seat: Seat) -> None:
        """Whatever becomes of its next process: a seat that is not given back is lost, and ``close`` waits for it."""
        try:
            with self._lock:
                if not self._closed:
                    seat.start()
        finally:
            self._lay(seat)

    def _lay(self, seat: Seat) -> None:
        self._idle.put((not seat.ready, seat.number, seat))

    def _asked(self, seat: Seat, data: bytes, until: float) -> Said:
        try:
            return seat.ask(data, until)
        except TimeoutError:
            self._count(killed=1)
            raise CrewError("timeout", "it took too long") from None
        except Gone:
            self._count(died=1)
        if self._closed:
            raise CrewError("unable", ENDS)
        seat.await_ready(until)
        try:
            return seat.ask(data, until)
        except (TimeoutError, Gone):
            self._count(died=1)
            raise CrewError("died", "its process died twice of one text") from None

    def _count(self, killed: int = 0, died: int = 0) -> None:
        with self._lock:
            self.killed += killed
            self.died += died
