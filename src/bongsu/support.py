"""Whether a reply is true: how far it rests on something, as a check, a model or a service says; and why none did.

Ports like those of ``ports.py``, for checks that hold a reply against more than itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from bongsu.ports import Finding


@dataclass(frozen=True)
class Support:
    """How far a text rests on its context (0..1, None: nothing to say), the claims that do not, ratings left unread."""

    score: float | None
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()


@runtime_checkable
class Grounds(Protocol):
    """A check that holds a reply against what the model was given; beside ``look``, which then finds nothing. A guard's
    time-out is for each ``usual`` characters of both; ``roles`` are those whose messages are the context."""

    @property
    def usual(self) -> int: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    def support(self, text: str, context: Sequence[str]) -> Support: ...


class JudgeError(Exception):
    """Who was asked for a verdict, a model or a service, gave none: why, without a word of what was asked or said.

    ``why`` is the same for machines: it was too slow, not there, answered with an error (``status``) or with something
    that is no verdict (``malformed``), could not be asked (``unable``), or was not, as it failed too often of late
    (``left_alone``).
    """

    def __init__(self, said: str,
                 why: Literal["timeout", "unreachable", "status", "malformed", "unable", "left_alone"]) -> None:
        super().__init__(said)
        self.why = why


@runtime_checkable
class Judges(Protocol):
    """A check that has another model, an ``upstream`` of the policy, say whether a reply rests on its context; beside
    ``look``, which then finds nothing. A guard's time-out is that of the whole question."""

    @property
    def upstream(self) -> str: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    def question(self, text: str, context: Sequence[str], mark: str) -> Sequence[Mapping[str, str]]:
        """The messages of a chat; its answer must repeat ``mark``. Raises ``JudgeError``."""
        ...

    def verdict(self, said: str, text: str, mark: str) -> Support:
        """What the answer means. Raises ``JudgeError``."""
        ...


Place = tuple[int, int]
"""Where something stands in a text: from, and up to but without."""


@runtime_checkable
class FactChecks(Protocol):
    """A check that looks the claims of a reply up in a service (``claims:search`` under ``url``); beside ``look``,
    which then finds nothing. ``key`` is a secret reference. A guard's time-out is that of all its questions."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def region(self) -> str: ...

    def asks(self, text: str) -> Sequence[Place]:
        """The claims that are looked up."""
        ...

    def query(self, claim: str) -> Mapping[str, str]:
        """The parameters of one search."""
        ...

    def rated(self, text: str, answers: Sequence[tuple[Place, Any]]) -> Support:
        """What the answers, one a claim, mean. Raises ``JudgeError``."""
        ...
