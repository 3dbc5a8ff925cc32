"""A route's plan, settled for one call: its version, the guards that look at this one, and the borders of its data.

Borders come last, so that no version, fallback or substitute can lead across one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from bongsu.event import Verdict
from bongsu.guard import Guard, On
from bongsu.sampling import COLUMN as SAMPLED
from bongsu.sampling import said
from bongsu.split import pick, sampled
from bongsu.web import errors
from bongsu.web.call import Call
from bongsu.web.plan import RoutePlan


def settle(plan: RoutePlan, call: Call) -> RoutePlan:
    """The plan for this call. Raises ``region_not_allowed`` where its data may go to none of the route's upstreams."""
    plan = _version(plan, call)
    if plan.sampled:
        plan = replace(plan, before=_looking(plan.before, "input", call), after=_looking(plan.after, "output", call))
    plan = _within(plan, call)
    return replace(plan, chain=tuple(replace(t, meter=None) for t in plan.chain)) if call.surface.free else plan


def lightened(plan: RoutePlan, call: Call) -> RoutePlan | None:
    """The plan of who may only use the light model; None where the route has none, or not within the borders. It says
    nothing of the call, which may only be told of it: see ``goes_light``."""
    if not plan.light:
        return None
    region = call.facts.get("region") or plan.facts["region"]
    allowed = None if plan.borders is None else plan.borders.regions(region)
    chain = tuple(t for t in plan.light if allowed is None or t.upstream.region.lower() in allowed)
    return replace(plan, chain=chain) if chain else None


def goes_light(call: Call) -> None:
    """Of a call that is given the light model: it is of no version, so that none is judged by what it answers."""
    call.facts["version"] = ""


def _version(plan: RoutePlan, call: Call) -> RoutePlan:
    """The same conversation (or user) meets the same version as long as the weights stay."""
    if not plan.versions:
        return plan
    facts, sticky = call.facts, plan.route.sticky
    known = (facts.get("conversation"), facts.get("user")) if sticky == "conversation" else (facts.get("user"),)
    key = "" if sticky == "call" else next((k for k in known if k), "")
    name = pick(f"{plan.route.name}/{key or call.id}", plan.weights)
    chosen = plan.versions[name]
    # a version's prompt is what was sent, whatever a header says
    facts.update(version=name, prompt_version=chosen.facts["prompt_version"] or facts.get("prompt_version", ""))
    return chosen


def _looking(guards: Sequence[Guard], on: On, call: Call) -> tuple[Guard, ...]:
    """The guards that look at this call; of the others it is told that they did not."""
    looking = []
    for guard in guards:
        inside = guard.share == 1 or sampled(call.id, guard.name, guard.share)
        if guard.share < 1:
            known = call.facts.get(SAMPLED, "")
            share = said(guard.name, guard.share if inside else Fraction(0))
            call.facts[SAMPLED] = known if share in known.split() else f"{known} {share}".strip()
        if inside:
            looking.append(guard)
        else:
            call.verdicts += (Verdict(guard=guard.name, on=on, act="skipped", version=guard.check.version),)
    return tuple(looking)


def _within(plan: RoutePlan, call: Call) -> RoutePlan:
    """Only upstreams whose region this person's data may go to; one without a region is in none."""
    if plan.borders is None:
        return plan
    allowed = plan.borders.regions(call.facts.get("region") or plan.facts["region"])
    if allowed is None:
        return plan
    plan = replace(plan, judges={name: t for name, t in plan.judges.items() if t.upstream.region.lower() in allowed},
                   sources={name: s for name, s in plan.sources.items() if s.region.lower() in allowed})
    chain = tuple(t for t in plan.chain if t.upstream.region.lower() in allowed)
    if plan.chain and chain[:1] == plan.chain[:1]:
        return replace(plan, chain=chain)
    call.facts["border"] = "rerouted"
    chain = chain or tuple(t for t in plan.spare if t.upstream.region.lower() in allowed)
    if not chain:
        call.facts["border"] = "refused"
        raise errors.region_not_allowed(call.id)
    return replace(plan, chain=chain)
