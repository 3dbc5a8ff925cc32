"""The alerts of a document -> rules: what they watch must be there, and every one of them must be able to fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bongsu.alert import Burn, Rule, Signal, Threshold
from bongsu.policy.condition import read_clear, read_when
from bongsu.policy.declare import AlertDecl
from bongsu.policy.fault import Misfit, listed, quoted
from bongsu.quantity import Duration, show_duration, show_number, show_share
from bongsu.slo import MIN_BAD, Objective, Severity, fitted, pairs, reachable, reachable_factor

if TYPE_CHECKING:
    from bongsu.policy.link import Linker


def rules(linker: Linker, signals: Mapping[str, Signal], objectives: Mapping[str, Objective]) -> Iterator[Rule]:
    """Every alert's rule, in the order of the document."""
    for name, decl in linker.document.alerts.items():
        yield from _both(linker, name, decl, signals, objectives)


def _both(linker: Linker, name: str, decl: AlertDecl, signals: Mapping[str, Signal],
          objectives: Mapping[str, Objective]) -> Iterator[Rule]:
    """The rule of an alert, and the one that says that it has had no data for too long."""
    rule = _rule(linker, name, decl, signals, objectives)
    if rule is not None:
        yield rule
        if decl.nodata is not None:
            when = replace(rule.when, delay=Duration(0)) if isinstance(rule.when, Threshold) else rule.when
            yield replace(rule, name=f"{name}/nodata", when=when, hold=decl.nodata, clear_hold=Duration(0),
                          tier="minor", nodata=True)


def _rule(linker: Linker, name: str, decl: AlertDecl, signals: Mapping[str, Signal],
          objectives: Mapping[str, Objective]) -> Rule | None:
    when = _threshold(linker, name, decl, signals) if decl.when else _burn(linker, name, decl, objectives)
    if when is None:
        return None
    return Rule(name, when, decl.hold, decl.clear_hold, decl.tier, decl.to, decl.by, decl.text)


def _threshold(linker: Linker, name: str, decl: AlertDecl, signals: Mapping[str, Signal]) -> Threshold | None:
    at = ("alerts", name)
    over = decl.over or linker.base
    linker.whole((*at, "over"), over)
    if decl.delay:
        linker.whole((*at, "delay"), decl.delay)
        linker.whole((*at, "over"), Duration(over + decl.delay))
    if "signals" in linker.names.broken:
        return None
    try:
        when = read_when(decl.when, signals, dict.fromkeys(linker.names["signals"]))
    except Misfit as error:
        linker.reader.misfit((*at, "when"), error)
        return None
    if when is None:
        return None
    signal = signals[when.signal]
    linker.limits[name] = when.words
    for i, label in enumerate(decl.by):
        if label in linker.names["labels"] and label not in signal.labels:
            linker.reader.fault((*at, "by", i), f"one of the labels of signal {signal.name} "
                                f"({listed(signal.labels) or 'it has none'})", quoted(label),
                                f"add it to signals.{signal.name}.labels")
    try:
        leave, limit = read_clear(decl.clear, when, signal)
    except Misfit as error:
        linker.reader.misfit((*at, "clear"), error)
        return None
    return Threshold(signal, when.op, when.limit, over, leave, limit, decl.min_events, decl.volume,
                     decl.evidence, decl.delay)


def _burn(linker: Linker, name: str, decl: AlertDecl, objectives: Mapping[str, Objective]) -> Burn | None:
    objective, at = objectives.get(decl.burn), ("alerts", name, "burn")
    if objective is None:
        return None
    severity: Severity = "page" if decl.tier in ("severe", "major") else "ticket"
    every = objective.slices.every if objective.slices else None
    table = [p for p in pairs(objective.window) if p.severity == severity]
    mine = tuple(filter(None, (fitted(p, linker.base, every) for p in table)))
    if not mine and table and every:
        longest = max(p.long for p in table) // (MIN_BAD[severity] + 1)
        linker.reader.fault(at, f"an objective with slices that {severity} burn alerts see enough of "
                            f"({show_duration(longest)} or less)", f"slices of {show_duration(every)}",
                            "alert on the signal itself with 'when'")
        return None
    if not mine:
        linker.reader.fault(at, f"an objective with a window that {severity} burn alerts fit in",
                            f"{show_duration(objective.window)}", "they need two days or more, or less than one")
        return None
    for pair in table:
        if every and fitted(pair, linker.base, every) is None:
            linker.note(at, f"{name}: slices of {show_duration(every)} are too long for a burn alert over "
                            f"{show_duration(pair.long)}, which could never fire; it is left out")
    for pair in mine:
        factor = pair.factor(objective.window)
        if not reachable(factor, objective.target):
            most, used = 1 / (1 - objective.target), reachable_factor(factor, objective.target)
            linker.note(at, f"{name}: at a target of {show_share(objective.target)} the budget burns at most "
                            f"{show_number(most, 2)}x, so {show_number(factor, 2)}x over {show_duration(pair.long)} "
                            f"could never fire; {show_number(used, 2)}x is used instead")
    return Burn(objective, mine)
