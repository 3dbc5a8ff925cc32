"""Send a route's traffic to another upstream, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from bongsu.ports import Change, Done, Notice, Send


@dataclass(frozen=True)
class Route:
    """``{route: {support-bot: light}}``: new requests on the route go there; streams in flight are left alone.

    The target is an upstream, or a role of the route (``light``, ``conservative``, ``primary``).
    """

    kind: ClassVar[str] = "route"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = True
    to: Mapping[str, str] = field(metadata={"ref": ("routes", "targets")})

    async def do(self, notice: Notice, send: Send) -> Done:
        return Done(dict(self.to), tuple(Change(f"route/{route}", upstream) for route, upstream in self.to.items()))

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done(dict.fromkeys(self.to, "back"))

    def words(self) -> str:
        return ", ".join(f"{route} moves to {upstream}" for route, upstream in self.to.items())
