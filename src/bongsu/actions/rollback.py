"""Make the previous good version of a route live, and the present one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bongsu.ports import Change, Done, Notice, Send

PREVIOUS = "previous"


@dataclass(frozen=True)
class Rollback:
    """``{rollback: {support-bot: previous}}``: all new calls on the route are of the last good version before this one,
    or of the version that is named; streams in flight are left alone.
    """

    kind: ClassVar[str] = "rollback"
    on_unknown: ClassVar[Literal["retry", "never"]] = "retry"
    traffic: ClassVar[bool] = True
    to: Mapping[str, str] = field(metadata={"ref": ("routes", "versions")})

    async def do(self, notice: Notice, send: Send) -> Done:
        return Done(dict(self.to), tuple(Change(f"version/{route}", _value(to)) for route, to in self.to.items()))

    async def undo(self, notice: Notice, send: Send) -> Done:
        return Done(dict.fromkeys(self.to, "back"))

    def words(self) -> str:
        names = {route: "its previous version" if to == PREVIOUS else f"version {to}" for route, to in self.to.items()}
        return ", ".join(f"{route} goes back to {name}" for route, name in names.items())


def _value(to: str) -> dict[str, Any]:
    return {"back": True} if to == PREVIOUS else {"split": {to: 100}}
