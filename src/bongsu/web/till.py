"""A call's money: reserved before it is made, settled after, with a word to the caller when a budget runs low."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bongsu.access.meter import decimal
from bongsu.access.shared import Full
from bongsu.policy.model import Policy
from bongsu.web import denials
from bongsu.web.asked import Asked
from bongsu.web.call import Call
from bongsu.web.plan import RoutePlan
from bongsu.web.purse import NotReady, Purse, Reserved, Spent, draws
from bongsu.web.reckon import bound
from bongsu.web.settle import goes_light, lightened


def spend(purse: Purse, call: Call, request: Asked, plan: RoutePlan, policy: Policy) -> RoutePlan:
    """Reserve what the call can cost, from every budget that it is on; the plan that it can afford.

    Raises 429 where a budget has not enough left and the light model is no way out.
    """
    wanted = draws(policy.budgets, call.facts)
    if not wanted:
        return plan
    try:
        lease = purse.lease(policy.budgets, call.at)
        got = purse.reserve(wanted, bound(request, plan), lease)
        if isinstance(got, Spent):
            spent = got
            light = lightened(plan, call) if spent.draw.budget.then == "light" else None
            got = spent if light is None else purse.reserve(wanted, bound(request, light), lease, beyond=True)
            _say(call, "hard", spent, light, policy.currency)
            if light is None or isinstance(got, Spent):
                end = spent.draw.budget.end(call.at)
                raise denials.budget_exceeded(spent.draw.budget.name, end)
            goes_light(call)
            plan = light
        else:
            low = [(d, s) for d, s in zip(wanted, got.spent, strict=True) if d.budget.is_soft(s)]
            if low:
                draw, gone = max(low, key=lambda one: one[1] / one[0].budget.limit)
                _say(call, "soft", Spent(draw, draw.budget.limit - gone), lightened(plan, call), policy.currency)
    except Full:
        raise denials.too_many() from None
    except (NotReady, OSError):
        raise denials.budgets_unavailable() from None
    call.facts["lease"] = lease.name
    reserved: Reserved = got

    def settle(facts: Mapping[str, Any]) -> None:
        purse.settle(reserved, facts.get("cost") or 0, lease)

    call.owes.append(settle)
    return plan


def _say(call: Call, how: str, spent: Spent, light: RoutePlan | None, currency: str) -> None:
    """The event keeps it, the caller reads it; ``try`` is the model that costs less."""
    call.facts["budget"] = f"{how} {spent.draw.budget.name}"
    words = f"{how} {spent.draw.budget.name}; left={decimal(max(0, spent.left))} {currency}"
    if light is not None:
        call.facts["proposed"] = light.chain[0].upstream.model
        words += f"; {'using' if how == 'hard' else 'try'}={light.chain[0].upstream.model}"
    call.told.append((b"x-bongsu-budget", words.encode()))
