"""The board as a page needs it: order, lengths of bars, fires to light. Pure; texts stay in ``words``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from bongsu.quantity import MINUTE, NANO, Money
from bongsu.room.board import ActionRow, AlertRow, Board, BurnRow, CompositeRow, ObjectiveRow, Storyboard

TIERS = ("severe", "major", "minor", "info")
PHASES = ("firing", "clearing", "pending", "ok")
FIRES = {"severe": 5, "major": 4, "minor": 3, "info": 2}
STALE = 2 * MINUTE
LOW, NOTICE = 0.25, 0.5
NEAR = 0.8  # of a rate limit
LINE = 60.0  # where a burn bar's alerting factor stands, of 100
LIMIT = 90.0  # where a spent bar's limit stands, of 100
OUTWARD = ("notify",)


def iso(at: int) -> str:
    """A time as HTML's <time> wants it."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1_000_000 // 1000:03d}Z"


def utc(at: int) -> str:
    """What is shown until the browser knows better."""
    return moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1_000_000, UTC)


def share(value: float | None) -> str:
    """One digit after the point, and never 0 or 100 unless it is: 99.96 % of a budget is not all of it.

    >>> share(0.4213), share(0.9996), share(-0.362), share(1.0), share(None)
    ('42.1%', '99.9%', '-36.2%', '100%', '–')
    """
    if value is None:
        return "–"
    if value in (0, 1):
        return f"{value * 100:.0f}%"
    shown = round(value * 100, 1)
    if shown in (0, 100):
        shown = {0: 0.1, 100: 99.9}[int(shown)] if 0 < value < 1 else (-0.1 if value < 0 else 100.1)
    return f"{shown:.1f}%"


def number(value: int) -> str:
    return f"{value:,}"


def factor(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".removesuffix(".0")


def fires(board: Board) -> int:
    """How many fires the towers light: none when nobody sees, one when all is well, five in the worst case."""
    firing = [FIRES.get(a.tier, 2) for a in board.alerts if a.phase in ("firing", "clearing")]
    firing += [FIRES.get(i.tier, 2) for i in board.incidents if i.phase == "open"]
    if any(o.exhausted for o in board.objectives):
        firing.append(3)
    if firing:
        return max(firing)
    if board.calls_total == 0 or board.now - board.watermark > STALE:
        return 0
    low = any(o.remaining is not None and o.remaining <= LOW for o in board.objectives)
    stirring = any(a.phase == "pending" for a in board.alerts) or any(i.phase == "cleared" for i in board.incidents)
    return 2 if low or stirring or board.troubles or not board.automation else 1


@dataclass(frozen=True)
class Bar:
    """A bar of 100: how far it is filled, in what mood, and how it is said."""

    width: float
    mood: str
    text: str


def budget_bar(row: ObjectiveRow | CompositeRow) -> Bar:
    """What is left of the budget; of an overdrawn one, how far below zero (full at one whole budget)."""
    left = row.remaining
    if left is None:
        return Bar(0, "none", "–")
    if left < 0:
        return Bar(round(min(1.0, -left) * 100, 2), "over", share(left))
    mood = "bad" if row.exhausted or left <= 0 else "low" if left <= LOW else "half" if left <= NOTICE else "good"
    return Bar(round(min(1.0, left) * 100, 2), mood, share(left))


def burn_bar(row: BurnRow) -> Bar:
    """Burn against its line: the line is always at the same place, so that bars can be compared."""
    if row.burn is None:
        return Bar(0, "none", "–")
    width = min(100.0, row.burn / row.factor * LINE) if row.factor else 100.0
    mood = "bad" if row.burn > row.factor else "low" if row.burn > row.factor / 2 else "good"
    return Bar(round(width, 2), mood, f"{factor(row.burn)}×")


def spent_bar(row: Mapping[str, Any]) -> Bar:
    """What an account has spent; its limit stands at ``LIMIT``, so that one that is overspent goes beyond it.

    >>> spent_bar({"spent": 50, "limit": 100, "soft": False}), spent_bar({"spent": 300, "limit": 100, "soft": True})
    (Bar(width=45.0, mood='good', text='50.0%'), Bar(width=100.0, mood='bad', text='300.0%'))
    """
    part = row["spent"] / row["limit"]
    mood = "bad" if part >= 1 else "low" if row["soft"] else "good"
    return Bar(round(min(100.0, part * LIMIT), 2), mood, share(part))


def pace_bar(row: Mapping[str, Any]) -> Bar:
    """How much of a minute's calls is used; who is beyond it has it full.

    >>> pace_bar({"used": 0.85, "wait_us": 0}), pace_bar({"used": 1.4, "wait_us": 7})
    (Bar(width=85.0, mood='low', text='85.0%'), Bar(width=100, mood='bad', text='140.0%'))
    """
    mood = "bad" if row["wait_us"] else "low" if row["used"] >= NEAR else "good"
    return Bar(round(min(1, row["used"]) * 100, 2), mood, share(row["used"]))


def soft_mark(row: Mapping[str, Any]) -> float:
    """Where the soft limit stands on that bar."""
    return round(float(row["soft_at"] / row["limit"]) * LIMIT, 2)


def money(nano: int, currency: str) -> str:
    """An amount in nano-units.

    >>> money(2_500_000_000, "USD"), money(-40_000, "USD")
    ('2.5 USD', '-0.00004 USD')
    """
    return str(Money(Fraction(nano, NANO), currency))


def _rank(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else len(names)


def by_severity(alerts: Iterable[AlertRow]) -> list[AlertRow]:
    """Firing first, the gravest on top, the newest of equals first."""
    return sorted(alerts, key=lambda a: (_rank(PHASES, a.phase), _rank(TIERS, a.tier), -a.since, a.name))


def open_first(incidents: Iterable[Storyboard]) -> list[Storyboard]:
    order = ("open", "cleared", "closed")
    return sorted(incidents, key=lambda i: (_rank(order, i.phase), _rank(TIERS, i.tier), -i.opened))


def objectives_worst_first(rows: Iterable[ObjectiveRow]) -> list[ObjectiveRow]:
    return sorted(rows, key=lambda r: (2.0 if r.remaining is None else r.remaining, r.name))


def state_key(action: ActionRow) -> str:
    """A message sent is done; a change made is in force until it is taken back."""
    return "state_done_told" if action.state == "done" and action.kind in OUTWARD else f"state_{action.state}"


def can_undo(story: Storyboard) -> bool:
    return any(a.state == "done" and a.kind not in OUTWARD for a in story.actions)
