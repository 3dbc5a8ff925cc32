"""``GET /metrics`` of control: counts of each signal, where budgets and alerts stand, and how well it keeps up."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, get_args

from starlette.responses import Response

from bongsu import __version__
from bongsu.alert import Phase
from bongsu.cell import OTHER, Cells
from bongsu.engine import Plan
from bongsu.exports.exposed import Exposed
from bongsu.exports.exposition import CONTENT_TYPE, Family, Lines, Values, page, shown
from bongsu.host.folder import Folder
from bongsu.policy.model import Policy
from bongsu.room.control import View
from bongsu.room.signalview import OWN
from bongsu.room.spending import Spending
from bongsu.web.access import Visit, Way, Wrong
from bongsu.web.budgets import of_budgets
from bongsu.web.metrics import of_process
from bongsu.web.scrape import Admission
from bongsu.web.session import token_matches

_LEFT = Family("bongsu_error_budget_remaining_ratio", "gauge", "Share of an objective's error budget that is left.",
               ("service", "objective"))
_BURN = Family("bongsu_burn_rate", "gauge", "How fast an error budget burns over a window.",
               ("service", "objective", "window_seconds"))
_ALERTS = Family("bongsu_alerts", "gauge", "Alerts (label combinations) in a phase.",
                 ("service", "alert", "tier", "phase"))
_REFUSED = Family("bongsu_events_refused_total", "counter", "Sent events that were not taken, by the field that was "
                  "wrong; 'texts' are texts that no guard could read.", ("service", "field"))

_APART = Family("bongsu_label_values", "gauge", "Label values (combinations, or groups) that a signal counts apart.",
                ("service", "signal"))
_BEYOND = Family("bongsu_label_values_beyond", "gauge", "1 where more came than a signal counts apart: the others are "
                 "counted as __other__.", ("service", "signal"))


class Counts(Protocol):
    """Control, as far as it is shown here."""

    exposed: Exposed
    counted: int
    policy: Policy
    folder: Folder
    spending: Spending
    plan: Plan
    cells: Cells
    lock: threading.Lock

    def view(self) -> View: ...

    def unread(self) -> int: ...


def number_ways(control: Counts, admission: Admission, refused: Mapping[str, int] | None = None) -> tuple[Way, ...]:
    """The row of the table for scrapes. The admin token opens it too. ``refused`` counts sent events by field."""

    async def metrics(visit: Visit) -> Response:
        """Numbers for Prometheus."""
        headers = dict(visit.request.headers.raw)
        given = headers.get(b"authorization", b"")[7:].strip().decode("latin-1")
        if not admission.lets(headers) and not (given and token_matches(given, visit.site.token_hash)):
            raise Wrong(401, "no_token", "send 'Authorization: Bearer <BONGSU_METRICS_TOKEN>' or the admin token; "
                        "without one the numbers are shown to direct callers of a loopback address only",
                        {"WWW-Authenticate": "Bearer"})
        return Response(await asyncio.to_thread(written, control, dict(refused or {})), 200, media_type=CONTENT_TYPE)

    return (Way("GET", "/metrics", metrics, "public"),)


def written(control: Counts, refused: Mapping[str, int] | None = None) -> str:
    """The page."""
    view, service = control.view(), control.policy.service.name
    return page(control.exposed.lines(), _judged(view, service), _own(control, view, service),
                shown(_REFUSED, {(service, field): n for field, n in sorted((refused or {}).items())}),
                of_budgets(control.spending.standing, control.policy, control.folder.live), of_process(),
                _values(control, service))


def _values(control: Counts, service: str) -> Lines:
    """How many label values each signal that has any counts apart, and whether its cap is reached."""
    with control.lock:
        signals = [one for one in control.plan.signals if not one.key.startswith(OWN)]
        found = {one.name: {*control.cells.labels(one.key)} if one.labels else control.cells.groups(one.key)
                 for one in signals}
    other = {one.name: (OTHER,) * len(one.labels) if one.labels else OTHER for one in signals}
    n: dict[Values, int] = {(service, name): len(values - {other[name]}) for name, values in found.items() if values}
    beyond: dict[Values, int] = {(service, name): int(other[name] in found[name]) for _, name in n}
    return {**shown(_APART, n), **shown(_BEYOND, beyond)}


def _judged(view: View, service: str) -> Lines:
    left: dict[Values, str] = {}
    burns: dict[Values, str] = {}
    for s in view.standings:
        name = s.objective.name
        if s.budget.remaining is not None:
            left[service, name] = f"{float(s.budget.remaining):.9g}"
        burns |= {(service, name, f"{window / 1e6:g}"): f"{float(burn):.9g}"
                  for window, burn in s.burn.items() if burn is not None}
    phases = Counter((rule.name, rule.tier, state.phase) for rule, _, state in view.alerts)
    known = dict.fromkeys((rule.name, rule.tier) for rule, _, _ in view.alerts)
    alerts: dict[Values, int] = {(service, name, tier, phase): phases[name, tier, phase]
                                 for name, tier in known for phase in get_args(Phase)}
    return {**shown(_LEFT, left), **shown(_BURN, burns), **shown(_ALERTS, alerts)}


def _own(control: Counts, view: View, service: str) -> Lines:
    out: Lines = {}
    fixed: Sequence[tuple[str, str]] = (("service", service),)
    for name, kind, text, value in (
            ("bongsu_events_stored_total", "counter", "Events stored since control started.", control.counted),
            ("bongsu_spool_unread_bytes", "gauge", "Bytes that gateways wrote and control has not stored yet.",
             control.unread()),
            ("bongsu_watermark_age_seconds", "gauge", "How far judgement is behind.",
             f"{max(0, view.now - view.watermark) / 1e6:.3f}"),
            ("bongsu_troubles", "gauge", "Troubles and remarks that the cockpit shows.", len(view.troubles)),
            ("bongsu_automation", "gauge", "1 while the kill switch is not thrown.", int(view.automation))):
        out |= shown(Family(name, kind, text), {(): value}, fixed)  # type: ignore[arg-type]
    info = Family("bongsu_control_info", "gauge", "Version and policy of control.", ("version", "policy"))
    return out | shown(info, {(__version__, control.policy.hash): 1}, fixed)
