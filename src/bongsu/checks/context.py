"""What checks have in common that hold a reply against the messages of its request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bongsu.ports import Finding


@dataclass(frozen=True, kw_only=True)
class AgainstContext:
    """Something is found where the support of a reply is below ``threshold``; ``roles`` say whose messages are the
    context. Nothing is found in a text alone."""

    threshold: float = 0.5
    roles: tuple[str, ...] = ("system", "developer", "tool", "function", "user")

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected a number between 0 and 1, came {self.threshold}")
        if not self.roles:
            raise ValueError("roles: expected whose messages are the context, such as [system, tool, user]; came none")

    def look(self, text: str) -> Sequence[Finding]:  # noqa: ARG002 (the port's shape)
        """Nothing: a reply is judged once it is whole, and with its context."""
        return ()

    def hold(self, text: str) -> int:  # noqa: ARG002 (as above)
        return 0
