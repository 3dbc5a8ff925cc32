"""What the tests of state, steps and workers play on: one alert, its incident, and playbooks of tiny actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bongsu.actions.freeze import Freeze
from bongsu.actions.notify import Notify
from bongsu.actions.route import Route
from bongsu.engine import Changed, EngineState, Moved, Opened, Plan, Undo
from bongsu.incident import Incident
from bongsu.ports import Action, Done, Notice, Send
from bongsu.quantity import SECOND
from bongsu.response import Playbook
from bongsu.stores.state import State

T0 = 1_790_000_000_000_000
THREE: tuple[Action, ...] = (Notify("ops"), Route({"bot": "light"}), Freeze("cost"))


@dataclass(frozen=True)
class Call:
    """A phone call: not to be made twice."""

    kind: ClassVar[str] = "call"
    on_unknown: ClassVar[Literal["retry", "never"]] = "never"
    traffic: ClassVar[bool] = False
    number: str = "1"

    async def do(self, notice: Notice, send: Send) -> Done:
        return Done({"number": self.number})

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done()

    def words(self) -> str:
        return "someone is called"


@contextmanager
def opened(folder: Path, key: Ed25519PrivateKey | None = None) -> Iterator[State]:
    state = State(f"sqlite:///{folder}/state.db", key)
    try:
        yield state
    finally:
        state.close()


def incident(name: str = "INC-1", alert: str = "cost", at: int = T0) -> Incident:
    return Incident(name, "bot", alert, (), "major", at, f"{alert} is 15 over 1h, alert at > 10")


def fire(state: State, steps: Sequence[Action] = THREE, name: str = "INC-1", alert: str = "cost",
         now: int = T0) -> Incident:
    """The alert fires and its playbook begins."""
    one = incident(name, alert, now)
    plan = Plan("bot", playbooks=(Playbook("calm", alert, tuple(steps)),))
    moved = Moved(alert, (), "pending", "firing", Fraction(15), now, one.cause)
    state.commit(EngineState(now, incidents={(alert, ()): one}), (moved, Opened(one, ("calm",))), plan, "policy-1", now)
    return one


def clear(state: State, one: Incident, now: int = T0 + 60 * SECOND) -> Incident:
    """The alert clears and the playbook is taken back."""
    closed = replace(one, phase="closed", cleared=now, closed=now)
    moved = Moved(one.alert, (), "clearing", "ok", Fraction(1), now, "calm again")
    state.commit(EngineState(now), (moved, Undo(closed, "calm"), Changed(closed)), Plan("bot"), "policy-1", now)
    return closed


def actions_of(state: State) -> list[str]:
    """Every audit record's action, oldest first."""
    return [record.action for record in reversed(state.trail(100_000))]
