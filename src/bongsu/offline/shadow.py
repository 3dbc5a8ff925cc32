"""What guards in shadow would have done, counted from the verdicts that the event log still has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from bongsu.event import Verdict
from bongsu.interval import wilson

SHADOW, SKIPPED = "shadow:", "skipped"
COLUMNS = ("id", "kind", "time", "route", "blocked", "verdicts")
"""What is read of the event log."""
Z = 1.959964

_verdicts_of = msgspec.json.Decoder(tuple[Verdict, ...]).decode


@dataclass(frozen=True)
class Judged:
    """One call that guards looked at; ``time`` is in microseconds since the epoch."""

    id: str
    time: int
    route: str
    blocked: bool
    verdicts: tuple[Verdict, ...]


@dataclass
class Seen:
    """One guard: in how many calls it looked, what it would have done or did in how many, and how often it failed.

    ``done`` are those of ``acts`` that it did, as it was not in shadow: enforced by a playbook, or by another policy.
    ``skipped`` are calls outside its sample, at which it did not look.
    """

    calls: int = 0
    failed: int = 0
    skipped: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)

    def add(self, other: Seen) -> None:
        """Take what was seen of other calls."""
        self.calls, self.failed = self.calls + other.calls, self.failed + other.failed
        self.skipped += other.skipped
        for mine, more in ((self.acts, other.acts), (self.done, other.done), (self.kinds, other.kinds),
                           (self.alone, other.alone)):
            mine.update(more)

    def as_json(self) -> dict[str, Any]:
        """For machines; ``block`` are calls that it would have blocked or, ``enforced``, did block; ``share`` is
        theirs, ``interval`` Wilson's at 95 %; ``review`` says the same of calls that would have waited for a
        person."""
        return {"calls": self.calls, "failed": self.failed, "skipped": self.skipped, **self._of("block"),
                "review": self._of("review"), "acts": dict(sorted(self.acts.items())),
                "kinds": dict(self.kinds.most_common())}

    def _of(self, act: str) -> dict[str, Any]:
        share, interval = self.share(self.acts[act])
        return {act: self.acts[act], "enforced": self.done[act], "alone": self.alone[act], "share": share,
                "interval": interval}

    def share(self, n: int) -> tuple[float, tuple[float, float]]:
        """So many as a share of the calls it looked at, with Wilson's interval at 95 %."""
        return n / self.calls if self.calls else 0.0, wilson(n, self.calls, Z)


def calls_of(table: pa.Table, begin: int) -> Iterator[Judged]:
    """The calls of a batch (``COLUMNS``) since ``begin`` of which any guard said anything."""
    for row in table.to_pylist():
        if row["kind"] == "call" and row["time"] >= begin and row.get("verdicts"):
            yield Judged(row["id"], row["time"], row["route"] or "", bool(row["blocked"]),
                         _verdicts_of(row["verdicts"]))


def note(out: dict[str, Seen], blocked: bool, verdicts: Iterable[Verdict]) -> list[str]:
    """Add one call to what was seen of each guard; the names of those that did, or would have done, something.

    A call counts once for a guard, though it looks at prompt and reply; ``alone`` are calls that it would have
    blocked, or held, and that were not blocked. What it does while it is enforced counts as well as what it would have
    done: a share of one without the other would say that a guard finds less the more it is needed.
    """
    said: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        said.setdefault(verdict.guard, []).append(verdict)
    acted = []
    for name, mine in said.items():
        seen = out.setdefault(name, Seen())
        looked = [v for v in mine if v.act != SKIPPED]
        if not looked:
            seen.skipped += 1
            continue
        would = {v.act.removeprefix(SHADOW) for v in looked if v.act.startswith(SHADOW)}
        did = {v.act for v in looked if not v.act.startswith(SHADOW)} - {"allow"}
        seen.calls += 1
        seen.failed += any(v.error for v in looked)
        seen.acts.update(would | did)
        seen.done.update(did)
        seen.kinds.update({kind for v in looked if v.act != "allow" for kind in v.kinds})
        seen.alone.update(() if blocked else would)
        if would or did:
            acted.append(name)
    return acted


def tally(calls: Iterable[tuple[bool, Iterable[Verdict]]]) -> dict[str, Seen]:
    """Guard -> what was seen, of calls given as (whether it was blocked, its verdicts).

    Guards are those that said ``shadow:...`` of some call.
    """
    out: dict[str, Seen] = {}
    for blocked, verdicts in calls:
        note(out, blocked, verdicts)
    return {name: seen for name, seen in sorted(out.items()) if seen.acts != seen.done}
