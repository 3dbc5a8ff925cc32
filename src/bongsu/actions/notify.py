"""Tell a channel, and tell it again when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from bongsu.ports import Done, Notice, Send


@dataclass(frozen=True)
class Notify:
    """``{notify: channel}``: whoever was told that it fires is also told that it is over.

    ``once`` says that, where it is not known whether the channel was told, a person finds out; without it the channel
    is told again. Channels that must not be told twice (a phone call) set it by themselves.
    """

    kind: ClassVar[str] = "notify"
    traffic: ClassVar[bool] = False
    channel: str = field(metadata={"ref": "channels"})
    once: bool = False

    @property
    def on_unknown(self) -> Literal["retry", "never"]:
        return "never" if self.once else "retry"

    async def do(self, notice: Notice, send: Send) -> Done:
        receipt = await send(self.channel, notice)
        return Done({"channel": self.channel, "status": receipt.status, "id": receipt.id})

    async def undo(self, notice: Notice, send: Send) -> Done:
        return await self.do(replace(notice, state="resolved"), send)

    def words(self) -> str:
        return f"{self.channel} is told"
