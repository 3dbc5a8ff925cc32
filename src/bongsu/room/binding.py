"""What control counts: the policy's signals and our own, bound to the references now in force."""

from __future__ import annotations

from dataclasses import replace

from bongsu.alert import Signal
from bongsu.engine import Plan
from bongsu.exports.exposed import Exposed
from bongsu.policy.model import Policy
from bongsu.references import bound, in_force
from bongsu.room.joining import Joining
from bongsu.runners.duckdb import Counter, reads_label
from bongsu.slis.quality import Quality
from bongsu.stores.references import ReferenceStore
from bongsu.stores.repeats import Distinct


def bound_plan(policy: Policy, own: tuple[Signal, ...], store: ReferenceStore) -> Plan:
    """The policy's plan with signals of our ``own``."""
    whole = replace(policy.plan, signals=(*policy.plan.signals, *own))
    return bound(whole, in_force(policy, [one for _, one in store.references()]))


def counting(plan: Plan) -> tuple[Counter, Joining]:
    """Who counts events as they come, and who counts them with their labels."""
    return (Counter([s for s in plan.signals if not reads_label(s)], plan.base),
            Joining([s for s in plan.signals if reads_label(s)], plan.base))


def distinct(plan: Plan) -> tuple[Distinct, ...]:
    """What signals ask to be distinct, for the log to look at as events come."""
    found = [one for s in plan.signals if isinstance(s.sli, Quality) and (one := s.sli.distinct) is not None]
    return tuple(Distinct(*one) for one in dict.fromkeys(found))


def exposed_by(plan: Plan) -> Exposed:
    """What is shown to Prometheus of what is counted; labels that come later take back what was."""
    return Exposed(plan.service, [s for s in plan.signals if not reads_label(s)])
