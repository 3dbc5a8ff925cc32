"""Switch a guard on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from bongsu.ports import Change, Done, Notice, Send


@dataclass(frozen=True)
class Block:
    """``{block: guard}``: the named guard is enforced, even if the policy keeps it off or in shadow."""

    kind: ClassVar[str] = "block"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = True
    guard: str = field(metadata={"ref": "guards"})

    async def do(self, notice: Notice, send: Send) -> Done:
        return Done({"guard": self.guard}, (Change(f"guard/{self.guard}", "enforce"),))

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done({"guard": self.guard})

    def words(self) -> str:
        return f"guard {self.guard} is enforced"
