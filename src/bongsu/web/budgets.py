"""Budgets for Prometheus: how much each may spend, what is reserved of it now, what was spent.

Keys and teams are named, the most strained ``NAMED`` of a budget; the rest is one series, and so are all users: a
person is no label, and what callers can invent must not fill anybody's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bongsu.access.budget import Budget
from bongsu.access.lease import reserved
from bongsu.access.meter import decimal
from bongsu.cell import OTHER
from bongsu.exports.exposition import Family, Lines, Values, shown
from bongsu.policy.model import Policy
from bongsu.room.spending import Account

NAMED = 100
LOOKED_AT = 10_000
"""Accounts of a budget, the most strained first, whose reservations are looked up for a page."""
USERS = "user/*"
_NAMES = ("service", "budget", "subject", "currency")
_LIMIT = Family("bongsu_budget_limit", "gauge", "What each subject of a budget may spend over its window, in whole "
                "units of the currency.", ("service", "budget", "per", "currency"))
_SPENT = Family("bongsu_budget_settled", "gauge", "What was spent of a budget over its window, as events say.", _NAMES)
_HELD = Family("bongsu_budget_reserved", "gauge", "What calls under way have reserved of a budget.", _NAMES)
_SUBJECTS = Family("bongsu_budget_subjects", "gauge", "Who has spent of a budget, by how near to the limit.",
                   ("service", "budget", "state"))


class _Sums(NamedTuple):
    spent: dict[Values, int]
    held: dict[Values, int]


def of_budgets(standing: Sequence[Account], policy: Policy, folder: Path) -> Lines:
    """The families; nothing where the policy has no budget."""
    if not policy.budgets:
        return {}
    service, currency = policy.service.name, policy.currency
    mine = {budget.name: sorted((a for a in standing if a.budget.name == budget.name), key=lambda a: -a.spent)
            for budget in policy.budgets}
    held = reserved(folder, {a.budget.counter(a.subject) for some in mine.values() for a in some[:LOOKED_AT]})
    sums = _Sums({}, {})
    counts: dict[Values, int] = {}
    for budget in policy.budgets:
        _add(sums, (service, budget.name), currency, mine[budget.name], held)
        for state, n in _states(budget, mine[budget.name]).items():
            counts[service, budget.name, state] = n
    limits: dict[Values, str] = {(service, b.name, b.per, currency): decimal(b.limit) for b in policy.budgets}
    return (shown(_LIMIT, limits) | shown(_SPENT, {key: decimal(n) for key, n in sums.spent.items()})
            | shown(_HELD, {key: decimal(n) for key, n in sums.held.items()}) | shown(_SUBJECTS, counts))


def _add(sums: _Sums, about: tuple[str, str], currency: str, accounts: Iterable[Account],
         held: Mapping[bytes, int]) -> None:
    for n, account in enumerate(accounts):
        subject = USERS if account.budget.per == "user" else account.subject if n < NAMED else OTHER
        series = (*about, subject, currency)
        sums.spent[series] = sums.spent.get(series, 0) + account.spent
        sums.held[series] = sums.held.get(series, 0) + held.get(account.budget.counter(account.subject), 0)


def _states(budget: Budget, accounts: Sequence[Account]) -> dict[str, int]:
    over = sum(a.left <= 0 for a in accounts)
    soft = sum(budget.is_soft(a.spent) for a in accounts) - over
    return {"within": len(accounts) - soft - over, "soft": soft, "spent": over}
