"""At most so many a minute, of whatever takes long to do to everything there is."""

from __future__ import annotations

from bongsu.access.bucket import level, wait
from bongsu.quantity import MINUTE


class Pace:
    """A bucket of ``a_minute``, for one asker; it begins full."""

    def __init__(self, a_minute: int) -> None:
        self.a_minute, self._left, self._at = a_minute, 0, 0

    def take(self, n: int, now: int) -> int:
        """Take ``n`` of it; else nothing is taken, and the answer is how long (microseconds) until there are so many.

        >>> pace = Pace(60)
        >>> pace.take(60, 3_600_000_000), pace.take(1, 3_600_000_000)
        (0, 1000000)
        """
        have = level(self._left, self._at, now, self.a_minute)
        if after := wait(have, n * MINUTE, self.a_minute):
            return after
        self._left, self._at = have - n * MINUTE, now
        return 0
