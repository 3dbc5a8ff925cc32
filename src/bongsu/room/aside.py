"""Work beside control's cycle that may wait for the outside: one turn at a time, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

Work = Callable[[], object]


class Aside:
    """``turn`` begins a turn where none is under way, and never waits. ``attempt`` does the work and shows its faults;
    what it does not know is raised at the next turn."""

    def __init__(self, name: str, attempt: Callable[[str, Work], bool]) -> None:
        self._name, self._attempt = name, attempt
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._turn: Future[bool] | None = None

    def turn(self, work: Work) -> None:
        if self._turn is not None:
            if not self._turn.done():
                return
            self._turn.result()
        self._turn = self._pool.submit(self._attempt, self._name, work)

    def wait(self, seconds: float | None = None) -> None:
        """Until the turn under way, if any, is over. Raises what it raised, and ``TimeoutError``."""
        if self._turn is not None:
            self._turn.result(seconds)

    def close(self) -> None:
        """Wait for what is under way; nothing begins any more."""
        self._pool.shutdown(cancel_futures=True)
