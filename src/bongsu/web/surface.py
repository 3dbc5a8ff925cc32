"""The shape of a surface: one API that callers speak to the gateway, with its requests, replies, streams and errors.

How a call is served (checked, asked, checked again, written down, answered) is the same for all of them and does not
stand here. A surface is one file of ``surfaces`` and one line in its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bongsu.access.meter import Usage
from bongsu.allow import Allowing
from bongsu.guard import Guard
from bongsu.web.asked import Asked
from bongsu.web.errors import ApiError
from bongsu.web.masking import Masking
from bongsu.web.replies import Replies
from bongsu.web.slots import Slot


class Told(NamedTuple):
    """What a whole reply says about itself."""

    model: str
    id: str
    finish: str
    usage: Usage | None


class Blocked(NamedTuple):
    """A call that a guard ended: what a refusal says, in whose name, on which side, and what it has used."""

    call: str
    created: int
    sentence: str
    guard: str
    on: str
    usage: Usage


class Surface(Protocol):
    """One API. ``path`` is where callers post and, under an upstream's address, where the call goes on to; ``api`` is
    what the upstream has to speak; ``operation`` is OpenTelemetry's name for what is asked of it; ``echoes`` says
    that replies repeat the request, ``shaped`` that a version's prompt and parameters have a place in it,
    ``free`` that no provider asks money for it: it draws on no budget, and repeats no prompt."""

    path: str
    operation: str
    api: str
    echoes: bool
    shaped: bool
    free: bool

    def read(self, body: bytes) -> Asked:
        """Raises ``ApiError``."""
        ...

    def passed(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
        """Headers of the caller's that the upstream needs to understand the request."""
        ...

    def decode(self, body: bytes) -> dict[str, Any] | None:
        """A whole reply, or None where it is none of this API."""
        ...

    def texts(self, reply: dict[str, Any]) -> list[Slot] | None:
        """Every text of a reply, or None where it has a shape whose texts cannot be found."""
        ...

    def rewritten(self, reply: dict[str, Any], masking: Masking) -> bytes:
        """A reply some of whose texts were changed: nothing in it spells out the old ones."""
        ...

    def told(self, reply: dict[str, Any]) -> Told: ...

    def refusal(self, asked: Asked, blocked: Blocked) -> dict[str, Any] | None:
        """A blocked reply in the form its clients read as one; None where only an error says it."""
        ...

    def error(self, error: ApiError, call: str) -> dict[str, Any]:
        """An error as the body of an answer."""
        ...

    def replies(self, asked: Asked, guards: Sequence[Guard], masking: Masking, call: str,
                allowing: Allowing | None) -> Replies:
        """A streamed reply on its way through."""
        ...


def short(value: Any) -> str:
    """A text as an event may keep it."""
    return value[:256] if isinstance(value, str) else ""
