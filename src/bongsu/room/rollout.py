"""Versions at work in the control process: what policies declare, what canaries come to, what people ask for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bongsu.aggregate import Sum
from bongsu.alert import Signal
from bongsu.canary import Arm, Canary, Means, Rates, due, judge
from bongsu.cell import Labels
from bongsu.quantity import SECOND
from bongsu.room.board import VersionRow
from bongsu.slis.mean import Mean
from bongsu.versions import LIVE, Record, begin, declare, live_split, moved, previous, restore, roll_back

if TYPE_CHECKING:
    from bongsu.room.control import Control

SETTLING = SECOND
"""How long a new split takes to be live in every gateway: what came before is not counted for a step."""


class Rollout:
    """One control process's hand on versions."""

    def __init__(self, control: Control) -> None:
        self.control, self.store = control, control.store
        self.routes = {name: route for name, route in control.policy.routes.items() if route.versions}

    # ---- by itself ----

    def declared(self) -> None:
        """What this policy says, on the record where it says something new."""
        for name, route in self.routes.items():
            before = self.store.version_record(name)
            after = declare(before, route.weights(), _spec(route.canary), self.control.now, self.control.policy.hash)
            if after is not before:
                self._keep(name, after, "bongsu", "version.declared", "the policy declares it", {})

    def tick(self) -> None:
        """Begin canaries that are new, and look at those that run. The kill switch and playbooks come first."""
        trying = {name: route.canary for name, route in self.routes.items() if route.canary is not None}
        if not trying or not self.store.automation():
            return
        changes = self.store.changes()
        for name, canary in trying.items():
            record, spec = self.store.version_record(name), _spec(canary)
            if record.spec != spec:
                begun = begin(record, canary, spec, self.control.now)
                self._keep(name, begun, "bongsu", "canary.begin", f"{canary.of} is tried against {canary.base}",
                           {"canary": canary.of})
                continue
            moved_away = changes.get(LIVE + name) != record.value() or f"route/{name}" in changes
            if record.by == "canary" and not moved_away:
                self._look(name, canary, record)

    def _look(self, route: str, canary: Canary, record: Record) -> None:
        stage, now = record.stage, self.control.now
        if stage is None or stage.state != "running" or due(canary, stage, now) <= stage.looks:
            return
        of, base = (self._arm(route, canary, version, stage.since) for version in (canary.of, canary.base))
        after = judge(canary, stage, of, base, now)
        record = moved(record, canary, after, now)
        if after.state == stage.state and after.step == stage.step:
            self.store.keep_look(route, record)
            self.control.revised()
            return
        action = {"rolled_back": "canary.rollback", "promoted": "canary.promote"}.get(after.state, "canary.step")
        self._keep(route, record, "bongsu", action, after.why, {"canary": canary.of, "step": after.step})

    def _arm(self, route: str, canary: Canary, version: str, since: int) -> Arm:
        """What the canary's signal counted of a version since the step began, in whole base windows."""
        control = self.control
        signal = next(s for s in control.plan.signals if s.name == canary.signal)
        base = control.plan.base
        begin_, end = -(-(since + SETTLING) // base) * base, control.now // base * base
        with control.lock:
            mine = [labels for labels in control.cells.labels(signal.key) if _is(signal, labels, route, version)]
            if not isinstance(signal.sli, Mean):
                vector = control.cells.vector(signal.key, begin_, end, mine)
                return Rates(vector.get("bad", 0), vector.get("total", 0))
            windows = [control.cells.vector(signal.key, at, at + base, mine) for at in range(begin_, end, base)]
        scale = {name: part.scale if isinstance(part, Sum) else 1 for name, part in signal.sli.parts().items()}
        batches = tuple((Fraction(w.get("sum", 0), scale["sum"]), Fraction(w.get("per", 0), scale["per"]))
                        for w in windows)
        return Means(batches, sum(w.get("n", 0) for w in windows))

    # ---- asked by people ----

    def roll_back(self, route: str, to: str, actor: str, reason: str) -> Mapping[str, Any]:
        """Make a version live at once: the one named, or the last good one. Raises KeyError, ``RollbackFault``."""
        versions = self.routes[route].versions
        record = self.store.version_record(route)
        after = roll_back(record, versions, to, actor, reason, self.control.clock())
        self._keep(route, after, actor, "version.rollback", reason, {"from": dict(record.now)})
        return {"route": route, "split": dict(after.now), "from": dict(record.now)}

    def restore(self, route: str, actor: str, reason: str) -> Mapping[str, Any]:
        """Take back what was live in place of the policy's split. Raises KeyError, ``RollbackFault``."""
        if route not in self.routes:
            raise KeyError(route)
        record = self.store.version_record(route)
        after = restore(record, actor, reason, self.control.clock())
        self._keep(route, after, actor, "version.restore", reason, {"from": dict(record.now)})
        return {"route": route, "split": dict(after.now), "from": dict(record.now)}

    def rows(self) -> tuple[VersionRow, ...]:
        return tuple(self._rows(self.store.changes()))

    def history(self, route: str) -> list[Mapping[str, Any]]:
        """The versions that were live, newest first. Raises KeyError."""
        if route not in self.routes:
            raise KeyError(route)
        record = self.store.version_record(route)
        return [{**asdict(one), "good": one.version not in record.bad} for one in reversed(record.lived)]

    def _rows(self, changes: Mapping[str, Any]) -> Iterator[VersionRow]:
        for name, route in self.routes.items():
            record = self.store.version_record(name)
            split, _ = live_split(route.weights(), route.versions, name, changes)
            own = record.value()
            by = record.by if changes.get(LIVE + name) == own else "playbook"
            stage = record.stage
            whole = sum(split.values())
            yield VersionRow(name, {v: w / whole for v, w in split.items() if w}, by if LIVE + name in changes else "",
                             previous(record, route.versions), stage.why if stage else "", stage.state if stage else "")

    def _keep(self, route: str, record: Record, actor: str, action: str, reason: str,
              detail: Mapping[str, Any]) -> None:
        control = self.control
        self.store.keep_versions(route, record, self.routes[route].versions, actor=actor, action=action, reason=reason,
                                 detail=detail, now=control.clock(), policy=control.policy.hash)
        control.revised()


def _spec(canary: Canary | None) -> str:
    """Names this very canary: one that was changed in the policy is another one, and begins anew."""
    if canary is None:
        return ""
    said = {name: str(value) for name, value in asdict(canary).items()}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _is(signal: Signal, labels: Labels, route: str, version: str) -> bool:
    facts = dict(zip(signal.labels, labels, strict=True))
    return facts["version"] == version and facts.get("route", route) == route


