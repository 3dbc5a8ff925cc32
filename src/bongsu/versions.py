"""Which version of a route is live, which were before, and the way back to the last good one.

A record per route: the split that the policy declares, the split that a person or a canary put in its place, and the
versions that were wholly live, newest last. A new split in the policy is a person's decision too, and ends what was
live in place of the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bongsu.canary import Canary, Stage, leading, weights

LIVE, PREVIOUS = "version/", "previous/"
"""Keys of live changes: how a route is split now, and where a rollback without a name leads."""
KEPT = 20


class RollbackFault(ValueError):
    """What cannot be rolled back, and why: ``code`` for machines, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Lived:
    """A version that all calls (but those of a canary) were of, from ``at`` on."""

    version: str
    at: int
    by: str
    why: str


@dataclass(frozen=True)
class Record:
    """What is remembered of one route's versions. ``spec`` names the canary that ``stage`` is of."""

    declared: Mapping[str, int] = field(default_factory=dict)
    split: Mapping[str, int] | None = None
    by: Literal["", "person", "canary"] = ""
    lived: tuple[Lived, ...] = ()
    bad: tuple[str, ...] = ()
    spec: str = ""
    stage: Stage | None = None

    @property
    def now(self) -> Mapping[str, int]:
        """The split in force, but for what playbooks do."""
        return self.split or self.declared

    def value(self) -> dict[str, Any] | None:
        """The live change that gateways read; None where the policy's own split holds."""
        if self.split is None:
            return None
        return {"split": dict(self.split), "over": dict(self.declared), "by": self.by}


def declare(record: Record, split: Mapping[str, int], spec: str, now: int, policy: str) -> Record:
    """The record under a policy that declares this split and this canary; unchanged where it says what it said before.

    A canary that runs and is declared no more, or otherwise, gives its traffic back.
    """
    if dict(record.declared) == dict(split):
        running = record.stage is not None and record.stage.state == "running"
        return replace(record, split=None, by="", stage=None) if running and spec != record.spec else record
    fresh = replace(record, declared=dict(split), split=None, by="", stage=None, spec="")
    return _lives(fresh, leading(split), now, "policy", f"policy {policy[:12]}")


def _lives(record: Record, version: str, now: int, by: str, why: str) -> Record:
    bad = tuple(name for name in record.bad if name != version)
    if record.lived and record.lived[-1].version == version:
        return replace(record, bad=bad)
    return replace(record, bad=bad, lived=(*record.lived, Lived(version, now, by, why))[-KEPT:])


def previous(record: Record, versions: Mapping[str, object]) -> str:
    """The last good version before the present one: wholly live once, not rolled back since, and still declared.

    While a canary runs, that is its base. Where there is none, the present one: going back changes nothing.
    """
    present = leading(record.now)
    if record.by == "canary" and record.stage is not None and record.stage.state == "running":
        return record.lived[-1].version if record.lived else present
    good = [one.version for one in record.lived
            if one.version != present and one.version in versions and one.version not in record.bad]
    return good[-1] if good else present


def roll_back(record: Record, versions: Mapping[str, object], to: str, by: str, why: str, now: int) -> Record:
    """All calls to one version, at once. Raises ``RollbackFault``."""
    target = to or previous(record, versions)
    if target not in versions:
        raise RollbackFault("unknown_version", f"expected a version of this route ({', '.join(versions)}), came "
                                               f"{target!r}")
    if dict(record.now) == {target: 100} or (not to and leading(record.now) == target and record.by != "canary"):
        raise RollbackFault("nothing_to_roll_back", f"{target!r} is live already, and no other good version was before "
                                                    "it; name one with --to (in the API: 'to')")
    gone = [name for name, weight in record.now.items() if weight and name != target]
    bad = tuple(dict.fromkeys((*record.bad, *gone)))
    stage = record.stage
    if stage is not None and stage.state == "running":
        stage = replace(stage, state="rolled_back", why=f"rolled back by {by}")
    moved = replace(record, split={target: 100}, by="person", bad=bad, stage=stage)
    return _lives(moved, target, now, by, why)


def restore(record: Record, by: str, why: str, now: int) -> Record:
    """The policy's own split again. Raises ``RollbackFault`` where it holds already."""
    if record.split is None:
        raise RollbackFault("nothing_to_restore", "the split of the policy is in force already")
    stage = record.stage
    if stage is not None and stage.state == "running":
        stage = replace(stage, state="rolled_back", why=f"ended by {by}")
    return _lives(replace(record, split=None, by="", stage=stage), leading(record.declared), now, by, why)


def begin(record: Record, canary: Canary, spec: str, now: int) -> Record:
    """The canary's first step."""
    return replace(record, split=weights(canary, 0), by="canary", spec=spec, stage=Stage(since=now))


def moved(record: Record, canary: Canary, stage: Stage, now: int) -> Record:
    """The record after a look of the canary."""
    before = record.stage
    record = replace(record, stage=stage)
    if stage.state == "rolled_back":
        bad = tuple(dict.fromkeys((*record.bad, canary.of)))
        return replace(record, split=None, by="", bad=bad)
    if before is None or stage.step != before.step:
        record = replace(record, split=weights(canary, stage.step))
    return _lives(record, canary.of, now, "canary", stage.why) if stage.state == "promoted" else record


def live_split(declared: Mapping[str, int], versions: Mapping[str, object], route: str,
               changes: Mapping[str, Any]) -> tuple[Mapping[str, int], str]:
    """How calls are spread now, and what is wrong with a live change that is not heeded.

    A playbook's ``{back: true}`` leads to the previous good version; ``over`` is the policy's split that a change was
    made in place of: under another one it has no force.
    """
    change = changes.get(LIVE + route)
    if change is None or (isinstance(change, dict) and change.get("over", declared) != declared):
        return declared, ""
    split: Any = change.get("split") if isinstance(change, dict) else None
    if isinstance(change, dict) and change.get("back") is True:
        split = {changes.get(PREVIOUS + route): 100}
    sound = isinstance(split, dict) and any(split.values()) and all(
        name in versions and type(weight) is int and weight >= 0 for name, weight in split.items())
    if not sound:
        return declared, f"route {route}: the live split {split!r} is none of its versions; the policy's is kept"
    return split, ""
