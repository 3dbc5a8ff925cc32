"""What a gateway process counts of its calls, for Prometheus.

Names are OpenTelemetry's (GenAI conventions v1.41) where it has one, spelt as its Prometheus exporters spell them:
dots become underscores, units are suffixes. Their time is the whole call's as its caller met it; a call that asked no
model is not among them. A call costs a few dict look-ups; the page is made when it is asked for.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bongsu import __version__
from bongsu.access.circuit import Health
from bongsu.access.meter import decimal
from bongsu.event import Verdict
from bongsu.exports.exposition import Counter, Family, Histogram, Lines, Values, shown
from bongsu.host.lobby import Lobby
from bongsu.web.failing import Failing
from bongsu.web.ledger import Ledger
from bongsu.web.unread import Unread

_MODEL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")
TOKENS = tuple(4.0**n for n in range(14))
DURATION = tuple(0.01 * 2**n for n in range(14))
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Buckets that the conventions advise."""
OURS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
_STATES = ("closed", "open", "half_open")
_CIRCUIT = Family("bongsu_upstream_circuit", "gauge", "1 for the standing an upstream's circuit is in.",
                  ("upstream", "state"))


class Metrics:
    """The numbers of one worker. ``ended`` is called once a call, when it is over."""

    def __init__(self, worker: str = "0") -> None:
        self.worker = worker
        self.open = 0
        self.requests = Counter(Family("bongsu_requests_total", "counter", "Calls that ended, by what became of them.",
                                       ("route", "operation", "outcome", "error")))
        self.cost = Counter(Family("bongsu_cost_total", "counter", "What calls cost, in whole units of the currency.",
                                   ("route", "currency")), decimal)
        self.overhead = Histogram(Family("bongsu_overhead_seconds", "histogram", "Time of a call that was not the "
                                         "upstream's.", ("route",)), OURS)
        self.guards = Histogram(Family("bongsu_guard_duration_seconds", "histogram", "Time a guard looked at one side "
                                       "of a call.", ("guard", "phase", "verdict", "error")), OURS)
        self.unread, self.failing = Unread(), Failing()
        self.allowed = Counter(Family("bongsu_guard_allowed_total", "counter", "Sides of calls in which something "
                                      "passed by an entry of the allow-list.", ("guard", "entry")))
        self.tokens = Histogram(Family("gen_ai_client_token_usage", "histogram", "Tokens used by a call.",
                                       (*_MODEL, "gen_ai_token_type")), TOKENS)
        self.duration = Histogram(Family("gen_ai_client_operation_duration_seconds", "histogram", "Time of a call.",
                                         (*_MODEL, "error_type")), DURATION)
        self.first = Histogram(Family("gen_ai_client_operation_time_to_first_chunk_seconds", "histogram",
                                      "Time to the first chunk of a streamed reply.", _MODEL), FIRST)

    def ended(self, facts: Mapping[str, Any], verdicts: Iterable[Verdict]) -> None:
        get = facts.get
        route, error = get("route", ""), get("error") or ""
        self.requests.add((route, facts["operation"], get("outcome", ""), error))
        self.overhead.add((route,), get("overhead_ms", 0.0) / 1e3)
        if get("cost"):
            self.cost.add((route, facts["currency"]), facts["cost"])
        for v in verdicts:
            self.guards.add((v.guard, v.on, v.act, v.error), v.took_us / 1e6)
            if v.act != "skipped":
                self.failing.add(v.guard, v.error, get("time", 0))
            if v.unread:
                self.unread.add(v.guard, v.unread)
            for entry in v.allowed:
                self.allowed.add((v.guard, entry))
        if get("upstream"):
            self._of_the_model(facts, error)

    def forget(self) -> None:
        """Another policy has come: what was wrong with guards may be so no more."""
        self.unread.forget()
        self.failing.forget()

    def troubles(self, now: int) -> list[str]:
        """What calls told of guards, and people should know."""
        return [*self.unread.troubles(), *self.failing.troubles(now)]

    def _of_the_model(self, facts: Mapping[str, Any], error: str) -> None:
        get = facts.get
        model = (facts["operation"], get("provider", ""), get("request_model", ""), get("model", ""))
        self.duration.add((*model, error), get("latency_ms", 0.0) / 1e3)
        if (into := get("input_tokens")) is not None:
            self.tokens.add((*model, "input"), into)
        if (out := get("output_tokens")) is not None:
            self.tokens.add((*model, "output"), out)
        if (first := get("ttft_ms")) is not None:
            self.first.add(model, first / 1e3)

    def lines(self, health: Health, ledger: Ledger, policy: str) -> Lines:
        """All families, each series labelled with this worker."""
        fixed = (("worker", self.worker),)
        out: Lines = {}
        for kept in (self.requests, self.cost, self.overhead, self.guards, self.allowed, self.tokens, self.duration,
                     self.first):
            out |= kept.lines(fixed)
        out |= self.unread.lines(fixed)
        standings: dict[Values, int] = {(name, state): int(circuit.standing == state)
                                        for name, circuit in sorted(health.circuits.items()) for state in _STATES}
        out |= shown(_CIRCUIT, standings, fixed)
        for name, kind, text, value in (
                ("bongsu_open_requests", "gauge", "Calls being served.", self.open),
                ("bongsu_spool_lost_events_total", "counter", "Events that are in no log.", ledger.lost),
                ("bongsu_spool_writable", "gauge", "1 while events can be written.", int(not ledger.broken))):
            out |= shown(Family(name, kind, text), {(): value}, fixed)  # type: ignore[arg-type]
        info = Family("bongsu_gateway_info", "gauge", "Version and policy of a gateway process.", ("version", "policy"))
        return out | shown(info, {(__version__, policy): 1}, fixed) | of_process(fixed)


def of_lobby(lobby: Lobby, fixed: Sequence[tuple[str, str]] = ()) -> Lines:
    """Connections that are in no call."""
    waiting = Family("bongsu_waiting_connections", "gauge", "Connections that are in no call.")
    left = Family("bongsu_connections_sent_away_total", "counter", "Connections closed before their request was whole.",
                  ("reason",))
    return (shown(waiting, {(): len(lobby.waiting)}, fixed)
            | shown(left, {(reason,): n for reason, n in lobby.left.items()}, fixed))


def of_process(fixed: Sequence[tuple[str, str]] = ()) -> Lines:
    """What the operating system knows of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = Family("bongsu_process_cpu_seconds_total", "counter", "Processor time of the process.")
    memory = Family("bongsu_process_max_resident_memory_bytes", "gauge", "Most memory the process has held.")
    return (shown(cpu, {(): f"{used.ru_utime + used.ru_stime:.3f}"}, fixed)
            | shown(memory, {(): used.ru_maxrss * 1024}, fixed))
