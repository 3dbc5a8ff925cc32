"""What is counted of an objective, in PromQL: its events, or its time slices.

A slice is judged once, where it ends, and recorded. A subquery is evaluated at whole multiples of its step since 1970,
whatever the time of the question, and bongsu's slices begin there too: ``(value over 1h)[59m59s999ms:1h]`` is the value
of the slice that ended last. Its verdict is recorded until the next one ends; a millisecond before that, the record is
that of the slice. A window holds the slices that lie wholly in it. The odd milliseconds keep the slice that ended as a
range began out of it, on both sides of Prometheus 3.0, which moved that edge.

An objective's life begins with its rules: slices before them are not counted. A slice in which Prometheus judged
nothing at all counts as good in a budget; bongsu itself knows better.
"""

from __future__ import annotations

from collections.abc import Iterator

from bongsu.alert import Signal
from bongsu.exports import promql
from bongsu.exports.names import SERVICE, buckets, decimal, metric
from bongsu.exports.promql import MILLISECOND
from bongsu.policy.model import Policy
from bongsu.quantity import Duration
from bongsu.slo import OPPOSITE, Objective, Slices

BAD, LIVED = "bongsu:slice_bad:bool", "bongsu:slice_lived:bool"
"""Of the slice that ended last: whether it was bad (absent where it is left out), and that it was lived through."""


def verdicts(policy: Policy, objective: Objective) -> Iterator[tuple[str, str]]:
    """(record, expression) of what is recorded of each slice."""
    if objective.slices is not None:
        every, one = promql.span(objective.slices.every), promql.span(objective.slices.every - MILLISECOND)
        for record, judged in ((BAD, _judged(policy, objective, objective.slices)),
                               (LIVED, _lived(policy, objective, objective.slices))):
            yield record, f"last_over_time({judged}[{one}:{every}])"


def ratio(policy: Policy, objective: Objective, window: Duration, function: str = "rate") -> str:
    """Share of bad events, or of bad slices, over a window; absent without any."""
    if objective.slices is None:
        return promql.error_ratio(policy.service.name, _signal(policy, objective).name, window, function)
    return f"{bad(policy, objective, window)}\n/\n({total(policy, objective, window)} > 0)"


def bad(policy: Policy, objective: Objective, window: Duration) -> str:
    """How many were bad."""
    if objective.slices is None:
        return promql.counted(policy.service.name, _signal(policy, objective).name, "bad", window)
    return _over(policy, objective, BAD, window, objective.slices)


def total(policy: Policy, objective: Objective, window: Duration) -> str:
    """How many there were (of slices: with a verdict)."""
    if objective.slices is None:
        return promql.counted(policy.service.name, _signal(policy, objective).name, "total", window)
    return _over(policy, objective, BAD, window, objective.slices, "0 * ", " + 1")


def consumed(policy: Policy, objective: Objective) -> str:
    """Share of a slice budget that is spent: the budget is that of all the window's slices, less those left out."""
    slices = objective.slices
    assert slices is not None
    window, allowed = objective.window, decimal(objective.allowed)
    whole = str(window // slices.every)
    if slices.nodata == "exclude":
        lived = _over(policy, objective, LIVED, window, slices)
        whole = f"({whole} - ({lived} - {total(policy, objective, window)}))"
    return f"{bad(policy, objective, window)}\n/\n({allowed} * {whole})"


def lived(policy: Policy, objective: Objective, window: Duration) -> str:
    """Present once half the window has been lived through: a window younger than that does not vote."""
    half = promql.span(window // 2 // MILLISECOND * MILLISECOND)
    return f"count(count_over_time({_series(policy, objective)}[{half}] offset {half}))"


def _signal(policy: Policy, objective: Objective) -> Signal:
    return next(s for s in policy.plan.signals if s.key == objective.signal)


def _series(policy: Policy, objective: Objective) -> str:
    """A counter that is there as long as the signal is counted."""
    signal = _signal(policy, objective)
    if signal.sli.kind == "quantile":
        return buckets(signal.name) + promql.where(**{SERVICE: policy.service.name, "le": "+Inf"})
    part = "total" if signal.sli.kind == "ratio" else "n"
    return metric(signal.name, part) + promql.where(**{SERVICE: policy.service.name})


def _lived(policy: Policy, objective: Objective, slices: Slices) -> str:
    """Present where the whole slice that ends here was lived through."""
    series = _series(policy, objective)
    return f"(count({series}) and on() count({series} offset {promql.span(slices.every)}))"


def _judged(policy: Policy, objective: Objective, slices: Slices) -> str:
    """1 where the slice that ends here was bad, 0 where it was good, absent where it is left out."""
    signal = _signal(policy, objective)
    value = promql.measured(policy.service.name, signal, slices.every)
    life = _lived(policy, objective, slices)
    found = f"((({value}) {OPPOSITE[slices.op]} bool {decimal(slices.limit)}) and on() {life})"
    silent = {"exclude": "", "bad": "1", "good": "0"}[slices.nodata]
    return f"({found} or on() (0 * {life} + {silent}))" if silent else found


def _over(policy: Policy, objective: Objective, record: str, window: Duration, slices: Slices, before: str = "",
          after: str = "") -> str:
    """The sum of a record (or of what ``before`` and ``after`` make of it) over the slices of a window."""
    series = record + promql.where(bongsu_id=f"{policy.service.name}-{objective.name}")
    every = promql.span(slices.every)
    last = f"({before}{series}{after})"
    if window < 2 * slices.every:
        return last
    length = promql.span(window - 2 * slices.every + MILLISECOND)
    older = f"sum_over_time(({before}{series} offset 1ms{after})[{length}:{every}])"
    return f"({older} + {last} or {older} or {last})"
