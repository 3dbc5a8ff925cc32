"""The questions bongsu asks of its cells, asked of Prometheus instead. Numbers are exact decimals, never floats' text.

A window of cells is ``increase`` over the same time; whole counts are rounded back to whole numbers, since
``increase`` stretches what it saw to the edges of the window. A ratio divides two rates stretched alike, so it needs
no rounding. Without events a ratio is absent, neither 0 nor NaN.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from functools import cache

from bongsu.alert import Signal, Threshold, looks
from bongsu.exports.names import SERVICE, ExportError, buckets, decimal, metric, unit_scale
from bongsu.interval import quantile
from bongsu.ports import Sli
from bongsu.quantity import show_duration
from bongsu.slis.count import Count
from bongsu.slis.quantile import Quantile
from bongsu.slis.rate import Rate
from bongsu.slis.ratio import Ratio
from bongsu.slo import tail

MILLISECOND = 1000
SURE = 100
"""From so many events on, bad luck is no longer asked about (``slo.significant``)."""


def span(window: int) -> str:
    """A window as PromQL writes it: whole milliseconds.

    >>> span(90 * 60 * 10**6)
    '1h30m'
    """
    if window % MILLISECOND:
        raise ExportError(f"a window of {show_duration(window)}: expected whole milliseconds, which is all Prometheus "
                          "knows; use a base_window of whole milliseconds")
    return show_duration(window)


def text(value: str) -> str:
    """A text as a PromQL string.

    >>> text('a "b"')
    '"a \\\\"b\\\\""'
    """
    return json.dumps(value, ensure_ascii=False)


def where(**labels: str) -> str:
    return "{" + ", ".join(f"{name}={text(value)}" for name, value in labels.items()) + "}"


def by(labels: Iterable[str]) -> str:
    """An aggregation's ``by`` clause; nothing where there are no labels."""
    named = ", ".join(labels)
    return f" by ({named})" if named else ""


def over(service: str, signal: str, part: str, window: int, function: str = "increase",
         labels: Iterable[str] = ()) -> str:
    """One part of a signal over a window, summed but for ``labels``."""
    return f"sum{by(labels)}({function}({metric(signal, part)}{where(**{SERVICE: service})}[{span(window)}]))"


def error_ratio(service: str, signal: str, window: int, function: str = "rate", labels: Iterable[str] = ()) -> str:
    """Share of bad events over a window; absent without events."""
    bad, total = (over(service, signal, part, window, function, labels) for part in ("bad", "total"))
    return f"{bad}\n/\n({total} > 0)"


def counted(service: str, signal: str, part: str, window: int, labels: Iterable[str] = ()) -> str:
    """A whole number of events over a window."""
    return f"round({over(service, signal, part, window, 'increase', labels)})"


def needed(total: str, target: Fraction, least: int) -> str:
    """How many bad events are more than bad luck, given how many events there were (``slo.significant``, exactly).

    The binomial limit is a staircase in the number of events, so it is written as its steps.

    >>> needed("n", Fraction(99, 100), 2)
    '2 + (n >= bool 6) + (n >= bool 20) + (n >= bool 45) + (n >= bool 76) - 4 * (n >= bool 100)'
    """
    steps = staircase(target, least)
    climbed = "".join(f" + ({total} >= bool {n})" for n in steps)
    return f"{least}{climbed} - {len(steps)} * ({total} >= bool {SURE})" if steps else str(least)


@cache
def staircase(target: Fraction, least: int) -> tuple[int, ...]:
    """The totals below ``SURE`` at which one more bad event is needed than before."""
    found: list[int] = []
    k = least
    for n in range(least, SURE):
        while tail(k, n, 1 - target) >= Fraction(1, 1000):
            k += 1
            found.append(n)
    return tuple(found)


PARTS = {"ratio": ("bad", "total"), "count": ("n",), "sum": ("sum", "n"), "mean": ("sum", "per", "n"),
         "quantile": ("b",), "rate": ("n", "total")}
"""The kinds of signals that Prometheus can count, and the parts of each that rules ask for."""


def countable(sli: Sli) -> bool:
    """Whether Prometheus can count such a signal."""
    return sli.kind in PARTS


def unsure(when: Threshold) -> bool:
    """Whether a value alone is compared there, though the policy wants its interval beyond the threshold as well."""
    return when.sure and not isinstance(when.signal.sli, Ratio | Rate | Count)


