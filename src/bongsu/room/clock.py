"""A clock that goes back: a little is waited for, a lot is lived with."""

from __future__ import annotations

from dataclasses import replace

from bongsu.engine import EngineState
from bongsu.quantity import SECOND

SLACK = 5 * SECOND
"""A clock that is set back by less than this is waited for."""


def came_back(state: EngineState, clock: int) -> tuple[EngineState, int]:
    """The engine's memory and the time now. After the clock was set back nothing in the memory is from the future:
    else every ``for`` and every window would stand still until that future has come."""
    if clock >= state.watermark - SLACK:
        return state, max(clock, state.watermark)
    alerts = {key: replace(alert, since=min(alert.since, clock)) for key, alert in state.alerts.items()}
    incidents = {key: replace(one, cleared=None if one.cleared is None else min(one.cleared, clock))
                 for key, one in state.incidents.items()}
    book = {place: replace(told, at=min(told.at, clock), look_at=told.look_at and min(told.look_at, clock))
            for place, told in state.book.items()}
    return EngineState(min(state.watermark, clock), alerts, incidents, book, state.owed), clock
