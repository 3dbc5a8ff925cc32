"""The gate asked: now, and again as of the time of a verdict that was given.

Now, everything is taken from control's memory. Looking back, the budgets come from the stored cells, alerts from the
record of their moves, and freezes, latches and overrides from rows that are never removed; what cannot be had any more
is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bongsu import gate
from bongsu.alert import State
from bongsu.cell import Cell, Cells
from bongsu.engine import EngineState, Plan, paging, standings
from bongsu.override import Override
from bongsu.quantity import HOUR, show_duration
from bongsu.room.joining import Joining
from bongsu.runners.duckdb import reads_label
from bongsu.stores.log import EventLog

if TYPE_CHECKING:
    from bongsu.room.control import Control
    from bongsu.stores.gates import GateStore

FREEZE = "freeze/"


def judge_now(control: Control, stage: str) -> gate.Verdict:
    """The deploy gate's answer, now."""
    now = max(control.now, control.clock())
    frozen = {key.removeprefix(FREEZE): str(value) for key, value in control.store.changes().items()
              if key.startswith(FREEZE)}
    latched = [latch.alert for latch in control.store.latched()]
    with control.lock:
        engine = control.engine
        judged = standings(control.plan, control.cells, engine, moment(control.plan, now, engine.watermark))
    verdict = gate.judge(control.plan.service, stage, judged, paging(control.plan, engine), frozen, now,
                         engine.watermark, control.plan.stale_after, control.plan.gate, latched)
    verdict = gate.owing(verdict, [(one.incident, one.objective) for one in control.store.postmortems()])
    return heed(verdict, *control.store.overrides_at(control.plan.service, stage, now))


def moment(plan: Plan, now: int, watermark: int) -> int:
    """As of when budgets are judged: the last look, unless that is too old.

    Else the moment since then is missing from an objective that is a second old, and the gate would waver.
    """
    after = plan.stale_after if plan.gate.stale_after is None else plan.gate.stale_after
    return now if now - watermark > after else watermark


def heed(verdict: gate.Verdict, genuine: Sequence[Override], forged: Sequence[Override]) -> gate.Verdict:
    """The verdict under the overrides in force; the one that excuses most is named."""
    doubts = tuple(gate.Reason("override_invalid", one.id, "allow",
                               f"override {one.id} is not what was signed and excuses nothing") for one in forged)
    verdict = gate.noting(verdict, doubts)
    ways = [gate.excused(verdict, one.excuse()) for one in genuine]
    return min([verdict, *ways], key=lambda way: (gate.rank(way.decision), way.excuse is not None))


# ---- looking back ----


@dataclass(frozen=True)
class Replay:
    """A verdict and what it would be as of its time. ``same``: the decision and its reasons agree."""

    id: str
    same: bool
    why: tuple[str, ...]
    was: Mapping[str, Any]
    now: Mapping[str, Any]


def replay(control: Control, id: str, instant: str, document: Mapping[str, Any]) -> Replay:  # noqa: A002
    """Recompute a stored verdict as of its time, from what is kept."""
    was = document["data"]
    verdict = _judge_then(control, was)
    new = gate.document(verdict, instant, control.policy.hash)["data"]
    why = [*_differences(was, new), *_limits(control, was)]
    same = _gist(was) == _gist(new)
    return Replay(id, same, tuple(why), was, new)


def _judge_then(control: Control, was: Mapping[str, Any]) -> gate.Verdict:
    """Everything as it was at ``at``; objectives that a later policy brought are not judged."""
    plan, store, at, watermark, stage = control.plan, control.store, was["at"], was["watermark"], was["stage"]
    cells = Cells(plan.base, store.cells(at - plan.longest_window() - HOUR))
    cells.add(_unlearnt(control, at))
    state = EngineState(watermark, {key: State(phase=phase) for key, phase in _phases(store, at).items()})
    named = {one["name"] for one in was["objectives"]}
    judged = [s for s in standings(plan, cells, state, moment(plan, at, watermark)) if s.objective.name in named]
    frozen = {plan.service: "a playbook's step, then in force"} if store.frozen_at(at) else {}
    latched = [latch.alert for latch in store.latched(at)]
    verdict = gate.judge(plan.service, stage, judged, paging(plan, state), frozen, at, watermark, plan.stale_after,
                         plan.gate, latched)
    verdict = gate.owing(verdict, [(one.incident, one.objective) for one in store.postmortems(at)])
    return heed(verdict, *store.overrides_at(plan.service, stage, at))


def _unlearnt(control: Control, at: int) -> list[Cell]:
    """What takes the labels away that have come since."""
    joining = Joining(filter(reads_label, control.plan.signals), control.plan.base)
    try:
        with EventLog(control.folder.events) as log:
            return joining.as_of(log, at, control.store.position(), lambda counter, table: counter.count(table))
    finally:
        joining.close()


def _phases(store: GateStore, at: int) -> dict[tuple[str, tuple[str, ...]], Any]:
    return dict(store.phases_at(at))


def _gist(data: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides whether two verdicts say the same."""
    return data["decision"], sorted((r["code"], r["about"]) for r in data["reasons"]), _override_of(data)


def _override_of(data: Mapping[str, Any]) -> str:
    return str((data["override"] or {}).get("id", ""))


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Sentences: decision, reasons, then each budget whose counts are not those of then."""
    out = []
    if was["decision"] != now["decision"]:
        out.append(f"it said {was['decision']}, it would be {now['decision']}")
    before, after = ({(r["code"], r["about"]) for r in data["reasons"]} for data in (was, now))
    out += [f"{code} of {about} is no reason any more" for code, about in sorted(before - after)]
    out += [f"{code} of {about} is a reason now" for code, about in sorted(after - before)]
    if _override_of(was) != _override_of(now):
        out.append(f"override: '{_override_of(was)}' then, '{_override_of(now)}' now")
    found = {one["name"]: one for one in now["objectives"]}
    for old in was["objectives"]:
        new = found.get(old["name"])
        if new is None:
            out.append(f"objective {old['name']} is no longer in the policy")
        elif (old["bad"], old["total"]) != (new["bad"], new["total"]):
            out.append(_counted(old, new))
    return out


def _counted(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Fewer events than then means that cells are gone; more, that events of that time were counted afterwards."""
    bad, total = new["bad"] - old["bad"], new["total"] - old["total"]
    if total < 0 or bad < 0:
        return (f"objective {old['name']}: {old['bad']} bad of {old['total']} then, {new['bad']} of {new['total']} are "
                "kept: counts of that time are gone, or the signal counts something else now")
    return (f"objective {old['name']}: {total} events of that time ({bad} bad) were counted after the verdict: late "
            "ones, or of the base window that was still open")


def _limits(control: Control, was: Mapping[str, Any]) -> list[str]:
    """What keeps the two from being compared whole."""
    out = []
    if was["policy"] != control.policy.hash:
        out.append("the policy has changed since; this is what today's policy says of that time")
    begin = was["at"] - control.plan.longest_window()
    kept = control.policy.retention.cells
    if begin < control.now - kept:
        out.append(f"counts older than {show_duration(kept)} are not kept, and its windows reach back further")
    return out
