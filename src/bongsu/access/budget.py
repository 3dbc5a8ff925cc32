"""Budgets: how much may be spent by a key, a user, a team or the service, over which window, and what happens then.

Money is whole nano-units of the policy's currency. A counter is what a subject spent over a window; two budgets with
the same subject and window look at the same counter, whatever their limits are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any, Literal

from bongsu.period import LONGEST, Calendar
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND, Duration

Per = Literal["service", "team", "user", "key"]
KINDS: tuple[Per, ...] = ("service", "team", "user", "key")


def subject_of(per: Per, only: tuple[str, ...], facts: Mapping[str, Any]) -> str:
    """Who of a kind a call with these facts is on account of; empty for nobody that is meant (``only``)."""
    who = facts.get(per) or ""
    return f"{per}/{who}" if who and (not only or who in only) else ""


@dataclass(frozen=True)
class Budget:
    """``limit`` in nano-units; from the share ``soft`` of it on it is said, and at its end: ``then``.

    ``only`` names the teams (or keys) it is for, each with a budget of its own; every one where it is empty.
    """

    name: str
    limit: int
    window: Duration
    calendar: Calendar | None = None
    per: Per = "service"
    only: tuple[str, ...] = ()
    soft: Fraction = Fraction(4, 5)
    then: Literal["refuse", "light"] = "refuse"

    def subject(self, facts: Mapping[str, Any]) -> str:
        """Whose money a call with these facts would spend; empty where the budget is not about it."""
        return subject_of(self.per, self.only, facts)

    @property
    def span(self) -> str:
        return f"{self.calendar.unit}@{self.calendar.zone}" if self.calendar else str(int(self.window))

    def counter(self, subject: str) -> bytes:
        """The name of a subject's counter in the shared table."""
        return sha256(f"{subject}\0{self.span}".encode()).digest()[:16]

    def begin(self, now: int, grain: int) -> int:
        """The first moment whose spending counts now. A grain that is partly in a rolling window counts whole."""
        return self.calendar.span(now)[0] if self.calendar else now - self.window - grain + 1

    def end(self, now: int) -> int:
        """When a calendar budget begins anew; 0 for a rolling one, which frees what it spent bit by bit."""
        return self.calendar.span(now)[1] if self.calendar else 0

    def is_soft(self, spent: int) -> bool:
        return spent >= self.soft * self.limit


def grain(budgets: Iterable[Budget]) -> int:
    """How finely spending is kept: fine enough for the shortest window, and a quarter of an hour at most, which every
    time zone's midnight is a multiple of."""
    shortest = min((b.window for b in budgets), default=Duration(DAY))
    return 15 * MINUTE if shortest >= DAY else MINUTE if shortest >= HOUR else SECOND


def longest(budgets: Iterable[Budget]) -> int:
    return max((LONGEST[b.calendar.unit] if b.calendar else b.window for b in budgets), default=Duration(0))


def mark(budgets: Iterable[Budget]) -> bytes:
    """What the counters are about: with another mark they are other counters. Limits do not matter to it."""
    about = sorted(f"{b.per}|{b.span}|{','.join(sorted(b.only))}" for b in budgets)
    return sha256("\n".join(about).encode()).digest()[:16]
