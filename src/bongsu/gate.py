"""Budgets + alerts + freezes -> allow, deny, inconclusive.

The worst reason decides. ``inconclusive`` is for what cannot be known (stale or missing data) or what a person must
approve (the last quarter of a budget); a young objective is judged on what exists, and ``warming`` alone never denies.
An excuse (an override that two people signed) takes the weight from reasons and leaves them in the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any, Literal

from bongsu.postmortem import MOST, sentence
from bongsu.quantity import Duration, show_duration
from bongsu.slo import Standing

Decision = Literal["allow", "inconclusive", "deny"]
_ORDER: tuple[Decision, ...] = ("allow", "inconclusive", "deny")
UNKNOWING = ("data_stale", "coverage_low")
"""Reasons that say that nobody knows; an override has to name this risk to excuse them."""


@dataclass(frozen=True)
class Terms:
    """What the policy says of the gate: at which share of a budget left it says so, and at which a person must approve.

    ``latch`` names alerts whose denial stays until a person clears it, besides every severe one. An incident that takes
    more than ``postmortem`` of four weeks' budget must be written up.
    """

    notice: Fraction = Fraction(1, 2)
    approval: Fraction = Fraction(1, 4)
    min_coverage: Fraction = Fraction(9, 10)
    stale_after: Duration | None = None
    latch: tuple[str, ...] = ()
    postmortem: Fraction = MOST


@dataclass(frozen=True)
class Reason:
    """Why, as a code for machines and a sentence for people."""

    code: str
    about: str
    decision: Decision
    text: str


@dataclass(frozen=True)
class Excuse:
    """An override in force: who asked, who approved, why, until when; whether it was given for stale data too."""

    id: str
    author: str
    approver: str
    reason: str
    expires: int
    including_stale: bool = False


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
    standings: tuple[Standing, ...] = ()
    terms: Terms = Terms()
    excuse: Excuse | None = None

    @property
    def id(self) -> str:
        seed = f"{self.service}|{self.stage}|{self.at}|{self.decision}|{[r.code for r in self.reasons]}"
        return f"g_{sha256(seed.encode()).hexdigest()[:16]}"


def of_budget(standing: Standing, terms: Terms) -> Reason | None:
    """What one objective says, None where it has nothing to say."""
    name, remaining = standing.objective.name, standing.budget.remaining
    if standing.coverage < terms.min_coverage:
        share = round(float(standing.coverage) * 100)
        return Reason("coverage_low", name, "inconclusive", f"only {share} % of the time of {name} has been seen")
    if standing.budget.exhausted:
        return Reason("budget_exhausted", name, "deny", f"the error budget of {name} is spent")
    if remaining is None or remaining > terms.notice:
        return None
    left = round(float(remaining) * 100, 1)
    if remaining > terms.approval:
        return Reason("budget_low", name, "allow", f"{left} % of the error budget of {name} is left")
    return Reason("approval_required", name, "inconclusive",
                  f"only {left} % of the error budget of {name} is left: a person must approve")


def judge(service: str, stage: str, standings: Sequence[Standing], paging: Sequence[str], freezes: Mapping[str, str],
          now: int, watermark: int, stale_after: Duration, terms: Terms = Terms(),
          latched: Sequence[str] = ()) -> Verdict:
    """The verdict at ``now``, the worst over all objectives that the gate looks at.

    ``paging`` names the alerts that now page (burn alerts of page severity, and any severe alert), ``latched`` those
    that did and were not cleared by a person; ``freezes`` maps who froze the gate to why.
    """
    gated = [s for s in standings if s.objective.gate]
    reasons = [r for r in (of_budget(s, terms) for s in gated) if r is not None]
    reasons += [Reason("page_active", name, "deny", f"alert {name} is firing") for name in paging]
    reasons += [Reason("latched", name, "deny", f"alert {name} is over, but nobody has cleared the gate")
                for name in latched if name not in paging]
    reasons += [Reason("frozen", by, "deny", f"frozen by {by}: {why}") for by, why in freezes.items()]
    stale = max(0, now - watermark)
    if stale > (stale_after if terms.stale_after is None else terms.stale_after):
        reasons.append(Reason("data_stale", "engine", "inconclusive",
                              f"the last events were read {stale // 10**6} s ago"))
    reasons.sort(key=lambda r: -_ORDER.index(r.decision))
    remaining = min((s.budget.remaining for s in gated if s.budget.remaining is not None), default=None)
    burns: dict[str, float] = {}
    for standing in gated:
        for name, value in burn_rates(standing).items():
            burns[name] = max(burns.get(name, 0.0), value or 0.0)
    return Verdict(worst(reasons), service, stage, now, stale, tuple(reasons), remaining, burns, tuple(standings),
                   terms)


def worst(reasons: Sequence[Reason]) -> Decision:
    return max((r.decision for r in reasons), key=_ORDER.index, default="allow")


def excused(verdict: Verdict, excuse: Excuse) -> Verdict:
    """The verdict where an override is in force: the reasons stay, and decide no more.

    Not knowing is excused only by an override that says so; one that changes nothing is not named.
    """
    left = [r for r in verdict.reasons if r.code in UNKNOWING and not excuse.including_stale]
    if worst(left) == verdict.decision:
        return verdict
    return replace(verdict, decision=worst(left), excuse=excuse)


def noting(verdict: Verdict, doubts: Sequence[Reason]) -> Verdict:
    """The verdict with something more to know, which decides nothing."""
    return replace(verdict, reasons=(*verdict.reasons, *doubts)) if doubts else verdict


def owing(verdict: Verdict, owed: Iterable[tuple[str, str]]) -> Verdict:
    """The verdict with the postmortems that are due: (incident, objective). They decide nothing."""
    return noting(verdict, tuple(Reason("postmortem_due", incident, "allow",
                                        sentence(incident, objective, verdict.terms.postmortem))
                                 for incident, objective in owed))


def rank(decision: Decision) -> int:
    """0 for allow, and more the less may be done."""
    return _ORDER.index(decision)


def burn_rates(standing: Standing) -> dict[str, float | None]:
    return {show_duration(window): None if value is None else float(value) for window, value in standing.burn.items()}


def document(verdict: Verdict, as_of: str, policy: str = "") -> dict[str, Any]:
    """The JSON form (schema ``bongsu.gate/v1``): usable as it is by Argo Rollouts' web provider. Never NaN.

    ``at`` and ``watermark`` are exact (microseconds since 1970), so that the verdict can be recomputed.
    """
    return {"data": {
        "schema": "bongsu.gate/v1", "decision": verdict.decision, "allow": verdict.decision == "allow",
        "service": verdict.service, "stage": verdict.stage,
        "budgetRemaining": _float(verdict.remaining),
        "burn": dict(verdict.burn), "asOf": as_of, "staleSeconds": verdict.stale // 10**6, "verdictId": verdict.id,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "override": None if verdict.excuse is None else asdict(verdict.excuse),
        "objectives": [_objective(s, verdict.terms) for s in verdict.standings],
        "at": verdict.at, "watermark": verdict.at - verdict.stale, "policy": policy,
    }}


def _objective(standing: Standing, terms: Terms) -> dict[str, Any]:
    """One objective's own standing. ``gate`` is false where the policy leaves it out of the verdict."""
    reason = of_budget(standing, terms)
    return {
        "name": standing.objective.name, "gate": standing.objective.gate,
        "decision": "allow" if reason is None else reason.decision,
        "budgetRemaining": _float(standing.budget.remaining), "bad": standing.budget.bad,
        "total": standing.budget.total, "burn": burn_rates(standing), "coverage": float(standing.coverage),
        "warming": standing.warming, "projected": _float(standing.projected),
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
