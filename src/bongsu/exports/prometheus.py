"""A policy as Prometheus recording and alerting rules.

One group for each objective, with its recordings and its burn alerts together: in two groups an alert may be judged
before its numbers, one interval late. Names and meaning of the ``slo:`` series are those of Sloth, so boards made for
it show them; ``sloth_compat`` adds the ``sloth_`` labels such boards filter by.

The alerts are bongsu's own, said in PromQL: both windows of a pair above its factor, no vote from a window less than
half lived through, little traffic asked for more than bad luck, two thresholds held apart by the alert's own ``ALERTS``
series, ``for`` and ``clear_for``, and a firing that is kept while there is no data. One thing differs: an alert that is
pending when its data ends is forgotten by Prometheus, and begins its ``for`` anew; bongsu keeps it.

Time slices are counted as slices (``counting``). A calendar window's budget is not recorded: no range of PromQL begins
at a moment of a time zone's calendar. Its burn alerts are, since their windows roll.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import yaml
from sqlglot import exp

from bongsu.alert import TIERS, Burn, Rule, Signal, Threshold
from bongsu.exports import counting, promql
from bongsu.exports.names import SERVICE, ExportError, decimal, distinct
from bongsu.policy.model import Policy
from bongsu.quantity import DAY, HOUR, MINUTE, SECOND, Duration, show_share
from bongsu.sampling import Sampled
from bongsu.slis.mean import Mean
from bongsu.slis.sum import Sum
from bongsu.slo import MIN_BAD, OPPOSITE, Objective, Pair, pairs, reachable_factor

Entry = dict[str, Any]
SLOTH_WINDOWS = tuple(map(Duration, (5 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY)))
SLOWEST = 30 * SECOND


class Exact(str):
    """A number that is written digit by digit, never through a float."""


class _Block(yaml.SafeDumper):
    """Longer texts as blocks, so that a query is read as it was written."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML asks of each value
        return True


