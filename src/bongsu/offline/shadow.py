"""What guards in shadow would have done, counted from the verdicts that the event log still has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bongsu.event import Verdict
from bongsu.interval import wilson

SHADOW = "shadow:"
Z = 1.959964

verdicts_of = msgspec.json.Decoder(tuple[Verdict, ...]).decode
"""The verdicts of one call, as the event log keeps them."""


@dataclass
class Seen:
    """One guard: in how many calls it looked, what it would have done in how many, and how often it failed."""

    calls: int = 0
    failed: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For machines; ``share`` is of calls it would have blocked, ``interval`` Wilson's at 95 %; ``review`` says
        the same of calls that would have waited for a person."""
        return {"calls": self.calls, "failed": self.failed, **self._of("block"), "review": self._of("review"),
                "acts": dict(sorted(self.acts.items())), "kinds": dict(self.kinds.most_common())}

    def _of(self, act: str) -> dict[str, Any]:
        n = self.acts[act]
        return {act: n, "alone": self.alone[act], "share": n / self.calls if self.calls else 0.0,
                "interval": wilson(n, self.calls, Z)}


def tally(calls: Iterable[tuple[bool, Iterable[Verdict]]]) -> dict[str, Seen]:
    """Guard -> what was seen, of calls given as (whether it was blocked, its verdicts).

    Guards are those that said ``shadow:...`` of some call. A call counts once for a guard, though it
    looks at prompt and reply; ``alone`` are calls that it would have blocked, or held, and that were not blocked.
    """
    rows = [(blocked, list(verdicts)) for blocked, verdicts in calls]
    names = {v.guard for _, verdicts in rows for v in verdicts if v.act.startswith(SHADOW)}
    out = {name: Seen() for name in sorted(names)}
    for blocked, verdicts in rows:
        for name in {v.guard for v in verdicts} & names:
            mine, seen = [v for v in verdicts if v.guard == name], out[name]
            would = {v.act.removeprefix(SHADOW) for v in mine if v.act.startswith(SHADOW)}
            seen.calls += 1
            seen.failed += any(v.error for v in mine)
            seen.acts.update(would)
            seen.kinds.update({kind for v in mine if v.act.startswith(SHADOW) for kind in v.kinds})
            seen.alone.update(() if blocked else would)
    return out
