"""Tell a channel, and tell it again when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from bongsu.ports import Done, Notice, Send


@dataclass(frozen=True)
class Notify:
    """``{notify: channel}``: whoever was told that it fires is also told that it is over."""

    kind: ClassVar[str] = "notify"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = False
    channel: str = field(metadata={"ref": "channels"})

    async def do(self, notice: Notice, send: Send) -> Done:
        receipt = await send(self.channel, notice)
        return Done({"channel": self.channel, "status": receipt.status, "id": receipt.id})

    async def undo(self, notice: Notice, send: Send) -> Done:
        return await self.do(replace(notice, state="resolved"), send)

    def words(self) -> str:
        return f"{self.channel} is told"
