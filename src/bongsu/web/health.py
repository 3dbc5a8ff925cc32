"""Whether the gateway lives, and whether it may be sent traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bongsu.live import Snapshot
from bongsu.web.ledger import Ledger
from bongsu.web.plan import Plans

ALIVE = ("/health/liveliness", "/health/liveness", "/healthz")
READY = ("/health/readiness", "/readyz")


def problems(plans: Plans, troubles: Mapping[str, str]) -> list[str]:
    """What is wrong with a policy's plans, and which guards cannot look in processes of their own."""
    return [*plans.problems, *(f"guard {name} cannot look: {why}" for name, why in troubles.items())]


def readiness(plans: Plans, snapshot: Snapshot, refused: str, ledger: Ledger, now: int,
              troubles: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and what it rests on. A silent control process is said, but does not stop traffic; nor does a guard that
    cannot look in its own process (``troubles``) and fails open."""
    blind = ledger.refuses(plans.policy)
    closed = {guard.name for guard in plans.policy.guards if guard.fails == "closed"}
    ready = not plans.problems and not blind and closed.isdisjoint(troubles)
    said: dict[str, Any] = {
        "status": "ready" if ready else "not ready", "policy": plans.policy.hash, "generation": snapshot.generation,
        "control_age_s": round((now - snapshot.at) / 1e6, 3) if snapshot.at else None,
        "spool": {"ok": not ledger.broken, "lost_events": ledger.lost}, "problems": problems(plans, troubles)}
    if refused:
        said["refused_policy"] = refused
    return (200 if ready else 503), said