def measured(service: str, signal: Signal, window: int, labels: tuple[str, ...] = ()) -> str:
    """A signal's value over a window: absent where bongsu has no value either."""
    kind = signal.sli.kind
    if kind == "ratio":
        return error_ratio(service, signal.name, window, "increase", labels)
    if kind == "count":
        return counted(service, signal.name, "n", window, labels)
    if kind == "sum":
        return _sum(service, signal, window, labels)
    if kind == "mean":
        return _mean(service, signal, window, labels)
    if isinstance(signal.sli, Rate):
        return _rate(service, signal, signal.sli, window, labels)
    if isinstance(signal.sli, Quantile):
        series = f"{buckets(signal.name)}{where(**{SERVICE: service})}[{span(window)}]"
        summed = f"sum{by(('le', *labels))}(increase({series}))"
        return f"histogram_quantile({decimal(signal.sli.q)}, {summed}) >= 0"
    raise ExportError(f"signal '{signal.name}': expected a kind that Prometheus can count (ratio, count, sum, "
                      f"mean, quantile), came '{kind}'")


def value(service: str, when: Threshold, labels: tuple[str, ...] = ()) -> str:
    """What a threshold alert looks at: where it must be beyond it for sure, the near end of an interval from counts."""
    signal, window = when.signal, when.over
    found = _near_end(service, when, labels) if when.sure else ""
    found = found or measured(service, signal, window, labels)
    part = {"ratio": "total", "count": "n", "sum": "n", "mean": "n", "rate": "n"}.get(signal.sli.kind)
    if isinstance(signal.sli, Rate) and signal.sli.calls:
        part = "total"
    if when.min_events and part:
        enough = counted(service, signal.name, part, window, labels)
        found = f"(\n{found}\n)\nand\n{enough} >= {when.min_events}"
    return found


def _near_end(service: str, when: Threshold, labels: tuple[str, ...]) -> str:
    """The end of the interval that is nearer to the threshold; empty where counters do not hold it."""
    signal, sli = when.signal, when.signal.sli
    if not isinstance(sli, Ratio | Rate | Count):
        return ""
    z, side = quantile(float(sli.alpha), looks(when.over)), -1 if when.op[0] == ">" else 1
    parts = {part: over(service, signal.name, part, when.over, "increase", labels) for part in sli.parts()}
    if isinstance(sli, Ratio):
        return _share_end(parts["bad"], parts["total"], side * z)
    if isinstance(sli, Rate) and sli.per is None:
        return f"{sli.calls} * {_share_end(parts['n'], parts['total'], side * z)}"
    times = f"{decimal(Fraction(sli.per, when.over))} * " if isinstance(sli, Rate) and sli.per is not None else ""
    n = f"({parts['n']} + 1)" if side > 0 else parts["n"]
    # Wilson and Hilferty's cube-root law of a Poisson count: within a thousandth of Garwood's from 10 events on.
    return f"{times}{n} * (1 - 1 / (9 * {n}) {'+' if side > 0 else '-'} {z:.9f} / (3 * sqrt({n}))) ^ 3"


def _share_end(bad: str, total: str, z: float) -> str:
    """An end of the interval of a share, as ``tails.paulson`` has it; NaN, which is beyond nothing, where it is 0."""
    if z > 0:
        return f"1 - {_share_end(f'({total} - {bad})', total, -z)}"
    rest, square = f"(({total} > 0) - {bad} + 1)", f"{z * z:.9f}"
    a, b = f"(1 / (9 * {bad}))", f"(1 / (9 * {rest}))"
    spread = f"{-z:.9f} * sqrt({b} * (1 - {a}) ^ 2 + {a} * (1 - {b}) ^ 2 - {square} * {a} * {b})"
    root = f"((1 - {a}) ^ 2 - {square} * {a})\n/\n((1 - {a}) * (1 - {b}) + {spread})"
    # From odds to a share: o / (r + o) is 1 / (1 + r / o).
    return f"1 / (1 + {rest} / {bad} / (\n{root}\n) ^ 3)"


def _sum(service: str, signal: Signal, window: int, labels: tuple[str, ...]) -> str:
    """Cells hold whole units, so what ``increase`` stretched is rounded back to them; 0 where nothing came."""
    whole, scale = counted(service, signal.name, "sum", window, labels), unit_scale(signal.sli.parts()["sum"])
    return whole if scale == 1 else f"{decimal(Fraction(1, scale))} * {whole}"


def _rate(service: str, signal: Signal, rate: Rate, window: int, labels: tuple[str, ...]) -> str:
    """Of time, over the whole window: since when a service is there Prometheus is not told."""
    if rate.per is not None:
        return f"{decimal(Fraction(rate.per, window))} * {counted(service, signal.name, 'n', window, labels)}"
    n, total = (over(service, signal.name, part, window, "increase", labels) for part in ("n", "total"))
    return f"{rate.calls} * {n}\n/\n({total} > 0)"


def _mean(service: str, signal: Signal, window: int, labels: tuple[str, ...]) -> str:
    total, per = (over(service, signal.name, part, window, "increase", labels) for part in ("sum", "per"))
    parts = signal.sli.parts()
    scale = Fraction(unit_scale(parts["per"]), unit_scale(parts["sum"]))
    found = f"{total}\n/\n({per} > 0)"
    return found if scale == 1 else f"{decimal(scale)} * {found}"
