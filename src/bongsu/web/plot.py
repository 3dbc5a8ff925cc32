"""A signal's last windows as a picture: a column each, its interval, the thresholds. Numbers in, places out; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

WIDTH, HEIGHT, EDGE = 600.0, 140.0, 4.0


class Window(Protocol):
    """What is drawn of a window."""

    @property
    def value(self) -> float | None: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...

    @property
    def beyond(self) -> bool: ...


@dataclass(frozen=True)
class Column:
    """A column from (``x``, ``y``); ``whisker`` is top and bottom of its interval. ``mood`` is ``bad`` (for sure
    beyond a threshold), ``good`` or ``none`` (nothing to draw: no data, or too little)."""

    x: float
    y: float
    width: float
    height: float
    mood: str
    whisker: tuple[float, float] | None = None

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Plot:
    """``zero`` is where 0 lies, ``limits`` where the thresholds do."""

    width: float
    height: float
    zero: float
    columns: tuple[Column, ...]
    limits: tuple[float, ...]


def plot(windows: Sequence[Window], limits: Sequence[float]) -> Plot:
    """The windows, oldest first, on one scale that holds 0, every value, interval and threshold.

    A whisker of a whole interval may be much taller than any value; what is above three times the largest value and
    threshold is cut off, so that the columns can still be told apart.
    """
    said = [w.value for w in windows if w.value is not None]
    most = 3 * max((abs(v) for v in (*said, *limits)), default=0.0)
    ends = [max(-most, min(most, end)) for w in windows for end in (w.low, w.high)
            if end is not None and w.value is not None]
    low, high = min((0.0, *said, *limits, *ends)), max((0.0, *said, *limits, *ends))
    span = high - low or 1.0

    def y(value: float) -> float:
        part = (max(low, min(high, value)) - low) / span
        return round(HEIGHT - EDGE - part * (HEIGHT - 2 * EDGE), 2)

    step = WIDTH / max(1, len(windows))
    return Plot(WIDTH, HEIGHT, y(0.0), tuple(_column(w, round(i * step + step * 0.15, 2), round(step * 0.7, 2), y)
                                             for i, w in enumerate(windows)), tuple(y(limit) for limit in limits))


def _column(window: Window, x: float, width: float, y: Callable[[float], float]) -> Column:
    if window.value is None:
        return Column(x, y(0.0), width, 0.0, "none")
    top, bottom = sorted((y(window.value), y(0.0)))
    whisker = None if window.low is None or window.high is None else (y(window.high), y(window.low))
    return Column(x, top, width, round(bottom - top, 2), "bad" if window.beyond else "good", whisker)
