"""What the control site asks of the engine room, on one page. Every answer is quick; nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bongsu.board import Board, Storyboard


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
