"""What the control site asks of the engine room, on one page. Every answer is quick; nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bongsu.room.board import AllowedRow, Board, Storyboard


class Gates(Protocol):
    """What people and pipelines ask of the gate. KeyError: no such service or override; ``OverrideFault``: not so."""

    def kept(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """A verdict as it was given; None when it is not known."""
        ...

    def replay(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        """A verdict recomputed as of its time. This one may take a while."""
        ...

    def ask(self, service: str, stage: str, author: str, reason: str, lasting: str, including_stale: bool,
            actor: str) -> Mapping[str, Any]:
        """Ask for an override. Audited, as all that follows."""
        ...

    def approve(self, id: str, approver: str, actor: str) -> Mapping[str, Any]:  # noqa: A002
        """Put an override in force, signed."""
        ...

    def revoke(self, id: str, reason: str, actor: str) -> Mapping[str, Any]:  # noqa: A002
        """Take the force from an override."""
        ...

    def overrides(self, service: str) -> list[Mapping[str, Any]]:
        """The latest, newest first."""
        ...

    def clear(self, service: str, reason: str, actor: str) -> Mapping[str, Any]:
        """Let deploys go on after severe alerts that are over: which were cleared, which fire still."""
        ...

    def latches(self) -> list[Mapping[str, Any]]:
        """Denials that nobody has cleared, the oldest first: alert, cause, since, and whether it fires still."""
        ...

    def markers(self) -> list[Mapping[str, Any]]:
        """What tools said of deployments, the latest first: at, service, source, kind, text, detail."""
        ...

    def mark(self, service: str, source: str, kind: str, text: str, detail: Mapping[str, str], actor: str) -> None:
        """Keep what a deployment's tool says of it."""
        ...


class Notices(Protocol):
    """What people ask about notices: silences, and who takes charge. Audited."""

    def silence(self, match: tuple[str, ...], lasting: str, starts: int | None, by: str, reason: str,
                actor: str) -> Mapping[str, Any]:
        """Keep back what matches for a while; ``SilenceFault`` where it cannot be."""
        ...

    def silences(self) -> list[Mapping[str, Any]]:
        """Those that are not over, the next to end first."""
        ...

    def unsilence(self, id_: str, actor: str, reason: str) -> bool:
        """End one before its time; False when there is none."""
        ...

    def mutes(self) -> list[Mapping[str, Any]]:
        """The policy's mute windows: name, covers (what it is about; empty: all), active, and until when."""
        ...

    def told(self) -> list[Mapping[str, Any]]:
        """What each channel has been told of and is still so: channel, alerts, muted_by, and next_at."""
        ...

    def acknowledge(self, incident: str, by: str, reason: str, actor: str) -> bool:
        """Take charge of an incident; False when it is closed, or somebody has."""
        ...


class Desk(Protocol):
    """The person at the desk sees the board, asks for verdicts, and may stop the machines."""

    @property
    def gates(self) -> Gates:
        """All about the gate but the verdict itself."""
        ...

    @property
    def notices(self) -> Notices:
        """Silences and acknowledgements."""
        ...

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
