"""Unit tests for the exported rules: a promtool file whose expectations are bongsu's own verdicts.

Each alert is driven through calm, breach, (between its two thresholds,) and calm again. The same counts are judged by
the engine here, and promtool must agree; moments within a step of a change are not asked about, since there a sample
on the edge of a window decides. Each budget is spent a little, and what is left of it must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from bongsu.alert import Burn, Rule, Signal, Threshold
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, tick
from bongsu.exports import promql
from bongsu.exports.names import SERVICE, buckets, decimal, edges, metric, unit_scale
from bongsu.exports.prometheus import alert_labels, alert_texts, dump, exported, identity, promised, rules, signal_of
from bongsu.policy.model import Policy
from bongsu.quantity import DAY, MINUTE, SECOND, Duration
from bongsu.slis.quantile import SCALE, bucket
from bongsu.slis.rate import Rate
from bongsu.slo import MIN_BAD, OPPOSITE, Objective, budget, reachable_factor

STEP = MINUTE
"""How often rules are judged in these tests."""
PACES = [Duration(n * SECOND) for n in (60, 30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1)] + [
    Duration(n * SECOND // 1000) for n in (500, 200, 100, 50, 20, 10, 5, 2, 1)]
EVENTS, MOST_SAMPLES = 600, 50_000
VALUE = "a"
"""The value of every label in these tests."""

Vector = Mapping[str, int]


@dataclass(frozen=True)
class Scene:
    """A signal's counts over time: for each stage how many samples it lasts and what each adds."""

    signal: Signal
    pace: Duration
    stages: tuple[tuple[int, Vector], ...]

    @property
    def length(self) -> int:
        return sum(n for n, _ in self.stages) * self.pace


def rules_test(policy: Policy, rule_file: str = "rules.yml", sloth_compat: bool = False) -> str:
    """The promtool test file for ``rules(policy)``, stored as ``rule_file`` beside it."""
    tests, without = [], []
    for rule in exported(policy):
        made = scene(policy, rule)
        checks = list(_checks(policy, rule, made, sloth_compat)) if made else []
        if made is None or not checks:
            without.append(f"alert {rule.name}: its window is longer than a day, or its limit cannot be crossed")
            continue
        tests.append({"interval": promql.span(made.pace), "input_series": list(_series(policy, made)),
                      "alert_rule_test": checks})
    for objective in promised(policy):
        made = None if objective.calendar else _spending(policy, objective)
        if made is None:
            without.append(f"the budget of objective {objective.name}: it is not exported, its time slices are too "
                           "long, or none can be bad")
            continue
        tests.append({"interval": promql.span(made.pace), "input_series": list(_series(policy, made)),
                      "promql_expr_test": list(_left(policy, objective, made))})
    header = "".join(f"# No test for {line}\n" for line in without)
    return header + dump({"rule_files": [rule_file], "evaluation_interval": promql.span(STEP), "tests": tests})


# ---- what happens ----


def scene(policy: Policy, rule: Rule) -> Scene | None:
    """The story of one alert; None where none can be told in a reasonable number of samples."""
    if isinstance(rule.when, Burn):
        made: Scene | None = _burning(policy, rule, rule.when)
    else:
        made = _crossing(rule, rule.when) if rule.when.over <= DAY else None
    return made if made and sum(n for n, _ in made.stages) <= MOST_SAMPLES else None


