"""What people ask of signals and references, answered; a reference that is registered is bound to soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import msgspec

from bongsu.alert import Signal
from bongsu.cell import Cells
from bongsu.drift import Reference
from bongsu.policy.phrases import Language
from bongsu.policy.signals import Explained, explain_signal
from bongsu.quantity import DAY, HOUR, SECOND
from bongsu.references import in_force, together, wanted
from bongsu.room.control import Control
from bongsu.room.gatedesk import instant
from bongsu.room.signalview import OWN, Detail, SignalRow, detail, overview
from bongsu.season import choose
from bongsu.slis.anomaly import Anomaly
from bongsu.sources.columns import checked

Made = TypeVar("Made")
LONGEST_PAST = 84 * DAY
"""Four weeks of seasons are read, and what they predict must be seen for longer."""


@dataclass(frozen=True)
class ReferenceRow:
    """One version. ``in_force`` names the policy's references that it is."""

    name: str
    version: str
    at: str
    source: str
    model_version: str
    rows: int
    columns: tuple[str, ...]
    unsuitable: tuple[str, ...]
    in_force: tuple[str, ...]


class SignalDesk:
    """Reads control's memory and stores."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self._made: tuple[tuple[int, int], dict[object, object]] = (-1, -1), {}

    def overview(self) -> tuple[SignalRow, ...]:
        """Every signal for the page, read at most once a second and revision: many may be looking."""
        return self._once("", lambda: overview(self.control.plan, self.control.cells, self.control.engine.alerts,
                                               self.control.now))

    def told(self, name: str, language: Language) -> tuple[Explained, Detail] | None:
        """One signal for its page, read as seldom; None where there is none of this name."""
        signal = self._signal(name)
        return None if signal is None else self._once((name, language), lambda: self._told(signal, language))

    def _told(self, signal: Signal, language: Language) -> tuple[Explained, Detail]:
        control = self.control
        plan, cells, now = control.plan, control.cells, control.now
        return (explain_signal(control.policy, plan.rules, signal, cells, now, language),
                detail(plan, signal, cells, control.engine.alerts, now, control.policy.guards))

    def _once(self, what: object, make: Callable[[], Made]) -> Made:
        stamp = (self.control.revision, self.control.now // SECOND)
        if self._made[0] != stamp:
            self._made = stamp, {}
        known = self._made[1]
        if what not in known:
            with self.control.lock:
                known[what] = make()
        return cast(Made, known[what])

    def _signal(self, name: str) -> Signal | None:
        return next((one for one in self._declared() if one.name == name), None)

    def _declared(self) -> Iterator[Signal]:
        """Those of the policy: what control counts for itself beside them may have the name of one."""
        return (one for one in self.control.plan.signals if not one.key.startswith(OWN))

    def signals(self) -> list[dict[str, str]]:
        return [{"name": one.name, "kind": one.sli.kind, "key": one.key} for one in self._declared()]

    def explain(self, name: str, language: Language) -> Explained | None:
        """A signal of the plan, now; None where there is none of this name."""
        control = self.control
        with control.lock:
            plan = control.plan
            signal = self._signal(name)
            if signal is None:
                return None
            return explain_signal(control.policy, plan.rules, signal, control.cells, control.now, language)

    def season(self, name: str) -> dict[str, Any] | None:
        """Which season would have predicted an anomaly signal's own past best, by hours (or base windows, where they
        are longer) of the last twelve weeks, as far as the policy's ``retention.cells`` keeps them.

        None where no signal of kind anomaly has this name. The past is the store's: memory holds what alerts look at.
        """
        control, signal = self.control, self._signal(name)
        if signal is None or not isinstance(signal.sli, Anomaly):
            return None
        base = control.plan.base
        step = -(-HOUR // base) * base
        until = control.now // step * step
        begin = until - LONGEST_PAST // step * step
        cells = Cells(base, control.store.cells(begin, signal.key))
        past = [cells.vector(signal.key, at, at + step) for at in range(begin, until, step)]
        values = [signal.sli.measured(one) for one in past]
        first = next((i for i, value in enumerate(values) if value is not None), len(values))
        found = choose(values[first:], DAY // step)
        return {"signal": name, "policy": signal.sli.season, "season": found.season, "errors": dict(found.errors),
                "windows": found.windows}

    def wanted(self) -> dict[str, str]:
        """The columns that a reference should have, with their types."""
        return dict(wanted(self.control.policy))

    def together(self) -> bool:
        """Whether a reference should have directions, for a signal that compares numbers together."""
        return together(self.control.policy)

    def references(self) -> list[ReferenceRow]:
        known = self.control.store.references()
        live = in_force(self.control.policy, [one for _, one in known])
        return [ReferenceRow(
            one.name, one.version, instant(at), one.source, one.model_version, one.rows,
            tuple(bins.column for bins in one.columns),
            tuple(f"{bins.column}: {bins.unsuitable}" for bins in one.columns if bins.unsuitable),
            tuple(name for name, other in live.items() if other == one)) for at, one in known]

    def reference(self, name: str, version: str = "") -> Reference | None:
        """The newest of a name, or that version of it."""
        return next((one for _, one in self.control.store.references()
                     if one.name == name and version in ("", one.version)), None)

    def register(self, given: Any, actor: str) -> tuple[Reference, bool, list[str]]:
        """Take bins and counts that somebody made of a file; whether they are new, and as what they are in force.

        Raises ``ValueError`` where they are not sound, or the policy says itself what the reference of this name is.
        """
        one = checked(msgspec.convert(given, Reference))
        decl = self.control.policy.references.get(one.name)
        if decl is not None and not decl.model_version:
            raise ValueError(f"the policy says what reference '{one.name}' is made from: {decl.file or decl.window}; "
                             "change it there, or take another name")
        new = self.control.store.register(one, actor, self.control.clock(), self.control.policy.hash)
        self.control.referred()
        live = in_force(self.control.policy, [known for _, known in self.control.store.references()])
        return one, new, [name for name, other in live.items() if other == one]
