"""Close the deploy gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from bongsu.ports import Change, Done, Notice, Send


@dataclass(frozen=True)
class Freeze:
    """``{freeze: reason}``: the deploy gate denies until this is taken back."""

    kind: ClassVar[str] = "freeze"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = False
    reason: str

    async def do(self, notice: Notice, send: Send) -> Done:
        return Done({"reason": self.reason}, (Change(f"freeze/{notice.service}", self.reason),))

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done({"reason": self.reason})

    def words(self) -> str:
        return "deploys are frozen"
