"""Budgets + alerts + freezes -> allow, deny, inconclusive.

The worst reason decides. ``inconclusive`` is for what cannot be known (stale or missing data) or what a person must
approve (the last quarter of a budget); a young objective is judged on what exists, and ``warming`` alone never denies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from hashlib import sha256
from typing import Any, Literal

from bongsu.quantity import Duration
from bongsu.slo import Standing

Decision = Literal["allow", "inconclusive", "deny"]
_ORDER: tuple[Decision, ...] = ("allow", "inconclusive", "deny")
MIN_COVERAGE = Fraction(9, 10)
NOTICE, APPROVAL = Fraction(1, 2), Fraction(1, 4)


@dataclass(frozen=True)
class Reason:
    """Why, as a code for machines and a sentence for people."""

    code: str
    about: str
    decision: Decision
    text: str


@dataclass(frozen=True)
class Verdict:
    """May this service be deployed now? ``id`` follows from the content, so it can be found in the record."""

    decision: Decision
    service: str
    stage: str
    at: int
    stale: int
    reasons: tuple[Reason, ...] = ()
    remaining: Fraction | None = None
    burn: Mapping[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        seed = f"{self.service}|{self.stage}|{self.at}|{self.decision}|{[r.code for r in self.reasons]}"
        return f"g_{sha256(seed.encode()).hexdigest()[:16]}"


def _judge(standing: Standing) -> Reason | None:
    name, remaining = standing.objective.name, standing.budget.remaining
    if standing.coverage < MIN_COVERAGE:
        share = round(float(standing.coverage) * 100)
        return Reason("coverage_low", name, "inconclusive", f"only {share} % of the time of {name} has been seen")
    if standing.budget.exhausted:
        return Reason("budget_exhausted", name, "deny", f"the error budget of {name} is spent")
    if remaining is None or remaining > NOTICE:
        return None
    left = round(float(remaining) * 100, 1)
    if remaining > APPROVAL:
        return Reason("budget_low", name, "allow", f"{left} % of the error budget of {name} is left")
    return Reason("approval_required", name, "inconclusive",
                  f"only {left} % of the error budget of {name} is left: a person must approve")


def judge(service: str, stage: str, standings: Sequence[Standing], paging: Sequence[str], freezes: Mapping[str, str],
          now: int, watermark: int, stale_after: Duration) -> Verdict:
    """The verdict at ``now``.

    ``paging`` names the alerts that now page (burn alerts of page severity, and any severe alert); ``freezes`` maps
    who froze the gate to why.
    """
    reasons = [r for r in map(_judge, standings) if r is not None]
    reasons += [Reason("page_active", name, "deny", f"alert {name} is firing") for name in paging]
    reasons += [Reason("frozen", by, "deny", f"frozen by {by}: {why}") for by, why in freezes.items()]
    stale = max(0, now - watermark)
    if stale > stale_after:
        reasons.append(Reason("data_stale", "engine", "inconclusive",
                              f"the last events were read {stale // 10**6} s ago"))
    reasons.sort(key=lambda r: -_ORDER.index(r.decision))
    remaining = min((s.budget.remaining for s in standings if s.budget.remaining is not None), default=None)
    burns: dict[str, float] = {}
    for standing in standings:
        for window, value in standing.burn.items():
            name = f"{window // 60_000_000}m"
            burns[name] = max(burns.get(name, 0.0), float(value or 0))
    decision = reasons[0].decision if reasons else "allow"
    return Verdict(decision, service, stage, now, stale, tuple(reasons), remaining, burns)


def document(verdict: Verdict, as_of: str) -> dict[str, Any]:
    """The JSON form (schema ``bongsu.gate/v1``): usable as it is by Argo Rollouts' web provider. Never NaN."""
    return {"data": {
        "schema": "bongsu.gate/v1", "decision": verdict.decision, "allow": verdict.decision == "allow",
        "service": verdict.service, "stage": verdict.stage,
        "budgetRemaining": None if verdict.remaining is None else float(verdict.remaining),
        "burn": dict(verdict.burn), "asOf": as_of, "staleSeconds": verdict.stale // 10**6, "verdictId": verdict.id,
        "reasons": [asdict(reason) for reason in verdict.reasons],
    }}
