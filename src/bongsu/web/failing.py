"""Guards that lately gave no verdict, told to people: calls that nobody judged, or that were refused for that."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from bongsu.quantity import MINUTE

SPAN = 5
"""Minutes that count."""
LEAST, SHARE = 3, 10
"""Told are guards that failed so often, and at least at one look in so many: one slow answer is no news."""


@dataclass
class _Minute:
    at: int
    looks: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)


class Failing:
    """Looks and failures of each guard, minute by minute. Times are microseconds since the epoch, and never go back."""

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=SPAN)

    def add(self, guard: str, error: str, now: int) -> None:
        """A guard looked, and failed for this reason, if for any."""
        at = now // MINUTE
        if not self._minutes or self._minutes[-1].at < at:
            self._minutes.append(_Minute(at))
        minute = self._minutes[-1]
        minute.looks[guard] += 1
        if error:
            minute.failed[guard, error] += 1

    def forget(self) -> None:
        """A policy has come that may do better."""
        self._minutes.clear()

    def troubles(self, now: int) -> list[str]:
        """What people should know, without numbers that would change from look to look and from worker to worker."""
        looks: Counter[str] = Counter()
        failed: dict[str, Counter[str]] = {}
        for minute in self._minutes:
            if minute.at > now // MINUTE - SPAN:
                looks.update(minute.looks)
                for (guard, error), n in minute.failed.items():
                    failed.setdefault(guard, Counter())[error] += n
        return [f"guard {guard} gave no verdict in a tenth or more of its looks of the last {SPAN} minutes "
                f"({', '.join(sorted(errors))})" for guard, errors in sorted(failed.items())
                if errors.total() >= LEAST and errors.total() * SHARE >= looks[guard]]
