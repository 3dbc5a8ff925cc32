"""What people ask of signals and references, answered; a reference that is registered is bound to soon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bongsu.drift import Reference
from bongsu.policy.phrases import Language
from bongsu.policy.signals import Explained, explain_signal
from bongsu.references import in_force, together, wanted
from bongsu.room.control import Control
from bongsu.room.gatedesk import instant
from bongsu.sources.columns import checked


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

    def signals(self) -> list[dict[str, str]]:
        return [{"name": one.name, "kind": one.sli.kind, "key": one.key} for one in self.control.plan.signals]

    def explain(self, name: str, language: Language) -> Explained | None:
        """A signal of the plan, now; None where there is none of this name."""
        control = self.control
        with control.lock:
            plan = control.plan
            signal = next((one for one in plan.signals if one.name == name), None)
            if signal is None:
                return None
            return explain_signal(control.policy, plan.rules, signal, control.cells, control.now, language)

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

    def register(self, given: Any, actor: str) -> tuple[Reference, bool]:
        """Take bins and counts that somebody made of a file. Raises ``ValueError`` where they are not sound."""
        one = checked(msgspec.convert(given, Reference))
        new = self.control.store.register(one, actor, self.control.clock(), self.control.policy.hash)
        self.control.referred()
        return one, new