def _text(dumper: _Block, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Block.add_representer(str, _text)
_Block.add_representer(Exact, lambda dumper, value: dumper.represent_scalar(
    f"tag:yaml.org,2002:{'float' if '.' in value else 'int'}", value))


def dump(document: Any) -> str:
    """YAML as people write it."""
    return str(yaml.dump(document, Dumper=_Block, sort_keys=False, allow_unicode=True, width=1000))


def rules(policy: Policy, sloth_compat: bool = False) -> str:
    """The rules file. Raises ``ExportError`` where two signals would be one metric; ``left_out`` lists what it lacks.

    Scrape at least four times within the shortest window.
    """
    distinct(policy.plan.signals)
    groups = [objective_group(policy, objective, sloth_compat) for objective in promised(policy)]
    threshold = list(_thresholds(policy, sloth_compat))
    if threshold:
        shortest = min(r.when.over for r in exported(policy) if isinstance(r.when, Threshold))
        groups.append({"name": f"bongsu-{policy.service.name}-alerts", "interval": _interval(shortest),
                       "rules": threshold})
    return "".join(f"# Not exported: {line}\n" for line in left_out(policy)) + dump({"groups": groups})


def left_out(policy: Policy) -> list[str]:
    """What these rules cannot say, and why."""
    goals = [f"objective {o.name}: {why}" for o in policy.plan.objectives if (why := _lacking(policy, o))]
    unsure = [f"the interval of alert {rule.name}: what spreads a {rule.when.signal.sli.kind} is no counter of "
              "Prometheus; its value alone is compared" for rule in exported(policy)
              if isinstance(rule.when, Threshold) and promql.unsure(rule.when)]
    return [*goals, *(f"alert {rule.name}: {why}" for rule in policy.plan.rules if (why := _unsayable(policy, rule))),
            *unsure]


def exported(policy: Policy) -> list[Rule]:
    return [rule for rule in policy.plan.rules if not _unsayable(policy, rule)]


def promised(policy: Policy) -> list[Objective]:
    """The objectives that have a group."""
    return [o for o in policy.plan.objectives if not _uncountable(signal_of(policy, o.signal))]


def _lacking(policy: Policy, objective: Objective) -> str:
    """What of an objective is not exported: all of it, or its budget."""
    if why := _uncountable(signal_of(policy, objective.signal)):
        return why
    if objective.calendar is None:
        return ""
    return (f"what is left of its budget: no range of PromQL begins with the {objective.calendar.unit} in "
            f"{objective.calendar.zone}; its burn alerts are exported")


def _unsayable(policy: Policy, rule: Rule) -> str:
    if rule.nodata:
        return "it asks for data that is missing; use absent() for it"
    if isinstance(rule.when, Threshold):
        if rule.when.delay:
            return "its window ends some time ago, by when what it counts has come; a counter is never corrected"
        return _uncountable(rule.when.signal)
    return _uncountable(signal_of(policy, rule.when.objective.signal))


def _uncountable(signal: Signal) -> str:
    """Why Prometheus cannot count a signal; empty where it can."""
    sli = signal.sli
    if not promql.countable(sli):
        return f"a signal of kind {sli.kind} is no counter of Prometheus"
    if isinstance(sli, Sampled) and sli.sampling and "w" in sli.parts():
        return f"guard {sli.sampling.guard} looks at a sample; of what each event stands for there is no counter"
    added = sli.sum if isinstance(sli, Mean) else sli.of if isinstance(sli, Sum) else None
    if added is not None and next(added.tree().find_all(exp.Sub, exp.Neg), None) is not None:
        return f"'{added}' can be negative, and a sum that falls is no counter"
    return ""


# ---- one objective ----


def identity(policy: Policy, objective: Objective) -> str:
    return f"{policy.service.name}-{objective.name}"


def signal_of(policy: Policy, key: str) -> Signal:
    return next(s for s in policy.plan.signals if s.key == key)


def objective_group(policy: Policy, objective: Objective, sloth_compat: bool = False) -> Entry:
    """Recordings, then burn alerts, of one objective."""
    entries = [*_ratios(policy, objective), *_facts(policy, objective, sloth_compat), *_votes(policy, objective)]
    labels = {"bongsu_id": identity(policy, objective), "bongsu_service": policy.service.name,
              "bongsu_slo": objective.name}
    for entry in entries:
        entry["labels"] = _labels({**labels, **entry.get("labels", {})}, sloth_compat)
    alerts = [_burn_alert(policy, rule, sloth_compat) for rule in policy.plan.rules
              if isinstance(rule.when, Burn) and not rule.nodata and rule.when.objective.name == objective.name]
    shortest = min(_windows(policy, objective))
    return {"name": f"bongsu-{identity(policy, objective)}", "interval": _interval(shortest),
            "rules": entries + alerts}


def _windows(policy: Policy, objective: Objective) -> list[Duration]:
    """Those of the alerts, or else of the default table; for a day and more, Sloth's too, since boards show them."""
    mine = [p for r in policy.plan.rules if isinstance(r.when, Burn) and r.when.objective.name == objective.name
            for p in r.when.pairs] or pairs(objective.window)
    found = {w for p in mine for w in (p.long, p.short)}
    if objective.window >= DAY:
        found |= {w for w in SLOTH_WINDOWS if w < objective.window}
    if objective.slices is not None:  # a shorter window may hold no whole slice
        found = {w for w in found if w >= 2 * objective.slices.every}
    return sorted(found) or [objective.window]


def _ratios(policy: Policy, objective: Objective) -> Iterator[Entry]:
    yield from ({"record": record, "expr": verdict} for record, verdict in counting.verdicts(policy, objective))
    for window in _windows(policy, objective):
        yield {"record": f"slo:sli_error:ratio_rate{promql.span(window)}",
               "expr": counting.ratio(policy, objective, window), "labels": {"bongsu_window": promql.span(window)}}
    if objective.window not in _windows(policy, objective) and objective.calendar is None:
        # From counts over the whole period: an average of short ratios lets a quiet night weigh like a busy day.
        whole = promql.span(objective.window)
        yield {"record": f"slo:sli_error:ratio_rate{whole}",
               "expr": counting.ratio(policy, objective, objective.window, "increase"),
               "labels": {"bongsu_window": whole}}


def _facts(policy: Policy, objective: Objective, sloth_compat: bool) -> Iterator[Entry]:
    at = promql.where(bongsu_id=identity(policy, objective))
    days = decimal(Fraction(objective.window, DAY))
    burn = "slo:sli_error:ratio_rate{}{}\n/ on(bongsu_id) group_left\nslo:error_budget:ratio{}"
    current = promql.span(min(_windows(policy, objective)))
    yield {"record": "slo:objective:ratio", "expr": f"vector({decimal(objective.target)})"}
    yield {"record": "slo:error_budget:ratio", "expr": f"vector({decimal(objective.allowed)})"}
    yield {"record": "slo:time_period:days", "expr": f"vector({days})"}
    yield {"record": "slo:current_burn_rate:ratio", "expr": burn.format(current, at, at)}
    if objective.calendar is None:
        spent = burn.format(promql.span(objective.window), at, at)
        yield {"record": "slo:period_burn_rate:ratio",
               "expr": counting.consumed(policy, objective) if objective.slices else spent}
        yield {"record": "slo:period_error_budget_remaining:ratio", "expr": f"1 - slo:period_burn_rate:ratio{at}"}
    if sloth_compat:
        yield {"record": "sloth_slo_info", "expr": "vector(1)",
               "labels": {"sloth_objective": decimal(objective.target * 100), "sloth_mode": "bongsu",
                          "sloth_version": "bongsu", "sloth_spec": "bongsu/1"}}


def _votes(policy: Policy, objective: Objective) -> Iterator[Entry]:
    """For each long window that an alert looks at: its ratio while it may vote, its events, its bad ones if many."""
    at = promql.where(bongsu_id=identity(policy, objective))
    seen: set[str] = set()
    for pair in _alerting(policy, objective):
        window = promql.span(pair.long)
        labels, events = {"bongsu_window": window}, f"bongsu:events:increase{window}"
        if _vote(pair) not in seen:
            yield {"record": _vote(pair), "labels": labels,
                   "expr": f"slo:sli_error:ratio_rate{window}{at}\nand on()\n"
                           f"{counting.lived(policy, objective, pair.long)}"}
            yield {"record": events, "labels": labels,
                   "expr": counting.total(policy, objective, pair.long)}
        if _many(pair) not in seen:
            least = promql.needed(f"{events}{at}", objective.target, MIN_BAD[pair.severity])
            matched = "" if least.isdigit() else " on()"
            yield {"record": _many(pair), "labels": labels,
                   "expr": f"{counting.bad(policy, objective, pair.long)}\n>={matched}\n({least})"}
        seen |= {_vote(pair), _many(pair)}


def _alerting(policy: Policy, objective: Objective) -> Iterator[Pair]:
    for rule in policy.plan.rules:
        if isinstance(rule.when, Burn) and rule.when.objective.name == objective.name:
            yield from rule.when.pairs


def _vote(pair: Pair) -> str:
    return f"bongsu:vote:ratio_rate{promql.span(pair.long)}"


def _many(pair: Pair) -> str:
    return f"bongsu:{pair.severity}_bad_events:increase{promql.span(pair.long)}"


def _burn_alert(policy: Policy, rule: Rule, sloth_compat: bool) -> Entry:
    assert isinstance(rule.when, Burn)
    objective = rule.when.objective
    at = promql.where(bongsu_id=identity(policy, objective))
    fires = "\nor on(bongsu_id)\n".join(_pair(pair, objective, at) for pair in rule.when.pairs)
    seen = " or on(bongsu_id) ".join(f"{_vote(pair)}{at}" for pair in rule.when.pairs)
    keys = ["bongsu_id", "bongsu_service", "bongsu_slo"]
    kept = f"max by ({', '.join(keys)}) ({_firing(rule, bongsu_id=identity(policy, objective))})"
    expr = f"max by ({', '.join(keys)}) (\n{fires}\n)\nor on(bongsu_id)\n(\n{kept}\nunless on(bongsu_id)\n({seen})\n)"
    return _alert(policy, rule, expr, sloth_compat)


def _pair(pair: Pair, objective: Objective, at: str) -> str:
    limit = decimal(reachable_factor(pair.factor(objective.window), objective.target) * objective.allowed)
    return (f"(\n  {_vote(pair)}{at} > {limit}\n"
            f"  and on(bongsu_id) slo:sli_error:ratio_rate{promql.span(pair.short)}{at} > {limit}\n"
            f"  and on(bongsu_id) {_many(pair)}{at}\n)")


# ---- thresholds ----


def _thresholds(policy: Policy, sloth_compat: bool) -> Iterator[Entry]:
    for rule in exported(policy):
        if isinstance(rule.when, Threshold):
            labels = {"bongsu_alert": rule.name, "bongsu_service": policy.service.name}
            yield {"record": "bongsu:alert_value", "expr": promql.value(policy.service.name, rule.when, rule.by),
                   "labels": {name: plain(value) for name, value in labels.items()}}
            yield _alert(policy, rule, _crossed(policy, rule, rule.when), sloth_compat)


def _crossed(policy: Policy, rule: Rule, when: Threshold) -> str:
    """Entered; or not yet left while it fires; or firing and without data."""
    labels = {"bongsu_alert": rule.name, "bongsu_service": policy.service.name}
    value = f"bongsu:alert_value{promql.where(**labels)}"
    keys = ", ".join((*labels, *rule.by))
    kept = f"max by ({keys}) ({_firing(rule, **labels)})"
    stays = OPPOSITE[when.leave_op]
    lines = [f"{value} {when.op} {decimal(when.enter)}"]
    if (stays, when.exit) != (when.op, when.enter):
        lines.append(f"({value} {stays} {decimal(when.exit)} and on({keys}) {kept})")
    lines.append(f"({kept} unless on({keys}) {value})")
    return f"\nor on({keys})\n".join(lines)


# ---- what every alert has ----


def _firing(rule: Rule, **labels: str) -> str:
    return "ALERTS" + promql.where(alertname=rule.name, alertstate="firing", **labels)


def _alert(policy: Policy, rule: Rule, expr: str, sloth_compat: bool) -> Entry:
    entry: Entry = {"alert": rule.name, "expr": expr}
    for key, length in (("for", rule.hold), ("keep_firing_for", rule.clear_hold)):
        if length:
            entry[key] = promql.span(length)
    texts = {"labels": alert_labels(policy, rule, sloth_compat), "annotations": alert_texts(policy, rule)}
    for key, named in texts.items():
        entry[key] = {name: plain(value) for name, value in named.items()}
    return entry


def alert_labels(policy: Policy, rule: Rule, sloth_compat: bool = False) -> dict[str, str]:
    """What an alert is routed by: whether it pages, how grave it is, whose it is."""
    burning = isinstance(rule.when, Burn)
    pages = rule.when.pairs[0].severity == "page" if isinstance(rule.when, Burn) else TIERS[rule.tier] in ("P0", "P1")
    severity = "page" if pages else "ticket"
    labels = {"severity": severity, "priority": TIERS[rule.tier], SERVICE: policy.service.name}
    return {**labels, "sloth_severity": severity} if sloth_compat and burning else labels


def alert_texts(policy: Policy, rule: Rule) -> dict[str, str]:
    """What a person reads: fixed words, so that a test can hold them against what Prometheus shows."""
    if isinstance(rule.when, Burn):
        goal = rule.when.objective
        about = (f"the error budget of {goal.name} ({show_share(goal.target)} over {promql.span(goal.window)}) burns "
                 "too fast")
    else:
        about = f"{rule.when.signal.name} {rule.when.op} {policy.limits[rule.name]} over {promql.span(rule.when.over)}"
    found = {"summary": f"{policy.service.name}: {about}"}
    return {**found, "description": rule.text} if rule.text else found


def _labels(labels: dict[str, str], sloth_compat: bool) -> dict[str, str]:
    found = {name: plain(value) for name, value in labels.items()}
    if sloth_compat:
        found |= {name.replace("bongsu_", "sloth_", 1): value for name, value in found.items()
                  if name.startswith("bongsu_")}
    return found


def plain(value: str) -> str:
    """A text that Prometheus does not take for a template.

    >>> plain("cost of {{model}}")
    'cost of {{"{{"}}model}}'
    """
    return value.replace("{{", '{{"{{"}}')


def _interval(shortest: int) -> str:
    """A quarter of the shortest window, between a second and half a minute."""
    return promql.span(max(SECOND, min(SLOWEST, shortest // 4 // SECOND * SECOND)))


__all__ = ["Exact", "ExportError", "alert_labels", "alert_texts", "dump", "exported", "identity", "left_out",
           "objective_group", "promised", "rules", "signal_of"]
