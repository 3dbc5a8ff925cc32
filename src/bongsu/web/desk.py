"""What the control site asks of the engine room, on one page. Every answer is quick; nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bongsu.board import AllowedRow, Board, Storyboard


class Desk(Protocol):
    """The person at the desk sees the board, asks for verdicts, and may stop the machines."""

    def board(self) -> Board:
        """Everything the first page shows, judged now."""
        ...

    def verdict(self, stage: str) -> Mapping[str, Any]:
        """The deploy gate's document for this policy's own service."""
        ...

    def verdict_for(self, service: str, stage: str) -> Mapping[str, Any]:
        """The same for a named service; KeyError when no policy declares it."""
        ...

    def incident(self, incident: str) -> Storyboard | None:
        """One storyboard, also when it is too old for the board."""
        ...

    def explain(self, call: str) -> Mapping[str, Any] | None:
        """What happened to one call; None when it is not known."""
        ...

    def set_automation(self, on: bool, actor: str, reason: str) -> None:
        """The kill switch: off holds every automatic action that changes traffic. Audited."""
        ...

    def undo(self, incident: str, actor: str, reason: str) -> bool:
        """Take back what an incident's playbooks did; False when there is nothing to take back. Audited."""
        ...

    def allow(self, guard: str, text: str, lasting: str, reason: str, actor: str) -> Mapping[str, Any]:
        """Let a guard pass a false alarm for a while: its id and end, and a notice where it may never have an effect.

        ``AllowFault`` where it cannot be. Audited; the text is not kept."""
        ...

    def allowed(self) -> tuple[AllowedRow, ...]:
        """What guards let pass now, the next to end first."""
        ...

    def disallow(self, entry: str, actor: str, reason: str) -> bool:
        """Take an entry of the allow-list back; False when there is none. Audited."""
        ...

    def audit_tail(self, n: int) -> list[dict[str, Any]]:
        """The last ``n`` records, newest last."""
        ...

    def checkpoint(self) -> str:
        """The audit log's size and root, as a signed note."""
        ...

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether work can be done, and what was looked at to say so. Shown without a token: no secrets in it."""
        ...

    def revision(self) -> int:
        """Grows whenever there is something new to show."""
        ...
