"""What people ask of guards in shadow or in a sample: what they would have done, by route and by hour.

Counted as ``bongsu shadow`` counts (``offline/shadow.py``), hour by hour, so that a page that many look at reads each
batch of the log once.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from bongsu.guard import Guard
from bongsu.offline.shadow import COLUMNS, Judged, Seen, calls_of, note
from bongsu.quantity import DAY, HOUR, show_share
from bongsu.room.control import Control
from bongsu.stores.log import EventLog

SPAN = 7 * DAY
HOURS, EXAMPLES = 24, 5
"""Columns of a picture, and calls of each guard and route that can be opened."""
OTHER = ""
"""The route of calls that came on none of the policy's."""


@dataclass(frozen=True)
class ActShare:
    """In how many calls it would have done this or did: share, interval at 95 %; ``done`` of them it did; ``through``
    of those that it only would have done were not blocked; ``beyond`` (value, low, high) may be expected among the
    calls outside its sample."""

    act: str
    n: int
    done: int
    share: float
    low: float
    high: float
    through: int | None
    beyond: tuple[int, int, int] | None


@dataclass(frozen=True)
class HourShare:
    """One hour from ``at``; no ``value`` where it looked at no call."""

    at: int
    n: int
    calls: int
    value: float | None
    low: float | None
    high: float | None
    beyond: bool = False


@dataclass(frozen=True)
class RouteRow:
    """One route. ``hours`` are of the guard's own act, the oldest first; ``examples`` are ids of calls."""

    route: str
    calls: int
    skipped: int
    failed: int
    shares: tuple[ActShare, ...]
    hours: tuple[HourShare, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class GuardRow:
    """One guard. ``state`` is shadow, sampled, enforced (by a playbook, now) or off; ``sample`` is empty for all."""

    name: str
    check: str
    act: str
    state: str
    shadow: bool
    sample: str
    routes: tuple[RouteRow, ...]


class ShadowDesk:
    """Reads the event log on. Any thread may ask."""

    def __init__(self, control: Control) -> None:
        self.control, self._lock, self._read = control, threading.Lock(), 0
        self._guards = {g.name: g for g in control.policy.guards if g.shadow or g.share < 1}
        self._hours: dict[tuple[str, int], dict[str, Seen]] = {}
        self._examples: dict[tuple[str, str], deque[str]] = {}

    def shown(self) -> tuple[GuardRow, ...]:
        """Every guard that is in shadow or in a sample, with the last seven days; whole hours."""
        now, changes = self.control.now, self.control.store.changes()
        with self._lock:
            if self._guards:
                self._read_on(now)
            return tuple(self._guard(g, now, changes.get(f"guard/{g.name}")) for g in self._guards.values())

    def _read_on(self, now: int) -> None:
        begin = _hour(now - SPAN)
        self._hours = {key: seen for key, seen in self._hours.items() if key[1] >= begin}
        with EventLog(self.control.folder.events) as log:
            for self._read, table in log.read(self._read, columns=COLUMNS):  # noqa: B020 (it goes on where it was)
                for call in calls_of(table, begin):
                    self._note(call)

    def _note(self, call: Judged) -> None:
        route = call.route if call.route in self.control.policy.routes else OTHER
        mine = [v for v in call.verdicts if v.guard in self._guards]
        for name in note(self._hours.setdefault((route, _hour(call.time)), {}), call.blocked, mine):
            self._examples.setdefault((name, route), deque(maxlen=EXAMPLES)).append(call.id)

    def _guard(self, guard: Guard, now: int, change: object) -> GuardRow:
        enforced = change == "enforce"
        state = "enforced" if enforced else "off" if not guard.enabled else "shadow" if guard.shadow else "sampled"
        routes = sorted({route for (route, _), seen in self._hours.items() if guard.name in seen})
        return GuardRow(guard.name, guard.check.name, guard.act, state, guard.shadow,
                        show_share(guard.share) if guard.share < 1 else "",
                        tuple(self._route(guard, route, now) for route in routes))

    def _route(self, guard: Guard, route: str, now: int) -> RouteRow:
        hours = {at: seen[guard.name] for (name, at), seen in self._hours.items()
                 if name == route and guard.name in seen}
        total = Seen()
        for seen in hours.values():
            total.add(seen)
        acts = sorted({guard.act, *total.acts})
        last = [_hour(now) - HOUR * back for back in reversed(range(HOURS))]
        return RouteRow(route, total.calls, total.skipped, total.failed,
                        tuple(_share(act, total, guard) for act in acts),
                        tuple(_of_hour(at, guard, hours.get(at, Seen())) for at in last),
                        tuple(reversed(self._examples.get((guard.name, route), ()))))


def _share(act: str, seen: Seen, guard: Guard) -> ActShare:
    n = seen.acts[act]
    share, (low, high) = seen.share(n)
    beyond = (round(share * seen.skipped), int(low * seen.skipped), round(high * seen.skipped))
    return ActShare(act, n, seen.done[act], share, low, high, seen.alone[act] if guard.shadow else None,
                    beyond if seen.skipped and seen.calls else None)


def _of_hour(at: int, guard: Guard, seen: Seen) -> HourShare:
    n = seen.acts[guard.act]
    share, (low, high) = seen.share(n)
    return HourShare(at, n, seen.calls, *((share, low, high) if seen.calls else (None, None, None)))


def _hour(at: int) -> int:
    return at - at % HOUR
