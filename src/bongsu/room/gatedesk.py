"""The gate's desk: verdicts on the record, overrides in their steps, denials cleared by a person, markers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import OperationalError

from bongsu import gate
from bongsu.engine import paging
from bongsu.override import Override, OverrideFault, approve, request, revoke
from bongsu.policy.link import APPROVER
from bongsu.room.control import Control
from bongsu.room.verdicts import replay
from bongsu.stores.gates import Marker

LONGEST_TEXT = 500


def instant(at: int) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(at / 10**6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class GateDesk:
    """What people and pipelines ask of the gate. Every change is one audited transaction of the store."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store

    # ---- verdicts ----

    def verdict(self, stage: str) -> Mapping[str, Any]:
        """The gate's answer, on the record; one that cannot be recorded allows nothing."""
        verdict, policy = self.control.verdict(stage), self.control.policy.hash
        document = gate.document(verdict, instant(verdict.at), policy)
        try:
            self.store.keep_verdict(verdict.id, verdict.service, stage, verdict.decision, document, verdict.at,
                                    policy=policy)
        except OperationalError as error:
            why = f"this verdict cannot be recorded: {error.orig}"
            reason = gate.Reason("not_recorded", "stores", "inconclusive", why)
            decision: gate.Decision = "deny" if verdict.decision == "deny" else "inconclusive"
            verdict = replace(verdict, decision=decision, reasons=(*verdict.reasons, reason))
            return gate.document(verdict, instant(verdict.at), policy)
        return document

    def kept(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """A verdict as it was given."""
        return self.store.verdict(id)

    def replay(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """The same verdict recomputed as of its time; ``same`` is None where what it went by was not kept with it."""
        document = self.store.verdict(id)
        if document is None:
            return None
        if "at" not in document["data"]:
            return {"id": id, "same": None, "why": ["this verdict was given by a version that kept too little of it"],
                    "was": document["data"], "now": None}
        return asdict(replay(self.control, id, document["data"]["asOf"], document))

    # ---- overrides ----

    def ask(self, service: str, stage: str, author: str, reason: str, lasting: str, including_stale: bool,
            actor: str) -> Mapping[str, Any]:
        """A request for an override; it waits for somebody else. The same request at the same moment is one."""
        self._mine(service)
        made = request(service, stage, author, reason, lasting, including_stale, self.control.clock())
        known = self.store.override(made.id)
        return self._keep(made, "override.request", actor, reason, "") if known is None else self._shown(known)

    def approve(self, id: str, approver: str, actor: str) -> Mapping[str, Any]:  # noqa: A002
        before, approvers = self._found(id), self.control.policy.roles.get(APPROVER, ())
        made = approve(before, approver, approvers, self.control.clock(), self.store.sign)
        return self._keep(made, "override.approve", actor, f"approved by {made.approver}", before.signature)

    def revoke(self, id: str, reason: str, actor: str) -> Mapping[str, Any]:  # noqa: A002
        before = self._found(id)
        made = revoke(before, actor, reason, self.control.clock())
        return self._keep(made, "override.revoke", actor, reason, before.signature)

    def overrides(self, service: str) -> list[Mapping[str, Any]]:
        self._mine(service)
        return [self._shown(one) for one in self.store.overrides(service)]

    def _keep(self, override: Override, action: str, actor: str, reason: str, before: str) -> Mapping[str, Any]:
        now, policy = self.control.clock(), self.control.policy.hash
        if not self.store.keep_override(override, action, actor, reason, now, policy, before):
            raise OverrideFault("not_pending", "somebody else changed this override meanwhile; look at it again")
        self.control.revision += 1
        return self._shown(override)

    def _found(self, id: str) -> Override:  # noqa: A002
        found = self.store.override(id)
        if found is None:
            raise KeyError(id)
        return found

    def _shown(self, override: Override) -> Mapping[str, Any]:
        shown = asdict(override) | {"state": override.state(self.control.clock())}
        for name in ("requested", "approved", "expires", "revoked"):
            shown[name] = instant(shown[name]) if shown[name] else None
        return shown

    # ---- latches and markers ----

    def clear(self, service: str, reason: str, actor: str) -> Mapping[str, Any]:
        """Let deploys go on after alerts that are over; one that still fires keeps its latch."""
        self._mine(service)
        firing = set(paging(self.control.plan, self.control.engine))
        held = [latch.alert for latch in self.store.latched()]
        cleared = self.store.clear_latches([name for name in held if name not in firing], actor, reason,
                                           self.control.clock(), self.control.policy.hash)
        self.control.revision += bool(cleared)
        return {"cleared": cleared, "firing": [name for name in held if name in firing]}

    def latches(self) -> list[Mapping[str, Any]]:
        """Denials that nobody has cleared, the oldest first."""
        firing = set(paging(self.control.plan, self.control.engine))
        return [{"alert": one.alert, "cause": one.cause, "since": one.since, "firing": one.alert in firing}
                for one in self.store.latched()]

    def markers(self) -> list[Mapping[str, Any]]:
        """What tools said of deployments, the latest first."""
        return [asdict(one) for one in self.store.markers()]

    def mark(self, service: str, source: str, kind: str, text: str, detail: Mapping[str, str], actor: str) -> None:
        """Keep what a deployment's tool says of it."""
        self._mine(service)
        short = {name: value[:LONGEST_TEXT] for name, value in detail.items()}
        self.store.mark(Marker(self.control.clock(), service, source, kind[:LONGEST_TEXT], text[:LONGEST_TEXT], short),
                        actor, self.control.policy.hash)
        self.control.revision += 1

    def _mine(self, service: str) -> None:
        if service != self.control.plan.service:
            raise KeyError(service)
