"""Boards a person might look at, and a desk that shows them: for tests of the control site."""

# ruff: noqa: E501 - boards read as tables

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bongsu.mute import silence
from bongsu.quantity import HOUR, MINUTE, SECOND
from bongsu.room.board import (
    ActionRow,
    AlertRow,
    AllowedRow,
    Board,
    BurnRow,
    CompositeRow,
    ObjectiveRow,
    ResidualRow,
    Storyboard,
    TimelineRow,
)

NOW = 1_790_000_000 * SECOND
GOOD_BURNS = (BurnRow("1h", 0.4, 14.4, "page"), BurnRow("6h", 0.7, 6.0, "page"), BurnRow("3d", 0.9, 1.0, "ticket"))
BAD_BURNS = (BurnRow("1h", 21.3, 14.4, "page"), BurnRow("6h", 7.9, 6.0, "page"), BurnRow("3d", 1.6, 1.0, "ticket"))


def objective(name: str, remaining: float | None, current: str = "99.71%", burns: tuple[BurnRow, ...] = GOOD_BURNS,
              **changes: Any) -> ObjectiveRow:
    row = ObjectiveRow(name, "99%", "30d", current, remaining, 412, 141_982, remaining is not None and remaining <= 0,
                       False, 1.0, burns)
    return replace(row, **changes)


def alert(name: str, phase: str = "ok", tier: str = "minor", value: str = "0.4%", against: str = "> 5%",
          **changes: Any) -> AlertRow:
    priority = {"severe": "P0", "major": "P1", "minor": "P2", "info": "P3"}[tier]
    row = AlertRow(name, {}, tier, priority, phase, NOW - 14 * MINUTE, value, against, "seen")
    return replace(row, **changes)


QUIET = (alert("cost", tier="major", value="0.0000038 USD", against="> 0.0000048 USD"),
         alert("injection", tier="severe", value="0", against="> 10"), alert("slow", value="840 ms", against="> 5000 ms"),
         alert("grounding", data="warming", value="no data", against="> 5%"))

CALM = Board(
    now=NOW, service="support-bot", environment="production", policy="9f31c2ab77e0d4415a", watermark=NOW - 2 * SECOND,
    automation=True, gate="allow", gate_reasons=(), routes={"support-bot": "main", "summary": "light"}, troubles=(),
    objectives=(objective("available", 0.812), objective("grounded", 0.418, "96.90%", target="95%"),
                objective("fast", 1.0, "100%", bad=0, coverage=0.97, warming=True)),
    alerts=QUIET, incidents=(), audit_size=1284, calls_total=141_982,
    composite=CompositeRow(3, 3, 3, 1.0, "grounded", 0.418, 0.743, False))

COST = Storyboard(
    id="INC-7Q2MX4KDLA", alert="cost", labels={"model": "demo-large"}, tier="major", priority="P1", phase="open",
    opened=NOW - 6 * MINUTE, cleared=None, closed=None, reopened=1,
    cause="cpt [model=demo-large] is 0.0000071 USD over 1h, alert at > 0.0000048 USD",
    actions=(ActionRow("cost", "route", "support-bot moves to light", "done", 1, NOW - 6 * MINUTE, "live in every gateway after 0.4 s"),
             ActionRow("cost", "notify", "ops is told", "done", 2, NOW - 5 * MINUTE, "status 200, id 1790000.42")),
    residual=ResidualRow("contained", "0.0000052 USD", "> 0.0000048 USD", "available: 41.8%",
                         ("support-bot moves to light",), 4211),
    timeline=(TimelineRow(NOW - 6 * MINUTE, "alert.firing", "alert cost is firing"),
              TimelineRow(NOW - 6 * MINUTE + SECOND, "step.done", "support-bot moves to light"),
              TimelineRow(NOW - 5 * MINUTE, "step.done", "ops is told")))

ATTACK = Storyboard(
    id="INC-ZB5T0Q9RWE", alert="injection", labels={}, tier="severe", priority="P0", phase="open", opened=NOW - 3 * MINUTE,
    cleared=None, closed=None, reopened=0, cause="blocks is 37 over 20s, alert at > 10",
    actions=(ActionRow("injection", "freeze", "deploys are frozen", "done", 1, NOW - 3 * MINUTE, ""),
             ActionRow("injection", "block", "guard injection is enforced", "held", 0, NOW - 3 * MINUTE, "automation is off"),
             ActionRow("injection", "notify", "security is told", "failed", 4, NOW - MINUTE, "HTTP 410: the webhook is gone")),
    residual=ResidualRow("exposed", "37", "> 10", "", (), 958),
    timeline=(TimelineRow(NOW - 3 * MINUTE, "alert.firing", "alert injection is firing"),))

PAST = replace(COST, id="INC-OLD4M1N3PA", alert="slow", labels={}, tier="minor", priority="P2", phase="closed",
               opened=NOW - 9 * HOUR, cleared=NOW - 8 * HOUR, closed=NOW - 8 * HOUR, reopened=0, actions=(),
               cause="latency is 6120 ms over 30s, alert at > 5000 ms",
               residual=ResidualRow("none", "840 ms", "> 5000 ms", "", (), 9120))

