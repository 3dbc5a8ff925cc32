"""One destination that is down must cost nothing: after a few failures in a row it is left alone for a while.

Then one notice tries it again; if that goes through, all may. What a destination asks for (``Retry-After``) holds for
every notice to it, not only for the one that was told.
"""

from __future__ import annotations

from dataclasses import dataclass

from bongsu.ports import Retry
from bongsu.quantity import HOUR, MINUTE, SECOND

OPENS_AFTER = 5
FIRST_REST, LONGEST_REST = 30 * SECOND, 5 * MINUTE
PROBE = 5 * SECOND
"""How long others wait while one notice tries."""


@dataclass
class Breaker:
    """The state of one destination."""

    failures: int = 0
    until: int = 0
    probing: bool = False
    rests: int = 0

    def admit(self, now: int) -> None:
        """Raise ``Retry`` where the destination is not to be asked now."""
        if self.until - now > HOUR:  # the clock was set back: nobody asked for that
            self.until = now
        if now < self.until:
            why = f"not tried: it failed {self.failures} times in a row" if self.open else "not tried: it asked to wait"
            raise Retry(why, self.until - now)
        if self.open:
            if self.probing:
                raise Retry(f"not tried: it failed {self.failures} times in a row, and another notice tries it now",
                            PROBE)
            self.probing = True

    @property
    def open(self) -> bool:
        return self.failures >= OPENS_AFTER

    def worked(self) -> None:
        """It answered, be it with a refusal."""
        self.failures, self.until, self.probing, self.rests = 0, 0, False, 0

    def failed(self, now: int, after: int | None = None) -> None:
        """It did not take a notice; ``after`` is how long it asked to be left alone."""
        probed, self.probing = self.probing, False
        if after is not None:
            self.until = max(self.until, now + after)
            return
        self.failures += 1
        if self.open:
            # Notices that were under way together fail together: only a failed try makes the rest longer.
            self.rests = self.rests + 1 if probed else max(self.rests, 1)
            self.until = max(self.until, now + min(FIRST_REST * 2 ** min(self.rests - 1, 10), LONGEST_REST))