def _burning(policy: Policy, rule: Rule, burn: Burn) -> Scene | None:
    objective, pair = burn.objective, min(burn.pairs, key=lambda p: p.long)
    factor = reachable_factor(pair.factor(objective.window), objective.target)
    detection = int(factor * objective.allowed * pair.long)
    every = objective.slices.every if objective.slices else Duration(0)
    if every:  # slices are told when they end, and so many of them must be bad
        detection = max(detection, MIN_BAD[pair.severity] * every) + 2 * every
    pace = _pace(every or pair.short)
    counts = _good_and_bad(policy, objective, pace)
    if counts is None:
        return None
    good, bad = counts
    longest = max(p.short for p in burn.pairs)
    return Scene(signal_of(policy, objective.signal), pace, (
        _stage(pair.long // 2 + 3 * STEP, pace, good),
        _stage(detection + rule.hold + 5 * STEP, pace, bad),
        _stage(longest + every + rule.clear_hold + 5 * STEP, pace, good)))


def _spending(policy: Policy, objective: Objective) -> Scene | None:
    """Good, a little bad, and good again."""
    unit = objective.slices.every if objective.slices else Duration(4 * STEP)
    pace = _pace(unit)
    counts = _good_and_bad(policy, objective, pace)
    if counts is None:
        return None
    good, bad = counts
    made = Scene(signal_of(policy, objective.signal), pace, (
        _stage(3 * unit, pace, good), _stage(2 * unit, pace, bad), _stage(unit, pace, good)))
    return made if sum(n for n, _ in made.stages) <= MOST_SAMPLES and made.length < objective.window else None


def _good_and_bad(policy: Policy, objective: Objective, pace: Duration) -> tuple[Vector, Vector] | None:
    """What each sample adds; None where no slice can be bad."""
    if objective.slices is None:
        return {"total": EVENTS, "bad": 0}, {"total": EVENTS, "bad": EVENTS}
    slices, signal = objective.slices, signal_of(policy, objective.signal)
    crossed = Threshold(signal, OPPOSITE[slices.op], slices.limit, slices.every, slices.op, slices.limit)
    levels = _levels(crossed)
    return (_counts(crossed, levels[0], pace), _counts(crossed, levels[1], pace)) if levels else None


def _crossing(rule: Rule, when: Threshold) -> Scene | None:
    pace = _pace(when.over)
    levels = _levels(when)
    if levels is None:
        return None
    calm, breach, between = (_counts(when, level, pace) for level in levels)
    lull = _stage(when.over + rule.clear_hold + 4 * STEP, pace, calm)
    stages = [lull, _stage(when.over + rule.hold + 4 * STEP, pace, breach)]
    if when.enter != when.exit:
        stages.append(_stage(when.over + 4 * STEP, pace, between))
    return Scene(when.signal, pace, (*stages, lull))


def _levels(when: Threshold) -> tuple[Fraction, Fraction, Fraction] | None:
    """Values that are calm, in breach, and between the two thresholds."""
    most = getattr(when.signal.sli, "calls", 0) or (when.signal.sli.kind == "ratio")
    top = Fraction(most) if most else 3 * max(when.enter, when.exit, Fraction(1))
    high, low = max(when.enter, when.exit), min(when.enter, when.exit)
    above, below = (high + top) / 2, low / 2
    calm, breach = (below, above) if when.op[0] == ">" else (above, below)
    middle = (high + low) / 2
    crossing = high < top if when.op[0] == ">" else low > 0
    return (calm, breach, middle) if crossing else None


def _counts(when: Threshold, level: Fraction, pace: Duration) -> Vector:
    """What each sample adds so that the window's value is (about) the level."""
    sli, many = when.signal.sli, max(10**6, when.min_events)
    if sli.kind == "ratio":
        return {"total": many, "bad": round(level * many)}
    if isinstance(sli, Rate) and sli.calls:
        return {"total": many, "n": round(level * many / sli.calls)}
    if sli.kind in ("count", "rate"):
        each = level * pace / ((sli.per or when.over) if isinstance(sli, Rate) else when.over)
        return {"n": ceil(each) if level > max(when.enter, when.exit) else floor(each)}
    if sli.kind == "sum":
        each = level * unit_scale(sli.parts()["sum"]) * pace / when.over
        whole = ceil(each) if level > max(when.enter, when.exit) else floor(each)
        return {"sum": whole, "n": max(EVENTS, when.min_events)}
    if sli.kind == "mean":
        parts = sli.parts()
        per = many * unit_scale(parts["per"])
        return {"per": per, "n": many, "sum": round(level * many * unit_scale(parts["sum"]))}
    return {f"b{bucket(round(level * SCALE))}": max(EVENTS, when.min_events)}


def _pace(window: int) -> Duration:
    """The slowest pace that fits at least four times, a whole number of times, into the window and into a step."""
    return next((p for p in PACES if window % p == 0 and window >= 4 * p), PACES[-1])


def _stage(length: int, pace: Duration, adds: Vector) -> tuple[int, Vector]:
    """A whole number of steps."""
    return -(-length // STEP) * STEP // pace, adds


# ---- what bongsu says of it ----


def verdicts(policy: Policy, rule: Rule, made: Scene) -> Iterator[tuple[int, bool]]:
    """(when, whether it fires) at every step, by the engine."""
    names = (VALUE,) * len(made.signal.labels)
    base = Duration(made.pace)
    cells = Cells(base, _cells(made, names))
    plan = Plan(policy.service.name, base, rules=(rule,))
    state = EngineState()
    for now in range(0, made.length + 1, STEP):
        state, _ = tick(plan, cells, replace(state, watermark=now), now)
        yield now, any(s.phase in ("firing", "clearing") for s in state.alerts.values())


def _cells(made: Scene, labels: tuple[str, ...]) -> Iterator[Cell]:
    start = 0
    for samples, adds in made.stages:
        for _ in range(samples):
            for part, n in adds.items():
                yield Cell(made.signal.key, labels, start, part, n)
            start += made.pace


def _checks(policy: Policy, rule: Rule, made: Scene, sloth_compat: bool) -> Iterator[dict[str, Any]]:
    """The first and the last settled moment of each spell of firing, and of silence."""
    seen = list(verdicts(policy, rule, made))
    if not any(firing for _, firing in seen):
        return
    settled = [(at, firing) for (_, before), (at, firing), (_, after) in zip(seen, seen[1:], seen[2:], strict=False)
               if before == firing == after]
    for i, (at, firing) in enumerate(settled):
        near = [settled[j][1] for j in (i - 1, i + 1) if 0 <= j < len(settled)]
        if len(near) == 1 or near != [firing, firing]:
            yield {"eval_time": promql.span(at), "alertname": rule.name,
                   "exp_alerts": [_expected(policy, rule, sloth_compat)] if firing else []}


def _left(policy: Policy, objective: Objective, made: Scene) -> Iterator[dict[str, Any]]:
    """What is left of the budget, and its share of bad ones: to nine digits, since Prometheus counts in floats."""
    held = Cells(Duration(made.pace), _cells(made, (VALUE,) * len(made.signal.labels)))
    spent, _ = budget(held, replace(objective, created=0), made.length)
    at = promql.where(bongsu_id=identity(policy, objective))
    asked = {"slo:period_error_budget_remaining:ratio": spent.remaining, "slo:period_burn_rate:ratio": spent.consumed}
    for name, value in asked.items():
        if value is not None:
            yield {"expr": f"count(abs({name}{at} - ({decimal(value)})) < 1e-9 * (1 + abs({name}{at})))",
                   "eval_time": promql.span(made.length), "exp_samples": [{"labels": "{}", "value": 1}]}


def _expected(policy: Policy, rule: Rule, sloth_compat: bool) -> dict[str, Any]:
    """The alert as Prometheus shows it; texts are taken from the rules, where they are plain."""
    if isinstance(rule.when, Burn):
        own = {"bongsu_id": identity(policy, rule.when.objective), "bongsu_slo": rule.when.objective.name}
    else:
        own = {"bongsu_alert": rule.name, **dict.fromkeys(rule.by, VALUE)}
    labels = {**own, "bongsu_service": policy.service.name, **alert_labels(policy, rule, sloth_compat)}
    return {"exp_labels": labels, "exp_annotations": alert_texts(policy, rule)}


# ---- what Prometheus is shown ----


def _series(policy: Policy, made: Scene) -> Iterator[dict[str, str]]:
    labels = {SERVICE: policy.service.name, **dict.fromkeys(made.signal.labels, VALUE)}
    name, parts = made.signal.name, list(made.signal.sli.parts())
    if made.signal.sli.kind != "quantile":
        for part in parts:
            yield {"series": metric(name, part) + promql.where(**labels),
                   "values": _values(made, lambda adds, part=part: adds.get(part, 0))}  # type: ignore[misc]
        return
    filled = {int(part[1:]) for _, adds in made.stages for part in adds}
    limits = {le: number for b in filled for le, number in zip(edges(b), (b - 1, b), strict=True)}
    for le, number in sorted(limits.items(), key=lambda item: item[1]):
        yield {"series": buckets(name) + promql.where(**labels, le=le),
               "values": _values(made, lambda adds, number=number: _below(adds, number))}  # type: ignore[misc]
    yield {"series": buckets(name) + promql.where(**labels, le="+Inf"),
           "values": _values(made, lambda adds: sum(adds.values()))}


def _below(adds: Vector, number: int) -> int:
    return sum(n for part, n in adds.items() if int(part[1:]) <= number)


def _values(made: Scene, adds: Callable[[Vector], int]) -> str:
    """A counter in promtool's notation: where it starts, what it adds, how often."""
    out, at = ["0"], 0
    for samples, vector in made.stages:
        n = adds(vector)
        out.append(f"{at + n}+{n}x{samples - 1}")
        at += n * samples
    return " ".join(out)


__all__ = ["Scene", "rules", "rules_test", "scene", "verdicts"]