INCIDENT = replace(
    CALM, gate="deny", gate_reasons=("alert cost is firing", "41.8 % of the error budget of grounded is left"),
    routes={"support-bot": "light", "summary": "light"}, incidents=(PAST, COST),
    alerts=(*QUIET[1:3], alert("grounding", "pending", value="4.1%", against="> 3.5%"),
            alert("cost", "firing", "major", "0.0000071 USD", "> 0.0000048 USD", labels={"model": "demo-large"}, since=NOW - 6 * MINUTE)))

SEVERE = replace(
    INCIDENT, automation=False,
    gate_reasons=("the error budget of available is spent", "alert injection is firing", "frozen by injection: injection burst under investigation"),
    troubles=("events are not stored; free disk space, nothing is lost meanwhile (database or disk is full)",),
    incidents=(COST, ATTACK, PAST),
    objectives=(objective("grounded", 0.184, "95.83%", target="95%"),
                objective("available", -0.362, "98.64%", BAD_BURNS, bad=1934), objective("fast", 0.71, "99.72%")),
    composite=CompositeRow(4, 3, 2, 2 / 3, "available", -0.362, 0.177, False),
    alerts=(*INCIDENT.alerts, alert("blocks", "firing", "severe", "37", "> 10", since=NOW - 3 * MINUTE),
            alert("available", "clearing", "major", "7.9x", "> 6x")))

EMPTY = replace(
    CALM, watermark=NOW - 10 * MINUTE, calls_total=0, audit_size=1, gate="inconclusive", routes={"support-bot": "main"},
    gate_reasons=("the last events were read 600 s ago",),
    objectives=(objective("available", None, "no data", (BurnRow("1h", None, 14.4, "page"),), bad=0, total=0, warming=True, coverage=0.0),),
    composite=None,
    alerts=tuple(replace(a, value="no data", data="none") for a in QUIET))

BOARDS = {"calm": CALM, "incident": INCIDENT, "severe": SEVERE, "empty": EMPTY}


class FakeNotices:
    """Writes down what it is asked; only silences that alert=cost begins with can be ended."""

    def __init__(self, done: list[tuple[Any, ...]]) -> None:
        self.done = done

    def silence(self, match: tuple[str, ...], lasting: str, starts: int | None, by: str, reason: str,
                actor: str) -> dict[str, Any]:
        made = silence(match, lasting, by or actor, reason, NOW, starts)
        self.done.append(("silence", match, lasting, made.by, reason, actor))
        return {"id": made.id, "matchers": list(map(str, made.matchers)), "starts": made.starts, "ends": made.ends}

    def silences(self) -> list[Any]:
        return [{"id": "SIL-1", "matchers": ["alert=cost"], "starts": NOW, "ends": NOW + HOUR, "by": "anna", "reason": "r"}]

    def unsilence(self, id_: str, actor: str, reason: str) -> bool:
        self.done.append(("unsilence", id_, actor, reason))
        return id_ == "SIL-1"

    def acknowledge(self, incident: str, by: str, reason: str, actor: str) -> bool:
        self.done.append(("ack", incident, by, reason, actor))
        return incident != PAST.id


class FakeDesk:
    """Shows the board it is given and writes down what it is asked to do."""

    def __init__(self, board: Board = CALM) -> None:
        self.shown, self.at = board, 1
        self.done: list[tuple[Any, ...]] = []
        self.notices = FakeNotices(self.done)
        self.document: dict[str, Any] = {"data": {"schema": "bongsu.gate/v1", "decision": "deny", "allow": False}}

    def show(self, board: Board) -> None:
        self.shown, self.at = board, self.at + 1

    def board(self) -> Board:
        return self.shown

    def verdict(self, stage: str) -> dict[str, Any]:
        return {"data": {**self.document["data"], "stage": stage}}

    def verdict_for(self, service: str, stage: str) -> dict[str, Any]:
        if service != self.shown.service:
            raise KeyError(service)
        return self.verdict(stage)

    def incident(self, incident: str) -> Storyboard | None:
        return next((i for i in (COST, ATTACK, PAST) if i.id == incident), None)

    def explain(self, call: str) -> dict[str, Any] | None:
        return {"id": call, "outcome": "ok"} if call == "c_1" else None

    def set_automation(self, on: bool, actor: str, reason: str) -> None:
        self.done.append(("automation", on, actor, reason))
        self.show(replace(self.shown, automation=on))

    def undo(self, incident: str, actor: str, reason: str) -> bool:
        self.done.append(("undo", incident, actor, reason))
        return incident != PAST.id

    def allow(self, guard: str, text: str, lasting: str, reason: str, actor: str) -> dict[str, Any]:
        self.done.append(("allow", guard, lasting, actor, reason))
        return {"id": "ALLOW_AAAABBBBCCCCDDDD", "guard": guard, "until": NOW + HOUR, "notice": ""}

    def allowed(self) -> tuple[AllowedRow, ...]:
        return self.shown.allowed

    def disallow(self, entry: str, actor: str, reason: str) -> bool:
        self.done.append(("disallow", entry, actor, reason))
        return entry in {row.id for row in self.shown.allowed}

    def audit_tail(self, n: int) -> list[dict[str, Any]]:
        return [{"n": i} for i in range(min(n, 3))]

    def checkpoint(self) -> str:
        return "bongsu.example/log\n3\nAAAA=\n\n— bongsu.example/log signature\n"

    def ready(self) -> tuple[bool, dict[str, Any]]:
        return not self.shown.troubles, {"troubles": len(self.shown.troubles)}

    def revision(self) -> int:
        return self.at
